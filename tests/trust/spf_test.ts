import { deepEqual, equal, ok } from "node:assert/strict";
import fc, { anyText } from "../support/fast_check.ts";
import { type Domain, parseMailbox } from "../../lib/mail/address.ts";
import { parseIp } from "../../lib/mail/ip.ts";
import type { DnsAnswer } from "../../lib/port.ts";
import { checkSpf, type SpfIdentity, type SpfQuestion, spfTermsMax, type SpfVerdict } from "../../lib/trust/spf.ts";
import { spfResults } from "../../lib/trust/spf_result.ts";
import { mailbox } from "../policy/tables.ts";
import { spfCases } from "./spf_cases.ts";
import { answerOf, type SpfCase, type Zone, zoneOf } from "./spf_zone.ts";

function identityOf({ ip = "192.0.2.1", from = "ann@a.test", helo = "mx.b.test" }: Partial<SpfCase>): SpfIdentity {
  const address = parseIp(ip);
  ok(address !== null);
  const sender = from === "" ? null : parseMailbox(from, null) ?? { ...mailbox("x@a.test"), localPart: "\u00e4" };
  return { ip: address, sender, helo: helo as Domain };
}

function run(
  identity: SpfIdentity,
  answer: (question: SpfQuestion) => DnsAnswer,
): { readonly verdict: SpfVerdict; readonly asked: readonly SpfQuestion[] } {
  const check = checkSpf(identity);
  const asked: SpfQuestion[] = [];
  let step = check.next();
  while (step.done !== true) {
    asked.push(step.value);
    step = check.next(answer(step.value));
  }
  return { verdict: step.value, asked };
}

const inZone = (zone: Zone) => (question: SpfQuestion) => answerOf(zone, question);

Deno.test("checkSpf() comes to what RFC 7208 says", () => {
  const results = spfCases.map((one) => [one.name, run(identityOf(one), inZone(zoneOf(one))).verdict.result]);
  deepEqual(results, spfCases.map(({ name, want }) => [name, want]));
  equal(new Set(spfCases.map(({ name }) => name)).size, spfCases.length);
  ok(spfCases.length >= 80);
});

Deno.test("checkSpf() asks no more than it needs", () => {
  const zone: Zone = {
    "a.test": ["TXT v=spf1 a:h.test include:i.test -all"],
    "h.test": ["A 203.0.113.1"],
    "i.test": ["TXT v=spf1 ip4:192.0.2.1 mx:never.test -all"],
  };
  const { verdict, asked } = run(identityOf({}), inZone(zone));
  equal(asked.map(({ name, type }) => `${type} ${name}`).join(", "), "TXT a.test, A h.test, TXT i.test");
  deepEqual(verdict, { result: "pass", reason: "include of a.test", ttlMs: 300_000, isForUser: false });
});

Deno.test("checkSpf() tells how long a verdict is good, and for whom", () => {
  const table: readonly (readonly [Zone, number, boolean])[] = [
    [{}, 60_000, false],
    [{ "a.test": "servfail" }, 0, false],
    [{ "a.test": ["TXT v=spf1 -all"] }, 300_000, false],
    [{ "a.test": ["TXT v=spf1 a:gone.test -all"] }, 60_000, false],
    [{ "a.test": ["TXT v=spf1 exists:%{l}.x.test -all"] }, 60_000, true],
    [{ "a.test": ["TXT v=spf1 exists:%{S}.x.test -all"] }, 60_000, true],
    [{ "a.test": ["TXT v=spf1 exists:%{o}.%{h}.x.test -all"] }, 60_000, false],
    [{ "a.test": ["TXT v=spf1 ip4:192.0.2.1 exists:%{l}.x.test -all"] }, 300_000, false],
  ];
  const got = table.map(([zone]) => run(identityOf({}), inZone(zone)).verdict);
  deepEqual(
    got.map(({ ttlMs, isForUser }) => [ttlMs, isForUser]),
    table.map(([, ttlMs, isForUser]) => [ttlMs, isForUser]),
  );
});

Deno.test("checkSpf() says why", () => {
  const table: readonly (readonly [string, string])[] = [
    ["v=spf1 ip4:192.0.2.9/24 -all", "ip4:192.0.2.9/24 of a.test"],
    ["v=spf1 -all", "-all of a.test"],
    ["v=spf1 ip4:203.0.113.1", "nothing matches in the record of a.test"],
    ["v=spf1 include:gone.test", "gone.test is included and has no record"],
    ["v=spf1 redirect=gone.test", "a.test redirects to gone.test, which has no record"],
    ["v=spf1 foo", "the record of a.test has an error"],
    ["hello", "a.test has no record"],
  ];
  const reasonOf = (record: string) => run(identityOf({}), inZone({ "a.test": [`TXT ${record}`] })).verdict.reason;
  deepEqual(table.map(([record]) => [record, reasonOf(record)]), table);
});

Deno.test("checkSpf() asks no more than it may, where every term asks for as much as it can", () => {
  const record = `v=spf1 ${"mx:%{p}.m.test ".repeat(spfTermsMax)}-all`;
  const { verdict, asked } = run(identityOf({}), ({ name, type }) => {
    const many = (make: (i: number) => string) => Array.from({ length: 10 }, (_, i) => make(i));
    const texts = {
      TXT: [`TXT ${record}`],
      PTR: many((i) => `PTR p${i}.test`),
      MX: many((i) => `MX ${i} h${i}.test`),
      A: ["A 203.0.113.1"],
    };
    return answerOf({ [name]: texts[type as keyof typeof texts] }, { name, type });
  });
  deepEqual([verdict.result, verdict.reason], ["permerror", "more than 10 terms ask the DNS"]);
  equal(asked.length, 1 + 11 * spfTermsMax);
});

const names = fc.constantFrom(
  "a.test",
  "b.test",
  "c.test",
  "%{d}",
  "%{l}.a.test",
  "%{p}",
  "x",
  "a..test",
  "%{ir}.%{v}.c.test",
);
const sign = fc.constantFrom("", "-", "~", "?", "+");
const term = fc.oneof(
  fc.tuple(sign, fc.constantFrom("include", "a", "mx", "ptr", "exists"), names).map(([q, kind, name]) =>
    `${q}${kind}:${name}`
  ),
  fc.tuple(sign, fc.constantFrom("all", "a", "mx", "ptr", "ip4:203.0.113.9", "ip6:2001:db8::9")).map((one) =>
    one.join("")
  ),
  names.map((name) => `redirect=${name}`),
  fc.string({ maxLength: 12 }),
);
const record = fc.array(term, { maxLength: 16 }).map((terms) => `TXT v=spf1 ${terms.join(" ")}`);
const data = fc.oneof(
  record,
  anyText({ maxLength: 30 }).map((text) => `TXT ${text}`),
  names.map((name) => `MX 1 ${name}`),
  names.map((name) => `PTR ${name}`),
  fc.constantFrom("A 203.0.113.1", "AAAA 2001:db8::2", "MX 0 ", "A x"),
);
const anyAnswers = fc.array(
  fc.oneof({ weight: 6, arbitrary: fc.array(data, { maxLength: 14 }) }, fc.constantFrom("servfail" as const, null)),
  { minLength: 1, maxLength: 40 },
);

Deno.test("checkSpf() ends, whatever the DNS says, within its limits", () => {
  const ips = fc.constantFrom("192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1");
  const senders = fc.constantFrom("ann@a.test", "", "a+b.c@b.test");
  let most = 0;
  fc.assert(
    fc.property(anyAnswers, ips, senders, fc.string(), (answers, ip, from, helo) => {
      let at = 0;
      const { verdict, asked } = run({ ...identityOf({ ip, from }), helo: helo as Domain }, ({ name, type }) => {
        const texts = answers[at++ % answers.length] ?? null;
        return answerOf(texts === null ? {} : { [name]: texts }, { name, type });
      });
      most = Math.max(most, asked.length);
      const count = (type: string) => asked.filter((one) => one.type === type).length;
      ok(asked.length <= 1 + 11 * spfTermsMax);
      ok(count("TXT") <= 1 + spfTermsMax && count("MX") <= spfTermsMax && count("PTR") <= 1);
      ok(asked.every(({ name }) => /^[\x21-\x7e]{1,253}$/.test(name) && !/^\.|\.\.|\.$/.test(name)));
      ok(spfResults.includes(verdict.result));
      ok(verdict.ttlMs >= 0);
    }),
    { numRuns: 2_000 },
  );
  ok(most > 10, `the property sees long checks, not ${most} questions`);
});

Deno.test("checkSpf() reads records of every form without an exception", () => {
  fc.assert(fc.property(anyText({ maxLength: 200 }), (text) => {
    const { result } = run(identityOf({}), inZone({ "a.test": [`TXT v=spf1 ${text}`] })).verdict;
    ok(result !== "none" && spfResults.includes(result), result);
  }));
});
