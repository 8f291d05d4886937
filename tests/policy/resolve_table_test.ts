import assert from "node:assert/strict";
import { builtinTables } from "../../lib/policy/resolve_table.ts";
import { loadText, machine, printAll } from "./config_fixture.ts";

const rule = 'action "out" relay\nmatch for any action "out"\n';

/** Messages of errors and warnings, as `line:column message`. */
function messages(text: string): readonly string[] {
  const result = loadText(text + rule);
  const all = result.kind === "ok" ? result.warnings : result.errors;
  return all.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

function tableOf(text: string) {
  const result = loadText(text + rule);
  assert.equal(result.kind, "ok", result.kind === "errors" ? printAll(result.errors) : "");
  return result.kind === "ok" ? result.policy.tables["t"] : undefined;
}

Deno.test("builtinTables() are those of smtpd.conf(5), for this machine", () => {
  const tables = builtinTables({ ...machine, path: "", readFile: () => assert.fail(), macros: new Map() });
  const keys = Object.fromEntries(
    tables.map((table) => [table.name, table.kind === "static" ? table.entries.map(([key]) => key) : table.kind]),
  );
  assert.deepEqual(keys, {
    "<localhost>": ["local", "127.0.0.1", "::1", "192.0.2.10", "2001:db8::10", "fe80::1"],
    "<anyhost>": ["local", "0.0.0.0/0", "::/0"],
    "<localnames>": [
      "localhost",
      "mx.example.org",
      "127.0.0.1",
      "[127.0.0.1]",
      "[::1]",
      "[IPv6:::1]",
      "192.0.2.10",
      "[192.0.2.10]",
      "[2001:db8::10]",
      "[IPv6:2001:db8::10]",
      "[fe80::1]",
      "[IPv6:fe80::1]",
    ],
    "<anydestination>": ["*"],
    "<getpwnam>": "getpwnam",
  });
});

Deno.test("declareTable() takes a backend and a path", () => {
  const cases: readonly (readonly [string, object])[] = [
    ['"/x"', { kind: "file", name: "t", path: "/x" }],
    ["file:/x", { kind: "file", name: "t", path: "/x" }],
    ["static:/x", { kind: "file", name: "t", path: "/x" }],
    ["db:/x", { kind: "cdb", name: "t", path: "/x" }],
    ["cdb:/x:y", { kind: "cdb", name: "t", path: "/x:y" }],
    ["{ a = b }", { kind: "static", name: "t", shape: "map", entries: [["a", "b"]] }],
    ["{ a }", { kind: "static", name: "t", shape: "list", entries: [["a", null]] }],
    ["{ a = b, A = c, a = d }", { kind: "static", name: "t", shape: "map", entries: [["a", "d"], ["A", "c"]] }],
  ];
  for (const [text, want] of cases) assert.deepEqual(tableOf(`table t ${text}\n`), want, text);
});

Deno.test("declareTable() says what is wrong with a backend", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["file:x", "1:9 invalid backend parameter for table: t"],
    ["db:", "1:9 invalid backend parameter for table: t"],
    ["file", "1:9 invalid backend parameter for table: t"],
    ["nosuch:/x", "1:9 no such kind of table: `nosuch`"],
    ['""', "1:9 no such kind of table: ``"],
  ];
  for (const [text, want] of cases) assert.deepEqual(messages(`table t ${text}\n`), [want], text);
});

Deno.test("resolveTable() checks the entries of an inline table for what it is used for, once", () => {
  const t = 'table t { "x y" }\ntable m { a = "x y" }\n';
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["match from src <t> reject\nmatch from src <t> reject\n", [
      '1:11 "x y" is no address and no network: it never matches',
    ]],
    ["match from src regex <t> reject\n", []],
    ["match from src local reject\n".replace("local", '"LOCAL"'), []],
    ["match mail-from <t> rcpt-to <m> tag <t> for domain <t> reject\n", []],
    ["action a maildir alias <m>\naction b maildir virtual <m>\n", ["2:15 invalid user name `x y`: it has a space"]],
    ["action a maildir userbase <m>\n", ['2:15 "x y" is no user: it is not uid:gid:home']],
    ["action a relay host <t>\n", ["1:11 invalid relay URL: `x y` is neither a host name nor an address"]],
  ];
  for (const [text, want] of cases) assert.deepEqual(messages(t + text), want, text);
});

Deno.test("resolveTable() gives anonymous tables names in the order of the file", () => {
  const result = loadText("match from src 192.0.2.1 mail-from { a, b } for rcpt-to x reject\n");
  assert.ok(result.kind === "ok");
  const names = Object.keys(result.policy.tables).filter((name) => name.startsWith("<dynamic"));
  assert.deepEqual(names, ["<dynamic:0>", "<dynamic:1>", "<dynamic:2>"]);
  assert.deepEqual(result.policy.rules[0]?.mailFrom, { table: "<dynamic:1>", regex: false, negated: false });
});

Deno.test("resolveTable() wants a list, a map or either, as the option does", () => {
  const head = 'srs key k\npki p cert "/c" key "/k"\ntable list { a }\ntable map { a = b }\n';
  const uses: readonly (readonly [string, "list" | "map" | "either"])[] = [
    ["match tag TABLE reject", "list"],
    ["match for domain TABLE reject", "list"],
    ["match helo TABLE reject", "list"],
    ["match from rdns TABLE reject", "list"],
    ["match from src TABLE reject", "either"],
    ["match auth TABLE reject", "either"],
    ["match mail-from TABLE reject", "either"],
    ["match rcpt-to TABLE reject", "either"],
    ["action a mbox alias TABLE", "map"],
    ["action a mbox virtual TABLE", "map"],
    ["action a mbox userbase TABLE", "map"],
    ["action a relay host TABLE", "list"],
    ["action a relay domain TABLE", "map"],
    ["action a relay helo-src TABLE", "map"],
    ["action a relay host h auth TABLE", "map"],
    ["listen on lo hostnames TABLE", "map"],
    ["listen on lo senders TABLE", "map"],
    ["listen on lo tls pki p auth TABLE", "map"],
  ];
  for (const [line, shape] of uses) {
    for (const name of ["list", "map"]) {
      const found = messages(head + line.replace("TABLE", `<${name}>`) + "\n").filter((one) =>
        /may not be used/.test(one)
      );
      assert.equal(found.length, shape === "either" || shape === name ? 0 : 1, `${line} with a ${name}`);
    }
  }
});

Deno.test("resolveTable() knows the built-in tables by their names, unless the file has one of that name", () => {
  const fromOf = (text: string) => {
    const result = loadText(
      `${text}match from src <localhost> for any action "out"\n`.replace(/^/, 'action "out" relay\n'),
    );
    const rule = result.kind === "ok" ? result.policy.rules[0] : undefined;
    return rule?.from.kind === "src" ? rule.from.criterion.table : result;
  };
  assert.equal(fromOf(""), "<localhost>");
  assert.equal(fromOf("table localhost { 192.0.2.1 }\n"), "localhost");
});
