import assert from "node:assert/strict";
import {
  composeBounce,
  judgeBy,
  type NoticeRules,
  noticeTtlMinMs,
  piecesWanted,
  planBounces,
} from "../../lib/delivery/bounce.ts";
import { formatDate } from "../../lib/mail/date.ts";
import { type Handling, plainHandling } from "../../lib/smtp/handling.ts";
import { chunkLengthMax, type Envelope, type LastStatus, type StoredMessage } from "../../lib/spool/envelope.ts";
import { evpIdOf, msgIdOf } from "../../lib/spool/id.ts";
import { MemoryStore } from "../../lib/spool/memory.ts";
import { mailbox, sampleEnvelope, sampleMessage } from "../contract/store.ts";

const hour = 3_600_000;
const created = 1_700_000_000_000;
const rules: NoticeRules = { ttlMs: 96 * hour, warnAfterMs: [4 * hour], number: () => 0xabcd };
const judge = judgeBy(rules);

function status(kind: LastStatus["kind"], changes: Partial<LastStatus> = {}): LastStatus {
  const digit = { delivered: 2, relayed: 2, delayed: 4, failed: 5 }[kind];
  return {
    kind,
    enhanced: `${digit}.1.1`,
    text: `${digit}50 said the server`,
    by: "mx.example.net [192.0.2.9]:25",
    ...changes,
  };
}

function envelope(changes: Partial<Envelope> = {}): Envelope {
  return sampleEnvelope(1, 1, { createdAt: created, nextAt: created, expiresAt: created + 96 * hour, ...changes });
}

function notifying(...notify: Envelope["dsn"]["notify"]): Partial<Envelope> {
  return { dsn: { notify, ret: null, envId: null, originalRecipient: null } };
}

function handled(changes: Partial<Handling>): Partial<Envelope> {
  return { handling: { ...plainHandling, ...changes } };
}

const inTime = { at: created + hour, mode: "notify", trace: false } as const;

Deno.test("judgeBy() decides by outcome, NOTIFY, sender and kind", () => {
  const nobody = { sender: null };
  const table: [string, LastStatus["kind"], Partial<Envelope>, string][] = [
    // what happened, what it is about, what becomes of it: gone, a notice, or another try
    ["no NOTIFY", "delivered", { kind: "mda" }, "gone"],
    ["no NOTIFY", "relayed", {}, "gone"],
    ["no NOTIFY", "failed", {}, "notice"],
    ["no NOTIFY", "delayed", {}, "retry"],
    ["NEVER", "failed", notifying("never"), "gone"],
    ["NEVER", "relayed", notifying("never"), "gone"],
    ["DELAY alone", "failed", notifying("delay"), "gone"],
    ["SUCCESS alone", "failed", notifying("success"), "gone"],
    ["FAILURE", "failed", notifying("failure"), "notice"],
    ["FAILURE", "relayed", notifying("failure"), "gone"],
    ["SUCCESS, local", "delivered", { kind: "mda", ...notifying("success") }, "notice"],
    ["SUCCESS, to a server without DSN", "relayed", notifying("success"), "notice"],
    ["SUCCESS, to a server that reports itself", "delivered", notifying("success"), "gone"],
    ["BY, to a server that does not keep it", "relayed", handled({ deliverBy: inTime }), "notice"],
    ["BY and NEVER", "relayed", { ...handled({ deliverBy: inTime }), ...notifying("never") }, "gone"],
    ["BY, to a server that reports itself", "delivered", handled({ deliverBy: inTime }), "gone"],
    ["null sender", "failed", nobody, "gone, double-bounce"],
    ["null sender", "delayed", nobody, "retry"],
    ["null sender", "relayed", { ...nobody, ...notifying("success") }, "gone"],
    ["a notice", "failed", { kind: "bounce", last: status("failed") }, "gone, double-bounce"],
    ["a notice", "delayed", { kind: "bounce", last: status("failed") }, "retry"],
    ["a notice", "delivered", { kind: "bounce", last: status("failed") }, "gone"],
    ["expired", "failed", notifying("never"), "gone"],
  ];
  for (const [what, kind, changes, want] of table) {
    const given = envelope(changes);
    const { next, notice, log } = judge(given, status(kind), created + 500);
    const became = next === null ? "gone" : next.kind === "bounce" && given.kind !== "bounce" ? "notice" : "retry";
    assert.equal([became, ...log.map((event) => event.what)].join(", "), want, `${what}: ${kind}`);
    assert.equal(notice, null, what);
  }
});

Deno.test("judgeBy() turns a failure into a notice that keeps who failed and why", () => {
  const given = envelope({ attempts: 3, kind: "mda", local: { user: "ann", subAddress: "", exec: null } });
  const { next } = judge(given, status("failed"), created + 500);
  assert.deepEqual(next, {
    ...given,
    kind: "bounce",
    createdAt: created + 500,
    expiresAt: created + 500 + rules.ttlMs,
    nextAt: created + 1500,
    attempts: 0,
    lastTryAt: created + 500,
    last: status("failed"),
  });
});

Deno.test("judgeBy() logs what expired", () => {
  const { log } = judge(envelope(), status("failed", { enhanced: "5.4.7", text: "Envelope expired" }), created);
  assert.deepEqual(log, [{
    priority: "info",
    session: "",
    from: "queue",
    what: "expire",
    fields: {
      evpid: envelope().id,
      from: "<sender@example.com>",
      to: "<dest1@example.net>",
      rcpt: "<rcpt1@example.org>",
      stat: "Envelope expired",
    },
  }]);
});

Deno.test("judgeBy() tries again by the series of its kind, and not after expiry", () => {
  const table: [Envelope["kind"], number, number, number][] = [
    // attempts so far, seconds since creation, seconds of the next attempt
    ["mta", 0, 1, 400],
    ["mta", 1, 401, 1600],
    ["mta", 0, 90_000, 102_400],
    ["mta", 29, 336_401, 345_600],
    ["mda", 0, 1, 10],
    ["mda", 4, 161, 250],
  ];
  for (const [kind, attempts, since, want] of table) {
    const now = created + since * 1000;
    const { next } = judge(envelope({ kind, attempts, lastWarnAt: created + 4 * hour }), status("delayed"), now);
    assert.deepEqual([next?.attempts, (next?.nextAt ?? 0) - created], [attempts + 1, want * 1000]);
    assert.deepEqual([next?.lastTryAt, next?.last], [now, status("delayed")]);
  }
});

Deno.test("judgeBy() tries a notice again without forgetting what it is about", () => {
  const given = envelope({ kind: "bounce", last: status("failed"), lastTryAt: created - 5 });
  const { next } = judge(given, status("delayed", { text: "lookup is down" }), created + 11_000);
  assert.deepEqual(next, { ...given, attempts: 1, nextAt: created + 40_000 });
});

Deno.test("judgeBy() warns of a delay once per interval, beside the next try", () => {
  const now = created + 10_001_000;
  const given = envelope({ attempts: 5 });
  const { next, notice } = judge(given, status("delayed"), now);
  assert.equal(next?.kind, "mta");
  assert.equal(next?.lastWarnAt, created + 4 * hour);
  assert.deepEqual(notice, {
    ...given,
    id: evpIdOf(given.message, 0xabcd),
    kind: "bounce",
    attempts: 0,
    nextAt: now + 1000,
    lastTryAt: now,
    lastWarnAt: created + 4 * hour,
    last: status("delayed"),
  });
  assert.ok(next !== null && judge(next, status("delayed"), next.nextAt).notice === null, "not again");
  assert.equal(judge(envelope({ attempts: 4 }), status("delayed"), created + 6_401_000).notice, null, "not before");
});

Deno.test("judgeBy() warns nobody who asked not to be, nor of a message without sender", () => {
  const now = created + 10_001_000;
  const table: [Partial<Envelope>, boolean][] = [
    [{}, true],
    [notifying("delay"), true],
    [notifying("failure", "delay"), true],
    [notifying("failure"), false],
    [notifying("never"), false],
    [{ sender: null }, false],
    [{ expiresAt: created + 3 * hour }, false],
  ];
  for (const [changes, want] of table) {
    const { notice } = judge(envelope({ attempts: 5, ...changes }), status("delayed"), now);
    assert.equal(notice !== null, want, JSON.stringify(changes));
  }
});

Deno.test("judgeBy() tells of a delay when the time of BY has come: an attempt is made then, and not before", () => {
  const at = created + 1_700_000;
  const given = envelope({ attempts: 1, ...handled({ deliverBy: { ...inTime, at } }) });
  const early = judge(given, status("delayed"), created + 1_601_000);
  assert.deepEqual([early.next?.nextAt, early.notice], [at, null]);
  assert.ok(early.next !== null);
  const { next, notice } = judge(early.next, status("delayed"), at);
  assert.deepEqual([next?.kind, next?.lastWarnAt, notice?.kind, notice?.lastWarnAt], ["mta", at, "bounce", at]);
  assert.ok(next !== null && next.nextAt > at);
  assert.equal(judge(next, status("delayed"), next.nextAt).notice, null, "not again");
  const never = judge({ ...early.next, ...notifying("failure") }, status("delayed"), at);
  assert.equal(never.notice, null, "not to those who do not ask for delays");
});

function noticeOf(low: number, kind: LastStatus["kind"], changes: Partial<Envelope> = {}): Envelope {
  return sampleEnvelope(1, low, { kind: "bounce", last: status(kind), lastTryAt: 900, ...changes });
}

Deno.test("planBounces() makes one report of what one sender is to be told in the same words", () => {
  const notices = [
    noticeOf(1, "failed"),
    noticeOf(2, "delayed", { lastWarnAt: 5000 }),
    noticeOf(3, "failed"),
    noticeOf(4, "relayed"),
    noticeOf(5, "delayed", { lastWarnAt: 5000 }),
    noticeOf(6, "delayed", { lastWarnAt: 9000 }),
  ];
  const { plans, dropped } = planBounces(notices);
  const got = plans.map((plan) => [plan.action, ...plan.notices.map((notice) => notices.indexOf(notice) + 1)]);
  assert.deepEqual(got, [["failed", 1, 3], ["delayed", 2, 5], ["relayed", 4], ["delayed", 6]]);
  assert.deepEqual(dropped, []);
  assert.deepEqual(plans[0]?.sender, mailbox("sender", "example.com"));
  assert.deepEqual([plans[0]?.origin.address, plans[0]?.origin.smtpName], ["local", "mx.example.org"]);
  assert.deepEqual(plans[0]?.dsn.notify, ["never"]);
});

Deno.test("planBounces() drops what nobody can be told, and judgeBy() says so", () => {
  const notices = [noticeOf(1, "failed", { sender: null }), noticeOf(2, "failed", { last: null })];
  const { plans, dropped } = planBounces(notices);
  assert.deepEqual([plans, dropped], [[], notices]);
  const log = dropped.flatMap((notice) => judge(notice, status("failed"), created).log);
  assert.deepEqual(log.map(({ what, priority }) => [what, priority]), [
    ["double-bounce", "warning"],
    ["double-bounce", "warning"],
  ]);
});

const original: StoredMessage = { id: msgIdOf(1), size: 600_000, chunks: 3, createdAt: created };

Deno.test("piecesWanted() wants the whole message only for RET=FULL, a failure and a moderate size", () => {
  const full = { dsn: { notify: [], ret: "full", envId: null, originalRecipient: null } } as const;
  const table: [LastStatus["kind"], Partial<Envelope>, Partial<StoredMessage>, number][] = [
    ["failed", {}, {}, 1],
    ["failed", full, {}, 3],
    ["delayed", full, {}, 1],
    ["relayed", full, {}, 1],
    ["failed", { ...full, ...handled({ requireTls: true }) }, {}, 1],
    ["failed", full, { size: 1024 * 1024, chunks: 4 }, 4],
    ["failed", full, { size: 1024 * 1024 + 1, chunks: 5 }, 1],
    ["failed", {}, { size: 0, chunks: 0 }, 0],
  ];
  for (const [kind, changes, message, want] of table) {
    const [plan] = planBounces([noticeOf(1, kind, changes)]).plans;
    assert.ok(plan);
    assert.equal(piecesWanted(plan, { ...original, ...message }), want);
  }
});

Deno.test("planBounces() has a report handled as its message, as far as that concerns reports", () => {
  const handling = { smtpUtf8: true, requireTls: true, priority: 5, holdUntil: 7, deliverBy: inTime };
  const [plan] = planBounces([noticeOf(1, "failed", handled(handling))]).plans;
  assert.deepEqual(plan?.handling, { ...plainHandling, smtpUtf8: true, requireTls: true });
});

Deno.test("composeBounce() stores the report and deletes its notices in one go", async () => {
  const full = { dsn: { notify: [], ret: "full", envId: "id 7", originalRecipient: "rfc822;x@y.test" } } as const;
  const store = new MemoryStore();
  const notices = [
    noticeOf(1, "failed", full),
    noticeOf(2, "failed", { local: { user: "u", subAddress: "", exec: null } }),
  ];
  const content = new TextEncoder().encode(`Subject: big\r\n\r\n${("y".repeat(78) + "\r\n").repeat(4000)}`);
  const message = { id: msgIdOf(1), size: content.length, chunks: 2, createdAt: created };
  const pieces = [content.subarray(0, chunkLengthMax), content.subarray(chunkLengthMax)];
  await store.apply(pieces.map((bytes, seq) => ({ kind: "chunk", message: message.id, seq, bytes })));
  await store.apply([{ kind: "commit", message, envelopes: notices }]);

  const [plan] = planBounces(notices).plans;
  assert.ok(plan);
  const id = msgIdOf(2);
  const carrier = sampleEnvelope(2, 1, { sender: null });
  const date = (time: number) => formatDate(time, { offsetMinutes: 0, name: null });
  await store.apply(
    composeBounce(plan, {
      message: id,
      at: created + 5,
      original: message,
      content: pieces,
      envelopes: [carrier],
      date,
    }),
  );

  assert.deepEqual(await store.list({}, null, 9), [carrier]);
  assert.equal(await store.has(message.id), false);
  const stored = await store.message(id);
  assert.ok(stored && stored.size > content.length && stored.chunks === 2);
  let text = "";
  for (let seq = 0; seq < stored.chunks; seq++) {
    text += new TextDecoder().decode((await store.chunk(id, seq)) ?? undefined);
  }
  assert.equal(text.length, stored.size);
  assert.ok(text.includes("y".repeat(78) + "\r\n\r\n--=_00000002.00000001.0--\r\n"));
  assert.match(text, /^From: Mailer Daemon <MAILER-DAEMON@mx\.example\.org>\r\nTo: <sender@example\.com>\r\n/);
  assert.match(text, /\r\nOriginal-Envelope-Id: id 7\r\nArrival-Date: Tue, 14 Nov 2023 22:13:20 \+0000\r\n/);
  assert.match(text, /\r\nOriginal-Recipient: rfc822;x@y\.test\r\nFinal-Recipient: rfc822; dest1@example\.net\r\n/);
  assert.match(text, /Remote-MTA: dns; mx\.example\.net\r\nDiagnostic-Code: smtp; 550 said the server\r\n/);
  assert.match(text, /dest2@example\.net\r\nAction: failed\r\nStatus: 5\.1\.1\r\nDiagnostic-Code: X-Postern; 550 said/);
});

Deno.test("composeBounce() of a delay says for how long and until when", async () => {
  const notice = noticeOf(1, "delayed", {
    createdAt: created,
    lastWarnAt: created + 4 * hour,
    expiresAt: created + 96 * hour,
  });
  const store = new MemoryStore();
  await store.apply(sampleMessage(1, [notice, sampleEnvelope(1, 2)]));
  const [plan] = planBounces([notice]).plans;
  assert.ok(plan);
  const date = (time: number) => formatDate(time, { offsetMinutes: 0, name: null });
  const content = [new TextEncoder().encode("A: b\r\n\r\n")];
  const report = { message: msgIdOf(2), at: created, original, content, envelopes: [sampleEnvelope(2, 1)], date };
  await store.apply(composeBounce(plan, report));
  const text = new TextDecoder().decode((await store.chunk(msgIdOf(2), 0)) ?? undefined);
  assert.match(text, /waiting for more than 4 hours\./);
  assert.match(text, /\r\nWill-Retry-Until: Sat, 18 Nov 2023 22:13:20 \+0000\r\n/);
  assert.equal(await store.has(msgIdOf(1)), true, "the message itself goes on");
});

Deno.test("judgeBy() gives a notice a day, however short the queue keeps mail", () => {
  const short = judgeBy({ ...rules, ttlMs: 1000 });
  const verdict = short(envelope(), status("failed"), created);
  assert.equal(verdict.next?.expiresAt, created + noticeTtlMinMs);
});
