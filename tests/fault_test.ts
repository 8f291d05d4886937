import { equal, throws } from "node:assert/strict";
import { assert, assertNever, describeError, Fault } from "../lib/fault.ts";

Deno.test("Fault keeps kind and cause, and blames the world unless told", () => {
  const cause = new Error("ENOSPC");
  const fault = new Fault("noSpace", "Cannot commit message 1a2b3c4d: the disk is full", { cause });
  equal(fault.kind, "noSpace");
  equal(fault.blame, "world");
  equal(fault.cause, cause);
  equal(fault.name, "Fault");
  equal(new Fault("reset", "x", { blame: "peer" }).blame, "peer");
  equal("cause" in new Fault("io", "x"), false);
});

Deno.test("assert() throws on what is false and passes what is true", () => {
  assert(1, "never seen");
  throws(() => assert(0, "a count is positive"), /^Error: Assertion failed: a count is positive$/);
});

Deno.test("assertNever() names the value that nobody expected", () => {
  const value: { kind: string } = { kind: "new" };
  throws(() => assertNever(value as never), /unexpected \{"kind":"new"\}/);
});

for (
  const [name, thrown, want] of [
    ["an Error", new Error("a"), "a"],
    ["a Fault", new Fault("io", "b"), "b"],
    ["a string", "c", "c"],
    ["nothing", undefined, "undefined"],
  ] as const
) {
  Deno.test(`describeError() makes one text of ${name}`, () => equal(describeError(thrown), want));
}
