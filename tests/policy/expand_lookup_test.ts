import assert from "node:assert/strict";
import { aliasKeys, virtualKeys } from "../../lib/policy/expand_lookup.ts";

Deno.test("virtualKeys() and aliasKeys() go from the most exact key to the least", () => {
  assert.deepEqual(virtualKeys("joe+news", "a.test", "+"), [
    "joe+news@a.test",
    "joe@a.test",
    "joe+news",
    "joe",
    "@a.test",
    "@",
  ]);
  assert.deepEqual(virtualKeys("joe", "a.test", "+"), ["joe@a.test", "joe", "@a.test", "@"]);
  assert.deepEqual(virtualKeys("joe+", "a.test", "+"), ["joe@a.test", "joe", "@a.test", "@"]);
  assert.deepEqual(virtualKeys("carl", "", "+"), ["carl@", "carl"]);
  assert.deepEqual(virtualKeys("carl+x", "", "+"), ["carl+x@", "carl@", "carl+x", "carl"]);
  assert.deepEqual(aliasKeys("joe+news", "+"), ["joe+news", "joe"]);
  assert.deepEqual(aliasKeys("joe", "+"), ["joe"]);
  assert.deepEqual(aliasKeys("joe-news", "-"), ["joe-news", "joe"]);
});
