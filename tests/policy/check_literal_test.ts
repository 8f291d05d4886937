import assert from "node:assert/strict";
import { fixedEntries, type Literal, literalsOf, negate, Reasoner } from "../../lib/policy/check_literal.ts";
import { policyOf } from "./tables.ts";

const head = "table a { a.test }\ntable ab { a.test, b.test }\ntable f file:/f\n";

/** Claims of the first rule, claims of the second; does each of the second follow from all of the first? */
const cases: readonly (readonly [known: string, wanted: string, boolean])[] = [
  ["from socket", "from local", true],
  ["from local", "from socket", false],
  ["!from local", "!from socket", true],
  ["from socket", 'from src { "local" }', true],
  ["from socket", "!from src 10.0.0.0/8", true],
  ["from rdns a.test", "from rdns { a.test, b.test }", true],
  ["from rdns { a.test, b.test }", "from rdns a.test", false],
  ["!from rdns <ab>", "!from rdns <a>", true],
  ["from rdns <a>", "from rdns <a>", true],
  ["from rdns <a>", "!from rdns <a>", false],
  ["from rdns <a>", "from rdns", false],
  ["auth <a>", "auth", true],
  ["!auth", "!auth <a>", true],
  ["auth", "auth <a>", false],
  ["auth", 'auth regex ".*"', false],
  ["tls", "tls", true],
  ["!tls", "tls", false],
  ["helo <a>", "helo <ab>", true],
  ["from any", 'helo "*"', false],
  ["from any", 'mail-from "@"', true],
  ["from any", 'rcpt-to regex ".*"', true],
  ["tag <a>", "tag <ab>", true],
  ["tag <a>", "!tag b", true],
  ["for domain <a>", 'rcpt-to "@a.test"', true],
  ['rcpt-to "x@a.test"', "for domain <ab>", true],
  ['rcpt-to "x@c.test"', "!for domain <ab>", true],
  ["for domain <f>", "for domain <f>", true],
  ["for domain <f>", "helo <f>", false],
  ["for domain <a>", "for domain <f>", false],
];

function claims(options: string): { readonly reasoner: Reasoner; readonly literals: readonly Literal[] } {
  const hasFrom = /from (any|local|socket|src|rdns)/.test(options);
  const from = hasFrom ? "" : "from any ";
  const hasFor = /for domain/.test(options);
  const policy = policyOf(`${head}match ${from}${options} ${hasFor ? "" : "for any "}reject\n`);
  return { reasoner: new Reasoner(policy), literals: literalsOf(policy.rules[0]!) };
}

Deno.test("Reasoner.implies() claims what follows, for options of one rule", () => {
  for (const [known, wanted, want] of cases) {
    const policy = policyOf(
      `${head}match ${
        [known, wanted].map((options) => {
          const from = /from (any|local|socket|src|rdns)/.test(options) ? "" : "from any ";
          return `${from}${options} ${/for domain/.test(options) ? "" : "for any "}reject\n`;
        }).join("match ")
      }`,
    );
    const [first, second] = policy.rules.map(literalsOf);
    const reasoner = new Reasoner(policy);
    assert.equal(second!.every((one) => reasoner.implies(first!, one)), want, `${known} -> ${wanted}`);
  }
});

Deno.test("Reasoner.contradiction() finds two claims that exclude each other", () => {
  const { reasoner, literals } = claims('for domain a.test rcpt-to "x@b.test"');
  assert.deepEqual(reasoner.contradiction(literals), [literals[0], literals[1]]);
  const fine = claims('for domain a.test rcpt-to "x@a.test"');
  assert.equal(fine.reasoner.contradiction(fine.literals), null);
});

Deno.test("negate() turns a claim around, twice to itself", () => {
  const { literals } = claims("tls");
  assert.equal(negate(literals[0]!).negated, true);
  assert.deepEqual(negate(negate(literals[0]!)), literals[0]);
});

Deno.test("fixedEntries() knows tables of the configuration only", () => {
  const entries = fixedEntries(policyOf(`${head}match for local reject\n`));
  assert.deepEqual(entries("ab"), ["a.test", "b.test"]);
  assert.equal(entries("f"), null);
  assert.equal(entries("none"), null);
});
