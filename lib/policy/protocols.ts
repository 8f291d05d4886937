/** `protocols` of listeners and relays: which versions of TLS may be used, as tls_config_parse_protocols(3) reads it.
 * Pure. */

import type { TlsVersion } from "../port_tls.ts";
import { suggest } from "./error.ts";

/** Versions of TLS that can be had, the old ones that cannot, or what is wrong with the text. */
export type Protocols =
  | { readonly kind: "ok"; readonly versions: readonly TlsVersion[]; readonly old: readonly string[] }
  | { readonly kind: "error"; readonly message: string; readonly hint: string | null };

/** Each word, with the versions it stands for; RFC 8996 has done away with those below 1.2. */
const words: Readonly<Record<string, readonly string[]>> = {
  "all": ["TLSv1.2", "TLSv1.3"],
  "legacy": ["TLSv1.2", "TLSv1.3"],
  "default": ["TLSv1.2", "TLSv1.3"],
  "secure": ["TLSv1.2", "TLSv1.3"],
  "tlsv1": ["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"],
  "tlsv1.0": ["TLSv1.0"],
  "tlsv1.1": ["TLSv1.1"],
  "tlsv1.2": ["TLSv1.2"],
  "tlsv1.3": ["TLSv1.3"],
};

const versions: readonly TlsVersion[] = ["TLSv1.2", "TLSv1.3"];

/** Reads a list of words with commas or colons between them; `!` before one takes it away. `old` are the words that
 * ask for what cannot be had. An empty result is an error. */
export function parseProtocols(text: string): Protocols {
  const found = new Set<string>();
  const old: string[] = [];
  const parts = text.split(/[,:]/).map((part) => part.trim());
  for (const [index, part] of parts.entries()) {
    const isTaken = part.startsWith("!");
    const word = part.slice(isTaken ? 1 : 0).trim().toLowerCase();
    const meant = Object.hasOwn(words, word) ? words[word] : undefined;
    if (meant === undefined) return { kind: "error", message: `invalid protocols: ${text}`, hint: hintFor(word) };
    // A list that begins by taking away takes away from all.
    if (index === 0 && isTaken) { for (const version of versions) found.add(version); }
    for (const version of meant) isTaken ? found.delete(version) : found.add(version);
    if (!isTaken && !meant.some((one) => one === "TLSv1.2" || one === "TLSv1.3")) old.push(word);
  }
  const left = versions.filter((version) => found.has(version));
  if (left.length > 0) return { kind: "ok", versions: left, old };
  return { kind: "error", message: `no protocol is left of: ${text}`, hint: "write tlsv1.2, tlsv1.3 or both" };
}

function hintFor(word: string): string {
  const dotted = word.replace(/^tls[-v_ ]*1[._]?([0-3])$/, "tlsv1.$1");
  if (Object.hasOwn(words, dotted)) return `did you mean \`${dotted}\`?`;
  // Neither SSL nor a version to come is near to any other.
  const near = /[0-9]/.test(word) ? null : suggest(word, Object.keys(words), (one) => `\`${one}\``);
  return near ?? "write tlsv1.2, tlsv1.3 or both";
}
