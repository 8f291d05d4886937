import assert from "node:assert/strict";
import { parseOne, problemsOf } from "./parse_text.ts";

const word = (text: string) => ({ text });

Deno.test("lines that set one thing are read as they are", () => {
  const cases: readonly (readonly [string, object])[] = [
    ["queue ttl 4d", { kind: "queue-ttl", delay: word("4d") }],
    ["queue ttl 4", { kind: "queue-ttl", delay: word("4") }],
    ['queue directory "/q"', { kind: "queue-directory", path: word("/q") }],
    ["queue compression", { kind: "queue-compression" }],
    ["queue encryption", { kind: "queue-encryption", key: null }],
    ["queue encryption stdin", { kind: "queue-encryption", key: word("stdin") }],
    ["bounce warn-interval 4h", { kind: "bounce", delays: [word("4h")] }],
    ["bounce warn-interval 4h, 5h 6h", { kind: "bounce", delays: [word("4h"), word("5h"), word("6h")] }],
    ["srs key k", { kind: "srs-key", backup: false, key: word("k") }],
    ["srs key backup k", { kind: "srs-key", backup: true, key: word("k") }],
    ["srs ttl 4d", { kind: "srs-ttl", delay: word("4d") }],
    ["admd a.test", { kind: "admd", id: word("a.test") }],
    ['ca "*" cert "/c"', { kind: "ca", name: word("*"), cert: word("/c") }],
    ['pki p key "/k" cert "/c" dhe auto', {
      kind: "pki",
      name: word("p"),
      parts: [
        { kind: "key", word: word("/k") },
        { kind: "cert", word: word("/c") },
        { kind: "dhe", word: word("auto") },
      ],
    }],
  ];
  for (const [text, want] of cases) assert.deepEqual(parseOne(text), want, text);
});

Deno.test("lines that set one thing give one error at the place of the first mistake", () => {
  const cases: readonly (readonly [string, string])[] = [
    [
      "queue",
      "1:6 syntax error: expected `compression`, `directory`, `encryption` or `ttl`, found the end of the line",
    ],
    ["queue encryption key k", "1:1 this is the grammar of OpenSMTPD before 6.4"],
    ["queue compression on", "1:19 syntax error: expected the end of the line, found `on`"],
    ["bounce 4h", "1:8 syntax error: expected `warn-interval`, found `4h`"],
    ["srs", "1:4 syntax error: expected `key` or `ttl`, found the end of the line"],
    ["srs key", "1:8 syntax error: expected a key or `backup`, found the end of the line"],
    ["srs key backup", "1:15 syntax error: expected a key, found the end of the line"],
    ["admd", "1:5 syntax error: expected a name for this site, found the end of the line"],
    ["ca x", "1:5 syntax error: expected `cert`, found the end of the line"],
    ["ca x cert", "1:10 syntax error: expected the path of a file in quotes, found the end of the line"],
    ["pki", "1:4 syntax error: expected the name of the certificate, found the end of the line"],
    ["pki x", "1:6 syntax error: expected `cert`, `key` or `dhe`, found the end of the line"],
    ["pki x dhe", "1:10 syntax error: expected `none`, `auto` or `legacy`, found the end of the line"],
  ];
  for (const [text, want] of cases) assert.deepEqual(problemsOf(text), [want], text);
});
