import assert from "node:assert/strict";
import { parseRegex, RegexSet } from "../../lib/table/regex_parse.ts";

Deno.test("RegexSet holds letters in both cases, and all others when negated", () => {
  const set = new RegexSet();
  set.add(0x61, 0x62);
  set.add(0xe0, 0xe2);
  const has = (text: string) => [...text].map((char) => set.has(char.charCodeAt(0)));
  assert.deepEqual(has("aBcàâã"), [true, true, false, true, true, false]);
  set.negate();
  assert.deepEqual(has("aBcàâã"), [false, false, true, false, false, true]);
});

Deno.test("parseRegex() gives the tree of a pattern", () => {
  const node = parseRegex("^a|b{2,}");
  assert.ok(node?.kind === "choice");
  const [left, right] = node.nodes;
  assert.ok(left?.kind === "sequence" && right?.kind === "sequence");
  assert.deepEqual(left.nodes[0], { kind: "assert", what: "start" });
  const [repeat] = right.nodes;
  assert.ok(repeat?.kind === "repeat");
  assert.equal(repeat.min, 2);
  assert.equal(repeat.max, Infinity);
  assert.equal(parseRegex("a("), null);
});
