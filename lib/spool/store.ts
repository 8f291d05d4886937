/** The queue's storage port. memory.ts and sqlite.ts implement it; tests/contract/store.ts holds both to it. */

import type { Envelope, StoredMessage } from "./envelope.ts";
import type { EvpId, MsgId } from "./id.ts";

/** One change. A batch of them is applied whole or not at all. */
export type SpoolChange =
  /** A piece of a message that is not committed yet. Pieces come in order from 0. */
  | { readonly kind: "chunk"; readonly message: MsgId; readonly seq: number; readonly bytes: Uint8Array }
  /** The message is complete: its pieces stand before this, in this batch or an earlier one. At least one envelope.
   * When a piece is missing, because the batch that held it failed, this fails with an `io` fault. */
  | { readonly kind: "commit"; readonly message: StoredMessage; readonly envelopes: readonly Envelope[] }
  /** Forgets an uncommitted message and its pieces. */
  | { readonly kind: "rollback"; readonly message: MsgId }
  /** One more envelope for a committed message. No effect when the message is gone or the id is taken. */
  | { readonly kind: "add"; readonly envelope: Envelope }
  /** Replaces an envelope, found by id; no effect when it is gone. */
  | { readonly kind: "update"; readonly envelope: Envelope }
  /** Removes an envelope; with the last one of a message its content goes too. No effect when it is gone. */
  | { readonly kind: "delete"; readonly envelope: EvpId };

/** Which envelopes to list. Absent members do not restrict. */
export interface SpoolFilter {
  /** Only those of this message. */
  readonly message?: MsgId;
  /** Only this one. */
  readonly envelope?: EvpId;
}

/** Where a page of due envelopes ended. Due envelopes stand in order of `nextAt`, then of id. */
export interface DueMark {
  /** Due time of the last one, ms since the epoch. */
  readonly nextAt: number;
  /** Id of the last one. */
  readonly id: EvpId;
}

/** How much there is. */
export interface SpoolCounts {
  /** Committed messages. */
  readonly messages: number;
  /** Envelopes of every kind. */
  readonly envelopes: number;
  /** Envelopes of kind `bounce`. */
  readonly bounces: number;
  /** Octets of message content. */
  readonly bytes: number;
}

/** Durable storage of messages and envelopes, owned by one role. Every method may reject with a `Fault`
 * of kind `noSpace` or `io`. */
export interface SpoolStore {
  /** Applies all changes in one transaction. When it resolves they survive kill -9 and power loss.
   * When it rejects none of them has happened. */
  apply(changes: readonly SpoolChange[]): Promise<void>;
  /** Envelopes of a kind with `nextAt` <= `now` that are not suspended, earliest first, at most `limit`, from
   * the one that follows `after`; null begins at the earliest. */
  due(kind: Envelope["kind"], now: number, after: DueMark | null, limit: number): Promise<readonly Envelope[]>;
  /** The earliest `nextAt` later than `after` of an envelope of a kind that is not suspended; null when there is none. */
  nextDueAfter(kind: Envelope["kind"], after: number): Promise<number | null>;
  /** Null when there is none of this id. */
  envelope(id: EvpId): Promise<Envelope | null>;
  /** Null when no committed message has this id. */
  message(id: MsgId): Promise<StoredMessage | null>;
  /** One piece of a committed message; null past the last. */
  chunk(message: MsgId, seq: number): Promise<Uint8Array | null>;
  /** Envelopes in order of id, after `after`, at most `limit`: call again with the last id for the next page. */
  list(filter: SpoolFilter, after: EvpId | null, limit: number): Promise<readonly Envelope[]>;
  /** How much there is now. Costs nothing. */
  counts(): Promise<SpoolCounts>;
  /** True when a message, committed or not, has this id. */
  has(id: MsgId): Promise<boolean>;
  /** Called once before anything else: forgets what was never committed. Returns how many messages that were. */
  recover(): Promise<number>;
  /** Ends all use of the store, and lets another process have it. */
  close(): Promise<void>;
}
