import { equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { DotStuffer } from "../../lib/smtp/client_dot.ts";
import { dataText } from "../../lib/smtp/data_text.ts";

for (
  const [content, want] of [
    ["", ".\r\n"],
    ["a\r\n", "a\r\n.\r\n"],
    ["a", "a\r\n.\r\n"],
    ["a\r", "a\r\n.\r\n"],
    [".", "..\r\n.\r\n"],
    [".a\r\n.\r\nb.c\r\n", "..a\r\n..\r\nb.c\r\n.\r\n"],
    ["\r\n.\r\n.\r\n", "\r\n..\r\n..\r\n.\r\n"],
    ["a\r.b", "a\r.b\r\n.\r\n"],
  ] as const
) {
  Deno.test(`dataText() of ${JSON.stringify(content)}`, () => equal(dataText(content), want));
}

Deno.test("dataText() is what DotStuffer sends", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("\r\n", ".", "a", "\r", "\u00e4"), maxLength: 12 }), (content) => {
      // A line feed alone is in no content.
      if (/(?<!\r)\n/.test(content)) return;
      const sent = Buffer.concat(new DotStuffer().last(Buffer.from(content, "latin1"))).toString("latin1");
      equal(dataText(content), sent);
    }),
  );
});
