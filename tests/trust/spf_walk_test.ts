import { deepEqual, equal, ok } from "node:assert/strict";
import fc, { anyText } from "../support/fast_check.ts";
import type { DnsAnswer } from "../../lib/port.ts";
import type { SpfQuestion } from "../../lib/trust/spf.ts";
import {
  type SpfFamilies,
  type SpfWalk,
  spfWalkDepthMax,
  spfWalkNetworksMax,
  spfWalkQuestionsMax,
  walkSpf,
} from "../../lib/trust/spf_walk.ts";
import { answerOf, type Zone } from "./spf_zone.ts";

const both: SpfFamilies = { four: true, six: true };

/** Walks from a.test; an error has `E ` before it, a warning `W `. */
function walk(zone: Zone, families = both): {
  readonly networks: SpfWalk["networks"];
  readonly told: readonly string[];
  readonly asked: readonly string[];
} {
  const asked: string[] = [];
  const machine = walkSpf("a.test", families);
  let step = machine.next();
  while (step.done !== true) {
    asked.push(`${step.value.type} ${step.value.name}`);
    step = machine.next(answerOf(zone, step.value));
  }
  const told = step.value.problems.map(({ severity, text }) => `${severity === "error" ? "E" : "W"} ${text}`);
  return { networks: step.value.networks, told, asked };
}

interface Case {
  readonly name: string;
  /** The record of a.test, without `v=spf1`. */
  readonly terms: string;
  readonly zone?: Zone;
  readonly networks?: readonly string[];
  readonly told?: readonly string[];
}

const hosts: Zone = {
  "h.test": ["A 192.0.2.77", "A 192.0.2.200", "AAAA 2001:db8::1"],
  "x.test": ["MX 20 h.test", "MX 10 six.test"],
  "six.test": ["AAAA 2001:db8:6::6"],
};

const cases: readonly Case[] = [
  { name: "nothing", terms: "" },
  { name: "ip4", terms: "ip4:192.0.2.1 ip4:198.51.100.0/24 -all", networks: ["192.0.2.1", "198.51.100.0/24"] },
  { name: "ip6", terms: "ip6:2001:DB8:0::5/32 ip6:::1", networks: ["2001:db8::/32", "::1"] },
  {
    name: "one form",
    terms: "ip4:192.0.2.7/24 ip4:192.0.2.0/24 ip4:1.2.3.4/32",
    networks: ["192.0.2.0/24", "1.2.3.4"],
  },
  {
    name: "qualifiers",
    terms: "+ip4:1.1.1.1 ?ip4:2.2.2.2 -ip4:3.3.3.3 ~ip4:4.4.4.4",
    networks: ["1.1.1.1", "2.2.2.2"],
  },
  { name: "skipped include", terms: "-include:gone.test ~a:gone.test -exists:%{i}.test" },
  { name: "behind all", terms: "ip4:1.1.1.1 ~all ip4:2.2.2.2", networks: ["1.1.1.1"] },
  { name: "redirect beside all", terms: "redirect=gone.test ?all" },
  { name: "all that passes", terms: "all", told: ["W a.test lets every address send: +all"] },
  { name: "a", terms: "a:h.test", networks: ["192.0.2.77", "192.0.2.200", "2001:db8::1"] },
  { name: "a of the domain", terms: "a", told: ["W a of a.test: a.test has no address"] },
  { name: "a with bits", terms: "a:h.test/26//64", networks: ["192.0.2.64/26", "192.0.2.192/26", "2001:db8::/64"] },
  { name: "a of one family", terms: "a:six.test", networks: ["2001:db8:6::6"] },
  { name: "a of no host", terms: "a:gone.test", told: ["W a of a.test: there is no host gone.test"] },
  {
    name: "mx by preference",
    terms: "mx:x.test//48",
    networks: ["2001:db8:6::/48", "192.0.2.77", "192.0.2.200", "2001:db8::/48"],
  },
  { name: "mx of none", terms: "mx", told: ["W mx of a.test: a.test has no MX records"] },
  { name: "null mx", terms: "mx:n.test", zone: { "n.test": ["MX 0 ."] } },
  {
    name: "mx of many",
    terms: "mx:n.test",
    zone: {
      "n.test": Array.from({ length: 11 }, (_, n) => `MX ${n} ${n < 10 ? "six" : "h"}.test`),
    },
    networks: ["2001:db8:6::6"],
    told: ["E mx of a.test: n.test has 11 MX records: all but the first 10 are left out"],
  },
  { name: "exists", terms: "exists:h.test exists:gone.test", networks: ["192.0.2.77", "192.0.2.200"] },
  {
    name: "ptr",
    terms: "ptr ip4:1.1.1.1",
    networks: ["1.1.1.1"],
    told: ["W ptr of a.test names no networks: left out"],
  },
  {
    name: "macros",
    terms: "include:%{ir}.%{V}._spf.%{d2} a:%{d}/24 redirect=%{o}",
    told: ["include of a.test: %{ir}.%{V}._spf.%{d2}", "a of a.test: %{d}", "redirect of a.test: %{o}"]
      .map((text) => `W ${text} has macros, which only a message can fill in: left out`),
  },
  { name: "no name", terms: "a:x..test", told: ["E a of a.test: x..test is no name"] },
  {
    name: "include and redirect",
    terms: "include:b.test redirect=c.test",
    zone: { "b.test": ["TXT v=spf1 ip4:2.2.2.2 -all"], "c.test": ["TXT v=spf1 ip4:3.3.3.3 ip4:2.2.2.2 -all"] },
    networks: ["2.2.2.2", "3.3.3.3"],
  },
  {
    name: "two ways to one record",
    terms: "include:b.test include:c.test",
    zone: {
      "b.test": ["TXT v=spf1 redirect=d.test"],
      "c.test": ["TXT v=spf1 include:d.test"],
      "d.test": ["TXT v=spf1 a"],
    },
    told: ["W a of d.test: d.test has no address"],
  },
  {
    name: "loop",
    terms: "include:b.test ip4:1.1.1.1",
    zone: { "b.test": ["TXT v=spf1 ip4:2.2.2.2 include:A.test ip4:3.3.3.3"] },
    networks: ["2.2.2.2", "3.3.3.3", "1.1.1.1"],
    told: ["W include of b.test: this is a loop: a.test -> b.test -> a.test"],
  },
  {
    name: "loop of one",
    terms: "redirect=a.test",
    told: ["W redirect of a.test: this is a loop: a.test -> a.test"],
  },
  {
    name: "what cannot be looked up",
    terms: "include:gone.test include:none.test include:down.test a:down.test mx:down.test ip4:1.1.1.1",
    zone: { "none.test": ["TXT hello", "TXT v=spf10 ip4:9.9.9.9"], "down.test": "servfail" },
    networks: ["1.1.1.1"],
    told: [
      "E include of a.test: there is no domain gone.test",
      "E include of a.test: none.test has no SPF record",
      "E include of a.test: down.test cannot be looked up: SERVFAIL",
      "E a of a.test: the A records of down.test cannot be looked up: SERVFAIL",
      "E a of a.test: the AAAA records of down.test cannot be looked up: SERVFAIL",
      "E mx of a.test: down.test cannot be looked up: SERVFAIL",
    ],
  },
  {
    name: "an error in the record",
    terms: "ip4:1.1.1.1 ip4:2.2.2.2/33 -all",
    told: ["E the SPF record of a.test has an error, so that nothing of it holds: ip4:2.2.2.2/33"],
  },
  {
    name: "a modifier twice",
    terms: "redirect=b.test redirect=c.test",
    told: ["E the SPF record of a.test has an error, so that nothing of it holds: a modifier stands there twice"],
  },
];

Deno.test("walkSpf() lists what the records name, and tells what they do not", () => {
  const results = cases.map(({ name, terms, zone }) => {
    const { networks, told } = walk({ "a.test": [`TXT v=spf1 ${terms}`.trim()], ...hosts, ...zone });
    return { name, networks, told };
  });
  deepEqual(results, cases.map(({ name, networks = [], told = [] }) => ({ name, networks, told })));
});

Deno.test("walkSpf() tells of a first domain without a record to go by", () => {
  const table: readonly (readonly [Zone, string])[] = [
    [{}, "E there is no domain a.test"],
    [{ "a.test": ["A 192.0.2.1"] }, "E a.test has no SPF record"],
    [{ "a.test": "servfail" }, "E a.test cannot be looked up: SERVFAIL"],
    [{ "a.test": ["TXT v=spf1", "TXT V=SPF1 -all"] }, "E a.test has 2 SPF records, so that none holds"],
  ];
  for (const [zone, want] of table) deepEqual(walk(zone), { networks: [], told: [want], asked: ["TXT a.test"] }, want);
});

Deno.test("walkSpf() asks for and lists one family alone", () => {
  const zone: Zone = { "a.test": ["TXT v=spf1 ip4:1.1.1.1 ip6:::1 a:h.test a:six.test exists:h.test"], ...hosts };
  const four = walk(zone, { four: true, six: false });
  deepEqual(four.networks, ["1.1.1.1", "192.0.2.77", "192.0.2.200"]);
  deepEqual(four.asked, ["TXT a.test", "A h.test", "A six.test", "A h.test"]);
  const six = walk(zone, { four: false, six: true });
  deepEqual(six.networks, ["::1", "2001:db8::1", "2001:db8:6::6"]);
  deepEqual(six.asked, ["TXT a.test", "AAAA h.test", "AAAA six.test"]);
  deepEqual([...four.told, ...six.told], []);
});

Deno.test("walkSpf() leaves out records that are too many records away, and goes on", () => {
  const zone: Record<string, readonly string[]> = { "a.test": ["TXT v=spf1 include:n1.test ip4:9.9.9.9"] };
  for (let n = 1; n <= spfWalkDepthMax + 1; n++) {
    zone[`n${n}.test`] = [`TXT v=spf1 ip4:1.1.1.${n} include:n${n + 1}.test`];
  }
  const { networks, told } = walk(zone);
  equal(networks.length, spfWalkDepthMax + 1);
  deepEqual(networks.slice(-2), [`1.1.1.${spfWalkDepthMax}`, "9.9.9.9"]);
  deepEqual(told, ["E include of n20.test: n21.test is left out: it is more than 20 records away"]);
});

Deno.test("walkSpf() ends at its limits, and says which", () => {
  const many = (count: number, term: (n: number) => string) =>
    Array.from({ length: count }, (_, n) => term(n)).join(" ");
  const asking = walk({ "a.test": [`TXT v=spf1 ${many(300, (n) => `exists:h${n}.test`)} ip4:9.9.9.9`] });
  equal(asking.asked.length, spfWalkQuestionsMax);
  deepEqual(asking.networks, []);
  deepEqual(asking.told, ["E more than 250 look-ups: the rest is left out"]);
  const listing = walk({
    "a.test": [
      `TXT v=spf1 ${many(spfWalkNetworksMax, (n) => `ip4:10.${n >> 8}.${n & 255}.1`)} ip4:10.0.0.1 ip4:9.9.9.9 a -all`,
    ],
  });
  equal(listing.networks.length, spfWalkNetworksMax);
  deepEqual(listing.told, ["E more than 10000 networks: the rest is left out"]);
  deepEqual(listing.asked, ["TXT a.test"]);
});

Deno.test("walkSpf() is bounded and never throws, whatever the records say", () => {
  const name = fc.constantFrom("a.test", "b.test", "c.test", "h.test", "%{d}", "gone.test", "%{i}.x.test");
  const term = fc.oneof(
    fc.tuple(fc.constantFrom("", "+", "-", "?"), fc.constantFrom("include", "a", "mx", "exists", "ptr"), name)
      .map(([sign, kind, of]) => `${sign}${kind}:${of}`),
    name.map((of) => `redirect=${of}`),
    fc.constantFrom("ip4:192.0.2.1/8", "ip6:2001:db8::/32", "all", "-all"),
    anyText({ maxLength: 5 }),
  );
  const record = fc.array(term, { maxLength: 6 }).map((terms) => [`TXT v=spf1 ${terms.join(" ")}`, "MX 1 h.test"]);
  fc.assert(
    fc.property(record, record, record, (a, b, c) => {
      const { asked, networks } = walk({ ...hosts, "a.test": a, "b.test": b, "c.test": c });
      // Each record is asked for once, and has six terms of at most three questions.
      ok(asked.length <= 6 + 3 * 6 * 3, asked.join());
      equal(new Set(networks).size, networks.length);
    }),
    { numRuns: 200 },
  );
});

Deno.test("walkSpf() reads over addresses of an answer that are none", () => {
  const machine = walkSpf("a.test", both);
  const answers: Record<string, DnsAnswer> = {
    TXT: { kind: "records", secure: false, records: [{ type: "TXT", text: "v=spf1 a", ttlMs: 0 }] },
    A: { kind: "records", secure: false, records: [{ type: "A", address: "x", ttlMs: 0 }] },
  };
  const none: DnsAnswer = { kind: "noData", ttlMs: 0, secure: false };
  const answer = ({ type }: SpfQuestion) => answers[type] ?? none;
  let step = machine.next();
  while (step.done !== true) step = machine.next(answer(step.value));
  deepEqual(step.value, { networks: [], problems: [] });
});
