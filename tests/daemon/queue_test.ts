import { deepEqual, equal, ok } from "node:assert/strict";
import { formatControlHello, formatControlRequest } from "../../lib/daemon/control_parse.ts";
import type { QueueToSmtpIn } from "../../lib/daemon/imsg.ts";
import { Fault } from "../../lib/fault.ts";
import { openSqlDatabase } from "../../lib/host/sqlite.ts";
import { offerWaitMs } from "../../lib/daemon/queue_offers.ts";
import { chunkLengthMax } from "../../lib/spool/envelope.ts";
import type { MsgId } from "../../lib/spool/id.ts";
import { MemoryStore } from "../../lib/spool/memory.ts";
import { SqliteStore } from "../../lib/spool/sqlite.ts";
import type { SpoolStore } from "../../lib/spool/store.ts";
import { FakeListener } from "../sim/net.ts";
import { bytesOf, contentOf, draftTo, envelopesOf, firstSuccessors, msg, plant, policyOf, textOf } from "./rig.ts";
import { delayed, DeliveryDouble, LookupDouble, QueueRig, relayed } from "./queue_rig.ts";

const body = bytesOf("Subject: hello\r\n\r\nHello.\r\n");

/** An smtp-in of a test. */
class Front {
  readonly heard: QueueToSmtpIn[] = [];
  readonly ids: MsgId[] = [];
  readonly channel;
  readonly #rig: QueueRig;
  readonly #name: string;
  #requests = 0;

  constructor(rig: QueueRig, name = "smtp-in") {
    this.#rig = rig;
    this.#name = name;
    this.channel = rig.smtpIn(name);
    this.channel.onMessage((message) => {
      if (message.kind === "dealt") this.ids.push(...message.messages);
      else this.heard.push(message);
    });
  }

  /** Hands in a message; lookup, asked by smtp-in, has offered where it goes. */
  async submit(rcpt: string, content = body): Promise<MsgId> {
    await this.#rig.world.settle();
    const message = this.ids.pop();
    ok(message);
    const [request, drafts] = [++this.#requests, [draftTo(rcpt)]];
    this.#rig.lookup.channel.send({ kind: "offer", asker: this.#name, request, message, drafts });
    await this.#rig.world.settle();
    this.channel.send({ kind: "commit", message, size: content.length, requests: [request] }, content);
    await this.#rig.world.settle();
    return message;
  }
}

const directory = Deno.makeTempDirSync({ prefix: "queue_test" });
addEventListener("unload", () => Deno.removeSync(directory, { recursive: true }));
let spools = 0;

const stores: readonly (readonly [string, () => SpoolStore])[] = [
  ["MemoryStore", () => new MemoryStore()],
  ["SqliteStore", () => new SqliteStore(openSqlDatabase(`${directory}/${++spools}/spool.db`))],
];
for (const [name, open] of stores) {
  Deno.test(`Queue takes a message from smtp-in and gives it to delivery, over a ${name}`, async () => {
    const rig = await new QueueRig(policyOf(), open()).begin();
    rig.outcomeOf = () => relayed;
    const front = new Front(rig);
    const message = await front.submit("x@b.test");
    deepEqual(front.heard, [{ kind: "committed", message }]);
    deepEqual(rig.delivery.given.map(({ dest }) => dest.localPart), ["x"]);
    equal(textOf(rig.delivery.contents.get(message) ?? null), textOf(body));
    deepEqual(await envelopesOf(rig.inner), []);
    await rig.inner.close();
  });

  Deno.test(`Queue forgets what was never committed when it starts, over a ${name}`, async () => {
    const rig = new QueueRig(policyOf(), open());
    await rig.inner.apply([{ kind: "chunk", message: msg(5), seq: 0, bytes: body }]);
    await plant(rig.inner, msg(6), rig.world.now(), [draftTo("x@b.test")]);
    await rig.begin();
    equal(await rig.inner.has(msg(5)), false);
    deepEqual(rig.kept.of("forgot-unfinished").map(({ fields }) => fields), [{ messages: 1 }]);
    deepEqual(rig.delivery.given.map(({ message }) => message), [msg(6)]);
    await rig.inner.close();
  });
}

Deno.test("Queue keeps every promise and nothing else when it is killed, in whatever turn of a commit", async () => {
  const content = new Uint8Array(chunkLengthMax + 10).fill(65);
  let promised = 0;
  let unpromised = 0;
  for (let turns = 0; turns < 60; turns++) {
    const rig = await new QueueRig().begin();
    const front = new Front(rig);
    await rig.world.settle();
    const message = front.ids.pop()!;
    rig.lookup.channel.send({ kind: "offer", asker: "smtp-in", request: 1, message, drafts: [draftTo("x@b.test")] });
    await rig.world.settle();
    front.channel.send({ kind: "commit", message, size: content.length, requests: [1] }, content);
    for (let n = 0; n < turns; n++) await Promise.resolve();
    rig.kill();
    await rig.world.settle();
    const isPromised = front.heard.some(({ kind }) => kind === "committed");
    await rig.begin();
    const found = await contentOf(rig.inner, message);
    if (isPromised) {
      promised++;
      equal(found?.length, content.length);
      deepEqual(rig.delivery.given.map((envelope) => envelope.message), [message]);
    } else unpromised++;
    equal(await rig.inner.has(message), found !== null, "nothing half done is left");
  }
  ok(promised > 5 && unpromised > 5, `${promised} ${unpromised}`);
});

Deno.test("Queue gives mail up by the time of the configuration that is in force now", async () => {
  const policyWith = (ttl: string) => policyOf(`queue ttl ${ttl}\naction "out" relay\nmatch for any action "out"\n`);
  const rig = new QueueRig(policyWith("2h"));
  rig.outcomeOf = () => delayed;
  await plant(rig.inner, msg(6), rig.world.now(), [draftTo("x@b.test", { ttlMs: 2 * 3_600_000 })]);
  await rig.begin();
  // Reports to the sender go out, too.
  const tries = () =>
    rig.delivery.given.filter(({ message }) => message === msg(6)).map((one) => (one.nextAt - one.createdAt) / 1000);
  rig.queue.follow(policyWith("4d"), firstSuccessors);
  await rig.world.advance(3 * 3_600_000);
  deepEqual(tries(), [0, 400, 1600, 3600, 6400, 10_000]);
  rig.queue.follow(policyWith("1h"), firstSuccessors);
  await rig.world.advance(3_600_000);
  equal(tries().length, 6);
  equal(rig.kept.of("expire").filter(({ fields }) => String(fields["evpid"]).startsWith(msg(6))).length, 1);
});

Deno.test("Queue makes nothing of an id that was dealt by its former life", async () => {
  const rig = await new QueueRig().begin();
  const front = new Front(rig);
  await rig.world.settle();
  const [old] = front.ids;
  rig.kill();
  await rig.begin();
  const next = new Front(rig);
  await rig.world.settle();
  rig.lookup.channel.send({
    kind: "offer",
    asker: "smtp-in",
    request: 1,
    message: old!,
    drafts: [draftTo("x@b.test")],
  });
  next.channel.send({ kind: "commit", message: old!, size: body.length, requests: [1] }, body);
  await rig.world.settle();
  deepEqual(next.heard, [{ kind: "commitFailed", message: old!, cause: "unknown" }]);
});

Deno.test("Queue starts with what the command line pauses, and tells each smtp-in", async () => {
  const rig = new QueueRig();
  await plant(rig.inner, msg(1), rig.world.now(), [draftTo("x@b.test"), draftTo("ann@example.org")]);
  await rig.begin(["mta", "smtp"]);
  deepEqual(rig.delivery.given.map(({ kind }) => kind), ["mda"]);
  const front = new Front(rig);
  await rig.world.settle();
  deepEqual(front.heard, [{ kind: "paused", paused: true }]);
});

Deno.test("Queue tells two smtp-in apart", async () => {
  const rig = await new QueueRig().begin();
  const [a, b] = [new Front(rig, "smtp-in#1"), new Front(rig, "smtp-in#2")];
  const [first, second] = [await a.submit("x@b.test"), await b.submit("y@b.test")];
  deepEqual([a.heard, b.heard], [[{ kind: "committed", message: first }], [{ kind: "committed", message: second }]]);
  deepEqual((await envelopesOf(rig.inner)).map((envelope) => envelope.message).sort(), [first, second].sort());
});

Deno.test("Queue ignores offers of a lookup that another one has replaced", async () => {
  const rig = await new QueueRig().begin();
  const front = new Front(rig);
  await rig.world.settle();
  const former = rig.lookup;
  rig.lookup = new LookupDouble(rig);
  const drafts = [draftTo("x@b.test")];
  const message = front.ids.pop()!;
  former.channel.send({ kind: "offer", asker: "smtp-in", request: 1, message, drafts });
  front.channel.send({ kind: "commit", message, size: body.length, requests: [1] }, body);
  await rig.world.advance(offerWaitMs);
  deepEqual(front.heard.splice(0).map(({ kind }) => kind), ["commitFailed"]);
  former.channel.die();
  await front.submit("x@b.test");
  deepEqual(front.heard.map(({ kind }) => kind), ["committed"]);
});

Deno.test("Queue serves the control socket", async () => {
  const rig = await new QueueRig().begin();
  const listener = new FakeListener(rig.world, { kind: "unix", path: "/run/control" });
  rig.queue.serve(listener);
  const client = listener.connect();
  let text = "";
  client.attach({ data: (bytes) => void (text += textOf(bytes)), drain: () => {}, end: () => {}, close: () => {} });
  client.write(bytesOf(formatControlHello() + formatControlRequest({ kind: "stop" })));
  await rig.world.settle();
  equal(text, '{"kind":"done","count":0}\n');
  equal(rig.stops, 1);
});

Deno.test("Queue tells lookup's answer about a table to the one who asked", async () => {
  const rig = await new QueueRig().begin();
  const listener = new FakeListener(rig.world);
  rig.queue.serve(listener);
  const client = listener.connect();
  let text = "";
  client.attach({ data: (bytes) => void (text += textOf(bytes)), drain: () => {}, end: () => {}, close: () => {} });
  client.write(bytesOf(formatControlHello() + formatControlRequest({ kind: "updateTable", table: "users" })));
  await rig.world.settle();
  const [asked] = rig.lookup.updates;
  equal(asked?.table, "users");
  equal(text, "");
  rig.lookup.channel.send({ kind: "tableUpdated", request: asked!.request, error: null });
  await rig.world.settle();
  equal(text, '{"kind":"done","count":1}\n');
});

Deno.test("Queue shows what a lookup counts, and has counted when it is gone", async () => {
  const rig = await new QueueRig().begin();
  const listener = new FakeListener(rig.world);
  rig.queue.serve(listener);
  const show = async () => {
    const client = listener.connect();
    let text = "";
    client.attach({ data: (bytes) => void (text += textOf(bytes)), drain: () => {}, end: () => {}, close: () => {} });
    client.write(bytesOf(formatControlHello() + formatControlRequest({ kind: "showStats" })));
    await rig.world.settle();
    return /"lookup\.limit\.open-questions","value":(\d+)/.exec(text)?.[1];
  };
  rig.lookup.channel.send({ kind: "stats", stats: { gauges: {}, counters: { "lookup.limit.open-questions": 7 } } });
  await rig.world.settle();
  equal(await show(), "7");
  rig.lookup.channel.die();
  await rig.world.settle();
  equal(await show(), "7");
});

Deno.test("Queue stops when all that was handed in is durable", async () => {
  const rig = await new QueueRig().begin();
  const front = new Front(rig);
  await rig.world.settle();
  const message = front.ids.pop()!;
  rig.lookup.channel.send({ kind: "offer", asker: "smtp-in", request: 1, message, drafts: [draftTo("x@b.test")] });
  await rig.world.settle();
  front.channel.send({ kind: "commit", message, size: body.length, requests: [1] }, body);
  for (let n = 0; n < 6; n++) await Promise.resolve();
  let isClosed = false;
  rig.store.close = () => {
    isClosed = true;
    return Promise.resolve();
  };
  const stopped = rig.queue.stop();
  await rig.world.settle();
  await stopped;
  equal(isClosed, true);
  ok(await contentOf(rig.inner, message));
  // And gives out nothing any more.
  const given = rig.delivery.given.length;
  new DeliveryDouble(rig);
  await rig.world.advance(3_600_000);
  equal(rig.delivery.given.length, given);
});

Deno.test("Queue does not start on a spool that cannot be read", async () => {
  const rig = new QueueRig();
  rig.inner.recover = () => Promise.reject(new Fault("io", "Cannot open the spool: EIO"));
  await rig.begin().then(() => ok(false, "it started"), (error) => ok(error instanceof Fault));
});
