import assert from "node:assert/strict";
import { makeSource } from "../../lib/policy/error.ts";
import { Lexer, type Macro, type Token, tokenLengthMax } from "../../lib/policy/lexer.ts";

function lex(text: string, macros: Readonly<Record<string, string>> = {}): readonly Token[] {
  const defined = new Map<string, Macro>(
    Object.entries(macros).map(([name, value]) => [name, { value, definition: null }]),
  );
  const lexer = new Lexer(makeSource("smtpd.conf", text, 0, null), defined);
  const tokens: Token[] = [];
  for (;;) {
    const token = lexer.next();
    if (token.kind === "eof") return tokens;
    tokens.push(token);
    assert.ok(tokens.length <= text.length + 100, "it goes on for ever");
  }
}

/** `kind:text` of each token, blanks between. */
function show(text: string, macros: Readonly<Record<string, string>> = {}): string {
  return lex(text, macros).map(({ kind, text }) => `${kind}:${text === "\n" ? "" : text}`).join(" ");
}

const cases: readonly (readonly [string, string])[] = [
  ["", ""],
  [" \t ", ""],
  ["abc", "word:abc"],
  ["_a :b 7up", "word:_a word::b word:7up"],
  ["a-b.c/d@e*f+g[h]i:j;k'l\"m$n%o&p?q^r`s|t~u\\\\v", "word:a-b.c/d@e*f+g[h]i:j;k'l\"m$n%o&p?q^r`s|t~u\\v"],
  ["a(b", "word:a punct:( word:b"],
  [
    "a{b}c<d>e!f=g,h",
    "word:a punct:{ word:b punct:} word:c punct:< word:d punct:> word:e punct:! word:f punct:= word:g punct:, word:h",
  ],
  ["a => b=>c = > d", "word:a punct:=> word:b punct:=> word:c punct:= punct:> word:d"],
  ["/x", "punct:/ word:x"],
  ["@ * [ . +", "punct:@ punct:* punct:[ punct:. punct:+"],
  ["é😀", "punct:é punct:😀"],
  ["listen Listen listener", "keyword:listen word:Listen word:listener"],
  ["auth-optional auth-optionals", "keyword:auth-optional word:auth-optionals"],
  ['"listen"', "string:listen"],
  ["25", "number:25"],
  ["-25", "number:-25"],
  ["- 25", "punct:- number:25"],
  ["-x", "punct:- word:x"],
  ["25)", "number:25 punct:)"],
  ["25, 26/ 27} 28=", "number:25 punct:, number:26 punct:/ number:27 punct:} number:28 punct:="],
  ["25x 25# 25< 4d 10.0.0.1 10:20", "word:25x word:25"],
  ["4d 10.0.0.1 10:20 25{", "word:4d word:10.0.0.1 word:10:20 word:25 punct:{"],
  ["25\n", "number:25 newline:"],
  ["9007199254740991", "number:9007199254740991"],
  ["9007199254740992", 'bad:"9007199254740992" invalid number: too large'],
  ["-99999999999999999999", 'bad:"-99999999999999999999" invalid number: too small'],
  ["a\nb\n\nc", "word:a newline: word:b newline: newline: word:c"],
  ["a\r\nb\r", "word:a newline: word:b"],
  ["a \\\nb", "word:a word:b"],
  ["a \\\r\nb", "word:a word:b"],
  ["ab\\\ncd", "word:abcd"],
  ["a\\ b", "word:a word:b"],
  ["\\listen", "keyword:listen"],
  ["a\\", "word:a"],
  ["# listen\na", "newline: word:a"],
  ["a # b", "word:a"],
  ["a#b", "word:a"],
  ["# a \\\nb\nc", "newline: word:c"],
  ["\"a b\" 'c d'", "string:a b string:c d"],
  ['"it\'s" \'say "hi"\'', 'string:it\'s string:say "hi"'],
  ["\"a\\\"b\" 'a\\'b'", "string:a\"b string:a'b"],
  ['"a\\ b\\\tc"', "string:a b\tc"],
  ['"a\\nb\\\\c"', "string:a\\nb\\\\c"],
  ['"a\\\nb"', "string:ab"],
  ['"a\nb"', "string:ab"],
  ['"# $x { }"', "string:# $x { }"],
  ['""', "string:"],
  ['"a"b', "string:a word:b"],
  ['a "b', "word:a bad:this string is never closed"],
  ['"a\u0000b"', 'bad:syntax error: NUL character in a string word:b"'],
];

Deno.test("Lexer reads words, strings, numbers, signs and line ends", () => {
  for (const [text, want] of cases) assert.equal(show(text), want, JSON.stringify(text));
});

Deno.test("Lexer expands a macro at the start of a token, once, and joins it with what follows", () => {
  const macros = { a: "one", two: "x y", quoted: "'p q'", nested: "$a", empty: "", hash: "c # d", open: "'x", d: "1" };
  const table: readonly (readonly [string, string])[] = [
    ["$a", "word:one"],
    ["$a.test", "word:one.test"],
    ["x$a", "word:x$a"],
    ["$two", "word:x word:y"],
    ["$quoted", "string:p q"],
    ['"$a"', "string:$a"],
    ["$nested", "punct:$ word:a"],
    ["$empty$a", "word:one"],
    ["$empty", ""],
    ["$hash e\nf", "word:c newline: word:f"],
    ["$open y' z", "string:x y word:z"],
    ["$d$d", "word:1$d"],
    ["$d 2", "number:1 number:2"],
    ["$b", "bad:macro 'b' not defined"],
    ["$", "bad:macro '' not defined"],
    ["$a$b", "word:one$b"],
    ["$a\n$a", "word:one newline: word:one"],
  ];
  for (const [text, want] of table) assert.equal(show(text, macros), want, JSON.stringify(text));
});

Deno.test("Lexer places each token where it stands, those of a macro where it is used", () => {
  const text = ' a "b c"\n$m.x ${';
  const spans = lex(text, { m: "one two" }).map(({ span }) => [span.start, span.end, span.macro?.name ?? null]);
  assert.deepEqual(spans, [
    [1, 2, null],
    [3, 8, null],
    [8, 9, null],
    [9, 11, "m"],
    [9, 13, "m"],
    [14, 15, null],
    [15, 16, null],
  ]);
});

Deno.test("Lexer tells which token begins a line", () => {
  const firsts = lex("a b\n  c d \\\n e\n").filter((token) => token.isFirst).map((token) => token.text);
  assert.deepEqual(firsts, ["a", "c"]);
});

Deno.test("Lexer gives eof for ever", () => {
  const lexer = new Lexer(makeSource("x", "a", 0, null), new Map());
  assert.deepEqual([lexer.next().kind, lexer.next().kind, lexer.next().kind], ["word", "eof", "eof"]);
});

Deno.test("Lexer refuses a token that is too long", () => {
  const long = "x".repeat(tokenLengthMax + 1);
  assert.equal(lex(long)[0]?.text, "string too long");
  assert.equal(lex(`"${long}"`)[0]?.text, "string too long");
  assert.equal(lex(long.slice(1))[0]?.kind, "word");
  assert.equal(lex(`"${long.slice(1)}"`)[0]?.kind, "string");
});
