/** Latin1 text, one character per octet, and the octets themselves. Without node:buffer, whose first use costs a command a
 * fifth of its start; a process that has loaded it anyway finds faster ways in octets.ts. */

// The name stands for windows-1252 (WHATWG Encoding §4.2), which has other characters for 0x80 to 0x9f.
const decoder = new TextDecoder("latin1");
const encoder = new TextEncoder();

/** Octets as text. */
export function decodeLatin1(octets: Uint8Array): string {
  const text = decoder.decode(octets);
  return text.replace(/[\u0100-\uffff]/g, (character) => controlOf(character));
}

/** The control character that stands for the same octet as a character of windows-1252. */
function controlOf(character: string): string {
  controls ??= new Map(Array.from({ length: 0x20 }, (_, n) => {
    return [decoder.decode(Uint8Array.of(0x80 + n)), String.fromCharCode(0x80 + n)] as const;
  }));
  return controls.get(character) ?? character;
}

let controls: ReadonlyMap<string, string> | null = null;

/** Text as octets. Characters above U+00FF have no place in it. */
export function encodeLatin1(text: string): Uint8Array {
  const octets = encoder.encode(text);
  return octets.length === text.length ? octets : octets.subarray(0, foldLatin1(octets));
}

/** Makes latin1 of the UTF-8 of latin1 text, in its place. Returns how many octets that has. */
export function foldLatin1(octets: Uint8Array): number {
  // UTF-8 of what is not ASCII is C2 or C3, and one octet more.
  let length = 0;
  for (let at = 0; at < octets.length; at++) {
    const octet = octets[at] ?? 0;
    octets[length++] = octet < 0x80 ? octet : (octet & 3) << 6 | (octets[++at] ?? 0) & 0x3f;
  }
  return length;
}
