/** Names of things in the queue. Shown as OpenSMTPD shows them: 8 and 16 hexadecimal digits. */

import type { Random } from "../port.ts";

/** A message: 8 lower-case hexadecimal digits, not all zero. */
export type MsgId = string & { readonly __brand: "MsgId" };

/** An envelope: the message's 8 digits, then 8 of its own, not all zero. */
export type EvpId = string & { readonly __brand: "EvpId" };

/** The id for a 32-bit number, 1 … 2^32-1. */
export function msgIdOf(n: number): MsgId {
  return (n >>> 0).toString(16).padStart(8, "0") as MsgId;
}

/** The envelope id made of a message's id and a 32-bit number, 1 … 2^32-1. */
export function evpIdOf(message: MsgId, n: number): EvpId {
  return (message + (n >>> 0).toString(16).padStart(8, "0")) as EvpId;
}

/** The message that an envelope belongs to. */
export function msgIdOfEvp(id: EvpId): MsgId {
  return id.slice(0, 8) as MsgId;
}

/** The 32-bit number of a message id. */
export function numberOfMsgId(id: MsgId): number {
  return parseInt(id, 16);
}

/** The 32-bit number that an envelope has within its message. */
export function numberOfEvpId(id: EvpId): number {
  return parseInt(id.slice(8), 16);
}

/** Reads 8 hexadecimal digits; null when `text` is not a message id. */
export function parseMsgId(text: string): MsgId | null {
  const id = text.toLowerCase();
  return /^[0-9a-f]{8}$/.test(id) && id !== "00000000" ? (id as MsgId) : null;
}

/** Reads 16 hexadecimal digits; null when `text` is not an envelope id. */
export function parseEvpId(text: string): EvpId | null {
  const id = text.toLowerCase();
  return /^[0-9a-f]{16}$/.test(id) && !id.startsWith("00000000") && !id.endsWith("00000000") ? (id as EvpId) : null;
}

/** Deals ids for new messages: from a random start, each 1 to 64 above the one before it. Messages that arrive
 * together so lie together in the spool, which stores two to three times as many per second than with ids from
 * all over. An id comes again after some 130 million: ask `SpoolStore.has` before use. */
export class MsgIdDealer {
  readonly #random: Random;
  #last: number;

  /** Draws the first id. */
  constructor(random: Random) {
    this.#random = random;
    this.#last = random.u32();
  }

  /** The next id. */
  next(): MsgId {
    this.#last = (this.#last + 1 + (this.#random.u32() & 63)) >>> 0;
    if (this.#last === 0) this.#last = 1;
    return msgIdOf(this.#last);
  }
}
