import { equal } from "node:assert/strict";
import { JunkScanner } from "../../lib/delivery/junk.ts";

function isJunk(...pieces: readonly string[]): boolean {
  const scanner = new JunkScanner();
  for (const piece of pieces) scanner.push(piece);
  return scanner.isJunk;
}

Deno.test("JunkScanner finds the two fields in the header, in any case of letters", () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ["X-Spam: Yes\n\n", true],
    ["Subject: x\nx-spam-flag: YES\nTo: y\n\nbody\n", true],
    ["X-Spam:yes\n\n", true],
    ["X-Spam: Yes \n\n", true],
    ["X-Spam: No\n\n", false],
    ["X-Spam: Yes, score 9\n\n", false],
    ["X-Spam-Status: Yes\n\n", false],
    ["Subject: x\n\nX-Spam: Yes\n\n", false],
    [`${"y".repeat(100)}X-Spam: Yes\n\n`, false],
    [`X-Spam: Yes${" ".repeat(100)}!\n\n`, false],
    // The line is not complete: the message was cut short.
    ["X-Spam: Yes", false],
    ["", false],
  ];
  for (const [text, want] of cases) {
    equal(isJunk(text), want, text);
    equal(isJunk(...text), want, `${text} letter by letter`);
  }
});
