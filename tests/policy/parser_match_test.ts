import assert from "node:assert/strict";
import { parseOne, problemsOf } from "./parse_text.ts";

const word = (text: string) => ({ text });
const named = (name: string, regex = false) => ({ regex, table: { kind: "name", name } });

Deno.test("parseMatch() reads every option, negated or not", () => {
  const options: readonly (readonly [string, object])[] = [
    ["from any", { kind: "from-any" }],
    ["from local", { kind: "from-local" }],
    ["from socket", { kind: "from-socket" }],
    ["from src <t>", { kind: "from-src", pattern: named("t") }],
    ["from mail-from regex <t>", { kind: "from-mail-from", pattern: named("t", true) }],
    ["for any", { kind: "for-any" }],
    ["for local", { kind: "for-local" }],
    ["for domain regex <t>", { kind: "for-domain", pattern: named("t", true) }],
    ["for rcpt-to <t>", { kind: "for-rcpt-to", pattern: named("t") }],
    ["from auth", { kind: "from-auth", pattern: null }],
    ["from auth <t>", { kind: "from-auth", pattern: named("t") }],
    ["from rdns", { kind: "from-rdns", pattern: null }],
    ["from rdns regex <t>", { kind: "from-rdns", pattern: named("t", true) }],
    ["auth", { kind: "auth", pattern: null }],
    ["auth regex <t>", { kind: "auth", pattern: named("t", true) }],
    ["helo <t>", { kind: "helo", pattern: named("t") }],
    ["tls", { kind: "tls" }],
    ["tag x", { kind: "tag", pattern: { regex: false, table: { kind: "word", word: word("x") } } }],
    ["mail-from <t>", { kind: "mail-from", pattern: named("t") }],
    ["rcpt-to regex <t>", { kind: "rcpt-to", pattern: named("t", true) }],
  ];
  for (const [text, option] of options) {
    const want = (negated: boolean) => ({ kind: "match", options: [{ ...option, negated }], action: null });
    assert.deepEqual(parseOne(`match ${text} reject`), want(false), text);
    assert.deepEqual(parseOne(`match !${text} reject`), want(true), text);
    assert.deepEqual(parseOne(`match ! ${text} reject`), want(true), text);
  }
});

Deno.test("parseMatch() takes options in any order and the outcome last", () => {
  assert.deepEqual(parseOne("match for any mail-from <a> from any action out"), {
    kind: "match",
    options: [
      { kind: "for-any", negated: false },
      { kind: "mail-from", negated: false, pattern: named("a") },
      { kind: "from-any", negated: false },
    ],
    action: word("out"),
  });
  assert.deepEqual(parseOne("match reject"), { kind: "match", options: [], action: null });
  assert.deepEqual(parseOne('match action "out"'), { kind: "match", options: [], action: word("out") });
});

Deno.test("parseMatch() gives one error at the place of the first mistake", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["match", "1:6 syntax error: expected `action` or `reject`, found the end of the line"],
    [
      "match from",
      "1:11 syntax error: expected `any`, `auth`, `local`, `mail-from`, `rdns`, `socket` or `src`, found the end of the line",
    ],
    [
      "match from domain x",
      "1:12 syntax error: expected `any`, `auth`, `local`, `mail-from`, `rdns`, `socket` or `src`, found `domain`",
    ],
    ["match for src x", "1:11 syntax error: expected `any`, `local`, `domain` or `rcpt-to`, found `src`"],
    ["match from auth 5", "1:17 syntax error: expected a table of users, found the number 5"],
    ["match !from rdns", "1:17 syntax error: expected `action` or `reject`, found the end of the line"],
    ["match from rdns regex", "1:22 syntax error: expected a table of host names, found the end of the line"],
    ["match helo", "1:11 syntax error: expected a table of host names, found the end of the line"],
    ["match tls <t> reject", "1:11 syntax error: expected an option, found `<`"],
    ["match ! reject", "1:9 syntax error: `!` has no meaning before `reject`"],
    ["match !! from any", "1:8 syntax error: expected an option, found `!`"],
    ["match any", "1:7 syntax error: expected an option, found `any`"],
    ["match tag", "1:10 syntax error: expected a tag, found the end of the line"],
    ["match for domain regex", "1:23 syntax error: expected a table of domains, found the end of the line"],
    ["match action", "1:13 syntax error: expected the name of an action, found the end of the line"],
    ["match reject now", "1:14 syntax error: expected the end of the line, found `now`"],
  ];
  for (const [text, want] of cases) assert.deepEqual(problemsOf(text), [want], text);
});
