import { Buffer } from "node:buffer";
import { deepEqual, equal, ok, strictEqual } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  describeReply,
  encodeReply,
  filterReply,
  formatReply,
  isPositive,
  isTransient,
  parseReply,
  parseReplyLine,
  replies,
  type Reply,
  replyLineLengthMax,
} from "../../lib/smtp/reply.ts";

/** Every reply of the catalogue, those with an argument once. */
function catalogue(): readonly (readonly [string, Reply])[] {
  return Object.entries(replies).map(([name, entry]) => [
    name,
    typeof entry !== "function" ? entry : name === "hello" ? replies.hello(["mx.test Hello", "SIZE 1"]) : (entry as (
      text: string,
    ) => Reply)("mx.test"),
  ]);
}

Deno.test("replies: the class of the enhanced status is that of the code", () => {
  for (const [name, { enhanced, code }] of catalogue()) {
    if (enhanced === null) continue;
    ok(/^[245]\.[0-9]{1,3}\.[0-9]{1,3}$/.test(enhanced), name);
    equal(enhanced[0], String(code)[0], name);
  }
});

Deno.test("replies: only the greeting, the answers to HELO, 354 and 334 have no enhanced status", () => {
  const without = catalogue().filter(([, { enhanced }]) => enhanced === null).map(([name]) => name);
  deepEqual(without, ["greeting", "hello", "startMail", "challenge"]);
});

Deno.test("replies: each survives the wire, in lines that are short enough", () => {
  for (const [name, reply] of catalogue()) {
    const wire = formatReply(reply);
    ok(wire.endsWith("\r\n"), name);
    const lines = wire.slice(0, -2).split("\r\n");
    ok(lines.every((line) => line.length + 2 <= replyLineLengthMax && /^[ -~]+$/.test(line)), name);
    deepEqual(parseReply(lines), { ...reply, lines: [...reply.lines] }, name);
  }
});

Deno.test("replies: those that end a session with 421 say who speaks", () => {
  for (const [name, reply] of catalogue()) {
    if (reply.code !== 421 || ["inputOverflow", "tooManyErrors", "filterBroken", "filterNotRunning"].includes(name)) {
      continue;
    }
    ok(reply.lines[0]?.startsWith("mx.test "), name);
  }
});

const lineCases: readonly (readonly [string, string, ReturnType<typeof parseReplyLine>])[] = [
  ["code and text", "250 ok", { code: 250, last: true, text: "ok" }],
  ["more to come", "250-ok", { code: 250, last: false, text: "ok" }],
  ["code alone", "250", { code: 250, last: true, text: "" }],
  ["code and blank", "250 ", { code: 250, last: true, text: "" }],
  ["code and hyphen", "250-", { code: 250, last: false, text: "" }],
  ["lowest code", "200 x", { code: 200, last: true, text: "x" }],
  ["highest code", "599 x", { code: 599, last: true, text: "x" }],
  ["hyphen in the text", "250 a-b", { code: 250, last: true, text: "a-b" }],
  ["class 1", "150 x", null],
  ["class 6", "650 x", null],
  ["two digits", "25 x", null],
  ["four digits", "2500 x", null],
  ["no blank", "250ok", null],
  ["empty", "", null],
  ["text", "hello", null],
];

for (const [name, line, want] of lineCases) {
  Deno.test(`parseReplyLine() reads ${name}`, () => deepEqual(parseReplyLine(line), want));
}

const replyCases: readonly (readonly [string, readonly string[], Reply | null])[] = [
  ["one line", ["250 2.1.0 Ok"], { code: 250, enhanced: "2.1.0", lines: ["Ok"] }],
  ["several lines", ["250-2.1.0 a", "250 2.1.0 b"], { code: 250, enhanced: "2.1.0", lines: ["a", "b"] }],
  ["no status", ["250-mx.test", "250 SIZE 1"], { code: 250, enhanced: null, lines: ["mx.test", "SIZE 1"] }],
  ["a status alone", ["550 5.1.1"], { code: 550, enhanced: "5.1.1", lines: [""] }],
  ["a status of another class", ["250 5.1.1 x"], { code: 250, enhanced: null, lines: ["5.1.1 x"] }],
  ["a status on the first line only", ["550-5.1.1 a", "550 b"], { code: 550, enhanced: "5.1.1", lines: ["a", "b"] }],
  ["a number that is no status", ["250 2.1.0.1 x"], { code: 250, enhanced: null, lines: ["2.1.0.1 x"] }],
  ["354", ["354 2.0.0 go"], { code: 354, enhanced: null, lines: ["2.0.0 go"] }],
  ["none", [], null],
  ["codes that differ", ["250-a", "251 b"], null],
  ["no last line", ["250-a"], null],
  ["a last line too early", ["250 a", "250 b"], null],
  ["a line that is none", ["hi"], null],
];

for (const [name, lines, want] of replyCases) {
  Deno.test(`parseReply() reads ${name}`, () => deepEqual(parseReply(lines), want));
}

Deno.test("formatReply() puts code and status on every line", () => {
  equal(
    formatReply({ code: 550, enhanced: "5.1.1", lines: ["a", "b", "c"] }),
    "550-5.1.1 a\r\n550-5.1.1 b\r\n550 5.1.1 c\r\n",
  );
});

Deno.test("formatReply() lets no text end a line, and cuts long ones", () => {
  equal(formatReply({ code: 550, enhanced: "5.1.1", lines: ["a\r\n250 b\0é"] }), "550 5.1.1 a??250 b??\r\n");
  equal(formatReply({ code: 550, enhanced: null, lines: ["x".repeat(1000)] }).length, replyLineLengthMax);
});

Deno.test("formatReply() and parseReply() are inverse for printable texts", () => {
  const text = fc.string({ unit: fc.constantFrom(..." abc-<>@.x1"), maxLength: 60 });
  const enhanced = fc.constantFrom(null, "2.1.0", "4.4.1", "5.7.128");
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 599 }), enhanced, fc.array(text, { minLength: 1, maxLength: 5 }), (
      code,
      status,
      lines,
    ) => {
      const reply = { code, enhanced: status?.[0] === String(code)[0] ? status ?? null : null, lines };
      fc.pre(lines.every((line) => !/^[245]\.\d+\.\d+/.test(line)));
      deepEqual(parseReply(formatReply(reply).slice(0, -2).split("\r\n")), reply);
    }),
    { numRuns: 300 },
  );
});

Deno.test("encodeReply() encodes fixed replies once and others each time", () => {
  strictEqual(encodeReply(replies.ok), encodeReply(replies.ok));
  const other = { code: 250, enhanced: null, lines: ["x"] };
  equal(Buffer.from(encodeReply(other)).toString("latin1"), "250 x\r\n");
  for (const [name, reply] of catalogue()) {
    equal(Buffer.from(encodeReply(reply)).toString("latin1"), formatReply(reply), name);
  }
});

Deno.test("describeReply() is one line", () => {
  equal(describeReply({ code: 550, enhanced: "5.1.1", lines: ["a", "b"] }), "550 5.1.1 a b");
  equal(describeReply({ code: 354, enhanced: null, lines: ["go"] }), "354 go");
});

Deno.test("isPositive() and isTransient() go by the first digit", () => {
  const at = (code: number): Reply => ({ code, enhanced: null, lines: [""] });
  deepEqual([200, 250, 299, 300, 354, 400, 499, 500].map((code) => isPositive(at(code))), [
    true,
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ]);
  deepEqual([250, 354, 399, 400, 421, 499, 500].map((code) => isTransient(at(code))), [
    false,
    false,
    false,
    true,
    true,
    true,
    false,
  ]);
});

Deno.test("filterReply() answers 421 for a text that is no reply", () => {
  for (
    const [text, want] of [
      ["550 5.7.1 go away", "550 5.7.1 go away"],
      ["450 later", "450 later"],
      ["go away", "421 4.3.0 Internal server error"],
      ["250 ok", "421 4.3.0 Internal server error"],
      ["550-more", "421 4.3.0 Internal server error"],
      ["550", "421 4.3.0 Internal server error"],
    ] as const
  ) equal(describeReply(filterReply(text)), want, text);
});
