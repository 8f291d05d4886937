import { deepEqual, equal } from "node:assert/strict";
import { reverseDeadlineMs, ReverseNames } from "../../lib/daemon/reverse.ts";
import type { Dns, DnsAnswer } from "../../lib/port.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeDns } from "../sim/dns.ts";

const names = (...all: readonly string[]): DnsAnswer => ({
  kind: "records",
  records: all.map((name) => ({ type: "PTR", name, ttlMs: 60_000 })),
  secure: false,
});

const question = "7.100.51.198.in-addr.arpa";

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

Deno.test("ReverseNames says whether the name leads back, in the family of the address", async () => {
  const named = () => new FakeDns().set(question, "PTR", names("mail.client.test"));
  const ip6 = `7.${"0.".repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`;
  for (
    const [title, dns, address, name, forward] of [
      ["it does", named().host("mail.client.test", "192.0.2.1", "198.51.100.7"), "198.51.100.7", true, "pass"],
      ["to others only", named().host("mail.client.test", "192.0.2.1"), "198.51.100.7", true, "fail"],
      ["to nothing", named(), "198.51.100.7", true, "fail"],
      ["in the other family", named().host("mail.client.test", "2001:db8::7"), "198.51.100.7", true, "fail"],
      [
        "IPv6",
        named().set(ip6, "PTR", names("mail.client.test")).host("mail.client.test", "2001:DB8:0::7"),
        "[2001:db8::7]",
        true,
        "pass",
      ],
      ["no name", new FakeDns(), "198.51.100.7", false, "fail"],
      ["a name server that fails", new FakeDns().fail(question, "PTR"), "198.51.100.7", false, "error"],
      ["one that fails for the way back", named().fail("mail.client.test", "A"), "198.51.100.7", true, "error"],
      ["no address", new FakeDns(), "local", false, "fail"],
    ] as const
  ) {
    const reverse = new ReverseNames(() => Promise.resolve(dns), new FakeClock());
    deepEqual(await reverse.peerName(address), { name: name ? "mail.client.test" : null, forward }, title);
  }
});

Deno.test("ReverseNames knows the names of the loopback addresses without asking", async () => {
  for (const address of ["127.0.0.1", "[::1]"]) {
    const dns = new FakeDns();
    const reverse = new ReverseNames(() => Promise.resolve(dns), new FakeClock());
    deepEqual(await reverse.peerName(address), { name: "localhost", forward: "pass" });
    equal(await reverse.nameOf(address), "localhost");
    deepEqual(dns.asked, []);
  }
});

Deno.test("ReverseNames keeps the name where only the way back takes too long", async () => {
  const clock = new FakeClock();
  const dns: Dns = {
    query: (_, type) => type === "PTR" ? Promise.resolve(names("a.test")) : new Promise(() => {}),
  };
  const reverse = new ReverseNames(() => Promise.resolve(dns), clock);
  const found = reverse.peerName("198.51.100.7");
  await clock.settle();
  await clock.advance(reverseDeadlineMs);
  deepEqual(await found, { name: "a.test", forward: "error" });
  // The second peer does not wait.
  deepEqual(await reverse.peerName("198.51.100.7"), { name: "a.test", forward: "error" });
});

Deno.test("ReverseNames asks once for peers of one address that come together", async () => {
  let asked = 0;
  const answer = Promise.withResolvers<DnsAnswer>();
  const dns: Dns = {
    query: (_, type) => type === "PTR" ? (asked++, answer.promise) : Promise.resolve(names("x.test")),
  };
  const reverse = new ReverseNames(() => Promise.resolve(dns), new FakeClock());
  const all = Promise.all([reverse.nameOf("192.0.2.9"), reverse.peerName("192.0.2.9"), reverse.nameOf("192.0.2.9")]);
  answer.resolve(names("a.test"));
  deepEqual((await all).map((one) => typeof one === "object" ? one?.name : one), ["a.test", "a.test", "a.test"]);
  equal(asked, 1);
});
