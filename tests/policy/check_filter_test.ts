import { deepEqual } from "node:assert/strict";
import { filterTraps } from "../../lib/policy/check_filter.ts";
import { policyOfLines } from "./load_text.ts";

const pki = 'pki "*" cert "/c" key "/k"';

function trapsOf(...lines: readonly string[]): readonly string[] {
  return filterTraps(policyOfLines(`${lines.join("\n")}\n`)).map(({ filter, message }) => `${filter}: ${message}`);
}

Deno.test("filterTraps() finds conditions on a login where nobody can log in", () => {
  const auth = (not: string) => `filter f phase mail-from match ${not}auth reject "550 no"`;
  const never = "f: `auth` never holds here: nobody can log in where this is used";
  deepEqual(trapsOf(auth(""), "listen on lo filter f"), [never]);
  deepEqual(trapsOf(auth(""), "listen on socket filter f"), [never]);
  deepEqual(trapsOf(auth("!"), "listen on lo filter f"), [never.replace("never", "always")]);
  deepEqual(trapsOf(pki, auth(""), "listen on lo tls pki * auth filter f".replace("*", '"*"')), []);
  deepEqual(trapsOf('filter f phase auth match src 192.0.2.1 reject "550 no"', "listen on lo filter f"), [
    "f: this filter is never asked: nobody can log in where it is used",
  ]);
  // Nobody uses it: that is told elsewhere.
  deepEqual(trapsOf(auth("")), []);
});

Deno.test("filterTraps() finds filters that another one always comes before", () => {
  const at = (name: string, phase: string, decision: string) =>
    `filter ${name} phase ${phase} match rdns { "a.test" } ${decision}`;
  const shadowed = "b: this filter never does anything, because a comes before it with the same condition";
  deepEqual(trapsOf(at("a", "connect", "junk"), at("b", "connect", "junk"), "listen on lo filter { a, b }"), [
    shadowed,
  ]);
  const tables = 'table t { "a.test" }';
  const named = (name: string, decision: string) => `filter ${name} phase connect match rdns <t> ${decision}`;
  deepEqual(trapsOf(tables, named("a", "junk"), named("b", 'reject "550 no"'), "listen on lo filter { a, b }"), [
    shadowed,
  ]);
  deepEqual(trapsOf(tables, named("a", 'report "x"'), named("b", "junk"), "listen on lo filter { a, b }"), []);
  deepEqual(
    trapsOf(
      tables,
      named("a", "bypass"),
      named("b", "junk"),
      "listen on lo filter { a, b }",
      "listen on socket filter b",
    ),
    [],
  );
  deepEqual(trapsOf(at("a", "connect", "junk"), at("b", "data", "junk"), "listen on lo filter { a, b }"), []);
});

Deno.test("filterTraps() finds filters of HELO that clients with EHLO pass by, and the other way around", () => {
  const at = (name: string, phase: string) => `filter ${name} phase ${phase} match !fcrdns reject "550 no"`;
  deepEqual(trapsOf(at("a", "helo"), "listen on lo filter a"), [
    "a: clients that say EHLO pass by this filter: it is asked at HELO only",
  ]);
  deepEqual(trapsOf(at("a", "ehlo"), "listen on lo filter a"), [
    "a: clients that say HELO pass by this filter: it is asked at EHLO only",
  ]);
  deepEqual(trapsOf(at("a", "helo"), at("b", "ehlo"), "listen on lo filter { a, b }"), []);
  deepEqual(trapsOf('filter a phase helo match fcrdns report "x"', "listen on lo filter a"), []);
});

Deno.test("filterTraps() finds addresses without brackets", () => {
  const rewrite = (value: string) => `filter f phase rcpt-to match rcpt-to "a@b.test" rewrite "${value}"`;
  deepEqual(trapsOf(rewrite("c@b.test"), "listen on lo filter f"), [
    "f: `rewrite` needs an address in angle brackets in phase rcpt-to: the command will be refused",
  ]);
  deepEqual(trapsOf(rewrite("<c@b.test> NOTIFY=NEVER"), "listen on lo filter f"), []);
  // The command is read as if the client had sent it so.
  const lenient = (rest: string, value: string) =>
    trapsOf(`smtp lenient no-brackets${rest}`, rewrite(value), "listen on lo filter f");
  deepEqual(lenient("", "c@b.test"), []);
  deepEqual(lenient("", "c@b.test NOTIFY=NEVER"), []);
  deepEqual(lenient("", "Carl <c@b.test>").length, 1);
  deepEqual(lenient(" from 192.0.2.1", "c@b.test"), [
    "f: `rewrite` needs an address in angle brackets in phase rcpt-to: the command of clients that " +
    "`smtp lenient no-brackets` does not name will be refused",
  ]);
});
