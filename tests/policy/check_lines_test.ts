import assert from "node:assert/strict";
import { ConfigLines, lineName, lineNames } from "../../lib/policy/check_lines.ts";
import type { Span } from "../../lib/policy/error.ts";
import { loadText } from "./config_fixture.ts";

const text = `table t { a }
table f file:/etc/f
pki MX.test cert "/c"
pki mx.test key "/k"
ca mx.test cert "/ca"
action "in" maildir
listen on lo tag X
match tag X \\
  for local action "in"
match for any reject
`;
const loaded = loadText(text);
assert.ok(loaded.kind === "ok");
const { policy, config } = loaded;
const lines = new ConfigLines(policy, config.directives);
const textOf = ({ source, start, end }: Span): string => source.text.slice(start, end);

Deno.test("ConfigLines finds the lines of rules, listeners, names and paths", () => {
  assert.equal(textOf(lines.rule(policy.rules[0]!)), 'match tag X \\\n  for local action "in"');
  assert.equal(textOf(lines.rule(policy.rules[1]!)), "match for any");
  assert.equal(textOf(lines.ruleFor(policy.rules[1]!)), "for any");
  assert.equal(textOf(lines.ruleTag(policy.rules[0]!)), "tag");
  const listener = policy.listeners.find((one) => one.kind === "inet")!;
  assert.equal(textOf(lines.listen(listener.place!).span), "listen on lo");
  assert.equal(textOf(lines.declaration("table", "t")), "t");
  assert.equal(textOf(lines.declaration("action", "in")), '"in"');
  assert.equal(textOf(lines.certificate("pki", "mx.test", "cert")), '"/c"');
  assert.equal(textOf(lines.certificate("pki", "mx.test", "key")), '"/k"');
  assert.equal(textOf(lines.certificate("ca", "mx.test", "cert")), '"/ca"');
  assert.equal(textOf(lines.tableContent("f")), "file:/etc/f");
  assert.equal(textOf(lines.at(policy.rules[1]!.place)!), "match");
  assert.equal(lines.at({ file: "smtpd.conf", line: 9, column: 1 }), null);
});

Deno.test("lineNames() names lines of the same file by number, those of others by file", () => {
  const at = (line: number, file = "a.conf") => ({ file, line, column: 1 });
  assert.equal(lineName(at(3), at(9)), "line 3");
  assert.equal(lineName(at(3, "b.conf"), at(9)), "b.conf:3");
  assert.equal(lineNames([at(3)], at(9)), "line 3");
  assert.equal(lineNames([at(3), at(5), at(3)], at(9)), "lines 3 and 5");
  assert.equal(lineNames([at(3), at(5), at(7)], at(9)), "lines 3, 5 and 7");
  assert.equal(lineNames([at(3), at(5, "b.conf")], at(9)), "line 3 and b.conf:5");
});
