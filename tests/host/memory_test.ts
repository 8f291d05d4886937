import { equal } from "node:assert/strict";
import { trimMemory } from "../../lib/host/memory.ts";

Deno.test("trimMemory() collects everything where the process allows it, and does nothing elsewhere", () => {
  const before: unknown = Reflect.get(globalThis, "gc");
  const calls: unknown[] = [];
  Reflect.set(globalThis, "gc", (options: unknown) => calls.push(options));
  trimMemory();
  Reflect.set(globalThis, "gc", undefined);
  trimMemory();
  Reflect.set(globalThis, "gc", before);
  equal(calls.length, 1);
});
