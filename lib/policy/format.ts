/** Format specifiers: `%{rcpt.user}` and its kin in the path of a Maildir, and later in commands. Pure.
 *
 * `%{token}`, `%{token[i]}`, `%{token[b:e]}`, `%{token:modifier|modifier}`, and both: `%{token[b:e]:modifier}`.
 * `%%` is `%`, any other `%` stands for itself, and a leading `~/` is the user's home. */

import type { Mailbox, ReversePath } from "../mail/address.ts";

/** What the tokens stand for. */
export interface FormatValues {
  /** Null is the null path: all its tokens come out empty. */
  readonly sender: ReversePath;
  /** The recipient as given with RCPT TO. */
  readonly rcpt: Mailbox;
  /** The address after expansion. */
  readonly dest: Mailbox;
  /** `%{user.username}`. */
  readonly username: string;
  /** `%{user.directory}`, and `~`: the home, without a final `/`. */
  readonly directory: string;
  /** What `strip` cuts at: one character. */
  readonly subAddressDelimiter: string;
}

/** A finished text, or what is wrong with the template for these values. */
export type FormatResult =
  | { readonly kind: "ok"; readonly text: string }
  | { readonly kind: "error"; readonly message: string };

/** A run of the result. */
export interface FormatPiece {
  /** The template's own words, not what a token came to. */
  readonly literal: boolean;
  /** May be empty. */
  readonly text: string;
  /** It is `%{mda}`, whose text the caller fills in. */
  readonly mda: boolean;
}

/** Where a template is used. `wrapper` has one token more: `%{mda}`. */
export type FormatUse = "plain" | "wrapper";

/** Longest result, characters. */
export const formatLengthMax = 1023;

/** Longest specifier between its braces, characters. */
export const formatTokenMax = 127;

/** The words that can stand in a specifier. */
export type FormatToken =
  | "sender"
  | "sender.user"
  | "sender.domain"
  | "rcpt"
  | "rcpt.user"
  | "rcpt.domain"
  | "dest"
  | "dest.user"
  | "dest.domain"
  | "user.username"
  | "user.directory"
  | "mbox.from"
  | "mda";

/** Expands `template`. An unknown token or modifier, an index outside the value, an unterminated `%{` and a result
 * of more than `formatLengthMax` characters are errors. */
export function expandFormat(template: string, values: FormatValues): FormatResult {
  const result = expandPieces(template, values);
  return result.kind === "error" ? result : { kind: "ok", text: result.pieces.map((piece) => piece.text).join("") };
}

/** Like `expandFormat`, but keeps apart what was written and what was filled in. */
export function expandPieces(
  template: string,
  values: FormatValues,
  use: FormatUse = "plain",
): { readonly kind: "ok"; readonly pieces: readonly FormatPiece[] } | { readonly kind: "error"; message: string } {
  const parsed = parseFormat(template, use);
  if (typeof parsed === "string") return { kind: "error", message: parsed };
  const pieces: FormatPiece[] = [];
  let length = 0;
  for (const part of parsed) {
    const piece = part.kind === "literal" ? { kind: "ok" as const, text: part.text } : expandSpecifier(part, values);
    if (piece.kind === "error") return piece;
    const mda = part.kind === "specifier" && part.token === "mda";
    pieces.push({ literal: part.kind === "literal", text: piece.text, mda });
    length += piece.text.length;
    if (length > formatLengthMax) {
      return { kind: "error", message: `the result is longer than ${formatLengthMax} characters` };
    }
  }
  return { kind: "ok", pieces };
}

/** Is the template well formed? Null, or what is wrong with it whatever the values are. */
export function checkFormat(template: string, use: FormatUse = "plain"): string | null {
  const parsed = parseFormat(template, use);
  return typeof parsed === "string" ? parsed : null;
}

/** The directory that every expansion of `template` lies in, or is: the leading path segments that hold nothing but
 * literal text and the tokens in `known`, whose values are given. Absolute, without a final `/` unless it is the root.
 * Null when the template is wrong, does not begin with `/`, or has a `.` or `..` in that part. */
export function staticPrefix(
  template: string,
  known: { readonly username?: string; readonly directory?: string },
): string | null {
  const parsed = parseFormat(template, "plain");
  if (typeof parsed === "string") return null;
  let text = "";
  let whole = true;
  for (const part of parsed) {
    const value = part.kind === "literal" ? part.text : knownValue(part, known);
    if (value === null) {
      whole = false;
      break;
    }
    text += value;
  }
  if (!text.startsWith("/")) return null;
  const segments = (whole ? text : text.slice(0, text.lastIndexOf("/"))).split("/").filter((one) => one !== "");
  return segments.includes("..") || segments.includes(".") ? null : "/" + segments.join("/");
}

/** Expands a template that holds only literal text and the tokens in `known`. Null when the template is wrong or holds
 * others, or one of these with a range or modifier. */
export function expandKnown(
  template: string,
  known: { readonly username: string; readonly directory: string },
): string | null {
  const parsed = parseFormat(template, "plain");
  if (typeof parsed === "string") return null;
  const texts = parsed.map((part) => part.kind === "literal" ? part.text : knownValue(part, known));
  return texts.includes(null) ? null : texts.join("");
}

/** Replaces the characters that a shell could take for its own with `:`. */
export function defuse(text: string): string {
  return text.replace(/[!#$%&'*?`{|}~]/g, ":");
}

/** Removes the sub-address: from the first delimiter to the end, or to the `@`. A delimiter in first place stays. */
export function stripSubAddress(text: string, delimiter: string): string {
  const at = text.lastIndexOf("@");
  const local = at < 0 ? text : text.slice(0, at);
  const cut = local.indexOf(delimiter, 1);
  return delimiter === "" || cut < 0 ? text : local.slice(0, cut) + (at < 0 ? "" : text.slice(at));
}

/** A bound of a substring as written; null where left out. */
type Bound = number | null;

interface Specifier {
  readonly kind: "specifier";
  readonly source: string;
  readonly token: FormatToken;
  /** One index counts from the end when negative; a range is inclusive. */
  readonly cut: { readonly begin: Bound; readonly end: Bound; readonly single: boolean } | null;
  readonly modifiers: readonly Modifier[];
}

type Modifier = "lowercase" | "uppercase" | "strip" | "raw";
type Part = { readonly kind: "literal"; readonly text: string } | Specifier;
type Expanded = { readonly kind: "ok"; readonly text: string } | { readonly kind: "error"; readonly message: string };

const tokens: ReadonlySet<string> = new Set<FormatToken>([
  "sender",
  "sender.user",
  "sender.domain",
  "rcpt",
  "rcpt.user",
  "rcpt.domain",
  "dest",
  "dest.user",
  "dest.domain",
  "user.username",
  "user.directory",
  "mbox.from",
  "mda",
]);
const modifierNames: ReadonlySet<string> = new Set<Modifier>(["lowercase", "uppercase", "strip", "raw"]);

/** The parts of a template, or what is wrong with it. */
function parseFormat(template: string, use: FormatUse): readonly Part[] | string {
  const parts: Part[] = [];
  let rest = template;
  let literal = "";
  const endLiteral = () => {
    if (literal !== "") parts.push({ kind: "literal", text: literal });
    literal = "";
  };
  if (rest.startsWith("~/")) {
    parts.push({ kind: "specifier", source: "~", token: "user.directory", cut: null, modifiers: [] });
    rest = rest.slice(1);
  }
  for (;;) {
    const percent = rest.indexOf("%");
    if (percent < 0) break;
    literal += rest.slice(0, percent);
    rest = rest.slice(percent);
    if (!rest.startsWith("%{")) {
      literal += "%";
      rest = rest.slice(rest.startsWith("%%") ? 2 : 1);
      continue;
    }
    const close = rest.indexOf("}");
    if (close < 0) return `"%{" without a closing brace`;
    const specifier = parseSpecifier(rest.slice(2, close));
    if (typeof specifier === "string") return specifier;
    if (specifier.token === "mda") {
      if (use !== "wrapper") return `"%{mda}" is for wrappers only`;
      if (specifier.cut !== null || specifier.modifiers.some((one) => one !== "raw")) {
        return `"%{mda}" takes no range and no modifier but raw`;
      }
    }
    endLiteral();
    parts.push(specifier);
    rest = rest.slice(close + 1);
  }
  literal += rest;
  endLiteral();
  return parts;
}

/** Reads what stands between the braces. */
function parseSpecifier(source: string): Specifier | string {
  if (source.length > formatTokenMax) {
    return `"%{${source.slice(0, 20)}...}" is longer than ${formatTokenMax} characters`;
  }
  const match = /^([^[\]:]*)(?:\[([^[\]]*)\])?(?::(.*))?$/s.exec(source);
  if (!match) return `cannot read "%{${source}}"`;
  const [, name = "", range, modifierText] = match;
  const token = name.toLowerCase();
  if (!isToken(token)) return `unknown token "${name}"`;
  const cut = range === undefined ? null : parseCut(range);
  if (cut === "bad") return `bad range in "%{${source}}"`;
  const modifiers: Modifier[] = [];
  for (const word of modifierText === undefined ? [] : modifierText.split("|")) {
    const modifier = word.toLowerCase();
    if (!isModifier(modifier)) return `unknown modifier "${word}"`;
    modifiers.push(modifier);
  }
  return { kind: "specifier", source, token, cut, modifiers };
}

function isToken(name: string): name is FormatToken {
  return tokens.has(name);
}

function isModifier(name: string): name is Modifier {
  return modifierNames.has(name);
}

function parseCut(range: string): Specifier["cut"] | "bad" {
  const match = /^(-?\d{1,6})?(:)?(-?\d{1,6})?$/.exec(range);
  if (!match || range === "") return "bad";
  const begin = match[1] === undefined ? null : Number(match[1]);
  const end = match[3] === undefined ? null : Number(match[3]);
  return { begin, end, single: match[2] === undefined };
}

/** The modifiers are applied first, then the range is cut out: an index counts what would stand there without it. */
function expandSpecifier(part: Specifier, values: FormatValues): Expanded {
  let text = tokenValue(part.token, values);
  for (const modifier of part.modifiers) text = modify(text, modifier, part.token, values.subAddressDelimiter);
  if (part.token !== "user.directory" && !part.modifiers.includes("raw")) text = defuse(text);
  return part.cut === null || text === "" ? { kind: "ok", text } : cutOut(text, part.cut, part.source);
}

function cutOut(text: string, cut: NonNullable<Specifier["cut"]>, source: string): Expanded {
  const outside: Expanded = { kind: "error", message: `range of "%{${source}}" is outside the value` };
  let begin = cut.begin ?? 0;
  if (begin < 0) begin += text.length;
  if (begin < 0 || begin >= text.length) return outside;
  let end = cut.single ? begin : cut.end ?? text.length - 1;
  if (end < 0) end += text.length - 1;
  return end < begin ? outside : { kind: "ok", text: text.slice(begin, end + 1) };
}

function modify(text: string, modifier: Modifier, token: FormatToken, delimiter: string): string {
  switch (modifier) {
    case "lowercase":
      return text.replace(/[A-Z]+/g, (run) => run.toLowerCase());
    case "uppercase":
      return text.replace(/[a-z]+/g, (run) => run.toUpperCase());
    case "strip":
      return token.endsWith(".domain") ? text : stripSubAddress(text, delimiter);
    case "raw":
      return text;
  }
}

function tokenValue(token: FormatToken, values: FormatValues): string {
  switch (token) {
    case "sender":
      return addressText(values.sender);
    case "sender.user":
      return values.sender?.localPart ?? "";
    case "sender.domain":
      return values.sender?.domain ?? "";
    case "rcpt":
      return addressText(values.rcpt);
    case "rcpt.user":
      return values.rcpt.localPart;
    case "rcpt.domain":
      return values.rcpt.domain;
    case "dest":
      return addressText(values.dest);
    case "dest.user":
      return values.dest.localPart;
    case "dest.domain":
      return values.dest.domain;
    case "user.username":
      return values.username;
    case "user.directory":
      return values.directory.replace(/(?<=.)\/+$/, "");
    case "mbox.from":
      return addressText(values.sender) || "MAILER-DAEMON";
    case "mda":
      return "";
  }
}

/** Decoded, unlike in a header field: this names files, it is not read as an address again. */
function addressText(address: ReversePath): string {
  return address === null ? "" : `${address.localPart}@${address.domain}`;
}

/** The value that does not depend on the recipient; null when it does. */
function knownValue(
  part: Specifier,
  known: { readonly username?: string; readonly directory?: string },
): string | null {
  const value = part.token === "user.username"
    ? known.username
    : part.token === "user.directory"
    ? known.directory
    : undefined;
  if (value === undefined || value === "") return null;
  // A modifier of a known value could need the delimiter; such a segment counts as not known.
  return part.cut === null && part.modifiers.length === 0
    ? part.token === "user.directory" ? value.replace(/(?<=.)\/+$/, "") : defuse(value)
    : null;
}
