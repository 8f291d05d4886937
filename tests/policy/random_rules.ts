/** Random rules and envelopes over few words, and what a rule does about one, straight from smtpd.conf(5). */

import fc from "../support/fast_check.ts";
import type { Domain } from "../../lib/mail/address.ts";
import { emptyPolicy } from "../../lib/policy/defaults.ts";
import { builtinTable, type Criterion, type Policy, type Rule } from "../../lib/policy/policy.ts";
import { builtinTables } from "../../lib/policy/resolve_table.ts";
import { StaticTable } from "../../lib/table/static.ts";
import type { Service, TableSpec } from "../../lib/table/table.ts";
import { machine } from "./config_fixture.ts";

/** An envelope, as far as rules ask. `rdns` is null for a peer without a name. */
export interface Sample {
  readonly address: string;
  readonly isInternal: boolean;
  readonly tag: string;
  readonly helo: string;
  readonly rdns: string | null;
  readonly username: string;
  readonly tls: boolean;
  readonly sender: string;
  readonly dest: string;
}

const lists: Readonly<Record<string, readonly string[]>> = {
  tags: ["in"],
  tags2: ["in", "out"],
  lan: ["10.0.0.0/8"],
  desk: ["10.1.2.3", "local"],
  world: ["local", "0.0.0.0/0", "::/0"],
  a: ["a.test"],
  ab: ["a.test", "b.test"],
  stars: ["*.test", "mx.example.org"],
  everything: ["*"],
  bob: ["bob"],
  bobAtA: ["bob@a.test"],
  atA: ["@a.test"],
  atAll: ["@"],
  pattern: ["a"],
};

const tables: Readonly<Record<string, TableSpec>> = Object.fromEntries([
  ...Object.entries(lists).map(([name, keys]): readonly [string, TableSpec] => [
    name,
    { kind: "static", name, shape: "list", entries: keys.map((key) => [key, null]) },
  ]),
  // May change at any time: only its name is known.
  ["file", { kind: "file", name: "file", path: "/file" }],
  ...builtinTables({ ...machine, path: "", readFile: () => ({ kind: "failed", fault: "notFound" }), macros: new Map() })
    .map((spec): readonly [string, TableSpec] => [spec.name, spec]),
]);

const criterion = (...names: readonly string[]): fc.Arbitrary<Criterion> =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        table: fc.constantFrom(...names, "file"),
        regex: fc.constant(false),
        negated: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ table: fc.constant("pattern"), regex: fc.constant(true), negated: fc.boolean() }),
    },
  );
const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null, freq: 1 });

const rule: fc.Arbitrary<Rule> = fc.record({
  tag: seldom(criterion("tags", "tags2")),
  from: fc.oneof(
    fc.constant<Rule["from"]>({ kind: "any" }),
    fc.record({ kind: fc.constantFrom("local" as const, "socket" as const), negated: fc.boolean() }),
    fc.record({ kind: fc.constant("src" as const), criterion: criterion("lan", "desk", "world") }),
    fc.record({
      kind: fc.constant("rdns" as const),
      criterion: seldom(criterion("a", "stars")),
      negated: fc.boolean(),
    }),
  ),
  for: fc.oneof(
    fc.constant<Rule["for"]>({ kind: "any" }),
    fc.record({ kind: fc.constant("local" as const), negated: fc.boolean() }),
    fc.record({ kind: fc.constant("domain" as const), criterion: criterion("a", "ab", "stars", "everything") }),
  ),
  helo: seldom(criterion("a", "stars", "everything")),
  auth: seldom(fc.oneof(
    fc.record({ kind: fc.constant("any" as const), negated: fc.boolean() }),
    fc.record({ kind: fc.constant("table" as const), criterion: criterion("bob", "bobAtA") }),
  )),
  tls: seldom(fc.boolean()),
  mailFrom: seldom(criterion("bob", "bobAtA", "atA", "atAll")),
  rcptTo: seldom(criterion("bob", "bobAtA", "atA", "atAll")),
  outcome: fc.constant({ kind: "reject" as const }),
  place: fc.constant({ file: "smtpd.conf", line: 1, column: 1 }),
});

/** Policies of up to six rules. */
export const policies: fc.Arbitrary<Policy> = fc.array(rule, { minLength: 1, maxLength: 6 }).map((rules) => ({
  ...emptyPolicy("mx.example.org" as Domain),
  tables,
  rules: rules.map((one, at) => ({ ...one, place: { ...one.place, line: at + 1 } })),
}));

/** Envelopes. */
export const samples: fc.Arbitrary<Sample> = fc.record({
  address: fc.constantFrom("local", "127.0.0.1", "10.1.2.3", "10.9.9.9", "198.51.100.7", "[2001:db8::7]"),
  isInternal: fc.boolean(),
  tag: fc.constantFrom("", "in", "out"),
  helo: fc.constantFrom("", "a.test", "x.b.test"),
  rdns: fc.constantFrom(null, "a.test", "b.test", "x.b.test"),
  username: fc.constantFrom("", "bob", "carl", "bob@a.test"),
  tls: fc.boolean(),
  sender: fc.constantFrom("@", "bob@a.test", "bob+x@a.test", "eve@b.test"),
  dest: fc.constantFrom("bob@a.test", "eve@a.test", "bob@b.test", "x@mx.example.org", "y@c.other"),
});

/** Does the rule match? `inFile` says whether a key is in the table that may change. */
export async function ruleMatches(
  rule: Rule,
  sample: Sample,
  policy: Policy,
  inFile: (service: Service, key: string) => boolean,
): Promise<boolean> {
  const holds = async (one: Criterion | null, service: Service, key: string): Promise<boolean> => {
    if (one === null) return true;
    const spec = policy.tables[one.table]!;
    const how = one.regex ? "regex" : service;
    const found = spec.kind === "static"
      ? await new StaticTable(spec.name, spec.shape, spec.entries, "+").check(how, key)
      : inFile(how, key);
    return found !== one.negated;
  };
  const at = (table: string, negated: boolean): Criterion => ({ table, regex: false, negated });
  const { from, auth } = rule;
  const address = sample.isInternal ? "local" : sample.address;
  const domain = sample.dest.slice(sample.dest.indexOf("@") + 1);
  if (!await holds(rule.tag, "string", sample.tag)) return false;
  if (from.kind === "local" && !await holds(at(builtinTable.localhost, from.negated), "netaddr", address)) return false;
  if (from.kind === "socket" && (sample.isInternal || (sample.address === "local") === from.negated)) return false;
  if (from.kind === "src" && !await holds(from.criterion, "netaddr", address)) return false;
  if (from.kind === "rdns") {
    if (from.criterion !== null) {
      if (sample.rdns === null || !await holds(from.criterion, "domain", sample.rdns)) return false;
    } else if (sample.isInternal || (sample.rdns !== null) === from.negated) return false;
  }
  if (rule.for.kind === "local" && !await holds(at(builtinTable.localnames, rule.for.negated), "domain", domain)) {
    return false;
  }
  if (rule.for.kind === "domain" && !await holds(rule.for.criterion, "domain", domain)) return false;
  if (!await holds(rule.helo, "domain", sample.helo)) return false;
  if (auth?.kind === "any" && (sample.username !== "" || sample.address === "local") === auth.negated) return false;
  if (auth?.kind === "table") {
    const service = sample.username.includes("@") ? "mailaddr" : "string";
    const isIn = sample.username !== "" && await holds({ ...auth.criterion, negated: false }, service, sample.username);
    if (isIn === auth.criterion.negated) return false;
  }
  if (rule.tls !== null && rule.tls !== sample.tls) return false;
  return await holds(rule.mailFrom, "mailaddr", sample.sender) && await holds(rule.rcptTo, "mailaddr", sample.dest);
}
