import { deepEqual, equal, match } from "node:assert/strict";
import type { LookupToTableHost, TableHostToLookup } from "../../lib/daemon/imsg.ts";
import { hostBudgetMs, hostQuestionsMax, hostWaitMs, TableLinks } from "../../lib/daemon/table_links.ts";
import type { ProcAnswer, ProcAsk } from "../../lib/table/proc.ts";
import { FakeChannel } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";

const question: ProcAsk = { kind: "check", service: "alias", key: "bob" };

function rig() {
  const clock = new FakeClock();
  const links = new TableLinks(clock);
  const link = links.link("users");
  const answers: ProcAnswer[] = [];
  const ask = () => void link.ask(question).then((answer) => answers.push(answer));
  const connect = () => {
    const ours = new FakeChannel<LookupToTableHost, TableHostToLookup>(clock);
    const host = new FakeChannel<TableHostToLookup, LookupToTableHost>(clock);
    FakeChannel.join(ours, host);
    const heard: LookupToTableHost[] = [];
    host.onMessage((message) => void heard.push(message));
    links.attach("users", ours);
    const answer = (request: number | undefined, answer: ProcAnswer) =>
      host.send({ kind: "answer", request: request ?? -1, answer });
    return { host, heard, answer };
  };
  return { clock, links, link, answers, ask, connect };
}

Deno.test("a question reaches the host, and its answer the asker", async () => {
  const { clock, ask, answers, connect } = rig();
  const { heard, answer } = connect();
  ask();
  ask();
  await clock.settle();
  deepEqual(heard.map((one) => one.ask), [question, question]);
  answer(heard[1]?.request, { kind: "absent" });
  answer(999, { kind: "found", value: "nobody asked" });
  answer(heard[0]?.request, { kind: "found", value: "" });
  await clock.settle();
  deepEqual(answers, [{ kind: "absent" }, { kind: "found", value: "" }]);
  equal(clock.pending, 0);
});

Deno.test("a question waits a while for a host that is being started", async () => {
  const { clock, ask, answers, connect } = rig();
  ask();
  await clock.advance(hostWaitMs - 1);
  const { heard, answer } = connect();
  await clock.advance(hostWaitMs);
  equal(heard.length, 1);
  answer(heard[0]?.request, { kind: "absent" });
  await clock.settle();
  deepEqual(answers, [{ kind: "absent" }]);
});

Deno.test("a host that does not come, or does not answer, is a failure and no absence", async () => {
  const { clock, ask, answers, connect } = rig();
  ask();
  await clock.advance(hostWaitMs);
  equal(answers.at(-1)?.kind, "failed");
  connect();
  ask();
  await clock.advance(hostBudgetMs);
  deepEqual(answers.map(({ kind }) => kind), ["failed", "failed"]);
  equal(clock.pending, 0);
});

Deno.test("a host that ends fails what it was asked; its next life is asked anew", async () => {
  const { clock, ask, answers, connect } = rig();
  const first = connect();
  ask();
  await clock.settle();
  first.host.close();
  await clock.settle();
  match(JSON.stringify(answers), /its host has ended/);
  ask();
  const second = connect();
  await clock.settle();
  second.answer(second.heard[0]?.request, { kind: "absent" });
  await clock.settle();
  deepEqual(answers.at(-1), { kind: "absent" });
});

Deno.test("questions are bounded; a table that is closed answers no more, a host that nobody wants is cut off", async () => {
  const { clock, ask, answers, link, links } = rig();
  for (let i = 0; i <= hostQuestionsMax; i++) ask();
  await clock.settle();
  match(JSON.stringify(answers), /questions wait/);
  equal(answers.length, 1);
  link.close();
  await clock.settle();
  equal(answers.length, hostQuestionsMax + 1);
  const stray = new FakeChannel<LookupToTableHost, TableHostToLookup>(clock);
  const far = new FakeChannel<TableHostToLookup, LookupToTableHost>(clock);
  FakeChannel.join(stray, far);
  far.onMessage(() => {});
  links.attach("others", stray);
  await clock.settle();
  equal(far.isClosed, true);
});
