import { deepEqual, equal, match } from "node:assert/strict";
import { Agent, type AgentWorld } from "../../lib/daemon/agent.ts";
import type { AgentToDelivery, DeliveryToAgent } from "../../lib/daemon/imsg.ts";
import { channelPair, type FakeChannel } from "../sim/channel.ts";
import type { Domain } from "../../lib/mail/address.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeDisk } from "../sim/disk.ts";
import { FakeNet } from "../sim/net.ts";
import { FakePeer, type PeerScript } from "../sim/peer.ts";
import { SeededRandom } from "../sim/random.ts";
import { FakeShell } from "../sim/shell.ts";
import { mailboxOf } from "../support/envelope.ts";
import { bytesOf } from "./rig.ts";

const box = "/home/ann/Maildir";
const owner = { user: "ann", home: "/home/ann", account: "ann", accountHome: "/home/ann" };
const facts = {
  sender: mailboxOf("carl@b.test"),
  rcpt: mailboxOf("Ann+news@a.test"),
  dest: mailboxOf("ann@a.test"),
  subAddress: "news",
};

class Rig {
  readonly clock = new FakeClock();
  readonly disk = new FakeDisk();
  readonly shell = new FakeShell();
  readonly heard: AgentToDelivery[] = [];
  readonly stores: FakePeer[] = [];
  script: PeerScript = {};
  readonly delivery: FakeChannel<DeliveryToAgent, AgentToDelivery>;
  done = 0;

  constructor(change: Partial<AgentWorld["work"]> = {}) {
    this.disk.plantDir("/home/ann");
    const { clock, disk } = this;
    const hostname = "mx.test" as Domain;
    const dialer = new FakeNet(clock);
    dialer.listen("store.test", 24, (stream) => void this.stores.push(new FakePeer(stream, this.script)));
    const base = { kind: "deliver", wrapper: null, owner, subAddressDelimiter: "+" } as const;
    const work = { ...base, target: { kind: "maildir", directory: box }, ...change } as const;
    const agent = new Agent({
      clock,
      disk,
      random: new SeededRandom(1),
      hostname,
      dialer,
      shell: this.shell,
      uid: null,
      work,
    });
    const [near, far] = channelPair<DeliveryToAgent, AgentToDelivery>(clock);
    this.delivery = near;
    near.onMessage((message) => void this.heard.push(message));
    agent.serve(far, () => this.done++);
  }

  async store(request: number, text: string, last: boolean, maildir = box): Promise<void> {
    const prefix = "Delivered-To: ann@a.test\r\n";
    const into = { path: maildir, subAddress: "", junk: false };
    this.delivery.send(
      { kind: "store", request, maildir: into, size: text.length, facts, prefix, last },
      bytesOf(text),
    );
    await this.settle();
  }

  async more(request: number, text: string | null, last: boolean): Promise<void> {
    this.delivery.send({ kind: "more", request, last }, text === null ? undefined : bytesOf(text));
    await this.settle();
  }

  /** The disk takes turns that the clock does not see. */
  async settle(): Promise<void> {
    for (let n = 0; n < 5; n++) await this.clock.settle();
  }

  /** What was delivered. */
  get delivered(): readonly string[] {
    return (this.disk.namesIn(`${box}/new`) ?? []).map((name) => this.disk.textOf(`${box}/new/${name}`) ?? "");
  }

  get unfinished(): readonly string[] {
    return this.disk.namesIn(`${box}/tmp`) ?? [];
  }
}

Deno.test("Agent stores a message of one piece, durably, then says so", async () => {
  const rig = new Rig();
  await rig.store(1, "Subject: x\r\n\r\nHello.\r\n", true);
  deepEqual(rig.heard, [{ kind: "stored", request: 1 }]);
  rig.disk.crash();
  deepEqual(rig.delivered, ["Delivered-To: ann@a.test\nSubject: x\n\nHello.\n"]);
});

Deno.test("Agent asks for each further piece, and stores the message with the last", async () => {
  const rig = new Rig();
  await rig.store(1, "Subject: x\r\n\r\n", false);
  deepEqual(rig.heard, [{ kind: "more", request: 1 }]);
  await rig.more(1, "one\r", false);
  deepEqual(rig.delivered, []);
  await rig.more(1, "\ntwo\r\n", true);
  deepEqual(rig.heard.map(({ kind }) => kind), ["more", "more", "stored"]);
  deepEqual(rig.delivered, ["Delivered-To: ann@a.test\nSubject: x\n\none\ntwo\n"]);
  deepEqual(rig.unfinished, []);
});

Deno.test("Agent stores an empty message, and an empty last piece", async () => {
  const rig = new Rig();
  await rig.store(1, "", true);
  await rig.store(2, "A: b\r\n", false);
  await rig.more(2, null, true);
  deepEqual(rig.delivered.toSorted(), ["Delivered-To: ann@a.test\n", "Delivered-To: ann@a.test\nA: b\n"]);
});

Deno.test("Agent writes several messages at once", async () => {
  const rig = new Rig();
  await rig.store(1, "A: 1\r\n", false);
  await rig.store(2, "A: 2\r\n", false);
  await rig.more(2, "two\r\n", true);
  await rig.more(1, "one\r\n", true);
  deepEqual(rig.heard.slice(2), [{ kind: "stored", request: 2 }, { kind: "stored", request: 1 }]);
  deepEqual(rig.delivered.map((text) => text.split("\n").slice(1).join(" ")).toSorted(), ["A: 1 one ", "A: 2 two "]);
});

for (const kind of ["noSpace", "io", "denied"] as const) {
  Deno.test(`Agent says why a message is not stored: ${kind}`, async () => {
    const rig = new Rig();
    rig.disk.faults = ({ op }) => (op === "sync" ? kind : null);
    await rig.store(1, "A: b\r\n", true);
    const [answer, ...others] = rig.heard;
    equal(others.length, 0);
    deepEqual(answer?.kind === "notStored" && [answer.request, answer.cause], [1, kind]);
    match(answer?.kind === "notStored" ? answer.text : "", /fake disk says/);
    deepEqual([rig.delivered, rig.unfinished], [[], []]);
  });
}

Deno.test("Agent says that a message failed after its first piece, and drops the pieces that follow", async () => {
  const rig = new Rig();
  await rig.store(1, "A: b\r\n", false);
  rig.disk.faults = ({ op }) => (op === "write" ? "noSpace" : null);
  const piece = "x".repeat(300_000);
  rig.delivery.send({ kind: "more", request: 1, last: false }, bytesOf(piece));
  rig.delivery.send({ kind: "more", request: 1, last: true }, bytesOf(piece));
  await rig.settle();
  rig.disk.faults = () => null;
  await rig.more(1, "late", true);
  const failures = rig.heard.filter((answer) => answer.kind === "notStored");
  equal(failures[0]?.kind === "notStored" && failures[0].cause, "noSpace");
  equal(rig.heard.some((answer) => answer.kind === "stored"), false);
  deepEqual([rig.delivered, rig.unfinished], [[], []]);
});

Deno.test("Agent goes on after a failure", async () => {
  const rig = new Rig();
  rig.disk.faults = ({ op }) => (op === "makeDir" ? "denied" : null);
  await rig.store(1, "A: b\r\n", true);
  equal(rig.heard[0]?.kind, "notStored");
  rig.disk.faults = () => null;
  await rig.store(2, "A: b\r\n", true);
  equal(rig.heard[1]?.kind, "stored");
  equal(rig.delivered.length, 1);
});

Deno.test("Agent forgets a message that is abandoned, and leaves nothing of it", async () => {
  const rig = new Rig();
  await rig.store(1, "x".repeat(300_000), false);
  equal(rig.unfinished.length, 1);
  rig.delivery.send({ kind: "abandon", request: 1 });
  await rig.settle();
  deepEqual(rig.unfinished, []);
  await rig.more(1, "late", true);
  deepEqual(rig.heard.map(({ kind }) => kind), ["more"]);
  deepEqual(rig.delivered, []);
});

Deno.test("Agent takes an abandon of what it does not have", async () => {
  const rig = new Rig();
  rig.delivery.send({ kind: "abandon", request: 9 });
  await rig.store(1, "A: b\r\n", true);
  deepEqual(rig.heard, [{ kind: "stored", request: 1 }]);
});

Deno.test("Agent is done when delivery lets go, and leaves nothing half written", async () => {
  const rig = new Rig();
  await rig.store(1, "x".repeat(300_000), false);
  rig.delivery.close();
  await rig.settle();
  equal(rig.done, 1);
  deepEqual([rig.delivered, rig.unfinished], [[], []]);
});

Deno.test("Agent ends the commit that has begun before it is done", async () => {
  const rig = new Rig();
  rig.delivery.send(
    {
      kind: "store",
      request: 1,
      maildir: { path: box, subAddress: "", junk: false },
      size: 6,
      facts,
      prefix: "",
      last: true,
    },
    bytesOf("A: b\r\n"),
  );
  for (let n = 0; n < 8; n++) await Promise.resolve();
  rig.delivery.close();
  let turns = 0;
  for (; rig.done === 0 && turns < 1000; turns++) await Promise.resolve();
  equal(rig.done, 1);
  equal(rig.delivered.length, 1, "what was begun has ended");
  deepEqual(rig.unfinished, []);
});

const facing = { kind: "command", template: "deliver '%{rcpt.user}' ~/x" } as const;

Deno.test("Agent runs its command, with what delivery says of the mail as values", async () => {
  const rig = new Rig({ target: facing });
  rig.shell.onInputEnd = (run) => {
    run.print("thanks\n");
    run.exit(0);
  };
  await rig.store(1, "Subject: x\r\n\r\nHello.\r\n", true);
  const end = { status: 0, signal: null, timedOut: false, premature: false, text: "thanks" };
  deepEqual(rig.heard, [{ kind: "ended", request: 1, end }]);
  const [run] = rig.shell.runs;
  equal(run?.input, "Delivered-To: ann@a.test\nSubject: x\n\nHello.\n");
  deepEqual(run?.command.args, ["Ann+news"]);
  match(run?.command.script ?? "", /^mda_1=\$\{1\}; shift 1\ndeliver ''"\$\{mda_1\}"'' ~\/x$/);
  deepEqual([run?.command.env["USER"], run?.command.env["HOME"], run?.command.env["EXTENSION"]], [
    "ann",
    "/home/ann",
    "news",
  ]);
});

Deno.test("Agent tells what is wrong with a command for this mail, and runs nothing", async () => {
  const rig = new Rig({ target: { kind: "command", template: "x %{rcpt.user[99]}" } });
  await rig.store(1, "A: b\r\n", false);
  await rig.more(1, "late", true);
  deepEqual(rig.heard, [{ kind: "badCommand", request: 1, text: 'range of "%{rcpt.user[99]}" is outside the value' }]);
  equal(rig.shell.runs.length, 0);
});

Deno.test("Agent kills the command of a message that is abandoned, and when delivery lets go", async () => {
  for (const how of ["abandon", "close"] as const) {
    const rig = new Rig({ target: facing });
    await rig.store(1, "A: b\r\n", false);
    if (how === "abandon") rig.delivery.send({ kind: "abandon", request: 1 });
    else rig.delivery.close();
    await rig.settle();
    equal(rig.shell.runs[0]?.kills, 1, how);
    equal(rig.done, how === "close" ? 1 : 0);
  }
});

Deno.test("Agent appends to its file whatever Maildir delivery names", async () => {
  const rig = new Rig({ target: { kind: "file", path: "/home/ann/log", dotLock: false } });
  await rig.store(1, "Subject: x\r\n\r\nFrom here\r\n", true);
  deepEqual(rig.heard, [{ kind: "stored", request: 1 }]);
  match(
    rig.disk.textOf("/home/ann/log") ?? "",
    /^From carl@b\.test \w{3} .*\nDelivered-To: ann@a\.test\nSubject: x\n\n>From here\n\n$/,
  );
  equal(rig.disk.namesIn(box), null);
});

Deno.test("Agent puts into the Maildir what comes out of the wrapper", async () => {
  const rig = new Rig({ wrapper: "filter %{sender} | %{mda}" });
  rig.shell.onInputEnd = (run) => void run.side(".Subject: seen\n\nx\n").then(() => run.exit(0));
  await rig.store(1, "Subject: x\r\n\r\nx\r\n", true);
  await rig.settle();
  deepEqual(rig.delivered, ["Subject: seen\n\nx\n"]);
  equal(rig.heard[0]?.kind, "ended");
  match(rig.shell.runs[0]?.command.script ?? "", /filter "\$\{mda_1\}" \| \/bin\/sh -c 'printf \.; cat' >&3$/);
});

const lmtp = {
  target: { kind: "lmtp", to: { kind: "host", name: "store.test", port: 24 }, rcptTo: true },
  wrapper: "filter | %{mda}",
} as const;

Deno.test("Agent hands to the mail store what comes out of the wrapper, and tells what that says", async () => {
  const rig = new Rig(lmtp);
  rig.shell.onInputEnd = (run) => void run.side(".Subject: seen\n\nx\n").then(() => run.exit(0));
  await rig.store(1, "Subject: x\r\n\r\nx\r\n", true);
  await rig.settle();
  match(rig.shell.runs[0]?.input ?? "", /^Delivered-To: .*\nSubject: x\n\nx\n$/);
  deepEqual(rig.stores[0]?.taken.map(({ content }) => content), ["Subject: seen\r\n\r\nx\r\n"]);
  equal(rig.heard[0]?.kind, "answered");
});

Deno.test("Agent tells what the mail store refuses of a wrapper's output", async () => {
  const rig = new Rig(lmtp);
  rig.script = { rcpt: () => "550 5.1.1 Nobody" };
  rig.shell.onInputEnd = (run) => void run.side(".Subject: seen\n\nx\n").then(() => run.exit(0));
  await rig.store(1, "x\r\n", true);
  await rig.settle();
  const [heard] = rig.heard;
  deepEqual(heard?.kind === "answered" && heard.verdict.kind === "reply" && heard.verdict.reply.code, 550);
});

Deno.test("Agent hands nothing to the mail store when the wrapper fails, or runs nothing", async () => {
  for (const [output, status] of [[".Subject: half\n", 75], ["", 0]] as const) {
    const rig = new Rig(lmtp);
    rig.shell.onInputEnd = (run) =>
      void (output === "" ? Promise.resolve() : run.side(output)).then(() => run.exit(status));
    await rig.store(1, "x\r\n", true);
    await rig.settle();
    deepEqual(rig.stores.flatMap(({ taken }) => taken), []);
    const [heard] = rig.heard;
    deepEqual(heard?.kind === "ended" && heard.end.status, status);
  }
});
