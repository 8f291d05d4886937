import assert from "node:assert/strict";
import { defaultMdaLimits, defaultMtaLimits, defaultSchedulerPolicy } from "../../lib/policy/limit.ts";
import {
  limitMax,
  mdaLimitKeys,
  mtaLimitKeys,
  schedulerLimitKeys,
  smtpLimitKeys,
} from "../../lib/policy/resolve_limit.ts";
import { hintOfLines, messagesOfLines, policyOfLines } from "./load_text.ts";

Deno.test("applyLimits() sets each key's member, seconds as ms", () => {
  for (const [key, { member, unit }] of Object.entries(mtaLimitKeys)) {
    assert.deepEqual(policyOfLines(`mta limit ${key} 7`).mta.limits, { ...defaultMtaLimits, [member]: 7 * unit }, key);
    assert.equal(unit, member.endsWith("Ms") ? 1000 : 1, key);
  }
  for (const [key, { member }] of Object.entries(mdaLimitKeys)) {
    assert.deepEqual(policyOfLines(`mda limit ${key} 8`).mda.limits, { ...defaultMdaLimits, [member]: 8 }, key);
  }
  for (const [key, { member }] of Object.entries(schedulerLimitKeys)) {
    assert.deepEqual(
      policyOfLines(`scheduler limit ${key} 9`).scheduler,
      { ...defaultSchedulerPolicy, [member]: 9 },
      key,
    );
  }
  for (const [key, { member, unit, least }] of Object.entries(smtpLimitKeys)) {
    const value = Math.max(least, 9);
    assert.equal(policyOfLines(`smtp limit ${key} ${value}`).smtp[member], value * unit, key);
    assert.equal(unit, member.endsWith("Ms") ? 1000 : 1, key);
  }
});

Deno.test("every limit of a policy has its key", () => {
  const members = (keys: Readonly<Record<string, { readonly member: string }>>) =>
    Object.values(keys).map(({ member }) => member).sort();
  assert.deepEqual(members(mtaLimitKeys), Object.keys(defaultMtaLimits).filter((one) => one !== "family").sort());
  assert.deepEqual(members(mdaLimitKeys), Object.keys(defaultMdaLimits).sort());
  assert.deepEqual(members(schedulerLimitKeys), Object.keys(defaultSchedulerPolicy).sort());
});

Deno.test("resolveMta() starts the limits of a domain from those for all, as they are on that line", () => {
  const { mta } = policyOfLines(
    "mta limit max-conn-per-host 3\nmta limit for domain A.test inet4 max-conn-per-route 4\n" +
      "mta limit max-conn-per-host 5\nmta limit for domain a.test conn-delay-host 1\nmta max-deferred 0\n" +
      'mta limit for domain "[192.0.2.1]" inet6\nmta limit for domain constructor max-conn-per-host 9',
  );
  assert.deepEqual(mta, {
    maxDeferred: 0,
    limits: { ...defaultMtaLimits, maxConnPerHost: 5 },
    domainLimits: {
      "a.test": { ...defaultMtaLimits, family: 4, maxConnPerHost: 3, maxConnPerRoute: 4, connDelayHostMs: 1000 },
      "[192.0.2.1]": { ...defaultMtaLimits, family: 6, maxConnPerHost: 5 },
      "constructor": { ...defaultMtaLimits, maxConnPerHost: 9 },
    },
  });
});

Deno.test("limits have these errors", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["mda limit x 1", ["1:11 invalid mda limit keyword: x"]],
    ["mta limit toString 1", ["1:11 invalid mta limit keyword: toString"]],
    ["scheduler limit x 1 y 2", ["1:17 invalid scheduler limit keyword: x", "1:21 invalid scheduler limit keyword: y"]],
    ["smtp limit x 1", ["1:12 invalid session limit keyword: x"]],
    ["mta limit max-conn-per-host 0", ["1:29 invalid mta limit: 0"]],
    ["mta limit conn-delay-host 0 task-lowat 0", []],
    ["mta limit conn-delay-host -1", ["1:27 invalid mta limit: -1"]],
    [`mta limit max-conn-per-host ${limitMax}`, []],
    [`mta limit max-conn-per-host ${limitMax + 1}`, [`1:29 invalid mta limit: ${limitMax + 1}`]],
    ["mta limit conn-delay-host 2147484", ["1:27 invalid mta limit: 2147484"]],
    ["mta max-deferred -1", ["1:18 invalid max-deferred: -1"]],
    ['mta limit for domain "a b"', ["1:22 not a valid domain name: a b"]],
    ["mta limit inet4 inet4", ["1:17 address family already specified"]],
  ];
  for (const [text, want] of cases) assert.deepEqual(messagesOfLines(text), want, text);
  assert.equal(hintOfLines("mta limit max-con-per-host 1"), "did you mean `max-conn-per-host`?");
});
