import assert from "node:assert/strict";
import { reservedWords } from "../../lib/policy/reserved.ts";

Deno.test("reservedWords holds the words of the specification", () => {
  assert.equal(reservedWords.size, 101);
  for (const word of ["action", "warn-interval", "smtp-in", "data-line"]) assert.ok(reservedWords.has(word), word);
  for (const word of ["", "directory", "on ", "max-rcpt"]) assert.ok(!reservedWords.has(word), word);
});
