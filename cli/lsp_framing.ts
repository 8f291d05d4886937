/** Messages of the language server protocol on a byte stream: a header with the length, an empty line, JSON. Pure. */

/** Longest message that is taken, octets. */
export const lspMessageMax: number = 16 * 1024 * 1024;

/** Longest header that is taken, octets. */
export const lspHeaderMax = 4096;

/** What came of bytes: whole messages, and whether the stream makes no sense any more. */
export interface Unframed {
  /** In their order. Each is what JSON says, or undefined when it is no JSON. */
  readonly messages: readonly unknown[];
  /** No length, or too much of something: nothing that follows can be read. */
  readonly isBroken: boolean;
}

/** Collects bytes until messages are whole. */
export class LspReader {
  #pending = new Uint8Array(0);
  #isBroken = false;

  /** Takes the next bytes. */
  push(bytes: Uint8Array): Unframed {
    const messages: unknown[] = [];
    if (this.#isBroken) return { messages, isBroken: true };
    this.#pending = concat(this.#pending, bytes);
    for (;;) {
      const end = headerEnd(this.#pending);
      if (end === -1) {
        if (this.#pending.length > lspHeaderMax) this.#isBroken = true;
        break;
      }
      const length = lengthOf(this.#pending.subarray(0, end));
      if (length === null || length > lspMessageMax) {
        this.#isBroken = true;
        break;
      }
      const whole = end + 4 + length;
      if (this.#pending.length < whole) break;
      messages.push(parse(this.#pending.subarray(end + 4, whole)));
      this.#pending = this.#pending.slice(whole);
    }
    return { messages, isBroken: this.#isBroken };
  }
}

/** A message as bytes. */
export function frameMessage(message: unknown): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify(message));
  return concat(new TextEncoder().encode(`Content-Length: ${body.length}\r\n\r\n`), body);
}

function headerEnd(bytes: Uint8Array): number {
  for (let i = 0; i + 3 < bytes.length && i <= lspHeaderMax; i++) {
    if (bytes[i] === 13 && bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) return i;
  }
  return -1;
}

function lengthOf(header: Uint8Array): number | null {
  const found = /^content-length: *([0-9]{1,10}) *$/im.exec(new TextDecoder().decode(header).replaceAll("\r", ""));
  return found === null ? null : Number(found[1]);
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
