/** A command line, taken apart (RFC 5321 §4.1.1). */

/** Verbs that have a row in the table of phase.ts. `FOREIGN` begins a request of another protocol; `UNKNOWN` is
 * all the rest. */
export type Verb =
  | "HELO"
  | "EHLO"
  | "LHLO"
  | "MAIL"
  | "RCPT"
  | "DATA"
  | "RSET"
  | "NOOP"
  | "QUIT"
  | "HELP"
  | "VRFY"
  | "EXPN"
  | "ETRN"
  | "TURN"
  | "SEND"
  | "SOML"
  | "SAML"
  | "STARTTLS"
  | "AUTH"
  | "BDAT"
  | "FOREIGN"
  | "UNKNOWN";

/** A verb and what follows it. */
export interface Command {
  /** The verb, whatever its case was. */
  readonly verb: Verb;
  /** Without blanks at either end; empty for none. One octet is one character. */
  readonly argument: string;
}

const verbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["HELO", "HELO"],
  ["EHLO", "EHLO"],
  ["LHLO", "LHLO"],
  ["MAIL", "MAIL"],
  ["RCPT", "RCPT"],
  ["DATA", "DATA"],
  ["RSET", "RSET"],
  ["NOOP", "NOOP"],
  ["QUIT", "QUIT"],
  ["HELP", "HELP"],
  ["VRFY", "VRFY"],
  ["EXPN", "EXPN"],
  ["ETRN", "ETRN"],
  ["TURN", "TURN"],
  ["SEND", "SEND"],
  ["SOML", "SOML"],
  ["SAML", "SAML"],
  ["STARTTLS", "STARTTLS"],
  ["AUTH", "AUTH"],
  ["BDAT", "BDAT"],
  // A browser made to talk to a mail server begins like this.
  ["GET", "FOREIGN"],
  ["HEAD", "FOREIGN"],
  ["POST", "FOREIGN"],
  ["PUT", "FOREIGN"],
  ["DELETE", "FOREIGN"],
  ["OPTIONS", "FOREIGN"],
  ["CONNECT", "FOREIGN"],
  ["PRI", "FOREIGN"],
]);

/** Takes a line, given without its CRLF, apart at the first blank. Verbs are case-insensitive, blanks at the end of
 * the line are ignored (RFC 5321 §2.4, §4.1.1). Never fails: what is no verb of ours is `UNKNOWN`. */
export function parseCommand(line: string): Command {
  const blank = line.indexOf(" ");
  if (blank < 0) return { verb: verbOf(line), argument: "" };
  return { verb: verbOf(line.slice(0, blank)), argument: trimBlanks(line, blank + 1) };
}

function verbOf(word: string): Verb {
  return verbs.get(word) ?? verbs.get(word.toUpperCase()) ?? "UNKNOWN";
}

function trimBlanks(text: string, from: number): string {
  let start = from;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}
