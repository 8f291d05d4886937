import { deepEqual, equal } from "node:assert/strict";
import { failureJson, failureText } from "../../cli/failure.ts";

Deno.test("failureJson() is one line, whatever the message holds", () => {
  const text = failureJson('no\nsuch "thing"\x1b', "");
  equal(text.split("\n").length, 1);
  deepEqual(JSON.parse(text), { error: 'no\nsuch "thing"\x1b', hint: null });
  deepEqual(JSON.parse(failureJson("a", "b")), { error: "a", hint: "b" });
});

Deno.test("failureText() tells how a command line looks where that was wrong, in the form asked for", () => {
  equal(failureText("mailq", "No", "mailq [id]", false), "mailq: No\nusage: mailq [id]");
  equal(failureText("mailq", "No", null, false), "mailq: No");
  deepEqual(JSON.parse(failureText("mailq", "No", "mailq [id]", true)), { error: "No", hint: "see mailq --help" });
  deepEqual(JSON.parse(failureText("mailq", "No", null, true)), { error: "No", hint: null });
});
