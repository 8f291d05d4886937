import { Buffer } from "node:buffer";
import { equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { CrlfText, LfText } from "../../lib/delivery/lf.ts";

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

Deno.test("CrlfText makes every line end CRLF, however the text is cut", () => {
  const crlf = (...pieces: readonly string[]): string => {
    const text = new CrlfText();
    return pieces.map((piece) => Buffer.from(text.push(bytes(piece))).toString("latin1")).join("");
  };
  equal(crlf("a\nb\r\nc\rd\n\n"), "a\r\nb\r\nc\r\nd\r\n\r\n");
  fc.assert(fc.property(fc.array(fc.constantFrom("\r", "\n", "x", "\r\n", ""), { maxLength: 20 }), (pieces) => {
    const whole = crlf(...pieces);
    equal(whole, pieces.join("").split(/\r\n|[\r\n]/).join("\r\n"));
    equal(crlf(whole), whole, "it leaves content as it is");
  }));
});
