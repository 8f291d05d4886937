import { Buffer } from "node:buffer";
import { deepEqual, equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  heloNameLengthMax,
  LineMender,
  quirks,
  readHeloName,
  readPathArgument,
  usualQuirks,
} from "../../lib/smtp/lenient.ts";

Deno.test("readPathArgument() gives the path in brackets, and names what was wrong", () => {
  for (
    const [argument, text, taken] of [
      ["FROM:<a>", "<a>", []],
      ["from:<a> X=1", "<a> X=1", []],
      ["FROM: <a>", "<a>", ["blank-after-colon"]],
      ["FROM:\t <a> ", "<a>", ["blank-after-colon"]],
      ["FROM :<a>", "<a>", ["blank-before-colon"]],
      ["FROM : <a>", "<a>", ["blank-before-colon", "blank-after-colon"]],
      ["FROM:a@b", "<a@b>", ["no-brackets"]],
      ["FROM: a@b SIZE=1", "<a@b> SIZE=1", ["blank-after-colon", "no-brackets"]],
      ["FROM:a@b>", "a@b>", []],
      ["FROM:Ann <a@b>", "<Ann> <a@b>", ["no-brackets"]],
      ["FROM:", "", []],
      ["FROM", null, []],
      ["TO:<a>", null, []],
      ["FROMx:<a>", null, []],
      ["", null, []],
    ] as const
  ) {
    const found = readPathArgument(argument, "FROM:", true);
    deepEqual(found === null ? [null, []] : [found.text, found.quirks], [text, taken], argument);
  }
  deepEqual(readPathArgument("to:<a>", "TO:", true), { text: "<a>", quirks: [] });
  deepEqual(readPathArgument("to:a@b X", "TO:", false), { text: "a@b X", quirks: [] });
});

Deno.test("readHeloName() takes domains, and by its quirk what can be printed", () => {
  for (
    const [argument, taken] of [
      ["a.test", []],
      ["[192.0.2.1]", []],
      ["my pc", ["helo-name"]],
      ["a_b!", ["helo-name"]],
      ["-", ["helo-name"]],
      ["x".repeat(heloNameLengthMax), ["helo-name"]],
      ["x".repeat(heloNameLengthMax + 1), null],
      ["a\tb", null],
      ["a\xe9", null],
      ["", null],
    ] as const
  ) {
    const found = readHeloName(argument);
    deepEqual(found?.quirks ?? null, taken, argument);
    if (found !== null) equal(found.text, argument);
  }
});

Deno.test("usualQuirks holds nothing that changes where a line or a message ends", () => {
  deepEqual([...usualQuirks], ["blank-after-colon"]);
  deepEqual([...usualQuirks].filter((one) => !quirks.includes(one)), []);
});

/** Mends pieces one by one, and checks what each of them says of itself. */
function mended(pieces: readonly string[]): string {
  const mender = new LineMender();
  return pieces.map((piece) => {
    const bytes = Buffer.from(piece, "latin1");
    const out = mender.mend(bytes);
    equal(mender.hasMended, out.length > bytes.length);
    equal(mender.usedOf(out.length), bytes.length);
    // Whatever is left over begins with the octet that stands there in the piece as it came.
    for (let used = 0; used < out.length; used++) {
      const own = mender.usedOf(used);
      if (out[used] !== 13 || bytes[own] === 13) equal(out[used], bytes[own], `${used} of ${JSON.stringify(piece)}`);
    }
    return out.toString("latin1");
  }).join("");
}

Deno.test("LineMender ends lines with CRLF and leaves all else alone", () => {
  for (
    const [text, want] of [
      ["", ""],
      ["a\r\nb\r\n", "a\r\nb\r\n"],
      ["a\nb\n", "a\r\nb\r\n"],
      ["\n\n.\n", "\r\n\r\n.\r\n"],
      ["a\rb\r\r\n", "a\rb\r\r\n"],
      ["a\n\r\n\n", "a\r\n\r\n\r\n"],
    ] as const
  ) equal(mended([text]), want, JSON.stringify(text));
});

Deno.test("LineMender leaves no bare LF, changes nothing else, and does not depend on how content was cut", () => {
  const text = fc.string({ unit: fc.constantFrom("a", ".", "\r\n", "\r", "\n", "\0"), maxLength: 40 });
  fc.assert(
    fc.property(text, fc.nat(40), fc.nat(40), (whole, a, b) => {
      const out = mended([whole]);
      equal(/(^|[^\r])\n/.test(out), false);
      equal(out, whole.replace(/(?<!\r)\n/g, "\r\n"));
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      equal(mended([whole.slice(0, from), whole.slice(from, to), whole.slice(to)]), out);
    }),
    { numRuns: 500 },
  );
});
