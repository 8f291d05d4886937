import { deepEqual, equal } from "node:assert/strict";
import { formatEvent, formatSpan, type LogEvent, logTo, type LogValue, scrub, sessionName } from "../lib/event_log.ts";

const event = (fields: Record<string, LogValue>, session = "00112233445566aa"): LogEvent => ({
  priority: "info",
  session,
  from: "smtp",
  what: "connected",
  fields,
});

Deno.test("formatEvent() writes a session's line as OpenSMTPD does", () => {
  equal(
    formatEvent(event({ address: "192.0.2.1", host: "mx.test" }), "text"),
    "00112233445566aa smtp connected address=192.0.2.1 host=mx.test",
  );
});

Deno.test("formatEvent() writes an event without a session under its subsystem", () => {
  equal(formatEvent(event({ port: 25 }, ""), "text"), "smtp: connected port=25");
});

for (
  const [name, value, want] of [
    ["a plain word", "abc", "abc"],
    ["a number", 5, "5"],
    ["a truth", true, "true"],
    ["an empty text", "", '""'],
    ["blanks", "a b", '"a b"'],
    ["quotes and backslashes", 'a "b" \\', '"a \\"b\\" \\\\"'],
    ["an equals sign", "a=b", '"a=b"'],
    ["a path in angle brackets", "<a@b.test>", "<a@b.test>"],
    ["a path with an equals sign", "<a=b@c.test>", "<a=b@c.test>"],
    ["a line end from a peer", "a\r\nb", "a??b"],
    ["an escape sequence", "\u001b[31m", "?[31m"],
  ] as const
) {
  Deno.test(`formatEvent() writes ${name} so that the line can be read back`, () => {
    equal(formatEvent(event({ k: value }, ""), "text"), `smtp: connected k=${want}`);
  });
}

Deno.test("formatEvent() puts the time before a line that nobody else adds it to", () => {
  equal(
    formatEvent(event({ port: 25 }, ""), "timed", 1_795_777_146_005),
    "2026-11-27T10:59:06.005Z smtp: connected port=25",
  );
  equal(
    formatEvent(event({}), "timed", 1_795_777_146_005),
    "2026-11-27T10:59:06.005Z 00112233445566aa smtp connected",
  );
});

Deno.test("formatEvent() makes one JSON object, without an empty session", () => {
  deepEqual(JSON.parse(formatEvent(event({ a: 1, b: "x\ny", from: "<a@b.test>" }), "json", 1_795_777_146_005)), {
    time: "2026-11-27T10:59:06.005Z",
    priority: "info",
    session: "00112233445566aa",
    subsystem: "smtp",
    what: "connected",
    from: "<a@b.test>",
    a: 1,
    b: "x\ny",
  });
  equal("session" in JSON.parse(formatEvent(event({}, ""), "json", 0)), false);
  equal(formatEvent(event({ b: "x\ny" }), "json", 0).includes("\n"), false);
});

for (
  const [ms, want] of [
    [0, "0s"],
    [-5, "0s"],
    [-5000, "0s"],
    [999, "0s"],
    [1_000, "1s"],
    [1_600, "1s"],
    [59_999, "59s"],
    [60_000, "1m"],
    [61_000, "1m1s"],
    [3_600_000, "1h"],
    [3_720_000, "1h2m"],
    [90_061_000, "1d1h1m1s"],
    [86_400_000 + 2 * 3_600_000 + 3 * 60_000 + 4_000, "1d2h3m4s"],
    [400 * 86_400_000, "400d"],
    [1e15, "11574074d1h46m40s"],
  ] as const
) {
  Deno.test(`formatSpan() writes ${ms} ms as ${want}`, () => equal(formatSpan(ms), want));
}

Deno.test("sessionName() makes 16 digits of two numbers, with their zeros", () => {
  const numbers = [0xdeadbeef, 1];
  equal(sessionName({ u32: () => numbers.shift() ?? 0 }), "deadbeef00000001");
});

Deno.test("scrub() takes out control characters and marks that turn text around, and nothing else", () => {
  equal(scrub("a\u0000b\u007fc\u0085d\u202ee\u2066f"), "a?b?c?d?e?f");
  equal(scrub("käse §7 日本"), "käse §7 日本");
});

Deno.test("logTo() hands the sink the priority and the line", () => {
  const seen: string[] = [];
  logTo({ write: (priority, line) => seen.push(`${priority}|${line}`) }, "timed", { now: () => 0 })(
    event({ a: 1 }, ""),
  );
  deepEqual(seen, ["info|1970-01-01T00:00:00.000Z smtp: connected a=1"]);
});
