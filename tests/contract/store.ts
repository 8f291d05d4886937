/** What every SpoolStore must do, and the sample data to try it with. */

import { plainHandling } from "../../lib/smtp/handling.ts";
import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { Fault } from "../../lib/fault.ts";
import type { Domain, Mailbox } from "../../lib/mail/address.ts";
import type { Envelope, StoredMessage } from "../../lib/spool/envelope.ts";
import { evpIdOf, type MsgId, msgIdOf } from "../../lib/spool/id.ts";
import type { SpoolChange, SpoolStore } from "../../lib/spool/store.ts";

/** A store to try, and how to open it again after `close`. */
export interface StoreUnderTest {
  readonly store: SpoolStore;
  /** Null for a store that keeps nothing. */
  readonly reopen: (() => Promise<SpoolStore>) | null;
}

/** A mailbox; the domain is taken as it is. */
export function mailbox(localPart: string, domain = "example.org"): Mailbox {
  return { localPart, domain: domain as Domain };
}

/** An envelope of message number `message` with number `low` in it, due at 1000. */
export function sampleEnvelope(message: number, low: number, changes: Partial<Envelope> = {}): Envelope {
  const id = msgIdOf(message);
  return {
    id: evpIdOf(id, low),
    message: id,
    kind: "mta",
    action: "outbound",
    sender: mailbox("sender", "example.com"),
    rcpt: mailbox(`rcpt${low}`),
    dest: mailbox(`dest${low}`, "example.net"),
    local: null,
    origin: {
      address: "192.0.2.1",
      hostname: "mail.example.com",
      helo: "mail.example.com",
      smtpName: "mx.example.org",
      tag: "",
      username: "",
      tls: false,
    },
    dsn: { notify: [], ret: null, envId: null, originalRecipient: null },
    handling: plainHandling,
    createdAt: 1000,
    expiresAt: 345_601_000,
    nextAt: 1000,
    attempts: 0,
    lastTryAt: 0,
    lastWarnAt: 0,
    last: null,
    suspended: false,
    ...changes,
  };
}

/** The two changes that store a message of one piece. */
export function sampleMessage(message: number, envelopes: readonly Envelope[], size = 100): SpoolChange[] {
  const bytes = new Uint8Array(size).fill(message & 0xff);
  return [{ kind: "chunk", message: msgIdOf(message), seq: 0, bytes }, commitOf(message, envelopes, 1, size)];
}

/** The change that completes a message. */
export function commitOf(message: number, envelopes: readonly Envelope[], chunks: number, size: number): SpoolChange {
  const stored: StoredMessage = { id: msgIdOf(message), size, chunks, createdAt: 1000 };
  return { kind: "commit", message: stored, envelopes };
}

/** A piece of content, filled with its own number. */
export function chunkOf(message: number, seq: number, length = 10): SpoolChange {
  return { kind: "chunk", message: msgIdOf(message), seq, bytes: new Uint8Array(length).fill(seq) };
}

/** Everything that a store says about the given messages. */
export async function snapshot(store: SpoolStore, messages: readonly MsgId[]): Promise<unknown> {
  const content = [];
  for (const id of messages) {
    const chunks = [];
    for (let seq = 0; seq < 4; seq++) chunks.push(await store.chunk(id, seq));
    content.push({ id, message: await store.message(id), has: await store.has(id), chunks });
  }
  const due = [];
  const next = [];
  for (const kind of ["mda", "mta", "bounce"] as const) {
    due.push(await store.due(kind, 2000, null, 1000));
    next.push(await store.nextDueAfter(kind, 1500));
  }
  return { content, due, next, list: await store.list({}, null, 1000), counts: await store.counts() };
}

const everyMember: Envelope = sampleEnvelope(0xfffffffe, 0xffffffff, {
  kind: "mda",
  sender: null,
  rcpt: mailbox('odd "@" name\u00e9'),
  local: { user: "ann", subAddress: "lists", exec: null },
  dsn: { notify: ["failure", "delay"], ret: "full", envId: "QQ314159", originalRecipient: "rfc822;x@example.org" },
  attempts: 7,
  lastTryAt: 1_900_000_000_001,
  lastWarnAt: 1_900_000_000_002,
  last: { kind: "delayed", enhanced: "4.4.1", text: "no answer", by: "mail.example.net [192.0.2.9]:25" },
});

const tests: readonly (readonly [string, (world: StoreUnderTest) => Promise<void>])[] = [
  ["keeps every member of an envelope", async ({ store }) => {
    await store.apply(sampleMessage(0xfffffffe, [everyMember]));
    assert.deepEqual(await store.envelope(everyMember.id), everyMember);
    assert.deepEqual(await store.due("mda", 1000, null, 10), [everyMember]);
    assert.deepEqual(await store.list({}, null, 10), [everyMember]);
  }],
  ["gives a message and its pieces once it is committed", async ({ store }) => {
    const id = msgIdOf(5);
    await store.apply([chunkOf(5, 0), chunkOf(5, 1)]);
    assert.equal(await store.has(id), true);
    assert.equal(await store.message(id), null);
    assert.equal(await store.chunk(id, 0), null);
    assert.deepEqual(await store.list({}, null, 10), []);
    await store.apply([chunkOf(5, 2), commitOf(5, [sampleEnvelope(5, 1)], 3, 30)]);
    assert.deepEqual(await store.message(id), { id, size: 30, chunks: 3, createdAt: 1000 });
    for (const seq of [0, 1, 2]) assert.deepEqual(await store.chunk(id, seq), new Uint8Array(10).fill(seq));
    assert.equal(await store.chunk(id, 3), null);
    assert.deepEqual(await store.counts(), { messages: 1, envelopes: 1, bounces: 0, bytes: 30 });
  }],
  ["gives the pieces of a message whose one piece came in an earlier batch", async ({ store }) => {
    await store.apply([chunkOf(5, 0)]);
    await store.apply([commitOf(5, [sampleEnvelope(5, 1)], 1, 10)]);
    assert.deepEqual(await store.chunk(msgIdOf(5), 0), new Uint8Array(10));
    await store.apply([{ kind: "delete", envelope: sampleEnvelope(5, 1).id }]);
    assert.equal(await store.has(msgIdOf(5)), false);
    await store.apply(sampleMessage(5, [sampleEnvelope(5, 2)]));
    assert.equal((await store.chunk(msgIdOf(5), 0))?.length, 100);
  }],
  ["removes the content with the last envelope", async ({ store }) => {
    const [first, second] = [sampleEnvelope(9, 1), sampleEnvelope(9, 2)];
    await store.apply([chunkOf(9, 0), chunkOf(9, 1), commitOf(9, [first, second], 2, 20)]);
    await store.apply([{ kind: "delete", envelope: first.id }]);
    assert.deepEqual(await store.chunk(msgIdOf(9), 1), new Uint8Array(10).fill(1));
    await store.apply([{ kind: "delete", envelope: second.id }, { kind: "delete", envelope: second.id }]);
    assert.equal(await store.message(msgIdOf(9)), null);
    assert.equal(await store.chunk(msgIdOf(9), 1), null);
    assert.equal(await store.has(msgIdOf(9)), false);
    assert.deepEqual(await store.counts(), { messages: 0, envelopes: 0, bounces: 0, bytes: 0 });
    // No piece is left behind: the same numbers can be used again.
    await store.apply([chunkOf(9, 0), chunkOf(9, 1), commitOf(9, [first], 2, 20)]);
  }],
  ["rolls back what is not committed and nothing else", async ({ store }) => {
    await store.apply([...sampleMessage(3, [sampleEnvelope(3, 1)]), chunkOf(4, 0), chunkOf(4, 1)]);
    await store.apply([3, 4, 77].map((n): SpoolChange => ({ kind: "rollback", message: msgIdOf(n) })));
    assert.equal(await store.has(msgIdOf(4)), false);
    assert.equal((await store.chunk(msgIdOf(3), 0))?.length, 100);
    await store.apply([chunkOf(4, 0), commitOf(4, [sampleEnvelope(4, 1)], 1, 10)]);
  }],
  ["lists due envelopes of a kind, earliest first, ties by id, page by page", async ({ store }) => {
    const at = (message: number, low: number, nextAt: number) => sampleEnvelope(message, low, { nextAt });
    await store.apply(sampleMessage(2, [at(2, 1, 30), at(2, 2, 10), at(2, 3, 50)]));
    await store.apply(sampleMessage(1, [at(1, 9, 30), at(1, 3, 30), sampleEnvelope(1, 4, { kind: "mda", nextAt: 1 })]));
    await store.apply(sampleMessage(3, [sampleEnvelope(3, 1, { nextAt: 5, suspended: true })]));
    const want = [at(2, 2, 10), at(1, 3, 30), at(1, 9, 30), at(2, 1, 30)];
    assert.deepEqual(await store.due("mta", 49, null, 10), want);
    assert.deepEqual(await store.due("mta", 49, null, 3), want.slice(0, 3));
    assert.deepEqual(await store.due("mta", 49, want[1] ?? null, 10), want.slice(2));
    assert.deepEqual(await store.due("mta", 9, null, 10), []);
    assert.deepEqual(await store.due("bounce", 99, null, 10), []);
    assert.equal((await store.due("mta", 50, null, 10)).length, 5);
  }],
  ["knows when the next one of a kind is due", async ({ store }) => {
    assert.equal(await store.nextDueAfter("mta", 0), null);
    const at = (low: number, nextAt: number, suspended = false) => sampleEnvelope(2, low, { nextAt, suspended });
    await store.apply(sampleMessage(2, [at(1, 100), at(2, 200), at(3, 50, true)]));
    assert.equal(await store.nextDueAfter("mta", 0), 100);
    assert.equal(await store.nextDueAfter("mta", 100), 200);
    assert.equal(await store.nextDueAfter("mta", 200), null);
    assert.equal(await store.nextDueAfter("mda", 0), null);
  }],
  ["updates an envelope in place, and none that is gone", async ({ store }) => {
    await store.apply(sampleMessage(2, [sampleEnvelope(2, 1), sampleEnvelope(2, 2)]));
    const changed = sampleEnvelope(2, 1, { ...pick(everyMember), kind: "bounce", nextAt: 7000, suspended: true });
    await store.apply([{ kind: "update", envelope: changed }]);
    assert.deepEqual(await store.envelope(changed.id), changed);
    assert.deepEqual(await store.counts(), { messages: 1, envelopes: 2, bounces: 1, bytes: 100 });
    await store.apply([{ kind: "update", envelope: sampleEnvelope(2, 3) }]);
    await store.apply([{ kind: "update", envelope: sampleEnvelope(8, 1) }]);
    assert.equal(await store.envelope(sampleEnvelope(2, 3).id), null);
    assert.equal(await store.has(msgIdOf(8)), false);
    assert.deepEqual(await store.counts(), { messages: 1, envelopes: 2, bounces: 1, bytes: 100 });
    await store.apply([{ kind: "delete", envelope: changed.id }]);
    assert.equal((await store.counts()).bounces, 0);
  }],
  ["adds an envelope to a message that is there", async ({ store }) => {
    await store.apply(sampleMessage(2, [sampleEnvelope(2, 1)]));
    const notice = sampleEnvelope(2, 7, { kind: "bounce" });
    await store.apply([{ kind: "add", envelope: notice }]);
    assert.deepEqual(await store.envelope(notice.id), notice);
    await store.apply([{ kind: "add", envelope: { ...notice, attempts: 3 } }]);
    assert.deepEqual(await store.envelope(notice.id), notice);
    await store.apply([{ kind: "add", envelope: sampleEnvelope(6, 1) }]);
    assert.deepEqual(await store.list({}, null, 9), [sampleEnvelope(2, 1), notice]);
    assert.deepEqual(await store.counts(), { messages: 1, envelopes: 2, bounces: 1, bytes: 100 });
  }],
  ["lists envelopes by id, page by page, of all or one message or one envelope", async ({ store }) => {
    const want: Envelope[] = [];
    for (const message of [0xf0000000, 7, 8]) {
      const envelopes = [3, 0x80000001, 2].map((low) => sampleEnvelope(message, low));
      await store.apply(sampleMessage(message, envelopes));
      want.push(...envelopes);
    }
    want.sort((a, b) => (a.id < b.id ? -1 : 1));
    const paged = [];
    for (let after = null;;) {
      const page: readonly Envelope[] = await store.list({}, after, 2);
      paged.push(...page);
      if (page.length < 2) break;
      after = page[1]?.id ?? null;
    }
    assert.deepEqual(paged, want);
    const ofEight = want.filter((envelope) => envelope.message === msgIdOf(8));
    assert.deepEqual(await store.list({ message: msgIdOf(8) }, null, 9), ofEight);
    assert.deepEqual(await store.list({ message: msgIdOf(8) }, ofEight[0]?.id ?? null, 1), ofEight.slice(1, 2));
    assert.deepEqual(await store.list({ message: msgIdOf(8) }, want[0]?.id ?? null, 9), ofEight);
    assert.deepEqual(await store.list({ message: msgIdOf(8) }, want[8]?.id ?? null, 9), []);
    const one = want[4];
    assert.ok(one);
    assert.deepEqual(await store.list({ envelope: one.id }, null, 9), [one]);
    assert.deepEqual(await store.list({ envelope: one.id }, one.id, 9), []);
    assert.deepEqual(await store.list({ envelope: one.id, message: msgIdOf(7) }, null, 9), []);
  }],
  ["applies nothing of a batch that fails in the middle, and goes on", async ({ store }) => {
    await store.apply([
      ...sampleMessage(1, [sampleEnvelope(1, 1), sampleEnvelope(1, 2)]),
      chunkOf(2, 0),
      chunkOf(3, 0),
    ]);
    const ids = [1, 2, 3, 4, 5].map(msgIdOf);
    const before = await snapshot(store, ids);
    const broken = commitOf(5, [], 0, 0);
    await assert.rejects(store.apply([
      ...sampleMessage(4, [sampleEnvelope(4, 1)]),
      { kind: "update", envelope: sampleEnvelope(1, 1, { nextAt: 1, kind: "bounce" }) },
      { kind: "add", envelope: sampleEnvelope(1, 3) },
      { kind: "delete", envelope: sampleEnvelope(1, 1).id },
      { kind: "delete", envelope: sampleEnvelope(1, 2).id },
      { kind: "delete", envelope: sampleEnvelope(1, 3).id },
      { kind: "rollback", message: msgIdOf(2) },
      chunkOf(3, 1),
      commitOf(3, [sampleEnvelope(3, 1)], 2, 20),
      chunkOf(5, 0),
      broken,
    ]));
    assert.deepEqual(await snapshot(store, ids), before);
    await store.apply([chunkOf(3, 1), commitOf(3, [sampleEnvelope(3, 1)], 2, 20)]);
    assert.deepEqual(await store.chunk(msgIdOf(3), 1), new Uint8Array(10).fill(1));
  }],
  ["does not commit a message that lacks a piece, and forgets it whole when asked to", async ({ store }) => {
    await store.apply([chunkOf(2, 1)]);
    const commit = commitOf(2, [sampleEnvelope(2, 1)], 2, 20);
    const isIo = (error: unknown) => error instanceof Fault && error.kind === "io";
    await assert.rejects(store.apply([commit]), isIo);
    await assert.rejects(store.apply([commitOf(3, [sampleEnvelope(3, 1)], 1, 10)]), isIo);
    await store.apply([{ kind: "rollback", message: msgIdOf(2) }]);
    assert.equal(await store.has(msgIdOf(2)), false);
    await store.apply([chunkOf(2, 0), chunkOf(2, 1), commit]);
  }],
  ["forgets what was never committed when it recovers", async ({ store, reopen }) => {
    await store.apply([...sampleMessage(1, [sampleEnvelope(1, 1)]), chunkOf(2, 0), chunkOf(2, 1), chunkOf(3, 0)]);
    let after = store;
    if (reopen !== null) {
      await store.close();
      after = await reopen();
    }
    assert.equal(await after.recover(), 2);
    assert.equal(await after.recover(), 0);
    assert.equal(await after.has(msgIdOf(2)), false);
    assert.deepEqual(await after.list({}, null, 9), [sampleEnvelope(1, 1)]);
    assert.deepEqual(await after.counts(), { messages: 1, envelopes: 1, bounces: 0, bytes: 100 });
    await after.apply([chunkOf(2, 0), chunkOf(2, 1), commitOf(2, [sampleEnvelope(2, 1)], 2, 20)]);
    if (reopen !== null) await after.close();
  }],
];

// A suspended bounce with every member of the sample that is not its identity.
function pick(envelope: Envelope): Partial<Envelope> {
  const { id: _id, message: _message, ...rest } = envelope;
  return rest;
}

/** Declares one test per promise of the port. `open` makes an empty store for each. */
export function storeContract(name: string, open: (t: Deno.TestContext) => Promise<StoreUnderTest>): void {
  for (const [promise, run] of tests) {
    Deno.test(`${name} ${promise}`, async (t) => await run(await open(t)));
  }
}

/** Legal sequences of batches, for comparing a store with another. */
export const changeSequences: fc.Arbitrary<SpoolChange[][]> = fc.array(
  fc.array(
    fc.record({
      what: fc.constantFrom("message", "chunk", "finish", "rollback", "update", "add", "delete", "delete"),
      message: fc.integer({ min: 1, max: 5 }),
      low: fc.integer({ min: 1, max: 4 }),
      kind: fc.constantFrom("mda", "mta", "bounce"),
      nextAt: fc.integer({ min: 1000, max: 3000 }),
      suspended: fc.boolean(),
    }),
    { minLength: 1, maxLength: 6 },
  ),
  { maxLength: 30 },
).map((batches) => {
  const state = new LegalSequence();
  return batches.map((steps) => steps.flatMap((step) => state.changesOf(step)));
});

interface Step {
  readonly what: string;
  readonly message: number;
  readonly low: number;
  readonly kind: Envelope["kind"];
  readonly nextAt: number;
  readonly suspended: boolean;
}

/** Turns wishes into changes that a queue could ask for: knows which messages are incoming or committed. */
class LegalSequence {
  readonly #incoming = new Map<number, number>();
  readonly #committed = new Map<number, Set<number>>();

  changesOf({ what, message, low, kind, nextAt, suspended }: Step): SpoolChange[] {
    const envelope = sampleEnvelope(message, low, { kind, nextAt, suspended, attempts: nextAt % 7 });
    const chunks = this.#incoming.get(message) ?? 0;
    const lows = this.#committed.get(message);
    switch (what) {
      case "message":
      case "finish":
        if (lows !== undefined || (what === "message" && chunks > 0)) return [];
        this.#incoming.delete(message);
        this.#committed.set(message, new Set([low]));
        if (what === "message") return sampleMessage(message, [envelope]);
        return [chunkOf(message, chunks), commitOf(message, [envelope], chunks + 1, (chunks + 1) * 10)];
      case "chunk":
        if (lows !== undefined) return [];
        this.#incoming.set(message, chunks + 1);
        return [chunkOf(message, chunks)];
      case "rollback":
        this.#incoming.delete(message);
        return [{ kind: "rollback", message: msgIdOf(message) }];
      case "add":
        lows?.add(low);
        return [{ kind: "add", envelope }];
      case "update":
        return [{ kind: "update", envelope }];
      default:
        lows?.delete(low);
        if (lows?.size === 0) this.#committed.delete(message);
        return [{ kind: "delete", envelope: envelope.id }];
    }
  }
}
