import { equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { LfText } from "../../lib/delivery/lf.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function through(...pieces: readonly string[]): string {
  const lf = new LfText();
  return pieces.map((piece) => lf.push(bytes(piece))).join("") + lf.finish();
}

Deno.test("LfText turns CRLF into LF, and leaves a CR alone", () => {
  equal(through("a\r\nb\rc\n\r\r\n"), "a\nb\rc\n\r\n");
  equal(through("a\r", "\nb\r", "c\r"), "a\nb\rc\r");
  equal(through(), "");
});

Deno.test("LfText comes to the same however the text is cut", () => {
  fc.assert(fc.property(fc.array(fc.constantFrom("\r", "\n", "x", "\r\n", ""), { maxLength: 20 }), (pieces) => {
    equal(through(...pieces), pieces.join("").replaceAll("\r\n", "\n"));
  }));
});
