import assert from "node:assert/strict";
import { parseOne, problemsOf } from "./parse_text.ts";

const word = (text: string) => ({ text });
const name = word("a");

Deno.test("parseAction() reads methods and options in the order of the line", () => {
  const maildir = { kind: "maildir", path: null, junk: false };
  const cases: readonly (readonly [string, unknown])[] = [
    ["action a maildir", { kind: "action", name, method: maildir, options: [] }],
    ['action a maildir "~/x"', { kind: "action", name, method: { ...maildir, path: word("~/x") }, options: [] }],
    ["action a maildir alias <t> user u ttl 4d", {
      kind: "action",
      name,
      method: maildir,
      options: [
        { kind: "alias", table: { kind: "name", name: "t" } },
        { kind: "user", user: word("u") },
        { kind: "ttl", delay: word("4d") },
      ],
    }],
    ["action a maildir virtual <alias> userbase { u = v }", {
      kind: "action",
      name,
      method: maildir,
      options: [
        { kind: "virtual", table: { kind: "name", name: "alias" } },
        {
          kind: "userbase",
          table: { kind: "items", items: { shape: "map", entries: [[word("u"), word("v")]] } },
        },
      ],
    }],
    ["action a relay", { kind: "action", name, method: { kind: "relay" }, options: [] }],
    ["action a relay host smtp://h ttl 5", {
      kind: "action",
      name,
      method: { kind: "relay" },
      options: [
        { kind: "host", table: { kind: "word", word: word("smtp://h") } },
        { kind: "ttl", delay: word("5") },
      ],
    }],
  ];
  for (const [text, want] of cases) assert.deepEqual(parseOne(text), want, text);
});

Deno.test("parseAction() gives one error at the place of the first mistake", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["action", "1:7 syntax error: expected the name of the action, found the end of the line"],
    ["action a", "1:9 syntax error: expected `maildir` or `relay`, found the end of the line"],
    ["action a mbox alias <x>", "1:10 `mbox` is not supported yet"],
    ["action a maildir Mail", "1:18 syntax error: expected an option, found `Mail`"],
    ["action a maildir /Mail", "1:18 syntax error: expected a path in quotes, found `/`"],
    ["action a maildir $x", "1:18 macro 'x' not defined"],
    ["action a maildir junk", "1:18 `junk` is not supported yet"],
    ['action a maildir "/x" "/y"', '1:23 syntax error: expected an option, found "/y"'],
    ["action a maildir alias", "1:23 syntax error: expected a table, found the end of the line"],
    ["action a maildir alias <", "1:25 syntax error: expected the name of a table, found the end of the line"],
    ["action a maildir ttl 1d user x", "1:25 syntax error: nothing may follow `ttl`"],
    ["action a maildir host x", "1:18 syntax error: `host` has no meaning with `maildir`"],
    ["action a relay alias x", "1:16 syntax error: `alias` has no meaning with `relay`"],
    ["action a relay tls", "1:16 `tls` is not supported yet"],
    ["action a relay on", "1:16 syntax error: expected an option, found `on`"],
    [
      "action a relay host",
      "1:20 syntax error: expected a URL such as smtp://mx.example.org, found the end of the line",
    ],
  ];
  for (const [text, want] of cases) assert.deepEqual(problemsOf(text), [want], text);
});
