import { deepEqual, equal, fail, rejects } from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { commandEnvironment, CommandSink, commandTimeoutMs, pipeLength } from "../../lib/delivery/pipe.ts";
import { classifyCommandEnd } from "../../lib/delivery/outcome.ts";
import type { MessageSink } from "../../lib/delivery/sink.ts";
import { FakeClock } from "../sim/clock.ts";
import { type FakeRun, FakeShell } from "../sim/shell.ts";
import { mailboxOf } from "../support/envelope.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const facts = {
  sender: mailboxOf("carl@b.test"),
  rcpt: mailboxOf("Ann+news@a.test"),
  dest: mailboxOf("ann@c.test"),
  subAddress: "news",
};

/** A mailbox behind a wrapper. */
class FakeSink implements MessageSink {
  text = "";
  how = "open";
  fault: Fault | null = null;

  write(piece: Uint8Array): Promise<void> {
    if (this.fault !== null) return Promise.reject(this.fault);
    this.text += new TextDecoder().decode(piece);
    return Promise.resolve();
  }
  commit(): Promise<void> {
    this.how = "committed";
    return Promise.resolve();
  }
  abandon(): Promise<void> {
    this.how = "abandoned";
    return Promise.resolve();
  }
}

function begin(onInputEnd: (run: FakeRun) => void, mailbox: MessageSink | null = null) {
  const [clock, shell] = [new FakeClock(), new FakeShell()];
  shell.onInputEnd = onInputEnd;
  const command = { script: "x", args: ["a"] };
  const sink = new CommandSink({ clock, shell }, command, { HOME: "/" }, "Delivered-To: ann@a.test\r\n", mailbox);
  return { clock, shell, sink };
}

Deno.test("commandEnvironment() is exactly OpenSMTPD's", () => {
  const env = {
    PATH: "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin",
    DOMAIN: "a.test",
    HOME: "/home/ann",
    ORIGINAL_RECIPIENT: "Ann+news@a.test",
    RECIPIENT: "ann@c.test",
    SHELL: "/bin/sh",
    LOCAL: "Ann+news",
    LOGNAME: "ann",
    USER: "ann",
    SENDER: "carl@b.test",
    EXTENSION: "news",
  };
  const user = { name: "ann", home: "/home/ann" };
  deepEqual(commandEnvironment(facts, user), env);
  const { EXTENSION: _, ...rest } = env;
  deepEqual(commandEnvironment({ ...facts, sender: null, subAddress: "" }, user), { ...rest, SENDER: "" });
});

Deno.test("CommandSink hands over the message with LF line ends, and says how the command ended", async () => {
  const { shell, sink } = begin((run) => {
    run.print("first\nlast words\n\n");
    run.exit(0);
  });
  await sink.write(bytes("Subject: x\r"));
  await sink.write(bytes("\n\r\n.dot\r\n"));
  await sink.commit();
  const [run] = shell.runs;
  equal(run?.input, "Delivered-To: ann@a.test\nSubject: x\n\n.dot\n");
  equal(run?.isInputEnded, true);
  deepEqual([run?.command.script, run?.command.args, run?.command.env], ["x", ["a"], { HOME: "/" }]);
  deepEqual(sink.end, { status: 0, signal: null, timedOut: false, premature: false, text: "last words" });
});

Deno.test("CommandSink keeps the end of much output", async () => {
  const { sink } = begin((run) => {
    for (let n = 0; n < 10_000; n++) run.print(`line ${n} of noise\n`);
    run.print("x".repeat(300));
    run.exit(1);
  });
  await sink.commit();
  equal(sink.end?.text, "x".repeat(255));
});

Deno.test("CommandSink notes that a command ended before it had read all", async () => {
  // What its pipe holds it need not read: whether it had ended by then would be chance.
  for (const [length, premature] of [[pipeLength - 30, false], [pipeLength, true]] as const) {
    const { shell, sink } = begin((run) => run.exit(0));
    await sink.write(bytes("a"));
    shell.runs[0]!.reads = false;
    await sink.write(bytes("b".repeat(length)));
    await sink.write(bytes("c"));
    await sink.commit();
    deepEqual([sink.end?.status, sink.end?.premature], [0, premature]);
  }
});

Deno.test("CommandSink kills a command that takes too long", async () => {
  const { clock, shell, sink } = begin(() => {});
  const ended = sink.commit();
  await clock.advance(commandTimeoutMs - 1);
  equal(shell.runs[0]?.kills, 0);
  await clock.advance(1);
  await ended;
  deepEqual([shell.runs[0]?.kills, sink.end?.timedOut, sink.end?.signal], [1, true, "SIGKILL"]);
});

Deno.test("CommandSink kills the command of a message that is abandoned", async () => {
  const { shell, sink } = begin(() => {});
  await sink.abandon();
  equal(shell.runs[0]?.kills, 1);
});

Deno.test("CommandSink puts into the mailbox what comes out of the wrapped command, when the wrapper ends well", async () => {
  for (const [code, how] of [[0, "committed"], [75, "abandoned"]] as const) {
    const mailbox = new FakeSink();
    const { sink } = begin((run) => {
      void run.side(".Subj").then(() => run.side("ect: x\n\nfiltered\n")).then(() => run.exit(code));
    }, mailbox);
    await sink.write(bytes("Subject: x\r\n"));
    await sink.commit();
    deepEqual([mailbox.text, mailbox.how, sink.end?.status], ["Subject: x\n\nfiltered\n", how, code]);
  }
});

Deno.test("CommandSink commits nothing when what comes out of the wrapped command does not come to its end", async () => {
  const mailbox = new FakeSink();
  const { sink } = begin((run) => void run.side(".Subject: x\n").then(() => run.exit(0, null, false)), mailbox);
  await sink.commit();
  const end = sink.end ?? fail("no end");
  deepEqual([mailbox.how, end.premature, classifyCommandEnd(end).kind], ["abandoned", true, "delayed"]);
});

Deno.test("CommandSink commits nothing when the time is over after the wrapper ended well", async () => {
  for (const isSideWhole of [false, true]) {
    const mailbox = new FakeSink();
    const { clock, shell, sink } = begin((run) => void run.side(".Subject: x\n"), mailbox);
    const [run] = shell.runs;
    // As the shell does it: the command has ended, a child of it keeps descriptor 3 until the kill.
    run!.kill = () => run!.exit(0, null, isSideWhole);
    const ended = sink.commit();
    await clock.advance(commandTimeoutMs);
    await ended;
    const end = sink.end ?? fail("no end");
    deepEqual([mailbox.how, end.timedOut, classifyCommandEnd(end).kind], ["abandoned", true, "delayed"]);
  }
});

Deno.test("CommandSink leaves the mailbox alone when the wrapper did not run the command", async () => {
  const mailbox = new FakeSink();
  const { sink } = begin((run) => run.exit(0), mailbox);
  await sink.commit();
  deepEqual([mailbox.how, sink.end?.status], ["abandoned", 0]);
});

Deno.test("CommandSink rejects when the mailbox behind the wrapper cannot be written", async () => {
  const mailbox = new FakeSink();
  mailbox.fault = new Fault("noSpace", "full");
  const { sink } = begin((run) => void run.side(".x").then(() => run.exit(0)), mailbox);
  await rejects(sink.commit(), { kind: "noSpace" });
});
