import { deepEqual, equal } from "node:assert/strict";
import { reverseDeadlineMs, ReverseNames, reverseQuestion } from "../../lib/daemon/reverse.ts";
import type { Dns, DnsAnswer } from "../../lib/port.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeDns } from "../sim/dns.ts";

const names = (...all: readonly string[]): DnsAnswer => ({
  kind: "records",
  records: all.map((name) => ({ type: "PTR", name, ttlMs: 60_000 })),
  secure: false,
});

const question = "7.100.51.198.in-addr.arpa";

Deno.test("reverseQuestion() makes the name that the DNS keeps an address under", () => {
  for (
    const [address, want] of [
      ["198.51.100.7", question],
      ["[2001:db8::7]", "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"],
      ["2001:db8::7", "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"],
      ["local", null],
      ["", null],
    ] as const
  ) equal(reverseQuestion(address), want, address);
});

Deno.test("ReverseNames gives the first host name, in lower case, and null for everything else", async () => {
  const record = (answer: DnsAnswer) => new FakeDns().set(question, "PTR", answer);
  for (
    const [title, dns, want] of [
      ["a name", record(names("Mail.Client.test")), "mail.client.test"],
      ["two names", record(names("a.test", "b.test")), "a.test"],
      ["a name that is no host's", record(names("a b\r\n.test", "b.test")), "b.test"],
      ["a literal", record(names("[192.0.2.1]")), null],
      ["no name", new FakeDns(), null],
      ["a failure", new FakeDns().fail(question, "PTR"), null],
    ] as const
  ) {
    const reverse = new ReverseNames(() => Promise.resolve(dns), new FakeClock());
    equal(await reverse.nameOf("198.51.100.7"), want, title);
    deepEqual(dns.asked, [`PTR ${question}`]);
  }
});

Deno.test("ReverseNames asks nobody about what is no address", async () => {
  const dns = new FakeDns();
  equal(await new ReverseNames(() => Promise.resolve(dns), new FakeClock()).nameOf("local"), null);
  deepEqual(dns.asked, []);
});

Deno.test("ReverseNames waits until the deadline and no longer, and once for each question", async () => {
  const clock = new FakeClock();
  const answer = Promise.withResolvers<DnsAnswer>();
  let asked = 0;
  const dns: Dns = {
    query: () => {
      asked++;
      return asked === 1 ? answer.promise : Promise.resolve(names("b.test"));
    },
  };
  const reverse = new ReverseNames(() => Promise.resolve(dns), clock);
  const first = reverse.nameOf("198.51.100.7");
  await clock.advance(reverseDeadlineMs);
  equal(await first, null);
  equal(await reverse.nameOf("198.51.100.7"), null);
  equal(asked, 1);
  answer.resolve(names("a.test"));
  await clock.settle();
  equal(await reverse.nameOf("198.51.100.7"), "b.test");
  equal(clock.pending, 0);
});
