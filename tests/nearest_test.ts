/** Mistyped words. */

import assert from "node:assert/strict";
import { nearest } from "../lib/nearest.ts";

Deno.test("nearest() finds what was probably meant, and nothing else", () => {
  const words = ["listen", "action", "match", "table", "include", "queue"];
  const cases: readonly (readonly [string, string | null])[] = [
    ["lsten", "listen"],
    ["acton", "action"],
    ["atcion", "action"],
    ["MATCH", "match"],
    ["tables", "table"],
    ["inlcude", "include"],
    ["qeueu", null],
    ["frobnicate", null],
    ["", null],
    ["x", null],
    ["listen", null],
  ];
  for (const [word, want] of cases) assert.equal(nearest(word, words), want, word);
  assert.equal(nearest("a", ["b"]), null);
  assert.equal(nearest("form", ["for", "from"]), "from");
  assert.equal(nearest("form", ["from", "for"]), "from");
});
