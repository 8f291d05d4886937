import assert from "node:assert/strict";
import { parseDelay, parseSize } from "../../lib/policy/unit.ts";

Deno.test("parseDelay() reads a number and a unit", () => {
  const cases: readonly (readonly [string, number | null])[] = [
    ["1s", 1000],
    ["30s", 30_000],
    ["5m", 300_000],
    ["4h", 14_400_000],
    ["4d", 345_600_000],
    ["2147483647s", 2_147_483_647_000],
    ["2147483648s", null],
    ["24855d", 2_147_472_000_000],
    ["24856d", null],
    ["0s", null],
    ["-1d", null],
    ["5", null],
    ["s", null],
    ["", null],
    ["4w", null],
    ["4D", null],
    ["4d12h", null],
    ["1.5h", null],
    [" 4d", null],
  ];
  for (const [text, want] of cases) assert.equal(parseDelay(text), want, text);
});

Deno.test("parseSize() reads octets and powers of 1,024", () => {
  const cases: readonly (readonly [string, number | null])[] = [
    ["1", 1],
    ["36700160", 36_700_160],
    ["35M", 36_700_160],
    ["35m", 36_700_160],
    ["10b", 10],
    ["1K", 1024],
    ["1.5K", 1536],
    ["2G", 2_147_483_648],
    ["1T", 1_099_511_627_776],
    ["7P", 7_881_299_347_898_368],
    ["8E", null],
    ["0", null],
    ["0.1", null],
    ["-5", null],
    ["35X", null],
    ["35MB", null],
    ["M", null],
    ["1.M", null],
    ["", null],
    ["99999999999999999", null],
  ];
  for (const [text, want] of cases) assert.equal(parseSize(text), want, text);
});
