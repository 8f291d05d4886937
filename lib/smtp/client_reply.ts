/** Reads a server's replies (RFC 5321 §4.2) out of the bytes it sends. Strict: a server that does not keep to
 * the form is not understood, and what is not understood is not acted upon. */

import { scrub } from "../event_log.ts";
import { decodeLatin1, encodeLatin1 } from "../mail/latin1.ts";
import { parseReply, parseReplyLine, peerReplyLineLengthMax, type Reply } from "./reply.ts";

/** Most lines of one reply. */
export const replyLinesMax = 128;

/** What `ReplyReader.next` has found. */
export type ReplyItem =
  | { readonly kind: "reply"; readonly reply: Reply }
  /** The next reply is not complete. */
  | { readonly kind: "none" }
  /** This is not SMTP; `why` is a sentence for the log. The reader is of no use any more. */
  | { readonly kind: "bad"; readonly why: string };

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const none: ReplyItem = { kind: "none" };

/** Collects bytes and gives out replies. Holds at most one reply's worth of lines and the bytes of one `push`.
 * Texts come out scrubbed: no control characters, so that no text of a peer's can end a line anywhere. */
export class ReplyReader {
  /** Octets not read yet, as latin1. */
  #text = "";
  /** Where the next line begins in `#text`. */
  #start = 0;
  #lines: string[] = [];

  /** Takes what arrived. */
  push(bytes: Uint8Array): void {
    const text = decodeLatin1(bytes);
    this.#text = this.#start >= this.#text.length ? text : this.#text.slice(this.#start) + text;
    this.#start = 0;
  }

  /** True when something arrived that no reply has used up. */
  get pending(): boolean {
    return this.#lines.length > 0 || this.#start < this.#text.length;
  }

  /** The next reply, if it is there. */
  next(): ReplyItem {
    for (;;) {
      const lf = this.#text.indexOf("\n", this.#start);
      const end = lf < 0 ? this.#text.length : lf + 1;
      if (end - this.#start > peerReplyLineLengthMax) return bad("a line of the reply is too long");
      if (lf < 0) return none;
      // QUIRK: some appliances end their lines with a bare LF. A reply carries nothing that this could smuggle.
      const line = this.#text.slice(this.#start, this.#text.charCodeAt(lf - 1) === 13 ? lf - 1 : lf);
      this.#start = lf + 1;
      const item = this.#take(scrub(decode(line)));
      if (item !== null) return item;
    }
  }

  /** Adds one line. Null asks for more. */
  #take(text: string): ReplyItem | null {
    const line = parseReplyLine(text);
    if (line === null) return bad("a line of the reply has no code");
    if (this.#lines.length >= replyLinesMax) return bad("the reply has too many lines");
    this.#lines.push(text);
    if (!line.last) return null;
    const reply = parseReply(this.#lines);
    this.#lines = [];
    return reply === null ? bad("the codes of a reply differ") : { kind: "reply", reply };
  }
}

function bad(why: string): ReplyItem {
  return { kind: "bad", why };
}

/** Octets as UTF-8 where they are that; what is not becomes U+FFFD. */
function decode(latin1: string): string {
  // deno-lint-ignore no-control-regex -- all of ASCII
  if (/^[\x00-\x7f]*$/.test(latin1)) return latin1;
  return utf8.decode(encodeLatin1(latin1));
}
