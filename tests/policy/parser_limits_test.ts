import assert from "node:assert/strict";
import { parseOne, problemsOf } from "./parse_text.ts";

const word = (text: string) => ({ text });
const limit = (name: string, value: number) => ({ name: word(name), value: { value } });

Deno.test("limits are read in the order of the line, not checked", () => {
  const cases: readonly (readonly [string, object])[] = [
    ["smtp max-message-size 35M", { kind: "smtp-size", size: word("35M") }],
    ["smtp max-message-size 35", { kind: "smtp-size", size: word("35") }],
    ['smtp sub-addr-delim "-"', { kind: "smtp-delimiter", delimiter: word("-") }],
    ["smtp ciphers HIGH", { kind: "smtp-ciphers", ciphers: word("HIGH") }],
    ["smtp limit", { kind: "smtp-limit", limits: [] }],
    ["smtp limit max-rcpt 5 max-mails -6", {
      kind: "smtp-limit",
      limits: [limit("max-rcpt", 5), limit("max-mails", -6)],
    }],
    ["smtp limit except <t>", { kind: "smtp-except", table: { kind: "name", name: "t" } }],
    ["smtp limit except a.test", { kind: "smtp-except", table: { kind: "word", word: word("a.test") } }],
    ["mda limit max-session 5 x 6", { kind: "mda-limit", limits: [limit("max-session", 5), limit("x", 6)] }],
    ['mda wrapper w "/bin/x %{mda}"', { kind: "mda-wrapper", name: word("w"), command: word("/bin/x %{mda}") }],
    ["mta max-deferred 5", { kind: "mta-max-deferred", value: { value: 5 } }],
    ["mta limit", { kind: "mta-limit", domain: null, families: [], limits: [] }],
    ["mta limit x 5 inet4 y 6", {
      kind: "mta-limit",
      domain: null,
      families: [{ family: 4 }],
      limits: [limit("x", 5), limit("y", 6)],
    }],
    ["mta limit for domain d.test inet6", {
      kind: "mta-limit",
      domain: word("d.test"),
      families: [{ family: 6 }],
      limits: [],
    }],
    ["scheduler limit max-inflight 5", { kind: "scheduler-limit", limits: [limit("max-inflight", 5)] }],
  ];
  for (const [text, want] of cases) assert.deepEqual(parseOne(text), want, text);
});

Deno.test("lines of limits give one error at the place of the first mistake", () => {
  const cases: readonly (readonly [string, string])[] = [
    [
      "smtp",
      "1:5 syntax error: expected `limit`, `max-message-size`, `sub-addr-delim`, `lenient` or `ciphers`, found the end of the line",
    ],
    ["smtp limit 5", "1:12 syntax error: expected a limit such as `max-rcpt`, found `5`"],
    ["smtp limit x", "1:13 syntax error: expected a number, found the end of the line"],
    ["smtp limit x 4k", "1:14 syntax error: expected a number, found `4k`"],
    ["mda", "1:4 syntax error: expected `wrapper` or `limit`, found the end of the line"],
    ["mda wrapper w", "1:14 syntax error: expected a command in quotes, found the end of the line"],
    ["mta", "1:4 syntax error: expected `limit` or `max-deferred`, found the end of the line"],
    ["mta limit for any", "1:15 syntax error: expected `domain`, found `any`"],
    ["mta limit for domain", "1:21 syntax error: expected a domain, found the end of the line"],
    [
      "mta limit inet",
      "1:15 syntax error: expected a number, found the end of the line",
    ],
    ["mta max-deferred", "1:17 syntax error: expected a number, found the end of the line"],
    ["scheduler", "1:10 syntax error: expected `limit`, found the end of the line"],
  ];
  for (const [text, want] of cases) assert.deepEqual(problemsOf(text), [want], text);
});
