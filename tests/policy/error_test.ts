import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  collectErrors,
  type ConfigError,
  makeSource,
  placeOf,
  printError,
  type Problem,
  suggest,
} from "../../lib/policy/error.ts";

function problem(text: string, start: number, end: number, more: Partial<Problem> = {}): Problem {
  const span = { source: makeSource("smtpd.conf", text, 0, null), start, end, macro: null };
  return { severity: "error", span, message: "something is wrong", hint: null, ...more };
}

function only(made: Problem): ConfigError {
  const [error] = collectErrors([made]);
  return error ?? assert.fail();
}

const plain = { colour: false, width: 80 };

Deno.test("placeOf() counts lines and columns from 1", () => {
  const source = makeSource("f", "ab\n\ncd\n", 0, null);
  const at = (start: number) => {
    const { line, column } = placeOf({ source, start, end: start, macro: null });
    return [line, column];
  };
  assert.deepEqual([0, 1, 2, 3, 4, 5, 7].map(at), [[1, 1], [1, 2], [1, 3], [2, 1], [3, 1], [3, 2], [4, 1]]);
});

Deno.test("printError() shows place, line, mark and hint", () => {
  const text = "one\ntable <x> y\n";
  assert.equal(
    printError(only(problem(text, 10, 13, { hint: "did you mean <z>?" })), plain),
    [
      "smtpd.conf:2:7: error: something is wrong",
      "    2 | table <x> y",
      "      |       ^^^",
      "      = did you mean <z>?",
    ].join("\n"),
  );
});

Deno.test("printError() shows no line for what is about the whole file", () => {
  assert.equal(printError(only(problem("", 0, 0)), plain), "smtpd.conf:1:1: error: something is wrong");
});

Deno.test("printError() paints only on request, and warnings in another colour", () => {
  const error = printError(only(problem("abc", 0, 1)), { colour: true, width: 80 });
  assert.equal(
    error,
    "\x1b[1msmtpd.conf:1:1:\x1b[0m \x1b[1;31merror:\x1b[0m \x1b[1msomething is wrong\x1b[0m\n" +
      "\x1b[34m    1\x1b[0m \x1b[34m|\x1b[0m abc\n      \x1b[34m|\x1b[0m \x1b[1;31m^\x1b[0m",
  );
  const warning = printError(only(problem("abc", 0, 1, { severity: "warning" })), { colour: true, width: 80 });
  assert.ok(warning.includes("\x1b[1;33mwarning:\x1b[0m"));
});

Deno.test("printError() lets no control character of the file, the message or the path through", () => {
  const span = { source: makeSource("a\x1bb", "x\x07\x1b[31my", 0, null), start: 1, end: 3, macro: null };
  const made = only({ severity: "error", span, message: "bad \x1b[0m word", hint: "a\u202eb" });
  assert.equal(printError(made, plain), "a?b:1:2: error: bad ?[0m word\n    1 | x??[31my\n      |  ^^\n      = a?b");
});

Deno.test("printError() keeps the mark under the spot behind tabs and wide characters", () => {
  assert.equal(
    printError(only(problem("\ta\tbc", 3, 5)), plain).split("\n").slice(1).join("\n"),
    "    1 |         a       bc\n      |                 ^^",
  );
  assert.equal(
    printError(only(problem("日本 x", 3, 4)), plain).split("\n").slice(1).join("\n"),
    "    1 | 日本 x\n      |      ^",
  );
  assert.equal(
    printError(only(problem("a日😀", 1, 4)), plain).split("\n").slice(1).join("\n"),
    "    1 | a日😀\n      |  ^^^^",
  );
});

Deno.test("printError() cuts a long line around the spot", () => {
  const text = Array.from({ length: 40 }, (_, i) => `word${String(i).padStart(2, "0")}`).join(" ");
  const at = (start: number, end: number) =>
    printError(only(problem(text, start, end)), { colour: false, width: 40 }).split("\n").slice(1);
  assert.deepEqual(at(0, 6), ["    1 | word00 word01 word02 word03 wor…", "      | ^^^^^^"]);
  assert.deepEqual(at(140, 146), ["    1 | …18 word19 word20 word21 word22…", "      |            ^^^^^^"]);
  assert.deepEqual(at(273, 279), [
    "    1 | …d35 word36 word37 word38 word39",
    "      |                           ^^^^^^",
  ]);
  assert.deepEqual(at(0, 279), ["    1 | word00 word01 word02 word03 wor…", `      | ${"^".repeat(32)}`]);
});

Deno.test("printError() stays inside the width and marks something, wherever the spot is", () => {
  const unit = fc.constantFrom("a", "b", " ", "\t", "日", "é", "\x1b", "😀", "\u0301");
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 120 }), fc.nat(130), fc.nat(40), fc.integer({ min: 28, max: 90 }), (
      text,
      from,
      length,
      width,
    ) => {
      const start = Math.min(from, text.length);
      const error = only(problem(text, start, start + 1 + length));
      const [, line = "", mark = ""] = printError(error, { colour: false, width }).split("\n");
      // Wide characters count twice.
      const columns = [...line].reduce((sum, char) => sum + (char === "\u0301" ? 0 : /[日😀]/u.test(char) ? 2 : 1), 0);
      assert.ok(columns <= width + 1, line);
      assert.match(mark, /^ {6}\| +\^+$/);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("collectErrors() sorts by file and place, and tells the same thing once", () => {
  const first = makeSource("a", "xxxxxx", 0, null);
  const second = makeSource("b", "xxxxxx", 1, null);
  const make = (source: typeof first, start: number, message: string): Problem => ({
    severity: "error",
    span: { source, start, end: start + 1, macro: null },
    message,
    hint: null,
  });
  const errors = collectErrors([
    make(second, 0, "four"),
    make(first, 3, "three"),
    make(first, 0, "one"),
    make(first, 0, "one"),
    make(first, 1, "two"),
  ]);
  assert.deepEqual(errors.map((error) => error.message), ["one", "two", "three", "four"]);
});

Deno.test("collectErrors() gives plain data, notes and all", () => {
  const main = makeSource("main", 'm = x\ninclude "inc"\n', 0, null);
  const included = makeSource("inc", "\nuse $m\nmore", 1, { source: main, start: 14, end: 19, macro: null });
  const definition = { source: main, start: 0, end: 1, macro: null };
  const span = { source: included, start: 5, end: 40, macro: { name: "m", definition } };
  const error = only({ severity: "warning", span, message: "text", hint: "hint" });
  const want = {
    file: "inc",
    line: 2,
    column: 5,
    severity: "warning",
    length: 2,
    message: "text",
    hint: "hint",
    excerpt: "use $m",
    notes: [
      { message: "macro 'm' is defined at", place: { file: "main", line: 1, column: 1 } },
      { message: "included from", place: { file: "main", line: 2, column: 9 } },
    ],
  };
  assert.deepEqual(JSON.parse(JSON.stringify(error)), want);
  assert.equal(
    printError(error, plain).split("\n").slice(3).join("\n"),
    "      = hint\n      = macro 'm' is defined at main:1:1\n      = included from main:2:9",
  );
});

Deno.test("suggest() asks whether the nearest was meant", () => {
  const words = ["listen", "action"];
  assert.equal(suggest("lsten", words, (name) => `<${name}>`), "did you mean <listen>?");
  assert.equal(suggest("frobnicate", words, (name) => name), null);
});

Deno.test("printError() names the file alone for what has no line", () => {
  const error: ConfigError = {
    ...{ file: "/etc/smtpd.conf", line: 0, column: 0, severity: "warning", length: 0 },
    ...{ message: "all of it", hint: null, excerpt: "", notes: [] },
  };
  assert.equal(printError(error, plain), "/etc/smtpd.conf: warning: all of it");
});
