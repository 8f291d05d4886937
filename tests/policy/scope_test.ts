import assert from "node:assert/strict";
import { failMissing, makeScope } from "../../lib/policy/scope.ts";
import { machine } from "./config_fixture.ts";
import { describeProblems, parseText } from "./parse_text.ts";

/** What `failMissing` tells about `name`, above the first line of `text`. */
function missing(text: string, kind: "table" | "action", name: string) {
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
  assert.deepEqual(missing("action a mbox\n", "action", "a"), []);
  assert.deepEqual(missing("table a {\n}\n", "table", "a"), []);
  assert.deepEqual(missing("table alias { x }\n", "table", "any"), []);
  assert.deepEqual(missing("table alias { x }\n", "action", "any").length, 2);
});
