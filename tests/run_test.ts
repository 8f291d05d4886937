import { deepEqual, equal } from "node:assert/strict";
import { formatTotals, partFor, readTotals } from "./run.ts";

for (
  const [name, output, want] of [
    ["a green run", "x ... ok (1ms)\n\nok | 16 passed | 0 failed (16ms)\n", { passed: 16, failed: 0, skipped: 0 }],
    ["a red run", "\nFAILED | 3 passed | 2 failed (1s)\n", { passed: 3, failed: 2, skipped: 0 }],
    ["skipped tests", "ok | 3 passed | 0 failed | 4 ignored (1s)\n", { passed: 3, failed: 0, skipped: 4 }],
    ["steps", "ok | 1 passed (2 steps) | 0 failed | 5 ignored (1 step) (3ms)\n", { passed: 1, failed: 0, skipped: 5 }],
    ["a filtered run", "ok | 1 passed | 0 failed | 9 filtered out (3ms)\n", { passed: 1, failed: 0, skipped: 0 }],
    ["the last of two", "ok | 1 passed | 0 failed (1ms)\nok | 2 passed | 0 failed (1ms)\n", {
      passed: 2,
      failed: 0,
      skipped: 0,
    }],
    ["a type error", "error: Type checking failed.\n", null],
    ["a test that prints such words in a line", "> ok | 9 passed | 9 failed\n", null],
  ] as const
) {
  Deno.test(`readTotals() reads ${name}`, () => deepEqual(readTotals(output), want));
}

Deno.test("formatTotals() names the skipped only when there are some", () => {
  equal(formatTotals({ passed: 2, failed: 1, skipped: 0 }), "2 passed, 1 failed");
  equal(formatTotals({ passed: 2, failed: 0, skipped: 3 }), "2 passed, 0 failed, 3 skipped");
});

for (
  const [path, want] of [
    ["tests/tidy_test.ts", "pure"],
    ["tests/mail/domain_test.ts", "pure"],
    ["tests/e2e/roles_test.ts", "system"],
    ["tests/attic/x_test.ts", undefined],
    ["lib/mail/domain.ts", undefined],
  ] as const
) {
  Deno.test(`partFor() finds the part of ${path}`, () => equal(partFor(path)?.name, want));
}
