import { deepEqual, equal } from "node:assert/strict";
import { failureJson } from "../../cli/failure.ts";

Deno.test("failureJson() is one line, whatever the message holds", () => {
  const text = failureJson('no\nsuch "thing"\x1b', "");
  equal(text.split("\n").length, 1);
  deepEqual(JSON.parse(text), { error: 'no\nsuch "thing"\x1b', hint: null });
  deepEqual(JSON.parse(failureJson("a", "b")), { error: "a", hint: "b" });
});
