import assert from "node:assert/strict";
import { checkListeners } from "../../lib/policy/check_listen.ts";
import { collectErrors } from "../../lib/policy/error.ts";
import { loadText, machine } from "./config_fixture.ts";

/** What is told of `listen` lines. */
function told(text: string): readonly string[] {
  const result = loadText(`${text}\nmatch reject\n`);
  assert.ok(result.kind === "ok");
  return collectErrors(checkListeners(result.policy, result.config, machine.interfaces))
    .map(({ severity, line, column, message }) => `${severity} ${line}:${column} ${message}`);
}

Deno.test("checkListeners() says nothing of link-local addresses, which most interfaces have", () => {
  for (const text of ["listen on eth0 port 587", "listen on eth0 inet4", "listen on eth0 inet6"]) {
    assert.deepEqual(told(text), [], text);
  }
});

Deno.test("checkListeners() tells of addresses that the machine does not have", () => {
  const foreign = (line: number, ip: string) => `warning ${line}:1 this machine does not have the address ${ip} now`;
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["listen on 192.0.2.10\nlisten on 192.0.2.77", [foreign(2, "192.0.2.77")]],
    ["listen on 2001:DB8::77", [foreign(1, "2001:db8::77")]],
    ["listen on mail.example.org", [foreign(1, "192.0.2.25"), foreign(1, "2001:db8::25")]],
    ["listen on 0.0.0.0\nlisten on ::", []],
    ["listen on 127.0.0.9\nlisten on ::1", []],
  ];
  for (const [text, want] of cases) assert.deepEqual(told(text), want, text);
});
