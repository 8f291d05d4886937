import assert from "node:assert/strict";
import { loadText, printAll } from "./config_fixture.ts";
import { mixedTranslations, ruleTranslations, settingTranslations, translate } from "./old_lines.ts";

/** What an old line may refer to, in lines that have not changed. */
const head = `table vdoms { a.test }
table vusers { "@" = ann }
table aliases { root = ann }
table secrets { lab = "user:pass" }
table liars { "@a.test" }
table users { ann = "1000:1000:/home/ann" }
table nets { 10.0.0.0/8 }
table hosts { 192.0.2.10 = mx.test }
table froms { ann = "@a.test" }
filter a phase connect match !rdns junk
filter b phase connect match !fcrdns junk
pki mx.test cert "/c" key "/k"
ca mx.test cert "/ca"
action "mine" mbox
`;

/** Makes a file whole: a certificate needs its key, and a file a rule. */
function complete(lines: readonly string[]): string {
  const text = lines.join("\n");
  return `${head}${text}\n${/^match/m.test(text) ? "" : "match for local reject\n"}`;
}

const translations = [...ruleTranslations, ...mixedTranslations, ...settingTranslations];

Deno.test("translateOldLine() gives lines that load", () => {
  for (const [old, ...today] of translations) {
    const result = loadText(complete(today));
    assert.equal(result.kind, "ok", `${old}\n${result.kind === "errors" ? printAll(result.errors) : ""}`);
  }
});

Deno.test("translateOldLine() takes every old line for an error of the configuration, with its translation", () => {
  for (const [old, ...today] of translations) {
    const result = loadText(`${head}${old}\n`);
    assert.ok(result.kind === "errors", old);
    const line = head.split("\n").length;
    const told = result.errors.filter((error) => error.line === line && error.severity === "error");
    assert.equal(told.length, 1, `${old}\n${printAll(result.errors)}`);
    assert.equal(told[0]?.message, "this is the grammar of OpenSMTPD before 6.4");
    assert.equal(told[0]?.hint, ["write today:", ...today.map((one) => `  ${one}`)].join("\n"));
  }
});

Deno.test("translateOldLine() knows nothing of today's lines and of nonsense", () => {
  for (
    const text of [
      'match from any for local action "x"',
      "listen on eth0 port 587 tls pki x",
      'pki x cert "/c"',
      "accept",
      "accept from",
      "accept for any deliver to",
      "accept for any relay via",
      "accept from any for any deliver to nowhere",
      "accept for any relay and more",
      "reject for any relay",
      "expire",
      "expire 4d 5d",
      "accept for any relay via <a",
      "accept for domain { a, b",
      "whatever",
    ]
  ) assert.equal(translate(text), null, text);
});

Deno.test("translateOldLine() uses an action again, and numbers those of one name", () => {
  const result = loadText(
    "accept for any relay\naccept from any for any relay\naccept for any relay via smtp://a.test\n",
  );
  assert.ok(result.kind === "errors");
  assert.deepEqual(result.errors.map(({ hint }) => hint), [
    'write today:\n  action "relay" relay\n  match for any action "relay"',
    'write today:\n  match from any for any action "relay"',
    'write today:\n  action "relay_2" relay host smtp://a.test\n  match for any action "relay_2"',
  ]);
});

Deno.test("translateOldLine() lets in clients that log in where the old grammar took them for local", () => {
  const result = loadText(`pki mx.test cert "/c" key "/k"\nlisten on eth0 port 587 tls pki mx.test auth
accept for local deliver to mbox\naccept for any relay\naccept from any for domain a.test deliver to mbox\n`);
  assert.ok(result.kind === "errors");
  assert.deepEqual(result.errors.map(({ hint }) => hint?.split("\n").filter((one) => one.includes("match"))), [
    ['  match for local action "local"'],
    ['  match for any action "relay"', '  match from any auth for any action "relay"'],
    ['  match from any for domain a.test action "local"'],
  ]);
});

Deno.test("translateOldLine() keeps macros as they are, and reads on over joined lines", () => {
  const result = loadText(
    'net = "10.0.0.0/8"\naccept from source $net \\\n  for any \\\n  relay\nmatch for local reject\n',
  );
  assert.ok(result.kind === "errors");
  assert.deepEqual(result.errors.map(({ line, hint }) => [line, hint]), [
    [2, 'write today:\n  action "relay" relay\n  match from src $net for any action "relay"'],
  ]);
});
