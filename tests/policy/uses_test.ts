import assert from "node:assert/strict";
import { isPublic, mayServeOthers, usesReverseNames, usesSystemUsers } from "../../lib/policy/uses.ts";
import { policyOf } from "./tables.ts";

Deno.test("isPublic() leaves out loopback addresses and the socket, mayServeOthers() those that no proxy serves", () => {
  const policy = policyOf(
    "listen on lo\nlisten on eth0\nlisten on lo inet4 port 26 proxy from 127.0.0.1\nmatch for local reject\n",
  );
  assert.deepEqual(
    policy.listeners.map((one) => [one.kind === "inet" ? one.address : "socket", isPublic(one), mayServeOthers(one)]),
    [
      ["socket", false, false],
      ["127.0.0.1", false, false],
      ["::1", false, false],
      ["192.0.2.10", true, true],
      ["2001:db8::10", true, true],
      ["127.0.0.1", false, true],
    ],
  );
});

Deno.test("usesReverseNames() holds where others can connect, and where a rule or a filter asks", () => {
  for (
    const [lines, want] of [
      ["listen on lo\nmatch for local reject", false],
      ["listen on eth0\nmatch for local reject", true],
      ["listen on lo proxy-v2\nmatch for local reject", true],
      ["listen on lo\nmatch from rdns for local reject", true],
      ["filter f phase connect match !rdns junk\nlisten on lo filter f\nmatch for local reject", true],
    ] as const
  ) assert.equal(usesReverseNames(policyOf(`${lines}\n`)), want, lines);
});

Deno.test("usesSystemUsers() holds where an action finds users in the system's files", () => {
  const actions: readonly (readonly [string, boolean])[] = [
    ["relay", false],
    ["maildir", true],
    ["maildir userbase <u>", false],
    ['maildir userbase <u> user "vmail"', true],
  ];
  for (const [action, want] of actions) {
    const text = `table u { ann = 1:1:/a }\naction "a" ${action}\nmatch for local action "a"\n`;
    assert.equal(usesSystemUsers(policyOf(text)), want, action);
  }
});
