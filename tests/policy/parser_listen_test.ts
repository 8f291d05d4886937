import assert from "node:assert/strict";
import { parseOne, problemsOf } from "./parse_text.ts";

const word = (text: string) => ({ text });

Deno.test("parseListen() keeps the options in the order of the line", () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ["listen on lo", { kind: "listen", on: word("lo"), options: [] }],
    ["listen on socket", { kind: "listen", on: null, options: [] }],
    ['listen on "socket"', { kind: "listen", on: word("socket"), options: [] }],
    ["listen on socket tag x", { kind: "listen", on: null, options: [{ kind: "tag", tag: word("x") }] }],
    ["listen on 10.0.0.1 port 26 inet4 tag x hostname h.test inet6", {
      kind: "listen",
      on: word("10.0.0.1"),
      options: [
        { kind: "port", port: word("26") },
        { kind: "inet4" },
        { kind: "tag", tag: word("x") },
        { kind: "hostname", hostname: word("h.test") },
        { kind: "inet6" },
      ],
    }],
    ["listen on lo port smtp", { kind: "listen", on: word("lo"), options: [{ kind: "port", port: word("smtp") }] }],
    ["listen on lo port smtps", { kind: "listen", on: word("lo"), options: [{ kind: "port", port: word("smtps") }] }],
    ["listen on lo port http", { kind: "listen", on: word("lo"), options: [{ kind: "port", port: word("http") }] }],
  ];
  for (const [text, want] of cases) assert.deepEqual(parseOne(text), want, text);
});

Deno.test("parseListen() gives one error at the place of the first mistake", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["listen", "1:7 syntax error: expected `on`, found the end of the line"],
    ["listen in lo", "1:8 syntax error: expected `on`, found `in`"],
    ["listen on lo smtps pki x", "1:14 `smtps` is not supported yet"],
    ["listen on lo port tag", "1:19 syntax error: expected a port, found the reserved word `tag`"],
    ["listen on lo tag", "1:17 syntax error: expected a tag, found the end of the line"],
    ["listen on lo hostname 5", "1:23 syntax error: expected a host name, found the number 5"],
    ["listen on lo relay", "1:14 syntax error: expected an option, found `relay`"],
    ["listen on lo { }", "1:14 syntax error: expected an option, found `{`"],
    ["listen on socket inet4", "1:18 `inet4` has no meaning with `listen on socket`"],
    ["listen on socket smtps", "1:18 `smtps` has no meaning with `listen on socket`"],
    ["listen on socket no-dsn", "1:18 `no-dsn` is not supported yet"],
  ];
  for (const [text, want] of cases) assert.deepEqual(problemsOf(text), [want], text);
});
