import assert from "node:assert/strict";
import { parseOne, problemsOf } from "./parse_text.ts";

const word = (text: string) => ({ text });
const config = (text: string) => ({
  kind: "table",
  name: word("t"),
  content: { kind: "config", word: word(text) },
  options: [],
});

Deno.test("parseTable() reads a place or entries", () => {
  const cases: readonly (readonly [string, object])[] = [
    ["table t file:/x", config("file:/x")],
    ['table t "/x"', config("/x")],
    ["table t getpwnam", config("getpwnam")],
    ['table t "proc:/bin/x y"', config("proc:/bin/x y")],
    ['table t proc:"/bin/x"', config("proc:/bin/x")],
    ["table t proc:'/bin/x'", config("proc:/bin/x")],
    ["table t { a, b }", {
      kind: "table",
      name: word("t"),
      content: { kind: "items", items: { shape: "list", entries: [word("a"), word("b")] } },
      options: [],
    }],
    ['table t "proc:/bin/x y" cache-ttl 60s cache-negative-ttl 0', {
      ...config("proc:/bin/x y"),
      options: [{ kind: "cache-ttl", time: word("60s") }, { kind: "cache-negative-ttl", time: word("0") }],
    }],
  ];
  for (const [text, want] of cases) assert.deepEqual(parseOne(text), want, text);
});

Deno.test("parseTable() gives one error at the place of the first mistake", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["table", "1:6 syntax error: expected the name of the table, found the end of the line"],
    [
      "table t",
      "1:8 syntax error: expected `{` or the place of the table, such as file:/etc/mail/aliases, found the end of the line",
    ],
    ["table t /x", "1:9 syntax error: expected the place of the table, found `/`"],
    ["table t file:/x y", "1:17 syntax error: expected the end of the line, found `y`"],
    ["table t proc:/bin/x cache-ttl", "1:30 syntax error: expected a time such as 30s, found the end of the line"],
    ["table t proc:/bin/x cache-tl 5s", "1:21 syntax error: expected the end of the line, found `cache-tl`"],
    ['table t proc:"/bin/x y"', "1:9 syntax error: a quote in the middle of a word does not begin a string"],
  ];
  for (const [text, want] of cases) assert.deepEqual(problemsOf(text), [want], text);
});
