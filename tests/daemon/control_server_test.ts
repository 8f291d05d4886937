import { deepEqual, equal, ok } from "node:assert/strict";
import { controlLineMax, type ControlRequest } from "../../lib/daemon/control.ts";
import { formatControlHello, formatControlRequest } from "../../lib/daemon/control_parse.ts";
import { controlConnectionsMax, type Controller, ControlServer } from "../../lib/daemon/control_server.ts";
import { Fault } from "../../lib/fault.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeListener, type FakeStream } from "../sim/net.ts";
import { bytesOf, textOf } from "./rig.ts";

/** smtpctl's side of a connection. */
class Reader {
  readonly stream: FakeStream;
  text = "";
  state: "open" | "ended" | "closed" = "open";

  constructor(stream: FakeStream) {
    this.stream = stream;
    stream.attach({
      data: (bytes) => void (this.text += textOf(bytes)),
      drain: () => {},
      end: () => this.state = "ended",
      close: () => this.state = "closed",
    });
  }

  say(text: string): void {
    this.stream.write(bytesOf(text));
  }

  /** What was answered, in a word each. */
  get answers(): readonly string[] {
    return this.text.split("\n").slice(0, -1).map((line) => {
      const answer = JSON.parse(line);
      if (answer.kind === "item") return `item ${answer.item.key}`;
      return answer.kind === "done" ? `done ${answer.count}` : answer.code;
    });
  }
}

class Rig {
  readonly clock = new FakeClock();
  readonly listener = new FakeListener(this.clock, { kind: "unix", path: "/run/smtpd.sock" });
  readonly requests: ControlRequest[] = [];
  readonly server: ControlServer;

  constructor(controller?: Controller) {
    this.server = new ControlServer((request, emit) => {
      this.requests.push(request);
      return controller?.(request, emit) ?? { kind: "done", count: this.requests.length };
    });
    this.server.serve(this.listener);
  }

  async connect(text = ""): Promise<Reader> {
    const reader = new Reader(this.listener.connect());
    reader.say(text);
    await this.clock.settle();
    return reader;
  }
}

const hello = formatControlHello();
const stats = formatControlRequest({ kind: "showStats" });

Deno.test("ControlServer answers requests in order, however they are cut", async () => {
  const text = hello + stats + formatControlRequest({ kind: "stop" }) + stats;
  for (const step of [1, 7, text.length]) {
    const rig = new Rig();
    const reader = await rig.connect();
    for (let at = 0; at < text.length; at += step) reader.say(text.slice(at, at + step));
    await rig.clock.settle();
    deepEqual(rig.requests.map(({ kind }) => kind), ["showStats", "stop", "showStats"]);
    deepEqual(reader.answers, ["done 1", "done 2", "done 3"]);
    equal(reader.state, "open");
  }
});

Deno.test("ControlServer carries out one request of a connection at a time", async () => {
  let open = 0;
  const ends: (() => void)[] = [];
  const rig = new Rig(async () => {
    equal(++open, 1);
    await new Promise<void>((resolve) => ends.push(resolve));
    open--;
    return { kind: "done", count: 0 };
  });
  const reader = await rig.connect(hello + stats + stats);
  equal(rig.requests.length, 1);
  reader.say(stats);
  await rig.clock.settle();
  equal(rig.requests.length, 1);
  for (let n = 0; n < 3; n++) {
    ends.shift()?.();
    await rig.clock.settle();
  }
  equal(reader.answers.length, 3);
});

const strangers: readonly (readonly [string, string, string])[] = [
  ["no hello", stats, "badRequest"],
  ["no JSON", "hello\n", "badRequest"],
  ["another version", '{"kind":"hello","version":99}\n', "incompatible"],
];
for (const [name, first, code] of strangers) {
  Deno.test(`ControlServer answers ${code} to ${name}, and closes without carrying out what follows`, async () => {
    const rig = new Rig();
    const reader = await rig.connect(first + hello + stats);
    reader.say(stats);
    await rig.clock.settle();
    deepEqual(reader.answers, [code]);
    equal(reader.state, "ended");
    equal(rig.requests.length, 0);
  });
}

Deno.test("ControlServer answers a bad request and goes on", async () => {
  const rig = new Rig();
  const reader = await rig.connect(hello + "{}\n" + "nonsense\n" + '{"kind":"showStats","x":1}\n' + stats);
  deepEqual(reader.answers, ["badRequest", "badRequest", "badRequest", "done 1"]);
});

Deno.test("ControlServer closes on a line that is too long, ended or not", async () => {
  for (const end of ["", "\n"]) {
    const rig = new Rig();
    const reader = await rig.connect(hello + "x".repeat(controlLineMax + 1) + end);
    reader.say(stats);
    await rig.clock.settle();
    deepEqual(reader.answers, ["badRequest"]);
    equal(reader.state, "ended");
    equal(rig.requests.length, 0);
  }
});

Deno.test("ControlServer closes on more requests than may wait, and carries out none of those", async () => {
  const rig = new Rig(() => new Promise(() => {}));
  const reader = await rig.connect(hello + stats);
  reader.say(stats.repeat(64));
  await rig.clock.settle();
  deepEqual(reader.answers, []);
  reader.say(stats);
  await rig.clock.settle();
  deepEqual(reader.answers, ["badRequest"]);
  equal(rig.requests.length, 1);
});

Deno.test("ControlServer answers failed with the reason when a request rejects", async () => {
  const rig = new Rig(() => Promise.reject(new Fault("io", "Cannot read the spool: EIO")));
  const reader = await rig.connect(hello + stats + stats);
  deepEqual(reader.answers, ["failed", "failed"]);
  ok(reader.text.includes("Cannot read the spool: EIO"));
});

Deno.test("ControlServer serves 32 connections, and the 33rd when one has gone", async () => {
  const rig = new Rig();
  const readers: Reader[] = [];
  for (let n = 0; n < controlConnectionsMax; n++) readers.push(await rig.connect(hello));
  const over = await rig.connect(hello + stats);
  equal(over.state, "closed");
  equal(over.text, "");
  readers[0]!.stream.destroy();
  await rig.clock.settle();
  deepEqual((await rig.connect(hello + stats)).answers, ["done 1"]);
});

Deno.test("ControlServer gives a peer that has ended its side all answers, then closes", async () => {
  const ends: (() => void)[] = [];
  const rig = new Rig(async () => {
    await new Promise<void>((resolve) => ends.push(resolve));
    return { kind: "done", count: 7 };
  });
  const reader = await rig.connect(hello + stats + stats);
  reader.stream.end();
  await rig.clock.settle();
  equal(reader.state, "open");
  for (let n = 0; n < 2; n++) {
    ends.shift()?.();
    await rig.clock.settle();
  }
  deepEqual(reader.answers, ["done 7", "done 7"]);
  equal(reader.state, "closed");
});

Deno.test("ControlServer makes no more items than a slow reader takes", async () => {
  const key = "k".repeat(1000);
  let made = 0;
  const rig = new Rig(async (_request, emit) => {
    for (let n = 0; n < 2000; n++, made++) await emit({ kind: "stat", key, value: n });
    return { kind: "done", count: made };
  });
  const reader = await rig.connect();
  reader.stream.pause();
  reader.say(hello + stats);
  for (let n = 0; n < 50; n++) await rig.clock.settle();
  ok(made > 200 && made < 300, String(made));
  reader.stream.resume();
  for (let n = 0; n < 50; n++) await rig.clock.settle();
  equal(made, 2000);
  equal(reader.answers.length, 2001);
  equal(reader.answers.at(-1), "done 2000");
});

Deno.test("ControlServer ends a listing whose reader has gone", async () => {
  let made = 0;
  const rig = new Rig(async (_request, emit) => {
    for (let n = 0; n < 100_000; n++, made++) await emit({ kind: "stat", key: "k".repeat(1000), value: n });
    return { kind: "done", count: made };
  });
  const reader = await rig.connect();
  reader.stream.pause();
  reader.say(hello + stats);
  for (let n = 0; n < 50; n++) await rig.clock.settle();
  reader.stream.destroy();
  for (let n = 0; n < 50; n++) await rig.clock.settle();
  ok(made < 300, String(made));
});

Deno.test("ControlServer closes its socket and its connections", async () => {
  const rig = new Rig();
  const reader = await rig.connect(hello);
  rig.server.close();
  await rig.clock.settle();
  equal(rig.listener.isClosed, true);
  equal(reader.state, "ended");
});
