import { equal } from "node:assert/strict";
import { TypedLine } from "../../cli/smtpctl_encrypt_host.ts";

Deno.test("TypedLine takes keys as a terminal would", () => {
  for (
    const [keys, text, isCancelled] of [
      ["secret\r", "secret", false],
      ["secret\nmore", "secret", false],
      ["secretx\x7f\r", "secret", false],
      ["\x08s\xc3\xa9\x7f\r", "s", false],
      ["wrong\x15right\r", "right", false],
      ["sec\x04", "sec", false],
      ["sec\x03", "sec", true],
    ] as const
  ) {
    const line = new TypedLine();
    for (const key of keys) line.add(Uint8Array.of(key.charCodeAt(0)));
    equal(line.text, text);
    equal(line.isComplete, true);
    equal(line.isCancelled, isCancelled);
  }
});
