import assert from "node:assert/strict";
import { actionMethods, localOptions, relayOptions } from "../../lib/policy/parser_action.ts";
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

Deno.test("parseAction() reads every method", () => {
  const cases: readonly (readonly [string, object])[] = [
    ["maildir", { kind: "maildir", path: null, junk: false }],
    ["maildir junk", { kind: "maildir", path: null, junk: true }],
    ['maildir "/x" junk', { kind: "maildir", path: word("/x"), junk: true }],
    ["mbox", { kind: "mbox" }],
    ['lmtp "/x"', { kind: "lmtp", destination: word("/x"), rcptTo: false }],
    ["lmtp h:24 rcpt-to", { kind: "lmtp", destination: word("h:24"), rcptTo: true }],
    ['mda "/bin/x y"', { kind: "mda", command: word("/bin/x y") }],
    ["forward-only", { kind: "forward-only" }],
    ["expand-only", { kind: "expand-only" }],
    ["relay", { kind: "relay" }],
  ];
  assert.deepEqual([...new Set(cases.map(([, method]) => "kind" in method && method.kind))].sort(), actionMethods);
  for (const [text, method] of cases) {
    assert.deepEqual(parseOne(`action a ${text}`), { kind: "action", name, method, options: [] }, text);
  }
});

Deno.test("parseAction() reads every option", () => {
  const table = { kind: "name", name: "t" };
  const options: readonly (readonly [string, { readonly kind: string; readonly [member: string]: unknown }])[] = [
    ["alias <t>", { kind: "alias", table }],
    ["virtual <t>", { kind: "virtual", table }],
    ["userbase <t>", { kind: "userbase", table }],
    ["user u", { kind: "user", user: word("u") }],
    ["wrapper w", { kind: "wrapper", word: word("w") }],
    ["ttl 1d", { kind: "ttl", delay: word("1d") }],
    ["host <t>", { kind: "host", table }],
    ["domain <t>", { kind: "domain", table }],
    ["src <t>", { kind: "src", table }],
    ["helo-src <t>", { kind: "helo-src", table }],
    ["auth <t>", { kind: "auth", table }],
    ["helo h", { kind: "helo", word: word("h") }],
    ["pki p", { kind: "pki", word: word("p") }],
    ["ca c", { kind: "ca", word: word("c") }],
    ["ciphers c", { kind: "ciphers", word: word("c") }],
    ["protocols p", { kind: "protocols", word: word("p") }],
    ['mail-from "@d"', { kind: "mail-from", word: word("@d") }],
    ["backup", { kind: "backup", mx: null }],
    ["backup mx m", { kind: "backup", mx: word("m") }],
    ["tls", { kind: "tls", verify: true }],
    ["tls no-verify", { kind: "tls", verify: false }],
    ["srs", { kind: "srs", whenSpfFails: false }],
    ["srs when-spf-fails", { kind: "srs", whenSpfFails: true }],
    ["filter f", { kind: "filter", filter: { kind: "name", name: word("f") } }],
    ["filter { f, g\nh }", { kind: "filter", filter: { kind: "chain", members: [word("f"), word("g"), word("h")] } }],
  ];
  for (const [text, option] of options) {
    const isLocal = localOptions.includes(option.kind) && option.kind !== "ttl";
    const parsed = parseOne(`action a ${isLocal ? "mbox" : "relay"} ${text}`);
    const method = { kind: isLocal ? "mbox" : "relay" };
    assert.deepEqual(parsed, { kind: "action", name, method, options: [option] }, text);
  }
  const kinds = [...new Set(options.map(([, { kind }]) => kind))].sort();
  assert.deepEqual(kinds, [...new Set([...localOptions, ...relayOptions])].sort());
});

Deno.test("parseAction() gives one error at the place of the first mistake", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["action", "1:7 syntax error: expected the name of the action, found the end of the line"],
    [
      "action a",
      "1:9 syntax error: expected `maildir`, `mbox`, `mda`, `lmtp`, `forward-only`, `expand-only` or `relay`, found the end of the line",
    ],
    ["action a mbox host x", "1:15 syntax error: `host` has no meaning with `mbox`"],
    ["action a lmtp /x", "1:15 syntax error: expected the path of a socket in quotes, or host:port, found `/`"],
    ["action a lmtp h user u rcpt-to", "1:24 syntax error: `rcpt-to` has no meaning here"],
    ["action a mda", "1:13 syntax error: expected a command in quotes, found the end of the line"],
    ["action a maildir Mail", "1:18 syntax error: expected an option, found `Mail`"],
    ["action a maildir /Mail", "1:18 syntax error: expected a path in quotes, found `/`"],
    ["action a maildir $x", "1:18 macro 'x' not defined"],
    ["action a maildir alias <t> junk", "1:28 syntax error: `junk` has no meaning behind an option"],
    ['action a maildir junk "/x"', '1:23 syntax error: expected an option, found "/x"'],
    ["action a maildir tls", "1:18 syntax error: `tls` has no meaning with `maildir`"],
    ['action a maildir "/x" "/y"', '1:23 syntax error: expected an option, found "/y"'],
    ["action a maildir alias", "1:23 syntax error: expected a table, found the end of the line"],
    ["action a maildir alias <", "1:25 syntax error: expected the name of a table, found the end of the line"],
    ["action a maildir ttl 1d user x", "1:25 syntax error: nothing may follow `ttl`"],
    ["action a maildir host x", "1:18 syntax error: `host` has no meaning with `maildir`"],
    ["action a relay alias x", "1:16 syntax error: `alias` has no meaning with `relay`"],
    ["action a relay srs never", "1:20 syntax error: expected an option, found `never`"],
    ["action a relay no-verify", "1:16 syntax error: `no-verify` has no meaning here"],
    ["action a relay backup mx", "1:25 syntax error: expected the name of a server, found the end of the line"],
    ["action a relay filter {", "1:23 this `{` is never closed"],
    ["action a relay filter }", "1:23 syntax error: expected the name of a filter, found `}`"],
    ["action a relay helo", "1:20 syntax error: expected a host name, found the end of the line"],
    ["action a relay on", "1:16 syntax error: expected an option, found `on`"],
    [
      "action a relay host",
      "1:20 syntax error: expected a URL such as smtp://mx.example.org, found the end of the line",
    ],
  ];
  for (const [text, want] of cases) assert.deepEqual(problemsOf(text), [want], text);
});
