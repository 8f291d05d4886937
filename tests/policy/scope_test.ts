import assert from "node:assert/strict";
import type { Declared } from "../../lib/policy/ast.ts";
import { failMissing, failTaken, failTwice, makeScope } from "../../lib/policy/scope.ts";
import { machine } from "./config_fixture.ts";
import { describeProblems, parseText } from "./parse_text.ts";

/** What `failMissing` tells about `name`, above the first line of `text`. */
function missing(text: string, kind: Declared, name: string) {
  const parsed = parseText(text);
  const source = { ...machine, path: "", readFile: () => assert.fail(), macros: new Map<string, string>() };
  const scope = makeScope(source, parsed.directives);
  assert.equal(failMissing(scope, kind, name, parsed.end, (one) => `<${one}>`), null);
  return [...describeProblems(scope.problems), ...scope.problems.map((one) => one.hint)];
}

Deno.test("failMissing() tells a name from one that is declared further down, and suggests what is like it", () => {
  assert.deepEqual(missing("table aliases file:/x\n", "table", "other"), ["1:1 no such table: <other>", null]);
  assert.deepEqual(missing("table aliases file:/x\n", "table", "alias"), [
    "1:1 no such table: <alias>",
    "did you mean <aliases>?",
  ]);
  assert.deepEqual(missing("table aliases file:/x\n", "table", "aliases"), [
    "1:1 no such table: <aliases>",
    "declare it above this line",
  ]);
  assert.deepEqual(missing("table aliases file:/x\n", "action", "aliases"), ["1:1 no such action: <aliases>", null]);
});

Deno.test("failMissing() is silent about a name whose declaration has an error of its own", () => {
  assert.deepEqual(missing("action a mbx\n", "action", "a"), []);
  assert.deepEqual(missing("filter f {\n}\n", "filter", "f"), []);
  assert.deepEqual(missing("proc p\n", "proc", "p"), []);
  assert.deepEqual(missing("pki a.test\n", "pki", "a.test"), []);
  assert.deepEqual(missing("ca a.test x\n", "ca", "a.test"), []);
  assert.deepEqual(missing("mda wrapper w\n", "mda-wrapper", "w"), []);
  assert.deepEqual(missing("table a {\n}\n", "table", "a"), []);
  assert.deepEqual(missing("table alias { x }\n", "table", "any"), []);
  assert.deepEqual(missing("table alias { x }\n", "action", "any").length, 2);
});

Deno.test("failMissing() has a word for every kind of name", () => {
  const words = (["table", "action", "filter", "proc", "pki", "ca", "mda-wrapper"] as const).map((kind) =>
    missing("", kind, "x")[0]
  );
  assert.deepEqual(words, [
    "1:1 no such table: <x>",
    "1:1 no such action: <x>",
    "1:1 no filter exist with that name: <x>",
    "1:1 no processor exist with that name: <x>",
    "1:1 pki name not found: <x>",
    "1:1 ca name not found: <x>",
    "1:1 no mda wrapper with that name: <x>",
  ]);
});

Deno.test("failTaken() and failTwice() say what was there before", () => {
  const parsed = parseText("\n");
  const source = { ...machine, path: "", readFile: () => assert.fail(), macros: new Map<string, string>() };
  const scope = makeScope(source, []);
  failTaken(scope, { text: "x", span: parsed.end }, "name taken", { line: 7 });
  const given = new Set<string>();
  failTwice(scope, given, "helo", parsed.end);
  failTwice(scope, given, "helo", parsed.end);
  assert.deepEqual(scope.problems.map(({ message, hint }) => [message, hint]), [
    ["name taken: x", "the first one is on line 7"],
    ["helo already specified for this dispatcher", null],
  ]);
});
