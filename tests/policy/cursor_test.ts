import { deepEqual, equal } from "node:assert/strict";
import { cursorAt, isWithin } from "../../lib/policy/cursor.ts";

Deno.test("cursorAt() finds the word and the keywords before it", () => {
  const cases: readonly (readonly [string, string | null, string])[] = [
    ["match for dom|ain x", "domain", "match for"],
    ["match for |domain x", "domain", "match for"],
    ["match for domain| x", "domain", "match for"],
    ["match for  | x", null, "match for"],
    ["queue ttl 4d\nmatch fo|r", "for", "match"],
    ["match from src { a,\n b } fo|r any", "for", "match from src"],
    ["match from src { a,\nlisten o|n lo", "on", "listen"],
    ["match \\\n for| any", "for", "match"],
    ["queue ttl 4d\n|", null, ""],
  ];
  for (const [marked, word, keywords] of cases) {
    const offset = marked.indexOf("|");
    const cursor = cursorAt(marked.replace("|", ""), offset, new Map());
    equal(cursor.token?.text ?? null, word, marked);
    deepEqual(cursor.keywords.join(" "), keywords, marked);
  }
});

Deno.test("isWithin() counts both ends in", () => {
  deepEqual([1, 2, 3, 4, 5].map((at) => isWithin({ start: 2, end: 4 }, at)), [false, true, true, true, false]);
});
