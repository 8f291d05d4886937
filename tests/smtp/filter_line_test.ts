import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  filterEvents,
  type FilterReport,
  formatFields,
  formatFilterReport,
  formatFilterTime,
  parseFilterResult,
  parseRegistration,
  queryParameters,
} from "../../lib/smtp/filter_line.ts";
import { filterPhases } from "../../lib/smtp/session_face.ts";

/** Text as a peer, or its DNS, may have it: line ends of all kinds, and what divides fields. */
const anyText = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", "|", "\n", "\r", "\0", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", ".") }),
  fc.array(fc.nat(0xffff), { maxLength: 9 }).map((units) => String.fromCharCode(...units)),
);

/** What some reader takes for the end of a line. */
// deno-lint-ignore no-control-regex -- control characters are exactly what is looked for
const lineEnd = /[\n\r\0\v\f\x1c-\x1e\x85\u2028\u2029]/;

Deno.test("formatFields(): no text makes a second line, or a field more before the last", () => {
  fc.assert(fc.property(fc.array(anyText, { minLength: 1, maxLength: 5 }), (fields) => {
    const line = formatFields(fields);
    ok(!lineEnd.test(line));
    const parts = line.split("|");
    deepEqual(parts.slice(0, fields.length - 1).map((one) => one.length), fields.slice(0, -1).map((one) => one.length));
    equal(parts.slice(fields.length - 1).join("|").length, fields.at(-1)?.length);
  }));
  equal(formatFields(["a|b", "\t", "c|d"]), "a?b|\t|c|d");
});

Deno.test("formatFilterReport(): whatever a report says, it is one line of its event and session", () => {
  for (const [event, names] of Object.entries(filterEvents)) {
    const head = ["report", "0.7", "1.000000", "smtp-in", event, "00000000000000aa"];
    fc.assert(
      fc.property(fc.array(anyText, { minLength: 4, maxLength: 4 }), (texts) => {
        const fields = Object.fromEntries(names.map((name, at) => [name, texts[at] ?? ""]));
        const line = formatFilterReport(1000, "smtp-in", "00000000000000aa", { event, ...fields } as FilterReport);
        ok(!lineEnd.test(line));
        const parts = line.split("|");
        deepEqual(parts.slice(0, head.length), head);
        ok(parts.length >= head.length + names.length - (event === "filter-response" ? 1 : 0));
      }),
      { numRuns: 30 },
    );
  }
});

Deno.test("formatFilterReport() shows nothing of what a client says behind AUTH and its mechanism", () => {
  const shown = (line: string) =>
    formatFilterReport(0, "smtp-in", "s", { event: "protocol-client", line }).split("|").slice(6).join("|");
  const cases: readonly (readonly [line: string, want: string])[] = [
    ["AUTH PLAIN AGFubgBzZWNyZXQ=", "AUTH PLAIN ********"],
    ["auth\tplain\tAGFubgBzZWNyZXQ=", "auth\tplain ********"],
    [" AUTH PLAIN AGFub gBzZWNyZXQ=", " AUTH PLAIN ********"],
    ["AUTH PLAIN a\nb", "AUTH PLAIN ********"],
    ["AUTH LOGIN", "AUTH LOGIN"],
    ["AUTHOR is who", "AUTHOR is who"],
    ["MAIL FROM:<a|b@x.test> AUTH=<>", "MAIL FROM:<a|b@x.test> AUTH=<>"],
  ];
  for (const [line, want] of cases) equal(shown(line), want, line);
});

Deno.test("formatFilterTime() has seconds and six digits", () => {
  const cases: readonly (readonly [at: number, want: string])[] = [
    [0, "0.000000"],
    [1_780_000_000_000, "1780000000.000000"],
    [1_780_000_000_000.123, "1780000000.000123"],
    [999.9999, "1.000000"],
    [-5, "0.000000"],
  ];
  for (const [at, want] of cases) equal(formatFilterTime(at), want);
});

Deno.test("queryParameters() makes of a session's ask what programs get", () => {
  const facts = { helo: "h.test", username: "", sender: "ann@a.test", rcpt: "bob@b.test" };
  const cases: readonly (readonly [phase: typeof filterPhases[number], parameter: string, want: readonly string[]])[] =
    [
      ["connect", "client.test|192.0.2.7", ["client.test", "192.0.2.7"]],
      ["connect", "a|b|[2001:db8::7]", ["a|b", "[2001:db8::7]"]],
      ["connect", "local", ["", "local"]],
      ["helo", "a|b", ["a|b"]],
      ["ehlo", "h.test", ["h.test"]],
      ["auth", "PLAIN", ["PLAIN"]],
      ["mail-from", "<ann@a.test> SIZE=1", ["ann@a.test"]],
      ["rcpt-to", "<bob@b.test> NOTIFY=NEVER", ["bob@b.test"]],
      ["data", "", [""]],
      ["commit", "", [""]],
    ];
  for (const [phase, parameter, want] of cases) {
    deepEqual(queryParameters({ kind: "filter", phase, parameter, facts }), want, phase);
  }
  // The null sender.
  const mail = { kind: "filter", phase: "mail-from", parameter: "<>", facts: { ...facts, sender: "" } } as const;
  deepEqual(queryParameters(mail), [""]);
});

Deno.test("parseRegistration() takes every phase and event that there is", () => {
  for (const phase of [...filterPhases, "starttls", "data-line", "rset", "quit", "noop", "help", "wiz"]) {
    deepEqual(parseRegistration(`register|filter|smtp-in|${phase}`), { kind: "phase", name: phase });
  }
  for (const event of [...Object.keys(filterEvents), "*"]) {
    for (const side of ["smtp-in", "smtp-out"]) {
      deepEqual(parseRegistration(`register|report|${side}|${event}`), { kind: "event", name: `${side} ${event}` });
    }
  }
  deepEqual(parseRegistration("register|ready"), { kind: "ready" });
});

Deno.test("parseRegistration() and parseFilterResult() read any line", () => {
  const line = fc.array(fc.oneof(fc.string(), fc.constantFrom("register", "report", "filter", "smtp-in", "*", "ready")))
    .map((words) => words.join("|"));
  fc.assert(fc.property(line, (text) => {
    const { kind } = parseRegistration(text);
    if (!/^register\|(ready|report\||filter\|)/.test(text)) equal(kind, "wrong");
  }));
  fc.assert(fc.property(fc.constantFrom(...filterPhases), fc.array(anyText, { maxLength: 3 }), (phase, fields) => {
    const verdict = parseFilterResult(phase, fields)?.verdict;
    if (verdict?.kind === "rewrite") ok(verdict.value !== "" && !lineEnd.test(verdict.value));
  }));
});

Deno.test("parseFilterResult() knows each decision, and what it takes", () => {
  const kindOf = (fields: readonly string[]) => parseFilterResult("ehlo", fields)?.verdict.kind ?? null;
  const cases: readonly (readonly [fields: readonly string[], want: string | null])[] = [
    [["proceed"], "proceed"],
    [["proceed", ""], null],
    [["junk"], "junk"],
    [["junk", "x"], null],
    [["rewrite"], null],
    [["rewrite", "x", "y"], "rewrite"],
    [["reject", "550 No"], "reject"],
    [["reject", "421 No"], "disconnect"],
    [["reject", "no"], "disconnect"],
    [["disconnect", "550 No"], "disconnect"],
    [["report", "x"], "proceed"],
    [["report"], null],
    [["", "x"], null],
    [[], null],
    [["Proceed"], null],
  ];
  for (const [fields, want] of cases) equal(kindOf(fields), want, fields.join("|"));
});
