import { deepEqual, equal } from "node:assert/strict";
import { FilterDesk } from "../../lib/daemon/filter_desk.ts";
import { formatEvent, type LogEvent } from "../../lib/event_log.ts";
import type { TraceSubject } from "../../lib/policy/trace.ts";
import type { FilterPhase } from "../../lib/smtp/session_face.ts";
import { policyOf, tablesOf } from "../policy/tables.ts";

const session = "00000000000000aa";

function deskOf(lines: readonly string[], options: { broken?: string[]; traced?: TraceSubject[] } = {}) {
  const policy = policyOf([...lines, "match reject", ""].join("\n"));
  const logged: string[] = [];
  const broken = options.broken ?? [];
  const traced = new Set(options.traced);
  const tables = tablesOf(policy, { broken });
  const desk = new FilterDesk({
    policy,
    tables: {
      table: (name) => tables.table(name),
      peerName: () => Promise.resolve({ name: "mail.client.test", forward: "pass" }),
    },
    log: (event: LogEvent) => logged.push(`${event.priority} ${formatEvent(event, "text")}`),
    traced: () => traced,
  });
  const listener = policy.listeners.findIndex((one) => one.kind === "inet");
  const ask = (phase: FilterPhase, at = listener) =>
    desk.answer({
      session,
      listener: at,
      address: "198.51.100.7",
      ask: {
        kind: "filter",
        phase,
        parameter: "",
        facts: { helo: "client.test", username: "", sender: "ann@a.test", rcpt: null },
      },
    });
  return { ask, logged, broken };
}

const listen = "listen on lo filter f";

Deno.test("FilterDesk answers for the listener of the session", async () => {
  const { ask, logged } = deskOf(['filter f phase connect match rdns reject "550 no"', listen]);
  equal((await ask("connect")).kind, "reject");
  equal((await ask("ehlo")).kind, "proceed");
  // The submission socket has no filter, and there is no listener 99.
  equal((await ask("connect", 99)).kind, "proceed");
  deepEqual(logged, [
    `info ${session} smtp filter phase=connect filter=f decision=reject subject=mail.client.test result="550 no"`,
  ]);
});

Deno.test("FilterDesk logs every decision with what it came to", async () => {
  for (
    const [decision, want] of [
      ["junk", "decision=junk subject=ann@a.test"],
      ["bypass", "decision=bypass subject=ann@a.test"],
      ['report "seen"', "decision=report subject=ann@a.test message=seen"],
      ['rewrite "<x@y.test>"', "decision=rewrite subject=ann@a.test value=<x@y.test>"],
      ['reject "421 later"', 'decision=disconnect subject=ann@a.test result="421 later"'],
    ] as const
  ) {
    const { ask, logged } = deskOf([`filter f phase mail-from match mail-from "@a.test" ${decision}`, listen]);
    await ask("mail-from");
    deepEqual(logged, [`info ${session} smtp filter phase=mail-from filter=f ${want}`]);
  }
});

Deno.test("FilterDesk says once that a table cannot answer, and again when it has answered since", async () => {
  const lines = ["table t { 192.0.2.1 }", "filter f phase connect match src <t> junk", listen];
  const { ask, logged, broken } = deskOf(lines, { broken: ["t"] });
  await ask("connect");
  await ask("connect");
  equal(logged.length, 1);
  broken.pop();
  await ask("connect");
  broken.push("t");
  await ask("connect");
  const line = `warning ${session} smtp filter-failed filter=f reason="Cannot read table t: it is down"`;
  deepEqual(logged, [line, line]);
});

Deno.test("FilterDesk traces what was tried, where that is switched on", async () => {
  const lines = ["filter f phase connect match !src 198.51.100.0/24 junk", listen];
  const { ask, logged } = deskOf(lines, { traced: ["filters"] });
  await ask("connect");
  deepEqual(logged, [
    `info ${session} smtp trace-filters phase=connect filter=f test="!src 198.51.100.0/24" subject=198.51.100.7 ` +
    "result=false decision=junk",
  ]);
});
