import { deepEqual, equal } from "node:assert/strict";
import {
  describeHandling,
  type Handling,
  handlingTimeMax,
  parseHandling,
  plainHandling,
} from "../../lib/smtp/handling.ts";

const full: Handling = {
  smtpUtf8: true,
  body: "binarymime",
  requireTls: true,
  priority: -3,
  holdUntil: 1000,
  deliverBy: { at: 2000, mode: "return", trace: true },
};

Deno.test("parseHandling() reads what JSON.stringify() wrote, and drops what it does not know", () => {
  for (const handling of [plainHandling, full]) {
    deepEqual(parseHandling(JSON.parse(JSON.stringify(handling))), handling);
  }
  deepEqual(parseHandling({ ...plainHandling, more: 1 }), plainHandling);
});

const wrong: readonly (readonly [string, unknown])[] = [
  ["nothing", null],
  ["a list", []],
  ["a missing member", { ...plainHandling, smtpUtf8: undefined }],
  ["another body", { ...plainHandling, body: "9bit" }],
  ["a word for a flag", { ...plainHandling, requireTls: "yes" }],
  ["a priority of ten", { ...plainHandling, priority: 10 }],
  ["half a priority", { ...plainHandling, priority: 0.5 }],
  ["a time before the epoch", { ...plainHandling, holdUntil: -1 }],
  ["a time after the last year", { ...plainHandling, holdUntil: handlingTimeMax + 1 }],
  ["no deadline", { ...plainHandling, deliverBy: undefined }],
  ["a deadline without a mode", { ...plainHandling, deliverBy: { at: 1, trace: false } }],
  ["a deadline of another mode", { ...plainHandling, deliverBy: { at: 1, mode: "x", trace: false } }],
  ["a deadline that is no time", { ...plainHandling, deliverBy: { at: NaN, mode: "notify", trace: false } }],
];

for (const [name, value] of wrong) {
  Deno.test(`parseHandling() refuses ${name}`, () => equal(parseHandling(value), null));
}

Deno.test("describeHandling() names what was asked for, and nothing else", () => {
  const date = (time: number) => `t${time}`;
  equal(describeHandling(plainHandling, date), "");
  const want = "smtputf8 binarymime requiretls priority=-3 hold-until=t1000 deliver-by=t2000,return,trace";
  equal(describeHandling(full, date), want);
  const deliverBy = { at: 5, mode: "notify", trace: false } as const;
  equal(describeHandling({ ...plainHandling, body: "8bitmime", deliverBy }, date), "8bitmime deliver-by=t5,notify");
});
