import { deepEqual, equal } from "node:assert/strict";
import { piped, TypedLine } from "../../cli/smtpctl_encrypt_host.ts";

Deno.test("piped() gives lines, however they are cut", async () => {
  for (
    const [pieces, want] of [
      [["a\nb\r\n", "c"], ["a", "b", "c"]],
      [["a", "b\n", "\n"], ["ab", ""]],
      [[], []],
      [["\xc3", "\xa9\n"], ["\u00e9"]],
    ] as const
  ) {
    const octets = pieces.map((piece) => Uint8Array.from(piece, (char) => char.charCodeAt(0)));
    const lines: string[] = [];
    for await (const line of piped(ReadableStream.from(octets))) lines.push(line);
    deepEqual(lines, want);
  }
});

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
