import { deepEqual, equal } from "node:assert/strict";
import type { Domain } from "../../lib/mail/address.ts";
import type { DnsAnswer } from "../../lib/port.ts";
import { plainManner } from "../../lib/delivery/relay.ts";
import { SpfDesk, spfLimits } from "../../lib/delivery/spf_desk.ts";
import { mailbox } from "../policy/tables.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeDns } from "../sim/dns.ts";

const helo = "us.test" as Domain;
const ours = "192.0.2.10";
const record = (text: string, ttlMs = 300_000): DnsAnswer => ({
  kind: "records",
  records: [{ type: "TXT", text, ttlMs }],
  secure: false,
});

function desk(limits: Partial<typeof spfLimits> = {}): {
  readonly clock: FakeClock;
  readonly dns: FakeDns;
  readonly desk: SpfDesk;
  ask(sender?: string, address?: string): Promise<string>;
} {
  const [clock, dns] = [new FakeClock(), new FakeDns()];
  const made = new SpfDesk({ clock, dns, limits: { ...spfLimits, ...limits } });
  const ask = async (sender = "ann@a.test", address = ours) => (await made.ask(mailbox(sender), address, helo)).result;
  return { clock, dns, desk: made, ask };
}

Deno.test("SpfDesk remembers a result for as long as the DNS says, and an hour at most", async () => {
  for (const [ttlMs, keepMs] of [[300_000, 300_000], [86_400_000, 3_600_000], [0, 0]] as const) {
    const it = desk();
    it.dns.set("a.test", "TXT", record("v=spf1 -all", ttlMs));
    equal(await it.ask(), "fail");
    it.dns.set("a.test", "TXT", record("v=spf1 all", ttlMs));
    await it.clock.advance(Math.max(0, keepMs - 1));
    equal(await it.ask("bob@a.test"), keepMs === 0 ? "pass" : "fail");
    await it.clock.advance(1);
    equal(await it.ask(), "pass");
    equal(it.clock.pending, 0);
  }
});

Deno.test("SpfDesk remembers a result for one domain, address and EHLO", async () => {
  const it = desk();
  for (const domain of ["a.test", "b.test"]) it.dns.set(domain, "TXT", record("v=spf1 ip4:192.0.2.10 -all"));
  equal(await it.ask("ann@a.test"), "pass");
  equal(await it.ask("bob@a.test"), "pass");
  equal(await it.ask("ann@a.test", "192.0.2.11"), "fail");
  equal(await it.ask("ann@a.test", "2001:db8::1"), "fail");
  equal(await it.ask("ann@b.test"), "pass");
  equal((await it.desk.ask(mailbox("ann@a.test"), ours, "other.test" as Domain)).result, "pass");
  deepEqual([it.dns.asked.length, it.desk.size], [5, 5]);
});

Deno.test("SpfDesk remembers nothing that holds for one user alone", async () => {
  const it = desk();
  it.dns.set("a.test", "TXT", record("v=spf1 exists:%{l}.x.test -all")).host("ann.x.test", "127.0.0.2");
  equal(await it.ask("ann@a.test"), "pass");
  equal(await it.ask("bob@a.test"), "fail");
  equal(it.desk.size, 0);
});

Deno.test("SpfDesk remembers no more than it may: the oldest goes", async () => {
  const it = desk({ verdictsMax: 2 });
  for (const domain of ["a", "b", "c"]) {
    it.dns.set(`${domain}.test`, "TXT", record("v=spf1 -all"));
    await it.ask(`x@${domain}.test`);
  }
  equal(it.desk.size, 2);
  await it.ask("x@c.test");
  equal(it.dns.asked.length, 3);
  await it.ask("x@a.test");
  equal(it.dns.asked.length, 4);
});

Deno.test("SpfDesk answers in time, and holds up no further message meanwhile", async () => {
  const it = desk();
  let answer: (one: DnsAnswer) => void = () => {};
  const asked: string[] = [];
  it.dns.query = (name) => {
    asked.push(name);
    return new Promise((resolve) => answer = resolve);
  };
  const first = it.ask();
  await it.clock.advance(20_000);
  equal(await first, "temperror");
  answer(record("v=spf1 include:b.test"));
  await it.clock.settle();
  // What would come next is not asked any more.
  deepEqual(asked, ["a.test"]);
  it.dns.query = () => Promise.resolve(record("v=spf1 all"));
  equal(await it.ask(), "temperror");
  await it.clock.advance(spfLimits.failedKeepMs);
  equal(await it.ask(), "pass");
  equal(it.clock.pending, 0);
});

Deno.test("SpfDesk remembers that the DNS fails for a minute", async () => {
  const it = desk();
  it.dns.fail("a.test", "TXT");
  equal(await it.ask(), "temperror");
  equal(await it.ask(), "temperror");
  equal(it.dns.asked.length, 1);
});

Deno.test("SpfDesk cannot tell where our address is not known", async () => {
  const it = desk();
  it.dns.set("a.test", "TXT", record("v=spf1 all"));
  equal(await it.ask("ann@a.test", ""), "permerror");
  deepEqual(it.dns.asked, []);
});

Deno.test("SpfDesk foresees what comes of our addresses, without those that nobody sees", async () => {
  const it = desk();
  it.dns.set("a.test", "TXT", record("v=spf1 ip4:192.0.2.10 ~all"));
  const all = ["127.0.0.1", "::1", "fe80::1", ours, "192.0.2.11", "2001:db8::1", "10.0.0.1", "10.0.0.2"];
  deepEqual(await it.desk.foresee(mailbox("ann@a.test"), plainManner, { addresses: all, helo }), [
    { address: ours, result: "pass" },
    { address: "192.0.2.11", result: "softfail" },
    { address: "2001:db8::1", result: "softfail" },
    { address: "10.0.0.1", result: "softfail" },
  ]);
  deepEqual(await it.desk.foresee(null, plainManner, { addresses: all, helo }), []);
});

Deno.test("SpfDesk foresees in less time, and mail is still asked for in full", async () => {
  const it = desk();
  it.dns.query = () => new Promise(() => {});
  const foreseen = it.desk.foresee(mailbox("ann@a.test"), { ...plainManner, source: ours }, { addresses: [], helo });
  await it.clock.advance(spfLimits.foreseeMs);
  deepEqual(await foreseen, [{ address: ours, result: "temperror" }]);
  it.dns.query = () => Promise.resolve(record("v=spf1 all"));
  equal(await it.ask(), "pass");
});
