import { deepEqual, equal, match, ok } from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import type { LookupToTableHost, TableHostToLookup } from "../../lib/daemon/imsg.ts";
import {
  helperDelayMaxMs,
  helperDelayMinMs,
  helperLogLineMax,
  helperLogLinesMax,
  helperLogSpanMs,
  helperSettledMs,
  TableHost,
} from "../../lib/daemon/table_host.ts";
import type { Program } from "../../lib/port.ts";
import { procBudgetMs, procHandshakeMs } from "../../lib/table/proc_machine.ts";
import { FakeChannel } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";
import { KeptLog } from "./rig.ts";

/** A program whose words the test says. */
class FakeProgram implements Program {
  readonly pid = 1;
  written = "";
  isKilled = false;
  #output: (bytes: Uint8Array) => void = () => {};
  #errors: (bytes: Uint8Array) => void = () => {};
  #exit: (how: string) => void = () => {};

  write(bytes: Uint8Array): void {
    this.written += new TextDecoder().decode(bytes);
  }
  onOutput(take: (bytes: Uint8Array) => void): void {
    this.#output = take;
  }
  onErrorOutput(take: (bytes: Uint8Array) => void): void {
    this.#errors = take;
  }
  onExit(run: (how: string) => void): void {
    this.#exit = run;
  }
  kill(): void {
    this.isKilled = true;
    this.#exit("SIGKILL");
  }
  say(text: string): void {
    this.#output(new TextEncoder().encode(text));
  }
  complain(text: string): void {
    this.#errors(new TextEncoder().encode(text));
  }
  end(how: string): void {
    this.#exit(how);
  }
}

function rig() {
  const clock = new FakeClock();
  const log = new KeptLog();
  const programs: FakeProgram[] = [];
  const refusals: Fault[] = [];
  const host = new TableHost({
    clock,
    log: log.log,
    table: "users",
    start: () => {
      const refusal = refusals.shift();
      if (refusal !== undefined) throw refusal;
      const program = new FakeProgram();
      programs.push(program);
      return program;
    },
  });
  const lookup = new FakeChannel<LookupToTableHost, TableHostToLookup>(clock);
  const ours = new FakeChannel<TableHostToLookup, LookupToTableHost>(clock);
  FakeChannel.join(lookup, ours);
  const answers: TableHostToLookup[] = [];
  lookup.onMessage((message) => void answers.push(message));
  host.setLookup(ours);
  const ask = async (request: number, key: string) => {
    lookup.send({ kind: "ask", request, ask: { kind: "lookup", service: "alias", key } });
    await clock.settle();
  };
  const last = () => {
    const program = programs.at(-1);
    ok(program);
    return program;
  };
  return { clock, log, programs, refusals, host, answers, ask, last };
}

const greeting = "register|alias\nregister|ready\n";

Deno.test("the host starts its helper, asks it and hands the answer back", async () => {
  const { host, last, ask, answers, clock, log } = rig();
  host.start();
  match(last().written, /config\|tablename\|users\nconfig\|ready\n$/);
  last().say(greeting);
  await ask(41, "bob");
  match(last().written, /\|lookup\|alias\|00000001\|bob\n$/);
  last().say("lookup-result|00000001|found|ann\n");
  await clock.settle();
  deepEqual(answers, [{ kind: "answer", request: 41, answer: { kind: "found", value: "ann" } }]);
  equal(log.of("helper-ready")[0]?.fields["services"], "alias");
  host.stop();
  equal(last().isKilled, true);
  equal(clock.pending, 0);
});

Deno.test("a helper that ends, answers nonsense or hangs is ended and started again; questions fail meanwhile", async () => {
  const breaks: readonly ((program: FakeProgram, clock: FakeClock) => Promise<void>)[] = [
    (program) => Promise.resolve(program.end("SIGKILL")),
    (program) => Promise.resolve(program.say("nonsense\n")),
    (_, clock) => clock.advance(procBudgetMs),
  ];
  for (const breakIt of breaks) {
    const { host, last, ask, answers, clock, programs, log } = rig();
    host.start();
    last().say(greeting);
    await ask(1, "bob");
    await breakIt(last(), clock);
    await clock.settle();
    equal(answers.at(-1)?.answer.kind, "failed");
    await ask(2, "bob");
    equal(answers.at(-1)?.request, 2);
    equal(answers.at(-1)?.answer.kind, "failed");
    equal(log.of("helper-failed").length, 1);
    equal(programs.length, 1);
    await clock.advance(helperDelayMinMs);
    equal(programs.length, 2);
    last().say(greeting);
    await ask(3, "bob");
    last().say("lookup-result|00000001|not-found\n");
    await clock.settle();
    deepEqual(answers.at(-1), { kind: "answer", request: 3, answer: { kind: "absent" } });
    host.stop();
  }
});

Deno.test("a helper that cannot be started, or is none, is tried again ever later", async () => {
  const { host, clock, programs, refusals, log } = rig();
  for (let i = 0; i < 4; i++) refusals.push(new Fault("notFound", "Cannot start /none: no such file"));
  host.start();
  await clock.advance(helperDelayMinMs * (1 + 2 + 4 + 8));
  equal(programs.length, 1);
  deepEqual(log.of("helper-failed").map(({ fields }) => fields["restart-in"]), ["0.1s", "0.2s", "0.4s", "0.8s"]);
  await clock.advance(procHandshakeMs);
  match(String(log.of("helper-failed").at(-1)?.fields["reason"]), /registered nothing for 10 s.*before 7\.6/);
  equal(programs[0]?.isKilled, true);
  for (let i = 0; i < 20; i++) await clock.advance(helperDelayMaxMs + procHandshakeMs);
  equal(log.of("helper-failed").at(-1)?.fields["restart-in"], `${helperDelayMaxMs / 1000}s`);
  host.stop();
});

Deno.test("a helper that has run for a while starts soon again", async () => {
  const { host, last, clock, log } = rig();
  host.start();
  for (let i = 0; i < 3; i++) {
    last().end("code 1");
    await clock.advance(helperDelayMaxMs);
  }
  last().say(greeting);
  await clock.advance(helperSettledMs + 1);
  last().end("code 1");
  equal(log.of("helper-failed").at(-1)?.fields["restart-in"], "0.1s");
  host.stop();
});

Deno.test("what a helper writes to its standard error is logged line by line, scrubbed and bounded", async () => {
  const { host, last, clock, log } = rig();
  host.start();
  last().complain("cannot re");
  last().complain("ach\x1b[2J the database\n\n");
  last().complain("x".repeat(helperLogLineMax * 2 + 5));
  const said = () => log.of("helper-says").map(({ fields }) => String(fields["text"]));
  deepEqual(said().map((text) => text.length), [29, helperLogLineMax, helperLogLineMax]);
  equal(said()[0], "cannot reach?[2J the database");
  await Promise.resolve();
  for (let i = 0; i < helperLogLinesMax + 50; i++) last().complain("again\n");
  equal(said().length, helperLogLinesMax);
  await clock.advance(helperLogSpanMs);
  last().complain("later\n");
  deepEqual(said().slice(-2), ["(53 more lines)", "later"]);
  host.stop();
});
