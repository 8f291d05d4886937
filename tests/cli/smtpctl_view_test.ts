import { deepEqual, equal, ok } from "node:assert/strict";
import {
  formatEnvelopeRecord,
  formatQueueRecord,
  formatStats,
  planQueue,
  type QueueEntry,
  queueJson,
  roughDuration,
  type Stat,
  statsJson,
  type Status,
  viewEnvelope,
  viewQueueEntry,
  viewQueueFoot,
  viewQueueHead,
  viewStats,
  viewStatus,
  vis,
} from "../../cli/smtpctl_view.ts";
import type { Screen } from "../../cli/terminal_table.ts";
import type { Envelope } from "../../lib/spool/envelope.ts";
import { evpIdOf, msgIdOf } from "../../lib/spool/id.ts";
import { exampleEnvelope, mailboxOf } from "../support/envelope.ts";

const now = 1_780_000_400_000;
const pending = { kind: "pending", inMs: 1_200_000 } as const;
const example: QueueEntry = { envelope: exampleEnvelope, state: pending };

function entry(changes: Partial<Envelope>, state: QueueEntry["state"] = pending): QueueEntry {
  return { envelope: { ...exampleEnvelope, ...changes }, state };
}

const id = (n: number) => evpIdOf(msgIdOf(0x10 + n), 1);
const listing: readonly QueueEntry[] = [
  example,
  entry({ id: id(1), sender: null, last: null, attempts: 0, createdAt: now - 5_000 }, {
    kind: "inflight",
    sinceMs: 5_000,
  }),
  entry({ id: id(2), last: null, dest: mailboxOf("carl@gamma.test"), suspended: true }, { kind: "suspended" }),
  entry({
    id: id(3),
    kind: "bounce",
    createdAt: now - 86_400_000 * 3,
    last: { kind: "failed", enhanced: "5.1.1", text: "550 no\x1b[2J such user", by: "" },
    sender: mailboxOf("a-very-long-name-of-a-mailing-list-bounces@lists.alpha.test"),
  }, { kind: "pending", inMs: -3_000 }),
];

function table(entries: readonly QueueEntry[], screen: Screen): string {
  const plan = planQueue(entries, screen, now);
  const rows = entries.map((one) => viewQueueEntry(one, plan, screen, now));
  return viewQueueHead(plan, screen) + rows.join("") + viewQueueFoot(entries.length, 4);
}

Deno.test("viewQueue lays the queue out for a wide terminal", () => {
  equal(
    table(listing, { width: 140, color: false }),
    `
ENVELOPE          FROM                                                         TO                               AGE  TRIES  STATE
5f3a9c01d2e4b677  ann@alpha.test                                               bob@beta.test                     6m      2  in 20m
  450 4.2.0 try later
0000001100000001  <>                                                           bob@beta.test                     5s      0  sending 5s
0000001200000001  ann@alpha.test                                               bob@beta.test → carl@gamma.test   6m      2  paused
0000001300000001  a-very-long-name-of-a-mailing-list-bounces@lists.alpha.test  bob@beta.test                     3d      2  due
  550 no?[2J such user
4 envelopes of 4 messages
`.slice(1),
  );
});

Deno.test("viewQueue fits 80 columns, and fewer", () => {
  equal(
    table(listing, { width: 80, color: false }),
    `
ENVELOPE          FROM               TO                  AGE  TRIES  STATE
5f3a9c01d2e4b677  ann@alpha.test     bob@beta.test        6m      2  in 20m
  450 4.2.0 try later
0000001100000001  <>                 bob@beta.test        5s      0  sending 5s
0000001200000001  ann@alpha.test     bob@beta.test → c…   6m      2  paused
0000001300000001  a-very-long-name…  bob@beta.test        3d      2  due
  550 no?[2J such user
4 envelopes of 4 messages
`.slice(1),
  );
  equal(
    table(listing.slice(2), { width: 50, color: false }),
    `
ENVELOPE          TO                   STATE
0000001200000001  bob@beta.test → ca…  paused
0000001300000001  bob@beta.test        due
  550 no?[2J such user
2 envelopes of 4 messages
`.slice(1),
  );
});

Deno.test("viewQueue colours ids, states and failures", () => {
  const screen = { width: 80, color: true };
  const plan = planQueue(listing, screen, now);
  const line = (index: number) => viewQueueEntry(listing[index] ?? example, plan, screen, now);
  const cyan = (text: string) => `\x1b[36m${text}\x1b[0m`;
  equal(line(0).startsWith(cyan("5f3a9c01d2e4b677") + "  ann@"), true);
  equal(line(0).endsWith("  in 20m\n\x1b[2m  450 4.2.0 try later\x1b[0m\n"), true);
  equal(line(1).endsWith("\x1b[32msending 5s\x1b[0m\n"), true);
  equal(line(2).endsWith("\x1b[33mpaused\x1b[0m\n"), true);
  equal(line(3).endsWith(cyan("due") + "\n\x1b[31m  550 no?[2J such user\x1b[0m\n"), true);
  equal(viewQueueHead(plan, screen).startsWith("\x1b[1mENVELOPE\x1b[0m"), true);
});

Deno.test("viewQueueFoot() counts", () => {
  equal(viewQueueFoot(1, 1), "1 envelope of 1 message\n");
  equal(viewQueueFoot(3, 1), "3 envelopes of 1 message\n");
});

Deno.test("formatQueueRecord() writes OpenSMTPD's line, with the real time of expiry", () => {
  equal(
    formatQueueRecord(example, now),
    "5f3a9c01d2e4b677|inet4|mta|auth|ann@alpha.test|bob@beta.test|bob@beta.test|1780000000|1780345600|1780000400|2|" +
      "pending|1200|450 4.2.0 try later\n",
  );
});

Deno.test("formatQueueRecord() writes each column as OpenSMTPD does", () => {
  const origin = { ...exampleEnvelope.origin, username: "" };
  const columns = (one: QueueEntry) => formatQueueRecord(one, now).slice(0, -1).split("|");
  for (
    const [column, one, want] of [
      [1, entry({ origin: { ...origin, address: "local" } }), "local"],
      [1, entry({ origin: { ...origin, address: "[2001:db8::1]" } }), "inet6"],
      [1, entry({ origin: { ...origin, address: "" } }), "?"],
      [2, entry({ kind: "mda" }), "mda"],
      [3, entry({ origin }), ""],
      [3, entry({ suspended: true }), "auth,suspend"],
      [3, entry({ kind: "bounce", origin }), "bounce"],
      [3, entry({ sender: null, origin: { ...origin, address: "local" } }), "bounce"],
      [3, entry({ sender: null, origin }), ""],
      [4, entry({ sender: null }), "@"],
      [4, entry({ sender: mailboxOf("a|b@c.test") }), "a\\174b@c.test"],
      [5, entry({ rcpt: mailboxOf('"a b"@c.test') }), '"a b"@c.test'],
      [9, entry({ lastTryAt: 0 }), "0"],
      [11, entry({}, { kind: "inflight", sinceMs: 3_400 }), "inflight"],
      [12, entry({}, { kind: "inflight", sinceMs: 3_400 }), "3"],
      [12, entry({}, { kind: "pending", inMs: -61_000 }), "-61"],
      [11, entry({}, { kind: "suspended" }), "pending"],
      [12, entry({}, { kind: "suspended" }), "1200"],
      [11, entry({}, { kind: "offline" }), "offline"],
      [12, entry({}, { kind: "offline" }), ""],
      [13, entry({ last: null }), ""],
    ] as const
  ) equal(columns(one)[column], want, `column ${column}`);
  const evil = entry({ last: { kind: "delayed", enhanced: "4.0.0", text: "a\nb\\c\x1b|d", by: "" } });
  equal(formatQueueRecord(evil, now).split("|").slice(13).join("|"), "a\\nb\\\\c\\033|d\n");
});

Deno.test("formatEnvelopeRecord() writes the fields of OpenSMTPD's envelope files", () => {
  const origin = { ...exampleEnvelope.origin, username: "" };
  equal(
    formatEnvelopeRecord({ ...exampleEnvelope, origin }),
    `
version: 3
dispatcher: outbound
type: mta
smtpname: mx.alpha.test
helo: client.test
hostname: client.test
errorline: 450 4.2.0 try later
sockaddr: 192.0.2.7
sender: ann@alpha.test
rcpt: bob@beta.test
dest: bob@beta.test
ctime: 1780000000
last-try: 1780000400
last-bounce: 0
ttl: 345600
retry: 2
dsn-notify: 0
esc-class: 4
esc-code: 20
`.slice(1),
  );
  equal(
    formatEnvelopeRecord({
      ...exampleEnvelope,
      kind: "mda",
      sender: null,
      last: null,
      suspended: true,
      local: { user: "bob", subAddress: "news", exec: { kind: "command", text: "log -x", from: "forward" } },
      origin: { ...exampleEnvelope.origin, tag: "t\nx: y" },
      dsn: { notify: ["success", "delay"], ret: "hdrs", envId: "e1", originalRecipient: "rfc822;b@c.test" },
    }),
    `
version: 3
dispatcher: outbound
tag: t\\nx: y
type: mda
smtpname: mx.alpha.test
helo: client.test
hostname: client.test
username: ann
sockaddr: 192.0.2.7
sender: @
rcpt: bob@beta.test
dest: bob@beta.test
ctime: 1780000000
last-try: 1780000400
last-bounce: 0
ttl: 345600
retry: 2
flags: authenticated
dsn-notify: 5
dsn-ret: HDRS
dsn-envid: e1
dsn-orcpt: rfc822;b@c.test
mda-exec: |log -x
mda-subaddress: news
mda-user: bob
`.slice(1),
  );
});

Deno.test("viewEnvelope() shows what there is", () => {
  const screen = { width: 80, color: false };
  equal(
    viewEnvelope(example, screen, now),
    `
Envelope      5f3a9c01d2e4b677
Message       5f3a9c01
State         in 20m
From          ann@alpha.test
To            bob@beta.test
Goes to       bob@beta.test
Action        outbound (mta)
Came from     client.test [192.0.2.7], helo client.test, to mx.alpha.test
Logged in as  ann
Created       2026-05-28 20:26:40 UTC (6m40s ago)
Expires       2026-06-01 20:26:40 UTC (in 3d23h)
Attempts      2
Last attempt  2026-05-28 20:33:20 UTC (0s ago)
Next attempt  2026-05-28 20:53:20 UTC (in 20m)
Last answer   450 4.2.0 try later (mx.beta.test [192.0.2.1]:25)
`.slice(1),
  );
  const local = entry({
    kind: "mda",
    sender: null,
    last: null,
    lastTryAt: 0,
    local: { user: "bob", subAddress: "news", exec: null },
    origin: { ...exampleEnvelope.origin, address: "local", username: "", tls: true, tag: "x\x1b[0m" },
    dsn: { notify: ["failure"], ret: "full", envId: "e1", originalRecipient: "rfc822;b@c.test" },
  }, { kind: "inflight", sinceMs: 61_000 });
  equal(
    viewEnvelope(local, screen, now).split("\n").slice(2).join("\n"),
    `
State         sending 1m
From          <>
To            bob@beta.test
Goes to       bob@beta.test
Action        outbound (mda)
User          bob
Sub-address   news
Came from     local, helo client.test, to mx.alpha.test
Tag           x?[0m
TLS           yes
Created       2026-05-28 20:26:40 UTC (6m40s ago)
Expires       2026-06-01 20:26:40 UTC (in 3d23h)
Attempts      2
Notice asked  on failure, return full, original recipient rfc822;b@c.test
ENVID         e1
`.slice(1),
  );
});

Deno.test("queueJson() gives ISO times and null for what there is none of", () => {
  const { origin, dsn } = exampleEnvelope;
  deepEqual(queueJson(entry({ lastTryAt: 0, last: null, sender: null }, { kind: "inflight", sinceMs: 1_000 }), now), {
    id: "5f3a9c01d2e4b677",
    message: "5f3a9c01",
    agent: "mta",
    action: "outbound",
    state: "inflight",
    source: "inet4",
    flags: ["auth"],
    sender: null,
    rcpt: "bob@beta.test",
    dest: "bob@beta.test",
    user: null,
    subAddress: null,
    exec: null,
    created: "2026-05-28T20:26:40Z",
    expires: "2026-06-01T20:26:40Z",
    attempts: 2,
    lastAttempt: null,
    nextAttempt: null,
    startedAt: "2026-05-28T20:33:19Z",
    last: null,
    origin,
    dsn,
  });
  const waiting = queueJson(example, now);
  deepEqual([waiting.sender, waiting.nextAttempt, waiting.startedAt], ["ann@alpha.test", "2026-05-28T20:53:20Z", null]);
});

const stat = (key: string, value: number): Stat => ({ kind: "stat", key, value });
const stats = [stat("smtp.session", 3), stat("uptime", 93_784), stat("mda.running", 0)];

Deno.test("formatStats() writes key=value, sorted, with the uptime in words", () => {
  equal(formatStats(stats), "mda.running=0\nsmtp.session=3\nuptime=93784\nuptime.human=1d2h3m4s\n");
  equal(formatStats([]), "");
  deepEqual(Object.keys(statsJson(stats)), ["mda.running", "smtp.session", "uptime"]);
});

Deno.test("viewStats() aligns values", () => {
  equal(
    viewStats(stats, { width: 80, color: false }),
    "mda.running   0\nsmtp.session  3\nuptime        93784\nuptime.human  1d2h3m4s\n",
  );
  equal(viewStats([stat("a", 1)], { width: 80, color: true }), "\x1b[36ma\x1b[0m  1\n");
  equal(viewStats([], { width: 80, color: true }), "");
});

Deno.test("viewStatus() writes OpenSMTPD's three lines", () => {
  const all: readonly Status[] = [
    { kind: "status", what: "mda", running: true },
    { kind: "status", what: "mta", running: false },
    { kind: "status", what: "smtp", running: true },
  ];
  equal(viewStatus(all, { color: false }), "MDA running\nMTA paused\nSMTP running\n");
  equal(viewStatus(all.slice(1, 2), { color: true }), "MTA \x1b[33mpaused\x1b[0m\n");
});

Deno.test("roughDuration() writes the greatest units of a span", () => {
  for (
    const [ms, two, one] of [
      [0, "0s", "0s"],
      [-5, "0s", "0s"],
      [400, "0s", "0s"],
      [400_000, "6m40s", "6m"],
      [3_600_000, "1h", "1h"],
      [93_784_000, "1d2h", "1d"],
      [86_404_000, "1d4s", "1d"],
    ] as const
  ) deepEqual([roughDuration(ms), roughDuration(ms, 1)], [two, one]);
});

Deno.test("vis() makes control characters visible, and keeps letters of any language", () => {
  equal(vis("é\u0000\t\r\n\u001b\\\u0085\u202e"), "é\\000\\t\\r\\n\\033\\\\\\302\\205\\342\\200\\256");
});

Deno.test("formatEnvelopeRecord() writes addresses as they are, and times as JSON has them", () => {
  const { envelope } = entry({ sender: mailboxOf("a|b@c.test"), createdAt: 1_795_777_145_600 });
  const record = formatEnvelopeRecord(envelope);
  ok(record.includes("\nsender: a|b@c.test\n"), record);
  ok(record.includes(`\nctime: ${Date.parse("2026-11-27T10:59:05Z") / 1000}\n`), record);
});
