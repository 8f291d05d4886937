/** queue's front: messages on their way in. Deals ids to those who may bring a message, holds recipients that lookup
 * has resolved, and makes body and envelopes durable together. */

import { Buffer } from "node:buffer";
import type { Channel, Clock, Random } from "../port.ts";
import { describeError, Fault } from "../fault.ts";
import type { Log, LogEvent } from "../event_log.ts";
import { chunkLengthMax, type Envelope } from "../spool/envelope.ts";
import type { GroupCommit } from "../spool/group.ts";
import { evpIdOf, type MsgId, MsgIdDealer } from "../spool/id.ts";
import type { SpoolChange, SpoolStore } from "../spool/store.ts";
import type { EnvelopeDraft, EnvelopesOffer, QueueToSmtpIn, RoleStats, SmtpInToQueue } from "./imsg.ts";
import { expiryOf } from "./lifetime.ts";
import { RoleCounts } from "./queue_counts.ts";
import { areSound, Offers } from "./queue_offers.ts";

/** Ids that an smtp-in holds in advance. */
export const handSize = 256;

/** Most ids that an smtp-in holds: as many as clients may have begun a message at once. */
export const handSizeMax = 32_768;

/** How long to wait when the store cannot say which ids are free, or forget a message, ms. */
const storeRetryMs = 5_000;

/** What stays free on the spool's file system, octets: mail that is there can be delivered and deleted only while the
 * database has room for its log. Postfix calls this queue_minfree. */
export const spoolReserve = 40 * 1024 * 1024;

/** What intake works with. */
export interface IntakePorts {
  /** Dates envelopes. */
  readonly clock: Clock;
  /** Makes message ids. */
  readonly random: Random;
  /** For what the store could not take. */
  readonly log: Log;
  /** Says which ids are in use. */
  readonly store: SpoolStore;
  /** What makes content and envelopes durable. */
  readonly group: GroupCommit;
  /** A Fault when so little is free that no mail is to be taken: see `spoolReserve`. */
  readonly room: () => Fault | null;
  /** A message is durable. `content` is all of it when it came in one piece. */
  readonly committed: (envelopes: readonly Envelope[], content: Uint8Array | null) => void;
}

/** Queue's end of a channel to an smtp-in. */
export type SmtpInChannel = Channel<QueueToSmtpIn, SmtpInToQueue>;

type Commit = Extract<SmtpInToQueue, { kind: "commit" }>;

/** One life of an smtp-in: ids and messages belong to it, and not to the next one of its name. */
interface Client {
  readonly name: string;
  readonly channel: SmtpInChannel;
  /** Ids dealt to it and not used. */
  hand: number;
  /** How many those are to be. */
  handSize: number;
  isGone: boolean;
}

interface Incoming {
  readonly owner: Client;
  readonly offers: Offers;
  pieces: Uint8Array[];
  pieceBytes: number;
  /** Pieces handed to the store. */
  chunks: number;
  size: number;
  /** A piece could not be stored: the commit will fail with this. */
  fault: Fault | null;
  isCommitting: boolean;
  /** Pieces handed to the store and not durable yet. */
  outstanding: number;
  /** The commit, waiting for those pieces. */
  whenDurable: (() => void) | null;
}

/** Messages that are not committed yet, and ids that are dealt. */
export class Intake {
  readonly #ports: IntakePorts;
  readonly #clients = new Map<string, Client>();
  readonly #dealt = new Map<MsgId, Client>();
  readonly #incoming = new Map<MsgId, Incoming>();
  readonly #dealer: MsgIdDealer;
  readonly #counts = new RoleCounts();

  /** No ids are dealt before the first `add`. */
  constructor(ports: IntakePorts) {
    this.#ports = ports;
    this.#dealer = new MsgIdDealer(ports.random);
  }

  /** Messages begun and not committed. */
  get messages(): number {
    return this.#incoming.size;
  }

  /** Takes a channel to an smtp-in and deals it its first hand. One of the same name takes the place of the last. */
  add(name: string, channel: SmtpInChannel): void {
    const former = this.#clients.get(name);
    if (former !== undefined) this.#leave(former);
    const client: Client = { name, channel, hand: 0, handSize, isGone: false };
    this.#clients.set(name, client);
    channel.onMessage((message, body) => client.isGone || this.#received(client, message, body));
    channel.onClose(() => this.#leave(client));
    void this.#deal(client);
  }

  /** Tells all smtp-in something. */
  tell(message: QueueToSmtpIn): void {
    for (const { channel } of this.#clients.values()) channel.send(message);
  }

  /** What all roles count, added up. */
  stats(): Map<string, number> {
    return this.#counts.sum();
  }

  /** A role says how far it has counted since it began. */
  counted(name: string, stats: RoleStats): void {
    this.#counts.set(name, stats);
  }

  /** An id for a message of the queue's own. */
  async newId(): Promise<MsgId> {
    for (;;) {
      const id = this.#dealer.next();
      if (!this.#dealt.has(id) && !this.#incoming.has(id) && !(await this.#ports.store.has(id))) return id;
    }
  }

  /** lookup says what a recipient came to. Without one that is not sound the message cannot be committed. */
  offered(offer: EnvelopesOffer): void {
    if (!areSound(offer.drafts)) return this.#refuseOffer(offer);
    const client = this.#clients.get(offer.asker);
    const incoming = client === undefined ? null : this.#incomingOf(client, offer.message);
    incoming?.offers.add(offer.request, offer.drafts);
  }

  #refuseOffer({ asker, message }: EnvelopesOffer): void {
    const fields = { msgid: message, asker, reason: "a file or command in it is none" };
    this.#ports.log({ priority: "warning", session: "", from: "queue", what: "offer-refused", fields });
  }

  /** Dates and names envelopes of a message. */
  finish(message: MsgId, drafts: readonly EnvelopeDraft[], now: number): Envelope[] {
    const used = new Set<number>();
    return drafts.map((draft) => {
      const { ttlMs, ...rest } = draft;
      let n = this.#ports.random.u32() || 1;
      while (used.has(n)) n = this.#ports.random.u32() || 1;
      used.add(n);
      return {
        ...rest,
        id: evpIdOf(message, n),
        message,
        createdAt: now,
        expiresAt: expiryOf({ createdAt: now, handling: draft.handling }, ttlMs),
        nextAt: Math.max(now, draft.handling.holdUntil),
        attempts: 0,
        lastTryAt: 0,
        lastWarnAt: 0,
        last: null,
        suspended: false,
      };
    });
  }

  /** The message that `client` may speak of under this id; null when the id is not its own. */
  #incomingOf(client: Client, id: MsgId): Incoming | null {
    const known = this.#incoming.get(id);
    if (known !== undefined) return known.owner === client && !known.isCommitting ? known : null;
    if (this.#dealt.get(id) !== client) return null;
    this.#dealt.delete(id);
    client.hand--;
    if (client.hand < client.handSize / 2) void this.#deal(client);
    const incoming: Incoming = {
      owner: client,
      offers: new Offers(this.#ports.clock),
      pieces: [],
      pieceBytes: 0,
      chunks: 0,
      size: 0,
      fault: null,
      isCommitting: false,
      outstanding: 0,
      whenDurable: null,
    };
    this.#incoming.set(id, incoming);
    return incoming;
  }

  /** Clients that begin a message and stay there hold their ids: the others must not wait for them. */
  #dealMore(client: Client): void {
    if (client.handSize >= handSizeMax) return;
    client.handSize = Math.min(handSizeMax, 2 * client.handSize);
    void this.#deal(client);
  }

  async #deal(client: Client): Promise<void> {
    const missing = client.handSize - client.hand;
    client.hand = client.handSize;
    const messages: MsgId[] = [];
    try {
      while (messages.length < missing) {
        const id = await this.newId();
        if (client.isGone) return;
        this.#dealt.set(id, client);
        messages.push(id);
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#trouble("trouble", { reason: describeError(error) });
      client.hand -= missing - messages.length;
      this.#ports.clock.after(storeRetryMs, () => client.isGone || void this.#deal(client));
    }
    if (messages.length > 0) client.channel.send({ kind: "dealt", messages });
  }

  /** Forgets what it had, unless it has been committed: its client has no answer, and will send it again. */
  #leave(client: Client): void {
    if (client.isGone) return;
    client.isGone = true;
    if (this.#clients.get(client.name) === client) this.#clients.delete(client.name);
    this.left(client.name);
    for (const [id, owner] of this.#dealt) if (owner === client) this.#dealt.delete(id);
    for (const [id, incoming] of this.#incoming) {
      if (incoming.owner === client && !incoming.isCommitting) this.#forget(id, incoming);
    }
  }

  /** A role is gone: what it has counted stays. */
  left(name: string): void {
    this.#counts.leave(name);
  }

  #received(client: Client, message: SmtpInToQueue, body: Uint8Array | null): void {
    if (message.kind === "stats") return this.counted(client.name, message.stats);
    if (message.kind === "wantIds") return this.#dealMore(client);
    const id = message.message;
    const incoming = this.#incomingOf(client, id);
    // The content is whole when the commit comes: while that waits for offers, it can only be taken back.
    const open = incoming?.offers.isAwaited ? null : incoming;
    switch (message.kind) {
      case "body":
        if (open !== null && body !== null) this.#add(id, open, body);
        return;
      case "commit":
        if (open !== null && body !== null) this.#add(id, open, body);
        return this.#commit(client, id, open, message);
      case "rollback":
        if (incoming !== null) this.#forget(id, incoming);
    }
  }

  /** Gathers content; full pieces go to the store while the message is still coming. */
  #add(id: MsgId, incoming: Incoming, bytes: Uint8Array): void {
    incoming.pieces.push(bytes);
    incoming.pieceBytes += bytes.length;
    incoming.size += bytes.length;
    while (incoming.pieceBytes > chunkLengthMax && incoming.fault === null) {
      const whole = Buffer.concat(incoming.pieces);
      const rest = whole.subarray(chunkLengthMax);
      incoming.pieces = [rest];
      incoming.pieceBytes = rest.length;
      const change = { kind: "chunk", message: id, seq: incoming.chunks++, bytes: whole.subarray(0, chunkLengthMax) };
      incoming.outstanding++;
      this.#ports.group.submit([change as SpoolChange], (fault) => {
        incoming.outstanding--;
        if (fault !== null) incoming.fault ??= fault;
        if (incoming.outstanding === 0) incoming.whenDurable?.();
      });
    }
    // Nothing more is kept of a message that cannot be stored.
    if (incoming.fault !== null) {
      incoming.pieces = [];
      incoming.pieceBytes = 0;
    }
  }

  #commit(client: Client, id: MsgId, incoming: Incoming | null, commit: Commit): void {
    if (incoming === null || commit.requests.length === 0 || incoming.size !== commit.size) {
      return this.#refuse(client, id, incoming);
    }
    incoming.offers.when(commit.requests, (missing) => {
      if (missing === 0) return this.#complete(id, incoming, commit);
      const reason = `lookup has not said where ${missing} of ${commit.requests.length} recipients go`;
      this.#trouble("commit-failed", { msgid: id, reason });
      this.#refuse(client, id, incoming);
    });
  }

  #refuse(client: Client, id: MsgId, incoming: Incoming | null): void {
    if (incoming !== null) this.#forget(id, incoming);
    client.channel.send({ kind: "commitFailed", message: id, cause: "unknown" });
  }

  /** All that belongs to the message is known. A message is complete only if each of its pieces is. */
  #complete(id: MsgId, incoming: Incoming, commit: Commit): void {
    incoming.isCommitting = true;
    incoming.fault ??= this.#ports.room();
    if (incoming.outstanding === 0) this.#store(id, incoming, commit);
    else incoming.whenDurable = () => this.#store(id, incoming, commit);
  }

  #store(id: MsgId, incoming: Incoming, { size, requests }: Commit): void {
    if (incoming.fault !== null) return this.#fail(id, incoming, incoming.fault);
    const now = this.#ports.clock.now();
    const changes: SpoolChange[] = [];
    let content: Uint8Array | null = null;
    if (incoming.pieceBytes > 0) {
      const bytes = incoming.pieces.length === 1 ? incoming.pieces[0]! : Buffer.concat(incoming.pieces);
      if (incoming.chunks === 0) content = bytes;
      changes.push({ kind: "chunk", message: id, seq: incoming.chunks++, bytes });
    }
    const envelopes = this.finish(id, incoming.offers.of(requests), now);
    changes.push({ kind: "commit", message: { id, size, chunks: incoming.chunks, createdAt: now }, envelopes });
    this.#ports.group.submit(changes, (fault) => {
      if (fault !== null) return this.#fail(id, incoming, fault);
      this.#incoming.delete(id);
      incoming.owner.channel.send({ kind: "committed", message: id });
      this.#ports.committed(envelopes, content);
    });
  }

  #fail(id: MsgId, incoming: Incoming, fault: Fault): void {
    const cause = fault.kind === "noSpace" ? "noSpace" : "io";
    this.#trouble("commit-failed", { msgid: id, reason: fault.message });
    this.#forget(id, incoming);
    incoming.owner.channel.send({ kind: "commitFailed", message: id, cause });
  }

  #forget(id: MsgId, incoming: Incoming): void {
    incoming.offers.cancel();
    this.#incoming.delete(id);
    if (incoming.chunks > 0) this.#rollBack(id);
  }

  /** Tries until it is done: the room that the pieces take may be just what is missing. */
  #rollBack(id: MsgId): void {
    const { group, clock } = this.#ports;
    group.submit([{ kind: "rollback", message: id }], (fault) => {
      if (fault !== null) clock.after(storeRetryMs, () => this.#rollBack(id));
    });
  }

  #trouble(what: string, fields: LogEvent["fields"]): void {
    this.#ports.log({ priority: "err", session: "", from: "queue", what, fields });
  }
}
