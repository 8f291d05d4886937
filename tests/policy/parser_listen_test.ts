import assert from "node:assert/strict";
import { listenOptions, socketOptions } from "../../lib/policy/parser_listen.ts";
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

Deno.test("parseListen() reads every option", () => {
  const table = { kind: "name", name: "t" };
  const options: readonly (readonly [string, { readonly kind: string; readonly [member: string]: unknown }])[] = [
    ["inet4", { kind: "inet4" }],
    ["inet6", { kind: "inet6" }],
    ["port 26", { kind: "port", port: word("26") }],
    ["tag x", { kind: "tag", tag: word("x") }],
    ["hostname h", { kind: "hostname", hostname: word("h") }],
    ["hostnames <t>", { kind: "hostnames", table }],
    ["filter f", { kind: "filter", filter: { kind: "name", name: word("f") } }],
    ["filter { f, g }", { kind: "filter", filter: { kind: "chain", members: [word("f"), word("g")] } }],
    ["tls", { kind: "tls" }],
    ["tls-require", { kind: "tls-require", verify: false }],
    ["tls-require verify", { kind: "tls-require", verify: true }],
    ["smtps", { kind: "smtps", verify: false }],
    ["smtps verify", { kind: "smtps", verify: true }],
    ["ciphers c", { kind: "ciphers", word: word("c") }],
    ["protocols p", { kind: "protocols", word: word("p") }],
    ["pki p", { kind: "pki", word: word("p") }],
    ["ca c", { kind: "ca", word: word("c") }],
    ["auth", { kind: "auth", table: null }],
    ["auth <t>", { kind: "auth", table }],
    ["auth-optional", { kind: "auth-optional", table: null }],
    ["auth-optional <t>", { kind: "auth-optional", table }],
    ["mask-src", { kind: "mask-src" }],
    ["received-auth", { kind: "received-auth" }],
    ["no-dsn", { kind: "no-dsn" }],
    ["proxy-v2", { kind: "proxy-v2", from: null }],
    ["proxy-v2 from <t>", { kind: "proxy-v2", from: table }],
    ["proxy", { kind: "proxy", from: null }],
    ["proxy from 10.0.0.1", { kind: "proxy", from: { kind: "word", word: word("10.0.0.1") } }],
    ["lmtp", { kind: "lmtp" }],
    ['mechanisms "PLAIN"', { kind: "mechanisms", names: word("PLAIN") }],
    ["auth-external <t>", { kind: "auth-external", table }],
    ["senders <t>", { kind: "senders", table, masquerade: false, headerFrom: false }],
    ["senders <t> masquerade", { kind: "senders", table, masquerade: true, headerFrom: false }],
    ["senders <t> header-from", { kind: "senders", table, masquerade: false, headerFrom: true }],
    ["senders <t> masquerade header-from", { kind: "senders", table, masquerade: true, headerFrom: true }],
    ["senders <t> header-from masquerade", { kind: "senders", table, masquerade: true, headerFrom: true }],
  ];
  for (const [text, option] of options) {
    const want = { kind: "listen", on: word("lo"), options: [option, { kind: "mask-src" }] };
    assert.deepEqual(parseOne(`listen on lo ${text} mask-src`), want, text);
    if (!socketOptions.slice(0, 4).includes(option.kind)) continue;
    assert.deepEqual(parseOne(`listen on socket ${text}`), { kind: "listen", on: null, options: [option] }, text);
  }
  assert.deepEqual([...new Set(options.map(([, { kind }]) => kind))].sort(), listenOptions);
});

Deno.test("parseListen() reads a socket of its own", () => {
  const path = { kind: "path", path: word("/run/lmtp") };
  const cases: readonly (readonly [string, readonly object[]])[] = [
    ["", [path]],
    ["lmtp", [path, { kind: "lmtp" }]],
    ["lmtp mode 0660 user u group g hostname h", [
      path,
      { kind: "lmtp" },
      { kind: "mode", word: word("0660") },
      { kind: "user", word: word("u") },
      { kind: "group", word: word("g") },
      { kind: "hostname", hostname: word("h") },
    ]],
  ];
  for (const [text, options] of cases) {
    assert.deepEqual(parseOne(`listen on socket "/run/lmtp" ${text}`), { kind: "listen", on: null, options }, text);
  }
});

Deno.test("parseListen() takes words that are not reserved for names everywhere else", () => {
  const cases: readonly (readonly [string, object])[] = [
    ["listen on proxy tag mode", { on: word("proxy"), options: [{ kind: "tag", tag: word("mode") }] }],
    ["listen on lo hostname proxy", { on: word("lo"), options: [{ kind: "hostname", hostname: word("proxy") }] }],
    ["listen on lo auth proxy", {
      on: word("lo"),
      options: [{ kind: "auth", table: null }, { kind: "proxy", from: null }],
    }],
  ];
  for (const [text, want] of cases) assert.deepEqual(parseOne(text), { kind: "listen", ...want }, text);
});

Deno.test("parseListen() gives one error at the place of the first mistake", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["listen", "1:7 syntax error: expected `on`, found the end of the line"],
    ["listen in lo", "1:8 syntax error: expected `on`, found `in`"],
    ["listen on lo tls verify", "1:18 syntax error: `verify` has no meaning here"],
    ["listen on lo pki", "1:17 syntax error: expected the name of a certificate, found the end of the line"],
    ["listen on lo auth /x", "1:19 syntax error: expected a table of credentials, found `/`"],
    ["listen on lo senders", "1:21 syntax error: expected a table of users and addresses, found the end of the line"],
    [
      "listen on lo senders <t> header-from header-from",
      "1:38 syntax error: expected an option, found `header-from`",
    ],
    ["listen on lo constructor", "1:14 syntax error: expected an option, found `constructor`"],
    ["listen on lo masquerade", "1:14 syntax error: `masquerade` has no meaning here"],
    ["listen on lo header-from", "1:14 syntax error: expected an option, found `header-from`"],
    ["listen on lo senders <t> masquerad", "1:26 syntax error: expected an option, found `masquerad`"],
    ["listen on lo filter { }", "1:23 syntax error: expected the name of a filter, found `}`"],
    ["listen on lo port tag", "1:19 syntax error: expected a port, found the reserved word `tag`"],
    ["listen on lo tag", "1:17 syntax error: expected a tag, found the end of the line"],
    ["listen on lo hostname 5", "1:23 syntax error: expected a host name, found the number 5"],
    ["listen on lo relay", "1:14 syntax error: expected an option, found `relay`"],
    ["listen on lo { }", "1:14 syntax error: expected an option, found `{`"],
    ["listen on socket inet4", "1:18 `inet4` has no meaning with `listen on socket`"],
    ["listen on socket smtps", "1:18 `smtps` has no meaning with `listen on socket`"],
    ["listen on lo mode 0600", "1:14 `mode` has no meaning with a listener of the network"],
    ['listen on socket "/s" mode', "1:27 syntax error: expected permissions such as 0660, found the end of the line"],
    [
      "listen on lo proxy from",
      "1:24 syntax error: expected addresses and networks of proxies, found the end of the line",
    ],
    ["listen on socket no-dns", "1:18 syntax error: expected an option, found `no-dns`"],
  ];
  for (const [text, want] of cases) assert.deepEqual(problemsOf(text), [want], text);
});
