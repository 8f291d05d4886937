import { deepEqual } from "node:assert/strict";
import { declarationOf, referencesOf } from "../../lib/policy/reference.ts";
import { parseText } from "./parse_text.ts";

Deno.test("referencesOf() lists the names that a line uses", () => {
  const cases: readonly (readonly [string, string])[] = [
    ['match from src <a> for domain <b> mail-from { "x@" } action "c"', "table a, table b, action c"],
    ["match for any reject", ""],
    ["action n maildir alias <a> userbase <u>", "table a, table u"],
    ["action n relay host <h>", "table h"],
    ["listen on lo tag x", ""],
    ["table t { a }", ""],
  ];
  for (const [line, want] of cases) {
    const uses = parseText(`${line}\n`).directives.flatMap(referencesOf);
    deepEqual(uses.map(({ kind, name }) => `${kind} ${name}`).join(", "), want, line);
  }
});

Deno.test("declarationOf() knows what a line declares, also one that broke off", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["table t { a }", "table t"],
    ["table t {", "table t"],
    ['action "n" relay', "action n"],
    ['action "n" rely', "action n"],
    ["match for any reject", ""],
    ["action", ""],
  ];
  for (const [line, want] of cases) {
    const found = parseText(`${line}\n`).directives.flatMap((one) => declarationOf(one) ?? []);
    deepEqual(found.map(({ kind, name }) => `${kind} ${name}`).join(), want, line);
  }
});
