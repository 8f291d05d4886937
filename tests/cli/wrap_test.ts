import { equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { wrapLines, wrapWidthMin } from "../../cli/wrap.ts";

for (
  const [name, text, want] of [
    ["a short line", "a b", "a b"],
    [
      "a message",
      "f:1:2: warning: one two three four five six seven",
      "f:1:2: warning: one two three four five\n    six seven",
    ],
    [
      "a hint",
      "      = write one two three four five six seven eight",
      "      = write one two three four five\n        six seven eight",
    ],
    [
      "a row",
      "  read     /etc/mail/aliases /etc/mail/users /etc/passwd",
      "  read     /etc/mail/aliases\n           /etc/mail/users /etc/passwd",
    ],
    [
      "a place",
      "    1 | table a { b, c, d, e, f, g, h, i, j, k, l }",
      "    1 | table a { b, c, d, e, f, g, h, i, j, k, l }",
    ],
    ["a caret", `      | ${" ".repeat(40)}^^^`, `      | ${" ".repeat(40)}^^^`],
    ["a long word", `x ${"y".repeat(50)} z`, `x ${"y".repeat(50)}\n    z`],
    ["paint", `\x1b[31m${"ab ".repeat(13)}\x1b[0m`, `\x1b[31m${"ab ".repeat(13)}\x1b[0m`],
  ] as const
) {
  Deno.test(`wrapLines() breaks ${name} where it has to`, () => equal(wrapLines(text, 40), want));
}

Deno.test("wrapLines() changes nothing but blanks, and keeps to the width where words do", () => {
  const words = fc.array(fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom("a", "=", ".") }), {
    minLength: 1,
  });
  fc.assert(fc.property(words, fc.nat(100), (list, width) => {
    const text = list.join(" ");
    const wrapped = wrapLines(text, width);
    equal(wrapped.replace(/\s+/g, " "), text);
    ok(wrapped.split("\n").every((line) => line.length <= Math.max(width, wrapWidthMin)));
  }));
});
