import assert from "node:assert/strict";
import { makeSource } from "../../lib/policy/error.ts";
import {
  acceptKeyword,
  acceptPlainWord,
  acceptPunct,
  makeReader,
  peek,
  type Reader,
  readItems,
  readNumber,
  readQuantity,
  readTable,
  readWord,
  recover,
  take,
} from "../../lib/policy/reader.ts";
import { describeProblems } from "./parse_text.ts";

function reader(text: string): Reader {
  return makeReader(makeSource("smtpd.conf", text, 0, null), new Map([["m", { value: "x", definition: null }]]));
}

/** What `read` makes of a text, and the problems that it tells. */
function run<T>(text: string, read: (from: Reader) => T): readonly [T, readonly string[]] {
  const from = reader(text);
  return [read(from), describeProblems(from.problems)];
}

Deno.test("peek() leaves the token, take() takes it and never passes the end", () => {
  const from = reader("a b");
  assert.equal(peek(from).text, "a");
  assert.equal(take(from).text, "a");
  assert.equal(take(from).text, "b");
  assert.deepEqual([take(from).kind, take(from).kind], ["eof", "eof"]);
});

Deno.test("acceptKeyword() and acceptPunct() take only what they are asked for, unquoted", () => {
  const from = reader('"relay" relay { ');
  assert.equal(acceptKeyword(from, "relay"), false);
  take(from);
  assert.equal(acceptPunct(from, "{"), false);
  assert.equal(acceptKeyword(from, "maildir"), false);
  assert.equal(acceptKeyword(from, "relay"), true);
  assert.equal(acceptPunct(from, "}"), false);
  assert.equal(acceptPunct(from, "{"), true);
});

Deno.test("acceptPlainWord() takes a word that is neither quoted nor reserved", () => {
  const from = reader('"except" except relay');
  assert.equal(acceptPlainWord(from, "except"), false);
  take(from);
  assert.equal(acceptPlainWord(from, "other"), false);
  assert.equal(acceptPlainWord(from, "except"), true);
  assert.equal(acceptPlainWord(from, "relay"), false);
});

Deno.test("readWord() tells why a token is no word", () => {
  const cases: readonly (readonly [string, string | null])[] = [
    ["x", null],
    ['"relay"', null],
    ["relay", "1:1 syntax error: expected a name, found the reserved word `relay`"],
    ["25", "1:1 syntax error: expected a name, found the number 25"],
    ["/x", "1:1 syntax error: expected a name, found `/`"],
    ["{", "1:1 syntax error: expected a name, found `{`"],
    ["", "1:1 syntax error: expected a name, found the end of the file"],
    ["\n", "1:1 syntax error: expected a name, found the end of the line"],
    ["$nope", "1:1 macro 'nope' not defined"],
    ["a$m", "1:1 $m inside a word stands for itself"],
    ["a$n", null],
  ];
  for (const [text, want] of cases) {
    assert.deepEqual(run(text, (from) => readWord(from, "a name"))[1], want === null ? [] : [want], text);
  }
});

Deno.test("readNumber() and readQuantity() read numbers", () => {
  assert.equal(run("25", (from) => readNumber(from, "a number"))[0]?.value, 25);
  assert.deepEqual(run("4d", (from) => readNumber(from, "a number"))[1], [
    "1:1 syntax error: expected a number, found `4d`",
  ]);
  assert.equal(run("25", (from) => readQuantity(from, "a time"))[0]?.text, "25");
  assert.equal(run("4d", (from) => readQuantity(from, "a time"))[0]?.text, "4d");
});

Deno.test("readTable() reads a name, a word and entries, and spans all of it", () => {
  const cases: readonly (readonly [string, unknown, number])[] = [
    ["<a>", { kind: "name", name: "a" }, 3],
    ["< a > b", { kind: "name", name: "a" }, 5],
    ["<alias>", { kind: "name", name: "alias" }, 7],
    ['<"a b">', { kind: "name", name: "a b" }, 7],
    ["word more", { kind: "word", word: { text: "word" } }, 4],
    ["{ a } b", { kind: "items", items: { shape: "list", entries: [{ text: "a" }] } }, 5],
  ];
  for (const [text, want, length] of cases) {
    const [table] = run(text, (from) => readTable(from, "a table"));
    assert.deepEqual(JSON.parse(JSON.stringify(table, (key, value) => key === "span" ? undefined : value)), want);
    assert.deepEqual([table?.span.start, table?.span.end], [0, length], text);
  }
});

Deno.test("readItems() takes commas, line ends or blanks between entries, and one comma at the end", () => {
  const list = (text: string) =>
    run(text, (from) => {
      const items = readItems(from);
      return items?.shape === "list" ? items.entries.map((word) => word.text) : items;
    });
  for (const text of ["{a,b,c}", "{ a b c }", "{\na\nb\n\nc\n}", "{ a,\n\n b,\nc, }", "{ a\n, b # x\n c }"]) {
    assert.deepEqual(list(text), [["a", "b", "c"], []], text);
  }
  assert.deepEqual(list("{ a,, b }"), [null, ["1:5 syntax error: expected an entry, found `,`"]]);
  assert.deepEqual(list("{ , a }"), [null, ["1:3 syntax error: expected an entry, found `,`"]]);
  assert.deepEqual(list("{ a\n,\n, b }"), [null, ["3:1 syntax error: expected an entry, found `,`"]]);
  assert.deepEqual(list("{ }"), [null, ["1:1 syntax error: a table needs at least one entry"]]);
  assert.deepEqual(list("{ a"), [null, ["1:1 this `{` is never closed"]]);
  assert.deepEqual(list("{ a\nlisten on"), [null, ["1:1 this `{` is never closed"]]);
  assert.deepEqual(list("{ a listen }"), [null, [
    "1:5 syntax error: expected an entry, found the reserved word `listen`",
  ]]);
});

Deno.test("readItems() decides between list and map by the first entry", () => {
  const read = (text: string) => run(text, (from) => readItems(from)?.shape);
  assert.deepEqual(read("{ a = b c => d }"), ["map", []]);
  assert.deepEqual(read("{ a = b, c }"), [
    undefined,
    ["1:12 syntax error: expected `=` and a value, as in the first entry, found `}`"],
  ]);
  assert.deepEqual(read("{ a, b = c }"), [
    undefined,
    ["1:8 syntax error: expected an entry without a value, as the first one, found `=`"],
  ]);
  assert.deepEqual(read("{ a = = }"), [undefined, ["1:7 syntax error: expected a value, found `=`"]]);
});

Deno.test("recover() goes to the next line, over braces, but never over a directive that begins a line", () => {
  const rest = (text: string) => {
    const from = reader(text);
    take(from);
    recover(from);
    return peek(from).text;
  };
  assert.equal(rest("x a b\nc"), "c");
  assert.equal(rest("x {\na\n} b\nc"), "c");
  assert.equal(rest("x {\na\nlisten"), "listen");
  assert.equal(rest("x } }\nc"), "c");
  assert.equal(rest("x listen\nc"), "c");
  assert.equal(rest("x {"), "");
});
