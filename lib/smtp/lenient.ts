/** Quirks of clients that may be let pass, each by its name (`smtp lenient`). What is read here generously says which
 * quirks it took; whether they are allowed is for the session to judge. */

import { Buffer } from "node:buffer";
import { parseDomain } from "../mail/domain.ts";
import { joinOctets } from "../mail/octets.ts";

/** A quirk, by its name in smtpd.conf. */
export type Quirk =
  /** `MAIL FROM: <a@b>`. RFC 5321 §3.3 forbids the blank; many a client sends it. */
  | "blank-after-colon"
  /** `MAIL FROM :<a@b>`. */
  | "blank-before-colon"
  /** `MAIL FROM:a@b`. */
  | "no-brackets"
  /** A name in HELO or EHLO that is no domain and no address literal. */
  | "helo-name"
  /** LF alone ends a line, in commands and in messages. In messages it is made CRLF. What ends a message for us and not
   * for another server lets one message smuggle in another: so this is for known clients only. */
  | "bare-lf";

/** All of them. */
export const quirks: readonly Quirk[] = [
  "blank-after-colon",
  "blank-before-colon",
  "no-brackets",
  "helo-name",
  "bare-lf",
];

/** Those that pass where nothing else is said: OpenSMTPD lets them pass too, and nothing can come of them. */
export const usualQuirks: ReadonlySet<Quirk> = new Set(["blank-after-colon"]);

/** Longest name in HELO or EHLO that `helo-name` lets pass, octets: RFC 5321 §4.5.3.1.2 has domains of 255. */
export const heloNameLengthMax = 255;

/** Something that was read, and the quirks that it takes to read it so. */
export interface Reading {
  /** As it would have been without them. */
  readonly text: string;
  /** None where it is right. */
  readonly quirks: readonly Quirk[];
}

/** The path and parameters behind `FROM:` or `TO:` in the argument of MAIL or RCPT. Where the path has no brackets they
 * are put around it if `addsBrackets`. Null where the keyword is not there. */
export function readPathArgument(
  argument: string,
  keyword: "FROM:" | "TO:",
  addsBrackets: boolean,
): Reading | null {
  // Most clients write what is right: this is all that they cost.
  if (argument.startsWith(keyword) && argument[keyword.length] === "<" && !/[ \t]$/.test(argument)) {
    return { text: argument.slice(keyword.length), quirks: [] };
  }
  const found = keyword === "FROM:" ? /^FROM([ \t]*):([ \t]*)/i.exec(argument) : /^TO([ \t]*):([ \t]*)/i.exec(argument);
  if (found === null) return null;
  const taken: Quirk[] = [];
  if (found[1] !== "") taken.push("blank-before-colon");
  if (found[2] !== "") taken.push("blank-after-colon");
  const rest = argument.slice(found[0].length).replace(/[ \t]+$/, "");
  if (!addsBrackets || rest === "" || rest.startsWith("<")) return { text: rest, quirks: taken };
  const end = rest.search(/[ \t]/);
  const path = end < 0 ? rest : rest.slice(0, end);
  // What holds brackets was meant as something else.
  if (/[<>]/.test(path)) return { text: rest, quirks: taken };
  return { text: `<${path}>${rest.slice(path.length)}`, quirks: [...taken, "no-brackets"] };
}

/** The name in HELO or EHLO. Null for what is none in any way. */
export function readHeloName(argument: string): Reading | null {
  if (parseDomain(argument) !== null) return { text: argument, quirks: [] };
  const isPrintable = /^[!-~](?:[ -~]*[!-~])?$/.test(argument) && argument.length <= heloNameLengthMax;
  return isPrintable ? { text: argument, quirks: ["helo-name"] } : null;
}

/** Ends the lines of a message with CRLF where the client sent LF alone. The result does not depend on how the message
 * was cut into pieces. Bare CR stays what it is. */
export class LineMender {
  // The last piece ended with CR: an LF that begins the next is not bare.
  #afterCr = false;
  // Where CRs were put in, in the octets given out; rising.
  #added: readonly number[] = [];

  /** A CR was put into the last piece. */
  get hasMended(): boolean {
    return this.#added.length > 0;
  }

  /** Takes a piece, gives it out mended: the same one where nothing was wrong. */
  mend(bytes: Buffer): Buffer {
    this.#added = [];
    if (bytes.length === 0) return bytes;
    const parts: Buffer[] = [];
    const added: number[] = [];
    let from = 0;
    for (let lf = bytes.indexOf(10); lf >= 0; lf = bytes.indexOf(10, lf + 1)) {
      if (lf > 0 ? bytes[lf - 1] === 13 : this.#afterCr) continue;
      parts.push(bytes.subarray(from, lf), cr);
      added.push(lf + added.length);
      from = lf;
    }
    this.#afterCr = bytes[bytes.length - 1] === 13;
    if (added.length === 0) return bytes;
    this.#added = added;
    return joinOctets([...parts, bytes.subarray(from)]);
  }

  /** How many octets of the last piece, as it came, the first `used` of those given out stand for. */
  usedOf(used: number): number {
    return used - this.#added.filter((at) => at < used).length;
  }
}

const cr = Buffer.from("\r");
