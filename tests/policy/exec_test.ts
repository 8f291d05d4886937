import { deepEqual, equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { expansionCommandMax, expansionElementMax, parseExpansionValue } from "../../lib/policy/alias.ts";
import { parseExec } from "../../lib/policy/exec.ts";

const from = "table";

for (
  const exec of [
    { kind: "file", text: "/var/mail/log", from },
    { kind: "maildir", text: "/srv/mail/a b", from: "forward" },
    { kind: "command", text: "exec /usr/bin/vacation -a \t%{rcpt}", from: "forward" },
    { kind: "command", text: "x".repeat(expansionCommandMax), from },
    { kind: "file", text: "/".padEnd(expansionElementMax, "é"), from },
  ]
) {
  Deno.test(`parseExec() takes a ${exec.kind}, ${exec.text.slice(0, 20)}`, () => {
    deepEqual(parseExec(exec), exec);
    deepEqual(parseExec({ ...exec, uid: 0 }), exec, "what does not belong is left out");
  });
}

for (
  const [name, value] of [
    ["nothing", null],
    ["a text", "/var/mail/log"],
    ["another kind", { kind: "shell", text: "/bin/sh", from }],
    ["another source", { kind: "file", text: "/x", from: "peer" }],
    ["no text", { kind: "file", from }],
    ["a relative path", { kind: "file", text: "x", from }],
    ["a relative Maildir", { kind: "maildir", text: "Maildir", from }],
    ["a blank command", { kind: "command", text: " \t", from }],
    ["a line end", { kind: "command", text: "a\nb", from }],
    ["a NUL", { kind: "file", text: "/a\0b", from }],
    ["a long path", { kind: "file", text: "/".padEnd(expansionElementMax + 1, "x"), from }],
    ["a long command", { kind: "command", text: "x".repeat(expansionCommandMax + 1), from }],
  ] as const
) {
  Deno.test(`parseExec() refuses ${name}`, () => equal(parseExec(value), null));
}

Deno.test("parseExec() takes whatever the value of an alias may name", () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: "grapheme", maxLength: 40 }));
  const value = fc.tuple(fc.constantFrom("/", "|", '"|', "maildir:/"), text).map(([head, tail]) => head + tail);
  fc.assert(fc.property(value, (line) => {
    const parsed = parseExpansionValue(line);
    for (const node of parsed.kind === "ok" ? parsed.nodes : []) {
      if (node.kind === "command") equal(parseExec({ kind: "command", text: node.command, from })?.text, node.command);
      if (node.kind === "file" || node.kind === "maildir") {
        equal(parseExec({ kind: node.kind, text: node.path, from })?.text, node.path);
      }
    }
  }));
});
