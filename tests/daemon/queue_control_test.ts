import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { ControlAnswer, ControlItem, ControlRequest } from "../../lib/daemon/control.ts";
import type { LookupToQueue, QueueToLookup, QueueToSmtpIn } from "../../lib/daemon/imsg.ts";
import type { Outcome } from "../../lib/delivery/outcome.ts";
import { type EvpId, evpIdOf } from "../../lib/spool/id.ts";
import { channelPair } from "../sim/channel.ts";
import { Rig } from "./control_rig.ts";
import { bytesOf, draftTo, envelopesOf, firstConfiguration, msg, plant } from "./rig.ts";

const delayed: Outcome = { kind: "delayed", enhanced: "4.0.0", text: "450 later", by: "mx.b.test" };
const failed: Outcome = { kind: "failed", enhanced: "5.0.0", text: "550 no", by: "mx.b.test" };

const x1 = evpIdOf(msg(1), 1);
const nobody = evpIdOf(msg(77), 1);
const all = { kind: "all" } as const;
const first = { kind: "message", message: msg(1) } as const;
const one = { kind: "envelope", envelope: x1 } as const;

function count(answer: ControlAnswer): number | string {
  return answer.kind === "done" ? answer.count : answer.kind === "error" ? answer.code : "item";
}

function idsOf(items: readonly ControlItem[]): readonly EvpId[] {
  return items.map((item) => {
    ok(item.kind === "envelope");
    return item.envelope.id;
  });
}

Deno.test("Control shows the queue, all, of a message, or one envelope", async () => {
  const rig = await Rig.withDelayed(2);
  equal(count(await rig.ask({ kind: "showQueue", target: all })), 4);
  equal(new Set(idsOf(rig.items)).size, 4);
  deepEqual(rig.items[0]?.kind === "envelope" && rig.items[0].state, { kind: "pending", inMs: 400_000 });
  equal(count(await rig.ask({ kind: "showQueue", target: first })), 2);
  equal(count(await rig.ask({ kind: "showQueue", target: one })), 1);
  deepEqual(idsOf(rig.items), [x1]);
  equal(count(await rig.ask({ kind: "showEnvelope", envelope: x1 })), 1);
  deepEqual(idsOf(rig.items), [x1]);
});

Deno.test("Control shows a queue of more than a page, each envelope once", async () => {
  const rig = new Rig();
  rig.schedule.pause("mta");
  const drafts = Array.from({ length: 1001 }, (_, n) => draftTo(`u${n}@b.test`));
  await plant(rig.store.inner, msg(1), rig.clock.now(), drafts);
  equal(count(await rig.ask({ kind: "showQueue", target: all })), 1001);
  equal(new Set(idsOf(rig.items)).size, 1001);
});

Deno.test("Control shows an empty queue as such, and says what is not there", async () => {
  const rig = new Rig();
  equal(count(await rig.ask({ kind: "showQueue", target: all })), 0);
  const requests: readonly ControlRequest[] = [
    { kind: "showQueue", target: first },
    { kind: "showQueue", target: one },
    { kind: "showEnvelope", envelope: nobody },
    { kind: "showMessage", message: msg(1) },
    { kind: "schedule", target: first },
    { kind: "remove", target: one },
    { kind: "pauseEnvelope", target: one },
    { kind: "resumeEnvelope", target: first },
  ];
  for (const request of requests) equal(count(await rig.ask(request)), "notFound", request.kind);
  for (const kind of ["schedule", "remove", "pauseEnvelope", "resumeEnvelope"] as const) {
    equal(count(await rig.ask({ kind, target: all })), 0, kind);
  }
});

Deno.test("Control shows where an envelope stands", async () => {
  const rig = await Rig.withDelayed(1);
  await rig.ask({ kind: "pauseEnvelope", target: one });
  await rig.clock.advance(400_000);
  await rig.clock.advance(5_000);
  await rig.ask({ kind: "showQueue", target: first });
  deepEqual(rig.items.map((item) => item.kind === "envelope" && item.state), [
    { kind: "suspended" },
    { kind: "inflight", sinceMs: 5_000 },
  ]);
});

Deno.test("Control shows a message's content in pieces", async () => {
  const rig = new Rig();
  const pieces = [bytesOf("Subject: x\r\n"), bytesOf("\r\n\xff")];
  await plant(rig.store.inner, msg(1), rig.clock.now(), [draftTo("x@b.test")], pieces);
  equal(count(await rig.ask({ kind: "showMessage", message: msg(1) })), 2);
  const shown = rig.items.map((item) => Buffer.from(item.kind === "content" ? item.base64 : "", "base64"));
  deepEqual(shown, pieces.map((piece) => Buffer.from(piece)));
});

Deno.test("Control shows counters in order", async () => {
  const rig = await Rig.withDelayed(1);
  rig.smtpIn.send({ kind: "stats", stats: { gauges: { "smtp.session": 3 }, counters: {} } });
  await rig.clock.advance(2_500);
  await rig.ask({ kind: "showStats" });
  const stats = rig.items.map((item) => item.kind === "stat" ? `${item.key}=${item.value}` : "");
  const keys = rig.items.map((item) => item.kind === "stat" ? item.key : "");
  deepEqual(keys, keys.toSorted());
  for (
    const stat of [
      "queue.bounce=0",
      "queue.message=1",
      "queue.bytes=26",
      "scheduler.delivery.tempfail=2",
      "scheduler.envelope=2",
      "scheduler.envelope.inflight=0",
      "smtp.session=3",
      "uptime=2",
    ]
  ) ok(stats.includes(stat), `${stat} in ${stats}`);
});

Deno.test("Control schedules envelopes now", async () => {
  const rig = await Rig.withDelayed(2);
  equal(count(await rig.ask({ kind: "schedule", target: one })), 1);
  deepEqual(rig.names, ["1x"]);
  equal(count(await rig.ask({ kind: "schedule", target: all })), 3, "one is under way");
  deepEqual(rig.names, ["1x", "1y", "2x", "2y"]);
});

Deno.test("Control has servers pardoned for what it schedules, once", async () => {
  const rig = await Rig.withDelayed(2);
  equal(rig.pardons.length, 0);
  await rig.ask({ kind: "schedule", target: one });
  deepEqual(rig.pardons, ["1x"]);
  rig.outcome(delayed, ...rig.given);
  await rig.clock.advance(7_200_000);
  deepEqual([rig.names.length > 1, rig.pardons], [true, ["1x"]]);
});

Deno.test("Control removes envelopes, with their message and without a notice", async () => {
  const rig = await Rig.withDelayed(2);
  equal(count(await rig.ask({ kind: "remove", target: one })), 1);
  equal((await envelopesOf(rig.store.inner)).length, 3);
  equal(count(await rig.ask({ kind: "remove", target: first })), 1);
  equal(await rig.store.inner.message(msg(1)), null);
  equal(count(await rig.ask({ kind: "remove", target: all })), 2);
  deepEqual(await rig.store.inner.counts(), { messages: 0, envelopes: 0, bounces: 0, bytes: 0 });
  equal(rig.kept.of("remove").length, 4);
});

Deno.test("Control removes an envelope under way when its attempt ends", async () => {
  const rig = await Rig.withDelayed(1);
  await rig.ask({ kind: "schedule", target: first });
  equal(count(await rig.ask({ kind: "remove", target: first })), 2);
  equal((await envelopesOf(rig.store.inner)).length, 2);
  rig.outcome(delayed, ...rig.given);
  await rig.clock.settle();
  deepEqual(await envelopesOf(rig.store.inner), []);
});

Deno.test("Control holds envelopes back, and lets them go", async () => {
  const rig = await Rig.withDelayed(1);
  equal(count(await rig.ask({ kind: "pauseEnvelope", target: one })), 1);
  await rig.clock.advance(400_000);
  deepEqual(rig.names, ["1y"]);
  equal(count(await rig.ask({ kind: "resumeEnvelope", target: one })), 1);
  deepEqual(rig.names, ["1x", "1y"]);
});

Deno.test("Control refuses to schedule what is held back", async () => {
  const rig = await Rig.withDelayed(1);
  await rig.ask({ kind: "pauseEnvelope", target: one });
  equal(count(await rig.ask({ kind: "schedule", target: one })), 0);
  deepEqual(rig.names, []);
});

for (const what of ["mta", "mda", "smtp"] as const) {
  Deno.test(`Control pauses and resumes ${what}, once`, async () => {
    const rig = new Rig();
    const status = async () => {
      equal(count(await rig.ask({ kind: "showStatus" })), 4);
      return rig.items.flatMap((item) => item.kind === "status" && !item.running ? [item.what] : []);
    };
    deepEqual(await status(), []);
    equal(count(await rig.ask({ kind: "pause", what })), 1);
    equal(count(await rig.ask({ kind: "pause", what })), "already");
    deepEqual(await status(), [what]);
    equal(count(await rig.ask({ kind: "resume", what })), 1);
    equal(count(await rig.ask({ kind: "resume", what })), "already");
    deepEqual(await status(), []);
  });
}

Deno.test("Control stops attempts of a kind that is paused, and makes them after", async () => {
  const rig = await Rig.withDelayed(1);
  await rig.ask({ kind: "pause", what: "mta" });
  await rig.clock.advance(400_000);
  deepEqual(rig.names, []);
  await rig.ask({ kind: "resume", what: "mta" });
  deepEqual(rig.names, ["1x", "1y"]);
});

Deno.test("Control has it kept what is paused, with each order that changes something", async () => {
  const rig = new Rig();
  rig.control.pause("mta", true);
  deepEqual(rig.pauses, [], "that came from whoever keeps it");
  await rig.ask({ kind: "pause", what: "smtp" });
  await rig.ask({ kind: "pause", what: "smtp" });
  await rig.ask({ kind: "resume", what: "mta" });
  await rig.ask({ kind: "pause", what: "mda" });
  deepEqual(rig.pauses, ["mta smtp", "smtp", "mda smtp"]);
});

Deno.test("Control tells smtp-in to pause", async () => {
  const rig = new Rig();
  const heard: QueueToSmtpIn[] = [];
  rig.smtpIn.onMessage((message) => message.kind === "paused" && void heard.push(message));
  await rig.ask({ kind: "pause", what: "smtp" });
  equal(rig.control.isSmtpPaused, true);
  await rig.ask({ kind: "resume", what: "smtp" });
  deepEqual(heard, [{ kind: "paused", paused: true }, { kind: "paused", paused: false }]);
});

Deno.test("Control asks lookup to read a table anew", async () => {
  const rig = new Rig();
  equal(count(await rig.ask({ kind: "updateTable", table: "users" })), "failed", "lookup is not there");
  const [lookup, end] = channelPair<LookupToQueue, QueueToLookup>(rig.clock);
  rig.control.setLookup(end);
  let error: string | null = null;
  lookup.onMessage((message) => {
    if (message.kind === "updateTable") rig.control.tableUpdated(message.request, error);
  });
  equal(count(await rig.ask({ kind: "updateTable", table: "users" })), 1);
  deepEqual(lookup.sent, []);
  deepEqual(end.sent, [{ kind: "updateTable", request: 1, table: "users" }]);
  error = "Cannot read the file";
  deepEqual(await rig.ask({ kind: "updateTable", table: "users" }), {
    kind: "error",
    code: "failed",
    message: "Cannot read the file",
  });
  for (const table of ["nothing", "constructor"]) {
    equal(count(await rig.ask({ kind: "updateTable", table })), "notFound");
  }
  const near = await rig.ask({ kind: "updateTable", table: "user" });
  deepEqual(near, { kind: "error", code: "notFound", message: "no such table: user; did you mean users?" });
  equal(end.sent.length, 2);
});

Deno.test("Control answers when lookup goes before it has read the table", async () => {
  const rig = new Rig();
  const [lookup, end] = channelPair<LookupToQueue, QueueToLookup>(rig.clock);
  rig.control.setLookup(end);
  lookup.onMessage(() => rig.control.lost(end));
  equal(count(await rig.ask({ kind: "updateTable", table: "users" })), "failed");
});

Deno.test("Control stops the daemon", async () => {
  const rig = new Rig();
  equal(count(await rig.ask({ kind: "stop" })), 0);
  equal(rig.stops, 1);
});

Deno.test("Control counts only the wishes that could be stored, and those may be had later", async () => {
  const rig = await Rig.withDelayed(1);
  rig.store.faults = (call, changes) =>
    call === "apply" && changes.some((change) => change.kind === "delete" && change.envelope === x1) ? "io" : null;
  equal(count(await rig.ask({ kind: "remove", target: first })), 1);
  deepEqual((await envelopesOf(rig.store.inner)).map(({ id }) => id), [x1]);
  rig.store.faults = () => null;
  equal(count(await rig.ask({ kind: "schedule", target: one })), 1);
  deepEqual(rig.names, ["1x"]);
});

Deno.test("Control undoes nothing that an attempt has changed since the page was read", async () => {
  const rig = await Rig.withDelayed(1);
  await rig.ask({ kind: "schedule", target: first });
  // The listing is as old as can be: both envelopes are as they were before their attempts end.
  const { list } = rig.store;
  rig.store.list = async (...args) => {
    const page = await list.apply(rig.store, args);
    rig.store.list = list;
    rig.outcome(failed, ...rig.given);
    await rig.clock.settle();
    return page;
  };
  let answer: ControlAnswer | null = null;
  void Promise.resolve(rig.control.answer({ kind: "pauseEnvelope", target: first }, () => Promise.resolve()))
    .then((given) => answer = given);
  for (let n = 0; n < 20 && answer === null; n++) await rig.clock.settle();
  ok(answer);
  equal(count(answer), 2);
  deepEqual((await envelopesOf(rig.store.inner)).map(({ kind, suspended }) => `${kind} ${suspended}`), [
    "bounce true",
    "bounce true",
  ]);
});

Deno.test("Control rejects when the spool cannot be read", async () => {
  const rig = new Rig();
  rig.store.faults = (call) => (call === "list" || call === "counts" ? "io" : null);
  for (const request of [{ kind: "showQueue", target: all }, { kind: "showStats" }] as const) {
    let message = "";
    Promise.resolve(rig.control.answer(request, () => Promise.resolve())).catch((error) => message = String(error));
    await rig.clock.settle();
    ok(message.includes("Cannot use the spool"), message);
  }
});

Deno.test("Control hands a request to reload on, and answers with what comes back", async () => {
  const rig = new Rig();
  const change = { group: "rule", kind: "added", what: "match for any reject", from: "", to: "" } as const;
  const asked = rig.ask({ kind: "reload", check: false });
  deepEqual(rig.reloads, [{ request: 1, check: false }]);
  rig.control.reloaded(2, { kind: "refused", problems: ["of another"] });
  rig.control.reloaded(1, { kind: "ok", inForce: true, version: 2, changes: [change], warnings: ["odd"] });
  equal(count(await asked), 1);
  deepEqual(rig.items, [
    { kind: "problem", severity: "warning", text: "odd", error: null },
    { kind: "change", change },
    { kind: "reload", outcome: "inForce", version: 2 },
  ]);
  const refused = rig.ask({ kind: "reload", check: true });
  deepEqual(rig.reloads[1], { request: 2, check: true });
  rig.control.reloaded(2, { kind: "refused", problems: ["a", "b"] });
  equal(count(await refused), 0);
  deepEqual(rig.items, [
    { kind: "problem", severity: "error", text: "a", error: null },
    { kind: "problem", severity: "error", text: "b", error: null },
    { kind: "reload", outcome: "refused", version: 1 },
  ]);
});

Deno.test("Control says which configuration is in force", async () => {
  const rig = new Rig();
  const status = { ...firstConfiguration, version: 3, failure: { at: 5, reason: "no" } };
  rig.control.configured(status);
  await rig.ask({ kind: "showStatus" });
  deepEqual(rig.items.at(-1), { kind: "configuration", status });
});
