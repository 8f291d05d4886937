import { formatMailbox } from "../../lib/mail/address.ts";
import { deepEqual, equal } from "node:assert/strict";
import type { ControlItem } from "../../lib/daemon/control.ts";
import type { ExplainedAnswer, ExplainedEnvelope } from "../../lib/daemon/explanation.ts";
import type { DeliveryToQueue, LookupToQueue, QueueToDelivery, QueueToLookup } from "../../lib/daemon/imsg.ts";
import { explainedRoutesMax, Explainer, routeDeadlineMs } from "../../lib/daemon/queue_explain.ts";
import type { TraceEvent, TraceSubject } from "../../lib/policy/trace.ts";
import { mailbox } from "../policy/tables.ts";
import { channelPair, type FakeChannel } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";
import { questionOf } from "../support/explain_question.ts";

const question = questionOf(null, mailbox("bob@b.test"));

const note = (text: string): TraceEvent => ({ kind: "note", node: 0, text });

function envelopeTo(dest: string, kind: "mta" | "mda" = "mta"): ExplainedEnvelope {
  const to = mailbox(dest);
  const local = kind === "mda" ? { user: "bob", subAddress: "", exec: null } : null;
  return {
    kind,
    action: "a",
    rcpt: to,
    dest: to,
    local,
    ttlMs: 1,
    sender: null,
    senderIfSpfFails: null,
    spf: [],
    method: "relay",
    route: null,
  };
}

class Rig {
  readonly clock = new FakeClock();
  readonly explainer: Explainer;
  readonly items: ControlItem[] = [];
  readonly toLookup: QueueToLookup[] = [];
  readonly toDelivery: Extract<QueueToDelivery, { kind: "route" }>[] = [];
  lookup: FakeChannel<LookupToQueue, QueueToLookup> | null = null;

  constructor(traced: readonly TraceSubject[] = []) {
    this.explainer = new Explainer(this.clock, traced);
  }

  async setLookup(): Promise<void> {
    const [near, far] = channelPair<LookupToQueue, QueueToLookup>(this.clock);
    near.onMessage((message) => void this.toLookup.push(message));
    this.lookup = near;
    far.onMessage((message) => message.kind === "explained" && this.explainer.explained(message));
    this.explainer.setLookup(far);
    await this.clock.settle();
  }

  setDelivery(): void {
    const [near, far] = channelPair<DeliveryToQueue, QueueToDelivery>(this.clock);
    near.onMessage((message) => message.kind === "route" && this.toDelivery.push(message));
    this.explainer.setDelivery(far);
  }

  async ask() {
    const answer = this.explainer.explain(question, (item) => Promise.resolve(void this.items.push(item)));
    await this.clock.settle();
    return answer;
  }

  /** lookup's answer to the question asked last. */
  async tell(events: readonly TraceEvent[], answer: Extract<LookupToQueue, { kind: "explained" }>["answer"]) {
    const asked = this.toLookup.findLast((message) => message.kind === "explain");
    this.lookup?.send({ kind: "explained", request: asked?.request ?? 0, events, answer });
    await this.clock.settle();
  }
}

/** Asks, without waiting for what is still to come. */
function begin(rig: Rig): { readonly answer: Promise<unknown> } {
  return { answer: rig.explainer.explain(question, (item) => Promise.resolve(void rig.items.push(item))) };
}

const accepted = (...envelopes: readonly ExplainedEnvelope[]): ExplainedAnswer => ({ kind: "accepted", envelopes });

Deno.test("Explainer asks lookup, and hands on the steps in order and then what they come to", async () => {
  const rig = new Rig();
  await rig.setLookup();
  const { answer } = begin(rig);
  await rig.clock.settle();
  deepEqual(rig.toLookup, [{ kind: "explain", request: 1, question }]);
  await rig.tell([note("a"), note("b")], null);
  deepEqual(rig.items, []);
  const refused = { kind: "refused", reply: "550 no", reason: "no" } as const;
  await rig.tell([note("c")], refused);
  deepEqual(await answer, { kind: "done", count: 3 });
  deepEqual(rig.items, [
    { kind: "trace", event: note("a") },
    { kind: "trace", event: note("b") },
    { kind: "trace", event: note("c") },
    { kind: "explained", answer: refused },
  ]);
});

Deno.test("Explainer asks delivery for the way of each relay, once for each domain", async () => {
  const rig = new Rig();
  await rig.setLookup();
  rig.setDelivery();
  const { answer } = begin(rig);
  await rig.clock.settle();
  await rig.tell(
    [],
    accepted(envelopeTo("a@b.test"), envelopeTo("b@b.test"), envelopeTo("c@c.test"), envelopeTo("d@b.test", "mda")),
  );
  deepEqual(rig.toDelivery.map(({ action, domain }) => [action, domain]), [["a", "b.test"], ["a", "c.test"]]);
  for (const { request, domain } of rig.toDelivery) {
    rig.explainer.routed({ kind: "route", request, route: { kind: "unasked", via: `MX of ${domain}` }, spf: [] });
  }
  deepEqual(await answer, { kind: "done", count: 0 });
  const [item] = rig.items;
  const envelopes = item?.kind === "explained" && item.answer.kind === "accepted" ? item.answer.envelopes : [];
  deepEqual(envelopes.map(({ route }) => route?.via ?? null), ["MX of b.test", "MX of b.test", "MX of c.test", null]);
  equal(rig.clock.pending, 0);
});

Deno.test("Explainer has delivery ask SPF about senders that it decides on, once for each", async () => {
  const rig = new Rig();
  await rig.setLookup();
  rig.setDelivery();
  const { answer } = begin(rig);
  await rig.clock.settle();
  const to = (dest: string, sender: string, senderIfSpfFails: string | null) => ({
    ...envelopeTo(dest),
    sender: mailbox(sender),
    senderIfSpfFails: senderIfSpfFails === null ? null : mailbox(senderIfSpfFails),
  });
  await rig.tell(
    [],
    accepted(
      to("a@b.test", "ann@a.test", "SRS0@us.test"),
      to("b@b.test", "ann@a.test", "SRS0@us.test"),
      to("c@b.test", "eve@a.test", "SRS0@us.test"),
      to("d@b.test", "ann@a.test", null),
    ),
  );
  deepEqual(rig.toDelivery.map(({ sender }) => sender === null ? null : formatMailbox(sender)), [
    "ann@a.test",
    "eve@a.test",
    null,
  ]);
  for (const { request, sender } of rig.toDelivery) {
    const spf = sender === null ? [] : [{ address: "192.0.2.1", result: "pass" } as const];
    rig.explainer.routed({ kind: "route", request, route: { kind: "unasked", via: "x" }, spf });
  }
  await answer;
  const [item] = rig.items;
  const envelopes = item?.kind === "explained" && item.answer.kind === "accepted" ? item.answer.envelopes : [];
  deepEqual(envelopes.map(({ spf }) => spf.length), [1, 1, 1, 0]);
});

Deno.test("Explainer does not wait for delivery for ever, nor ask it for more ways than it may", async () => {
  const rig = new Rig();
  await rig.setLookup();
  rig.setDelivery();
  const { answer } = begin(rig);
  await rig.clock.settle();
  const many = Array.from({ length: explainedRoutesMax + 5 }, (_, i) => envelopeTo(`a@d${i}.test`));
  await rig.tell([], accepted(...many));
  equal(rig.toDelivery.length, explainedRoutesMax);
  await rig.clock.advance(routeDeadlineMs);
  deepEqual(await answer, { kind: "done", count: 0 });
  const [item] = rig.items;
  deepEqual(item, { kind: "explained", answer: accepted(...many) });
  const late = rig.toDelivery[0]?.request ?? 0;
  rig.explainer.routed({ kind: "route", request: late, route: { kind: "unasked", via: "late" }, spf: [] });
});

Deno.test("Explainer says when there is nobody to ask, and when it is lost over the question", async () => {
  const rig = new Rig();
  const gone = { kind: "error", code: "failed", message: "lookup is not running; try again" } as const;
  deepEqual(await rig.ask(), gone);
  await rig.setLookup();
  const { answer } = begin(rig);
  await rig.clock.settle();
  rig.explainer.setLookup(null);
  deepEqual(await answer, { ...gone, message: "lookup was restarted; try again" });
  await rig.tell([note("late")], null);
  deepEqual(rig.items, []);
});

Deno.test("Explainer names the listeners that there are", async () => {
  const rig = new Rig();
  await rig.setLookup();
  const { answer } = begin(rig);
  await rig.clock.settle();
  await rig.tell([], { kind: "unknownListener", known: ["socket", "192.0.2.1:25"] });
  const message = "There is no such listener; there are socket, 192.0.2.1:25";
  deepEqual(await answer, { kind: "error", code: "notFound", message });
});

Deno.test("Explainer tells lookup what is traced, and every lookup that comes after", async () => {
  const rig = new Rig(["rules"]);
  await rig.setLookup();
  deepEqual(rig.explainer.trace(["lookup", "expand"], true), { kind: "done", count: 2 });
  rig.explainer.trace(["rules", "expand"], false);
  await rig.setLookup();
  rig.explainer.trace(["lookup"], false);
  await rig.clock.settle();
  await rig.setLookup();
  deepEqual(rig.toLookup.map((message) => message.kind === "trace" ? message.subjects.join(" ") : ""), [
    "rules",
    "rules lookup expand",
    "lookup",
    "lookup",
    "",
  ]);
});
