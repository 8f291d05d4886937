import { deepEqual, equal } from "node:assert/strict";
import { FilterDesk } from "../../lib/daemon/filter_desk.ts";
import { formatEvent, type LogEvent } from "../../lib/event_log.ts";
import { SessionBook } from "../../lib/daemon/session_book.ts";
import { SessionDesk } from "../../lib/daemon/session_desk.ts";
import type { TraceSubject } from "../../lib/policy/trace.ts";
import type { FilterPhase } from "../../lib/smtp/session_face.ts";
import { policyOf, tablesOf } from "../policy/tables.ts";
import { FakeLookup, World } from "./smtp_in_rig.ts";

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
  return { ask, logged, broken, policy, desk };
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

Deno.test("filters have their say from the socket to the table and back", async () => {
  const { policy, desk, logged } = deskOf([
    'filter dyn phase connect match rdns regex "^dyn" disconnect "550 no"',
    'filter liar phase ehlo match helo "liar.test" reject "550 5.7.1 liar"',
    'filter rename phase mail-from match mail-from "old@a.test" rewrite "<new@a.test>"',
    "filter all chain { dyn, liar, rename }",
    "listen on lo filter all",
  ]);
  const world = new World({}, policy);
  const queue = await world.queue();
  queue.deal(1, 2, 3);
  const lookup = new FakeLookup(world.clock);
  const sessions = new SessionDesk({ filter: (asked) => desk.answer(asked) }, policy.listeners, () => {});
  const book = new SessionBook();
  world.smtpIn.setLookup(lookup.near);
  /** Answers all that was asked since the last call. */
  const answer = async () => {
    for (const question of lookup.questions.splice(0)) {
      const told = await sessions.answer(question, book);
      if (told !== null) lookup.channel.send(told);
    }
    await world.clock.settle();
  };
  const client = await world.connect();
  deepEqual(client.codes(), []);
  await answer();
  await world.say(client, "EHLO liar.test\r\n", "220");
  await answer();
  await world.say(client, "EHLO client.test\r\n", "550");
  await answer();
  await world.say(client, "MAIL FROM:<old@a.test>\r\n", "250");
  await answer();
  await world.say(client, "RCPT TO:<bob@b.test>\r\n", "250");
  deepEqual(lookup.asked.at(-1)?.sender, { localPart: "new", domain: "a.test" });
  deepEqual(logged.map((line) => / filter=(\w+)/.exec(line)?.[1]), ["liar", "rename"]);
});
