import { deepEqual } from "node:assert/strict";
import { shadowEntry, shadowHashes } from "../../lib/trust/shadow.ts";

const text = [
  "root:*:20000:0:99999:7:::",
  "ann:$6$salt$hash:20000:0:99999:7:::",
  "ann:$6$salt$second:20000:0:99999:7:::",
  "bob:$6$salt$bob:20000:0:99999:7::20500:",
  "short:$6$salt$short",
  "empty::20000:0:99999:7:::",
  "nothing",
].join("\n");
const dayMs = 86_400_000;

Deno.test("shadowEntry() finds a user by his exact name", () => {
  for (
    const [user, day, want] of [
      ["ann", 20_400, { kind: "found", stored: "$6$salt$hash" }],
      ["Ann", 20_400, { kind: "absent" }],
      ["", 20_400, { kind: "absent" }],
      ["nothing", 20_400, { kind: "absent" }],
      ["root", 20_400, { kind: "found", stored: "*" }],
      ["short", 20_400, { kind: "found", stored: "$6$salt$short" }],
      ["empty", 20_400, { kind: "found", stored: "" }],
      ["bob", 20_499, { kind: "found", stored: "$6$salt$bob" }],
      ["bob", 20_500, { kind: "expired" }],
      ["bob", 30_000, { kind: "expired" }],
    ] as const
  ) deepEqual(shadowEntry(text, user, day * dayMs), want, `${user} on day ${day}`);
});

Deno.test("shadowHashes() gives the password fields in order", () => {
  deepEqual(shadowHashes("a:x:1\nb:y:2\nnothing\n"), ["x", "y"]);
});
