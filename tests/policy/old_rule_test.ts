import assert from "node:assert/strict";
import { OldLine } from "../../lib/policy/old_line.ts";
import { translateAccept, translateAction } from "../../lib/policy/old_rule.ts";
import { mixedTranslations, ruleTranslations, translate } from "./old_lines.ts";

Deno.test("translateAccept() says in today's words what accept and reject lines say", () => {
  assert.ok(ruleTranslations.length >= 20);
  for (const [old, ...today] of ruleTranslations) assert.deepEqual(translate(old), today, old);
});

Deno.test("translateAccept() needs a delivery in an accept line, and none in a reject line", () => {
  assert.equal(translateAccept(new OldLine([]), "accept", new Map(), false), null);
  assert.deepEqual(translateAccept(new OldLine([]), "reject", new Map(), false), ["match reject"]);
});

Deno.test("translateAccept() and translateAction() take lines that mix words of old with today's", () => {
  for (const [old, ...today] of mixedTranslations) assert.deepEqual(translate(old), today, old);
  assert.equal(translateAction(new OldLine([])), null);
});
