/** Macros in SPF records (RFC 7208 §7): texts with places that what is known of a message is put in. Pure. */

import { Buffer } from "node:buffer";
import { type Ip, ipLabels } from "../mail/ip.ts";

/** Letters that a record may use. `c`, `r` and `t` are for explanations alone (§7.2), which nobody asks for here. */
export type MacroLetter = "s" | "l" | "o" | "d" | "i" | "p" | "v" | "h";

/** A piece of a text. */
export type MacroPart =
  | { readonly kind: "text"; readonly text: string }
  /** `%%`, `%_` or `%-`, and what it stands for. */
  | { readonly kind: "sign"; readonly text: string }
  | {
    readonly kind: "macro";
    readonly letter: MacroLetter;
    /** How many parts from the right are kept; null for all. */
    readonly keep: number | null;
    /** The parts are put in reverse order. */
    readonly reverse: boolean;
    /** What divides parts: a set of characters. */
    readonly delimiters: string;
    /** A capital letter: what is put in is escaped as in URLs. */
    readonly escape: boolean;
  };

/** A text that was read. */
export type MacroString = readonly MacroPart[];

/** What the letters stand for. */
export interface MacroValues {
  /** `s`, with `o` and `l`: user and domain of the sender. */
  readonly localPart: string;
  /** `o`. */
  readonly senderDomain: string;
  /** `d`: whose record it is. */
  readonly domain: string;
  /** `i` and `v`: who sends. */
  readonly ip: Ip;
  /** `h`: what is said in EHLO. */
  readonly helo: string;
  /** `p`: a name of the address that holds. */
  readonly validated: string;
}

/** Longest name that a look-up is made for, octets; of a longer one labels are left out on the left. RFC 7208 §7.3. */
export const spfNameLengthMax = 253;

/** Reads a text with macros; null where a macro is none. RFC 7208 §7.1. */
export function parseMacroString(text: string): MacroString | null {
  const parts: MacroPart[] = [];
  let at = 0;
  while (at < text.length) {
    const percent = text.indexOf("%", at);
    const plain = text.slice(at, percent < 0 ? text.length : percent);
    // macro-literal: visible ASCII.
    if (!/^[\x21-\x7e]*$/.test(plain)) return null;
    if (plain !== "") parts.push({ kind: "text", text: plain });
    if (percent < 0) break;
    const found = parseMacro(text, percent);
    if (found === null) return null;
    parts.push(found.part);
    at = found.end;
  }
  return parts;
}

/** Reads a domain-spec: a text with macros that ends in a macro, or in a top label behind a dot. Null for others. A top
 * label has a letter, or a hyphen inside. RFC 7208 §7.1. */
export function parseDomainSpec(text: string): MacroString | null {
  const parts = parseMacroString(text);
  const last = parts?.at(-1);
  if (parts === null || last === undefined) return null;
  if (last.kind !== "text") return parts;
  // The dot may stand behind a macro: the whole text is looked at.
  const [, label = ""] = /\.([A-Za-z0-9-]+)\.?$/.exec(text) ?? [];
  const isTop = /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/.test(label) && /[A-Za-z-]/.test(label);
  return isTop ? parts : null;
}

function parseMacro(text: string, percent: number): { readonly part: MacroPart; readonly end: number } | null {
  const special = ({ "%": "%", "_": " ", "-": "%20" } as Readonly<Record<string, string>>)[text.charAt(percent + 1)];
  if (special !== undefined) return { part: { kind: "sign", text: special }, end: percent + 2 };
  const macro = /%\{([slodipvh])(\d*)(r?)([.+,/_=-]*)\}/iy;
  macro.lastIndex = percent;
  const [whole, letter = "", digits = "", reverse = "", delimiters = ""] = macro.exec(text) ?? [];
  // RFC 7208 §7.1: keeping no part is an error.
  if (whole === undefined || /^0+$/.test(digits)) return null;
  const part: MacroPart = {
    kind: "macro",
    letter: letter.toLowerCase() as MacroLetter,
    keep: digits === "" ? null : Math.min(Number(digits), Number.MAX_SAFE_INTEGER),
    reverse: reverse !== "",
    delimiters: delimiters === "" ? "." : delimiters,
    escape: letter !== letter.toLowerCase(),
  };
  return { part, end: percent + whole.length };
}

/** A text as it may stand in a record: for messages.
 * `parseMacroString` reads it back. */
export function formatMacroString(parts: MacroString): string {
  return parts.map((part) => {
    if (part.kind === "text") return part.text;
    if (part.kind === "sign") return ({ "%": "%%", " ": "%_" } as Readonly<Record<string, string>>)[part.text] ?? "%-";
    const letter = part.escape ? part.letter.toUpperCase() : part.letter;
    const delimiters = part.delimiters === "." ? "" : part.delimiters;
    return `%{${letter}${part.keep ?? ""}${part.reverse ? "r" : ""}${delimiters}}`;
  }).join("");
}

/** Does a text depend on the sender's user? */
export function usesLocalPart(parts: MacroString): boolean {
  return parts.some((part) => part.kind === "macro" && (part.letter === "s" || part.letter === "l"));
}

/** Does it need a name of the address that holds? That takes look-ups. */
export function usesValidated(parts: MacroString): boolean {
  return parts.some((part) => part.kind === "macro" && part.letter === "p");
}

/** The text with everything put in. */
export function expandMacros(parts: MacroString, values: MacroValues): string {
  return parts.map((part) => part.kind === "macro" ? expandMacro(part, values) : part.text).join("");
}

/** The name to ask for, in lower case, without a final dot, cut to what a name may be. Null when it is no name: an empty
 * or over-long label, or anything but visible ASCII, as from a local part in UTF-8 (RFC 8616 §4). */
export function expandDomain(parts: MacroString, values: MacroValues): string | null {
  return nameToAsk(expandMacros(parts, values));
}

/** The same for a text without macros. */
export function nameToAsk(text: string): string | null {
  let name = text.replace(/\.$/, "").toLowerCase();
  while (name.length > spfNameLengthMax) {
    const dot = name.indexOf(".");
    if (dot < 0) return null;
    name = name.slice(dot + 1);
  }
  if (!/^[\x21-\x7e]+$/.test(name)) return null;
  return name.split(".").every((label) => label !== "" && label.length <= 63) ? name : null;
}

function expandMacro(part: Extract<MacroPart, { kind: "macro" }>, values: MacroValues): string {
  const { letter, keep, reverse, delimiters, escape } = part;
  const pieces = splitAt(valueOf(letter, values), delimiters);
  if (reverse) pieces.reverse();
  const kept = keep === null ? pieces : pieces.slice(-keep);
  const text = kept.join(".");
  return escape ? escapeUrl(text) : text;
}

function splitAt(text: string, delimiters: string): string[] {
  const pieces = [""];
  for (const character of text) {
    if (delimiters.includes(character)) pieces.push("");
    else pieces[pieces.length - 1] += character;
  }
  return pieces;
}

function valueOf(letter: MacroLetter, values: MacroValues): string {
  switch (letter) {
    case "s":
      return `${values.localPart}@${values.senderDomain}`;
    case "l":
      return values.localPart;
    case "o":
      return values.senderDomain;
    case "d":
      return values.domain;
    case "i":
      // RFC 7208 §7.3: of IPv6, 32 hexadecimal digits with dots between.
      return ipLabels(values.ip).join(".");
    case "p":
      return values.validated;
    case "v":
      return values.ip.version === 4 ? "in-addr" : "ip6";
    case "h":
      return values.helo;
  }
}

/** All but unreserved characters of URLs as `%XX`. RFC 7208 §7.3. */
function escapeUrl(text: string): string {
  return [...Buffer.from(text, "utf8")].map((octet) => {
    const character = String.fromCharCode(octet);
    return /[A-Za-z0-9._~-]/.test(character) ? character : `%${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}
