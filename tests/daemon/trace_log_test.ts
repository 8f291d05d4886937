import { deepEqual, equal } from "node:assert/strict";
import { logTracer, shownValue } from "../../lib/daemon/trace_log.ts";
import { formatEvent, type LogEvent } from "../../lib/event_log.ts";
import type { TraceEvent, TraceSubject } from "../../lib/policy/trace.ts";
import type { LookupToQueue, QueueToLookup } from "../../lib/daemon/imsg.ts";
import { Lookup } from "../../lib/daemon/lookup.ts";
import { mailbox, originAt, tablesOf } from "../policy/tables.ts";
import { channelPair } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";
import { exampleEnvelope } from "../support/envelope.ts";
import { KeptLog, msg, noSessions, policyOf } from "./rig.ts";

const place = { file: "smtpd.conf", line: 4, column: 1 };
const events: readonly TraceEvent[] = [
  { kind: "node", node: 0, parent: null, element: "address", text: "bob@b.test" },
  { kind: "lookup", node: 0, table: "t", service: "domain", key: "b.test", answer: { kind: "absent" } },
  {
    kind: "rule",
    node: 0,
    index: 0,
    place,
    text: "match for domain <t> reject",
    verdict: "no",
    tests: [{ option: "for domain <t>", subject: "b.test", holds: false }],
  },
  { kind: "rule", node: 0, index: 1, place, text: "match for any action in", verdict: "matched", tests: [] },
  { kind: "lookup", node: 1, table: "a", service: "alias", key: "bob", answer: { kind: "found", value: "ann" } },
  { kind: "lookup", node: 1, table: "a", service: "alias", key: "x", answer: { kind: "failed", reason: "it is down" } },
  { kind: "node", node: 1, parent: 0, element: "username", text: "bob" },
  { kind: "forward", node: 1, path: "/home/bob/.forward", text: "there is none" },
  { kind: "target", node: 1, action: "in", target: "local", text: "maildir of bob" },
  { kind: "dropped", node: 2, reason: "it is there already" },
  { kind: "note", node: 2, text: "read /etc/list" },
  {
    kind: "filter",
    node: 0,
    phase: "ehlo",
    filter: "f",
    place,
    test: { option: "helo <t>", subject: "h.test", holds: null },
    decision: "junk",
  },
  { kind: "refused", node: 2, reply: "550 5.1.1 no", reason: "no user\r\nbob" },
];

function linesOf(...subjects: readonly TraceSubject[]): readonly string[] {
  const lines: string[] = [];
  const log = (event: LogEvent) => void lines.push(formatEvent(event, "text"));
  const candidate = { origin: originAt("local"), sender: null, rcpt: mailbox("bob@b.test") };
  const tracer = logTracer(log, new Set(subjects), candidate);
  for (const event of events) tracer?.(event);
  return lines;
}

const head = (subject: string) => `lookup: trace-${subject} from=<> to=<bob@b.test>`;

Deno.test("logTracer() logs the rules that are tried", () => {
  deepEqual(linesOf("rules"), [
    `${head("rules")} node=0 rule=smtpd.conf:4 verdict=no test="for domain <t>" subject=b.test`,
    `${head("rules")} node=0 rule=smtpd.conf:4 verdict=matched text="match for any action in"`,
  ]);
});

Deno.test("logTracer() logs filters", () => {
  deepEqual(linesOf("filters"), [
    `${head("filters")} node=0 phase=ehlo filter=f test="helo <t>" subject=h.test result=failed decision=junk`,
  ]);
});

Deno.test("logTracer() logs look-ups", () => {
  deepEqual(linesOf("lookup"), [
    `${head("lookup")} node=0 table=t service=domain key=b.test result=absent`,
    `${head("lookup")} node=1 table=a service=alias key=bob result=found value=ann`,
    `${head("lookup")} node=1 table=a service=alias key=x result=failed reason="it is down"`,
  ]);
});

Deno.test("logTracer() logs the steps of expansions, each on one line", () => {
  deepEqual(linesOf("expand"), [
    `${head("expand")} node=0 address=bob@b.test`,
    `${head("expand")} node=1 username=bob parent=0`,
    `${head("expand")} node=1 forward=/home/bob/.forward text="there is none"`,
    `${head("expand")} node=1 target=local action=in text="maildir of bob"`,
    `${head("expand")} node=2 dropped="it is there already"`,
    `${head("expand")} node=2 note="read /etc/list"`,
    `${head("expand")} node=2 refused="550 5.1.1 no" reason="no user??bob"`,
  ]);
  equal(linesOf("rules", "expand", "lookup", "filters").length, events.length);
});

Deno.test("logTracer() is nobody when nothing is to be logged, and passwords are never shown", () => {
  deepEqual(linesOf(), []);
  const candidate = { origin: originAt("local"), sender: null, rcpt: mailbox("bob@b.test") };
  equal(logTracer(() => {}, new Set(), candidate), null);
  equal(shownValue("credentials", "user:secret"), "***");
  equal(shownValue("alias", "ann"), "ann");
});

Deno.test("lookup logs its decisions while it is told to", async () => {
  const policy = policyOf();
  const [clock, log] = [new FakeClock(), new KeptLog()];
  const lookup = new Lookup({
    clock,
    policy,
    tables: tablesOf(policy),
    log: log.log,
    sessions: noSessions,
    allow: () => {},
  });
  const [near, queue] = channelPair<LookupToQueue, QueueToLookup>(clock);
  lookup.setQueue(near);
  queue.onMessage(() => {});
  const { dsn, handling } = exampleEnvelope;
  const ask = async (): Promise<number> => {
    const [origin, rcpt] = [originAt("local"), mailbox("bob@far.test")];
    queue.send({ kind: "expand", request: 1, message: msg(1), origin, sender: null, rcpt, dsn, handling });
    for (let i = 0; i < 20; i++) await clock.settle();
    return log.events.splice(0).filter(({ what }) => what === "trace-rules").length;
  };
  equal(await ask(), 0);
  queue.send({ kind: "trace", subjects: ["rules"] });
  equal(await ask(), 2);
  queue.send({ kind: "trace", subjects: [] });
  equal(await ask(), 0);
});
