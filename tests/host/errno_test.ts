import { equal } from "node:assert/strict";
import { describeErrno } from "../../lib/host/errno.ts";

for (
  const [code, want] of [
    ["ENOENT", "no such file or directory (ENOENT)"],
    ["ECONNREFUSED", "nobody listens there (ECONNREFUSED)"],
    ["EWHATEVER", "EWHATEVER"],
    ["constructor", "constructor"],
    ["", ""],
  ] as const
) {
  Deno.test(`describeErrno() says ${want}`, () => equal(describeErrno(code), want));
}
