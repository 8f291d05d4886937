/** What lookup remembers of the sessions of one smtp-in: who has logged in, as lookup itself has found it. A question that
 * names a user is held against it, so that an smtp-in that has been taken over can speak for those who have logged in
 * by it, and for nobody else. There is one for each channel; it goes with the channel. Pure. */

import { formatPath, type ReversePath } from "../mail/address.ts";

/** Sessions of one smtp-in that have tried to log in and are not over. Further ones are told to come again. */
export const loginsMax = 20_000;

/** A session that has tried to log in. The object stands for the session as long as that is not over. */
export interface SessionEntry {
  /** Which `listen` line it came by: it may not change. */
  readonly listener: number;
}

interface Known extends SessionEntry {
  username: string | null;
  /** The sender that the user was last found to be allowed, as text. */
  sender: string | null;
}

/** The book. */
export class SessionBook {
  readonly #sessions = new Map<string, Known>();
  readonly #max: number;

  /** At most `max` sessions are remembered. */
  constructor(max: number = loginsMax) {
    this.#max = max;
  }

  /** Sessions that are remembered. */
  get size(): number {
    return this.#sessions.size;
  }

  /** A session tries to log in. Null when it came by another listener before, or too many are remembered. */
  enter(session: string, listener: number): SessionEntry | null {
    const known = this.#sessions.get(session);
    if (known !== undefined) return known.listener === listener ? known : null;
    if (this.#sessions.size >= this.#max) return null;
    const entry: Known = { listener, username: null, sender: null };
    this.#sessions.set(session, entry);
    return entry;
  }

  /** The session has logged in. False when it was over meanwhile: then nothing is remembered. */
  logIn(session: string, entry: SessionEntry, username: string): boolean {
    const known = this.#sessions.get(session);
    if (known === undefined || known !== entry) return false;
    known.username = username;
    known.sender = null;
    return true;
  }

  /** Is this who has logged in? The empty name stands for nobody, which every session may be. False, too, for who has
   * logged in by another lookup, before this one was started. */
  isUser(session: string, listener: number, username: string): boolean {
    if (username === "") return true;
    const known = this.#sessions.get(session);
    return known !== undefined && known.listener === listener && known.username === username;
  }

  /** The user may send as this sender. Only the last one is remembered. */
  allow(session: string, sender: ReversePath): void {
    const known = this.#sessions.get(session);
    if (known !== undefined) known.sender = formatPath(sender);
  }

  /** Was this the sender that was last allowed? */
  isAllowed(session: string, sender: ReversePath): boolean {
    return this.#sessions.get(session)?.sender === formatPath(sender);
  }

  /** The session is over. */
  leave(session: string): void {
    this.#sessions.delete(session);
  }
}
