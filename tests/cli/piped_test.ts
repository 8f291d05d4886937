import { deepEqual } from "node:assert/strict";
import { piped } from "../../cli/piped.ts";

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
