/** What a session says: effects in order, with the answers of a pipelined group gathered into one write. */

import type { LogEvent } from "../event_log.ts";
import { encodeReply, type Reply } from "./reply.ts";
import type { SessionEffect } from "./session_face.ts";
import { joinOctets } from "../mail/octets.ts";

/** Most octets of answers that wait for the rest of a group. RFC 2920 §3.2 has the answers to a group go out
 * together; they may not wait long, since each command has its own time-out at the client. */
export const heldOutputLengthMax = 1024;

/** Gathers the effects of a step. Answers wait, across steps if need be, until `flush`. */
export class SessionOutput {
  readonly #session: string;
  #effects: SessionEffect[] = [];
  #held: Uint8Array[] = [];
  #heldLength = 0;
  /** A line for the log that is not complete yet. */
  #later: (() => LogEvent["fields"]) | null = null;
  #laterWhat = "";

  /** `session` is the name that log events carry. */
  constructor(session: string) {
    this.#session = session;
  }

  /** Adds an answer to those that wait. */
  say(reply: Reply): void {
    const bytes = encodeReply(reply);
    this.#held.push(bytes);
    this.#heldLength += bytes.length;
    if (this.#heldLength > heldOutputLengthMax) this.flush();
  }

  /** Makes one write of the answers that wait. */
  flush(): void {
    const first = this.#held[0];
    if (first === undefined) return;
    this.#effects.push({ kind: "write", bytes: this.#held.length === 1 ? first : joinOctets(this.#held) });
    this.#held = [];
    this.#heldLength = 0;
  }

  /** Adds an effect. */
  push(effect: SessionEffect): void {
    this.#effects.push(effect);
  }

  /** Adds a line for the log. */
  log(what: string, fields: LogEvent["fields"]): void {
    this.logNow();
    this.push({ kind: "log", event: { priority: "info", session: this.#session, from: "smtp", what, fields } });
  }

  /** Adds a line for the log whose fields are complete when `logNow` is called; they go out before the next line
   * in any case. */
  logLater(what: string, fields: () => LogEvent["fields"]): void {
    this.logNow();
    this.#laterWhat = what;
    this.#later = fields;
  }

  /** Adds the line of `logLater`, if it has not gone out. */
  logNow(): void {
    const later = this.#later;
    this.#later = null;
    if (later !== null) this.log(this.#laterWhat, later());
  }

  /** Takes the effects; answers that were not flushed stay. */
  take(): SessionEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}
