import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { type ControlAnswer, type ControlRequest, controlVersion } from "../../lib/daemon/control.ts";
import {
  ControlLines,
  formatControlAnswer,
  formatControlHello,
  formatControlRequest,
  parseControlAnswer,
  parseControlHello,
  parseControlRequest,
} from "../../lib/daemon/control_parse.ts";
import { evpIdOf, msgIdOf } from "../../lib/spool/id.ts";
import { mailboxOf } from "../support/envelope.ts";

const message = msgIdOf(0x5f3a9c01);
const envelope = evpIdOf(message, 0xd2e4b677);

const requests: readonly ControlRequest[] = [
  { kind: "showQueue", target: { kind: "all" } },
  { kind: "showQueue", target: { kind: "message", message } },
  { kind: "showEnvelope", envelope },
  { kind: "showMessage", message },
  { kind: "showStats" },
  { kind: "showStatus" },
  { kind: "schedule", target: { kind: "envelope", envelope } },
  { kind: "remove", target: { kind: "all" } },
  { kind: "pause", what: "mda" },
  { kind: "resume", what: "smtp" },
  { kind: "pauseEnvelope", target: { kind: "envelope", envelope } },
  { kind: "resumeEnvelope", target: { kind: "message", message } },
  { kind: "updateTable", table: "aliases" },
  {
    kind: "explain",
    question: {
      sender: null,
      rcpt: mailboxOf("bob@b.test"),
      address: "192.0.2.1",
      hostname: null,
      helo: "h.test",
      username: null,
      tls: true,
      tag: null,
      listener: null,
    },
  },
  { kind: "trace", subjects: ["rules", "lookup"] },
  { kind: "untrace", subjects: [] },
  { kind: "reload", check: true },
  { kind: "stop" },
];

Deno.test("parseControlRequest() reads every kind of request back", () => {
  for (const request of requests) {
    const line = formatControlRequest(request);
    ok(line.endsWith("}\n") && line.indexOf("\n") === line.length - 1);
    deepEqual(parseControlRequest(line.trimEnd()), request);
  }
});

Deno.test("parseControlRequest() refuses all else", () => {
  for (
    const line of [
      "",
      "null",
      "[]",
      "stop",
      '{"kind":"stop"',
      "{}",
      '{"kind":7}',
      '{"kind":"toString"}',
      '{"kind":"__proto__"}',
      '{"kind":"halt"}',
      '{"kind":"stop","now":true}',
      '{"kind":"showQueue"}',
      '{"kind":"showQueue","target":"all"}',
      '{"kind":"showQueue","target":{"kind":"some"}}',
      '{"kind":"showQueue","target":{"kind":"all","message":"5f3a9c01"}}',
      '{"kind":"showQueue","target":{"kind":"message","message":"5f3a9c0"}}',
      '{"kind":"showQueue","target":{"kind":"message","message":"00000000"}}',
      '{"kind":"showQueue","target":{"kind":"message","envelope":"5f3a9c01d2e4b677"}}',
      '{"kind":"schedule","target":{"kind":"envelope","envelope":"5f3a9c01"}}',
      '{"kind":"showEnvelope","envelope":17}',
      '{"kind":"showEnvelope","target":{"kind":"all"}}',
      '{"kind":"showMessage","message":"../../etc"}',
      '{"kind":"pause","what":"queue"}',
      '{"kind":"pause"}',
      '{"kind":"updateTable","table":""}',
      '{"kind":"updateTable","table":"a\\nb"}',
      `{"kind":"updateTable","table":"${"x".repeat(256)}"}`,
      '{"kind":"updateTable","table":["x"]}',
      '{"kind":"explain","question":{}}',
      '{"kind":"trace","subjects":"rules"}',
      '{"kind":"trace","subjects":["mta"]}',
      '{"kind":"untrace"}',
      '{"kind":"reload"}',
      '{"kind":"reload","check":"yes"}',
    ]
  ) {
    const answer = parseControlRequest(line);
    ok(answer.kind === "error" && answer.code === "badRequest" && answer.message !== "", line);
  }
});

Deno.test("parseControlRequest() is total", () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (line) => parseControlRequest(line).kind === "error"),
    { numRuns: 500 },
  );
});

Deno.test("parseControlHello() insists on our version", () => {
  equal(parseControlHello(formatControlHello().trimEnd()), null);
  for (
    const [line, code] of [
      [`{"kind":"hello","version":${controlVersion + 1}}`, "incompatible"],
      ['{"kind":"hello","version":"1"}', "badRequest"],
      ['{"kind":"stop"}', "badRequest"],
      ["", "badRequest"],
    ] as const
  ) equal(parseControlHello(line)?.code, code, line);
});

Deno.test("parseControlAnswer() reads every kind of answer back", () => {
  const answers: readonly ControlAnswer[] = [
    { kind: "item", item: { kind: "content", base64: "aGkK" } },
    { kind: "item", item: { kind: "stat", key: "smtp.session", value: 3 } },
    { kind: "item", item: { kind: "status", what: "mta", running: false } },
    {
      kind: "item",
      item: {
        kind: "configuration",
        status: { file: "/f", version: 2, loadedAt: 5, failure: { at: 6, reason: "no" } },
      },
    },
    { kind: "item", item: { kind: "configuration", status: { file: "/f", version: 1, loadedAt: 5, failure: null } } },
    {
      kind: "item",
      item: { kind: "change", change: { group: "rule", kind: "moved", what: "match", from: "rule 1", to: "rule 2" } },
    },
    { kind: "item", item: { kind: "problem", severity: "warning", text: "f:1:1: warning: odd", error: null } },
    { kind: "item", item: { kind: "reload", outcome: "checked", version: 3 } },
    { kind: "done", count: 2 },
    { kind: "error", code: "notFound", message: "no such envelope\u2028" },
  ];
  for (const answer of answers) {
    const line = formatControlAnswer(answer);
    equal(line.split("\n").length, 2);
    deepEqual(parseControlAnswer(line), answer);
  }
});

Deno.test("parseControlAnswer() takes an envelope with its state, and nothing that lacks one", () => {
  const line = (id: string, state: string) =>
    `{"kind":"item","item":{"kind":"envelope","envelope":{"id":${id}},"state":${state}}}`;
  for (
    const [text, good] of [
      [line(`"${envelope}"`, '{"kind":"pending","inMs":-5}'), true],
      [line(`"${envelope}"`, '{"kind":"inflight","sinceMs":5}'), true],
      [line(`"${envelope}"`, '{"kind":"suspended"}'), true],
      [line(`"${envelope}"`, '{"kind":"pending"}'), false],
      [line(`"${envelope}"`, "null"), false],
      [line('"x"', '{"kind":"suspended"}'), false],
      ['{"kind":"item","item":{"kind":"envelope","state":{"kind":"suspended"}}}', false],
    ] as const
  ) equal(parseControlAnswer(text) !== null, good, text);
});

Deno.test("parseControlAnswer() refuses all else", () => {
  for (
    const line of [
      "",
      "hello",
      "[]",
      '{"kind":"item"}',
      '{"kind":"item","item":{"kind":"other"}}',
      '{"kind":"item","item":{"kind":"content"}}',
      '{"kind":"item","item":{"kind":"stat","key":"x","value":"1"}}',
      '{"kind":"item","item":{"kind":"status","what":"mda"}}',
      '{"kind":"item","item":{"kind":"configuration","status":{"file":"/f","version":1,"loadedAt":5}}}',
      '{"kind":"item","item":{"kind":"configuration","status":{"file":"/f","version":1,"loadedAt":5,"failure":{}}}}',
      '{"kind":"item","item":{"kind":"change","change":{"group":"rule"}}}',
      '{"kind":"item","item":{"kind":"problem","severity":"odd","text":"x"}}',
      '{"kind":"item","item":{"kind":"reload","outcome":"odd","version":1}}',
      '{"kind":"done"}',
      '{"kind":"error","code":"strange","message":"x"}',
      '{"kind":"error","code":"failed"}',
    ]
  ) equal(parseControlAnswer(line), null, line);
});

Deno.test("ControlLines finds the same lines wherever the bytes are cut", () => {
  const text = "alpha\n\nβeta\nlast without end";
  const bytes = new TextEncoder().encode(text);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 6 }), (cuts) => {
      const lines = new ControlLines(100);
      const found: string[] = [];
      let start = 0;
      for (const cut of [...cuts, bytes.length].sort((a, b) => a - b)) {
        const piece = bytes.slice(start, cut);
        found.push(...lines.push(piece) ?? ["too long"]);
        piece.fill(0); // The reader may use its buffer again.
        start = cut;
      }
      return found.join("|") === "alpha||βeta";
    }),
    { numRuns: 200 },
  );
});

Deno.test("ControlLines gives up on a line that is too long, ended or not", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  deepEqual(new ControlLines(4).push(bytes("abcd\nabcd\nab")), ["abcd", "abcd"]);
  equal(new ControlLines(4).push(bytes("abcde\n")), null);
  equal(new ControlLines(4).push(bytes("ab\nabcde")), null);
  const lines = new ControlLines(4);
  deepEqual(lines.push(bytes("abc")), []);
  equal(lines.push(bytes("de")), null);
});
