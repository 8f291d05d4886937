import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { parseExpansionValue } from "../../lib/policy/alias.ts";
import { checkAliasValue } from "../../lib/policy/alias_check.ts";

function check(text: string): string | null {
  const bytes = new TextEncoder().encode(`<${text}>`);
  return checkAliasValue(bytes, 1, bytes.length - 1);
}

Deno.test("checkAliasValue() takes each kind of element", () => {
  const fine = [
    "bob",
    "\\bob",
    "bob.b-c_d+e",
    "bob@x.test",
    "jé@x.test",
    "bob@bü.test",
    " bob , carl@x.test\t,dave ",
    "/var/mail/x",
    "\"|/bin/prog -a 'x, y'\"",
    "|/bin/prog",
    ":include:/etc/list",
    "include:/etc/list",
    "error:550 gone away",
    "a!b#c$d%e*f?g^h{i}j~k&l=m@x.test",
    'bob, "|prog, x", :include:/l, error:450 later',
    "o'brien'@x.test",
    `${"a".repeat(63)}@${"b".repeat(63)}.test`,
  ];
  for (const text of fine) assert.equal(check(text), null, text);
});

Deno.test("checkAliasValue() says what is wrong", () => {
  const bad = [
    "",
    ",",
    "bob,",
    ",bob",
    "bob,,carl",
    "bob, ,carl",
    '"", bob,',
    "first last",
    "error:200 x",
    "error:55 x",
    '"|/bin/prog',
    "bob@",
    "@x.test",
    "bob@exa_mple.org",
    "bob@x..test",
    "bob@.test",
    "bob@test.",
    "bob@-x.test",
    "bob@x-.test",
    "a!b",
    "bob\\",
    "a".repeat(256),
    `${"a".repeat(256)}@x.test`,
    `a@${"b".repeat(64)}.test`,
    `a@${"b.".repeat(200)}test`,
    "büro",
    "bob@bü..test",
    "bob\u0085@x.test",
  ];
  for (const text of bad) assert.equal(typeof check(text), "string", text);
  assert.match(check("bob, eve@exa_mple.org") ?? "", /exa_mple\.org/);
  assert.match(check("bob,,carl") ?? "", /empty/);
});

Deno.test("checkAliasValue() agrees with parseExpansionValue() but for empty elements", () => {
  const piece = fc.constantFrom(
    ..."ab1.-_+@,, \t'\"\\|/:!é",
    "bob",
    "x.test",
    "@x.test",
    "error:550 no",
    ":include:/l",
    '"|prog"',
    "b".repeat(64),
    "c".repeat(200),
  );
  const isEmpty = (message: string | null) => message === "an element between the commas is empty";
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const text = pieces.join("");
      const message = check(text);
      const value = parseExpansionValue(text);
      if (value.kind === "error") assert.equal(message, value.message, text);
      else assert.ok(message === null || isEmpty(message), `${text}: ${message}`);
      if (value.kind === "ok" && message === null) assert.ok(value.nodes.length > 0, text);
    }),
    { numRuns: 5000 },
  );
});
