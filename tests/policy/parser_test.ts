import assert from "node:assert/strict";
import { directiveNames } from "../../lib/policy/reader.ts";
import { bare, describeProblems, parseOne, parseText, problemsOf } from "./parse_text.ts";

const word = (text: string) => ({ text });

Deno.test("parseConfig() has a parser for every directive", () => {
  const lines: Readonly<Record<string, string>> = {
    action: "action a mbox",
    admd: "admd x",
    bounce: "bounce warn-interval 4h",
    ca: 'ca "*" cert "/x"',
    filter: "filter f proc p",
    listen: "listen on lo",
    match: "match reject",
    mda: "mda limit",
    mta: "mta limit",
    pki: 'pki a cert "/x"',
    proc: "proc p x",
    queue: "queue compression",
    scheduler: "scheduler limit",
    smtp: "smtp limit",
    srs: "srs key x",
    table: "table t { a }",
  };
  assert.deepEqual(Object.keys(lines), directiveNames.filter((name) => name !== "include"));
  for (const line of Object.values(lines)) parseOne(line);
});

Deno.test("parseConfig() knows lines of the grammar before 6.4", () => {
  const { problems } = parseText("accept from any for any relay\nreject for any\nlimit mta inet4\nexpire 4d\n");
  assert.equal(problems.length, 4);
  for (const { message } of problems) assert.match(message, /OpenSMTPD before 6\.4/);
});

Deno.test("parseConfig() goes on after an error with the next line", () => {
  assert.deepEqual(
    problemsOf("lsten\nqueue ttl\ntable t { a\nqueue ttl 4d\npki x {\n a\n}\nfoo $x bar\nqueue ttl 5d ,\n"),
    [
      "1:1 unknown directive `lsten`",
      "2:10 syntax error: expected a time such as 4d, found the end of the line",
      "3:9 this `{` is never closed",
      "5:7 syntax error: expected `cert`, `key` or `dhe`, found `{`",
      "8:1 unknown directive `foo`",
      "9:14 syntax error: expected the end of the line, found `,`",
    ],
  );
});

Deno.test("parseConfig() keeps the directives around an error, and the name of the broken one", () => {
  const { directives } = parseText("queue ttl 1d\ntable t {\n}\naction a mbx\nmatch foo\nqueue ttl 2d\ntable\n");
  assert.deepEqual(directives.map(bare), [
    { kind: "queue-ttl", delay: word("1d") },
    { kind: "broken", declares: "table", name: word("t") },
    { kind: "broken", declares: "action", name: word("a") },
    { kind: "broken", declares: "match", name: null },
    { kind: "queue-ttl", delay: word("2d") },
    { kind: "broken", declares: "table", name: null },
  ]);
});

Deno.test("parseConfig() reads included files where they are named, relative to the file that names them", () => {
  const files = { "sub/a.conf": "queue ttl 2d\ninclude b.conf\nqueue ttl 4d", "sub/b.conf": "queue ttl 3d", "/c": "" };
  const { directives, problems } = parseText(
    'queue ttl 1d\ninclude "sub/a.conf"\ninclude "/c"\nqueue ttl 5d\ninclude "sub/b.conf"',
    files,
  );
  assert.deepEqual(describeProblems(problems), []);
  const delays = directives.map((one) => one.kind === "queue-ttl" ? one.delay.text : "");
  assert.deepEqual(delays, ["1d", "2d", "3d", "4d", "5d", "3d"]);
});

Deno.test("parseConfig() shares macros with included files", () => {
  const files = { "a": 'b = "2d"\nqueue ttl $a' };
  const { directives, problems } = parseText('a = "1d"\ninclude a\nqueue ttl $b', files);
  assert.deepEqual(describeProblems(problems), []);
  assert.deepEqual(directives.map((one) => one.kind === "queue-ttl" ? one.delay.text : ""), ["1d", "2d"]);
});

Deno.test("parseConfig() refuses a file that includes itself, however indirectly", () => {
  const { problems } = parseText("include a\n", { "a": "include b\n", "b": 'include "a"\ninclude "smtpd.conf"\n' });
  assert.deepEqual(problems.map((one) => [one.span.source.path, one.message]), [
    ["b", "failed to include file a: it is being read already"],
    ["b", "failed to include file smtpd.conf: it is being read already"],
  ]);
});

Deno.test("parseConfig() reports the last line of the main file for what concerns all of it", () => {
  const lineOf = (text: string) => {
    const { start, source } = parseText(text).end;
    return source.text.slice(0, start).split("\n").length;
  };
  assert.deepEqual(["", "\n", "a", "a\n", "a\nb", "a\nb\n", "a\n\n"].map(lineOf), [1, 1, 1, 1, 2, 2, 2]);
});
