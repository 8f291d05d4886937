import assert from "node:assert/strict";
import { filterPhases } from "../../lib/policy/filter.ts";
import { filterConditions } from "../../lib/policy/parser_filter.ts";
import { filterReplyMax } from "../../lib/policy/resolve_filter.ts";
import { messagesOfLines, policyOfLines } from "./load_text.ts";

const place = (line: number) => ({ file: "smtpd.conf", line, column: 1 });

Deno.test("resolveProc() and resolveFilter() fill in what the lines leave out", () => {
  const { processes, filters } = policyOfLines(
    'proc p "x y" user u group g chroot "/c"\nfilter a proc p\nfilter b proc-exec z\nfilter c chain { b, a }',
  );
  assert.deepEqual(processes, {
    p: { name: "p", command: "x y", user: "u", group: "g", chroot: "/c", place: place(1) },
    b: { name: "b", command: "z", user: null, group: null, chroot: null, place: place(3) },
  });
  assert.deepEqual(filters, {
    a: { kind: "process", name: "a", process: "p", place: place(2) },
    b: { kind: "process", name: "b", process: "b", place: place(3) },
    c: { kind: "chain", name: "c", members: ["b", "a"], place: place(4) },
  });
});

Deno.test("resolveFilter() gives each built-in filter its condition and decision", () => {
  const { filters } = policyOfLines(
    "table t { a }\n" +
      "filter a phase connect match fcrdns junk\n" +
      "filter b phase helo match !rdns bypass\n" +
      'filter c phase mail-from match !rdns regex <t> reject "550 5.7.1 no"\n' +
      'filter d phase auth match auth disconnect "421 later"\n' +
      "filter e phase rcpt-to match rcpt-to <t> rewrite x\n" +
      'filter f phase data match auth <t> report "y z"',
  );
  const table = (regex: boolean, negated: boolean) => ({ table: "t", regex, negated });
  const got = Object.values(filters).map((one) => one.kind === "builtin" && [one.phase, one.condition, one.decision]);
  assert.deepEqual(got, [
    ["connect", { kind: "fcrdns", criterion: null, negated: false }, { kind: "junk" }],
    ["helo", { kind: "rdns", criterion: null, negated: true }, { kind: "bypass" }],
    ["mail-from", { kind: "rdns", criterion: table(true, true) }, { kind: "reject", reply: "550 5.7.1 no" }],
    ["auth", { kind: "auth", criterion: null, negated: false }, { kind: "disconnect", reply: "421 later" }],
    ["rcpt-to", { kind: "rcpt-to", criterion: table(false, false) }, { kind: "rewrite", value: "x" }],
    ["data", { kind: "auth", criterion: table(false, false) }, { kind: "report", text: "y z" }],
  ]);
});

Deno.test("resolveFilter() tests in a phase what is known by then", () => {
  const late: Readonly<Record<string, readonly string[]>> = {
    "connect": ["helo", "auth", "mail-from", "rcpt-to"],
    "helo": ["auth", "mail-from", "rcpt-to"],
    "ehlo": ["auth", "mail-from", "rcpt-to"],
    "auth": ["mail-from", "rcpt-to"],
    "mail-from": ["rcpt-to"],
    "rcpt-to": [],
    "data": ["rcpt-to"],
    "commit": ["rcpt-to"],
  };
  for (const phase of filterPhases) {
    for (const condition of filterConditions) {
      const test = condition === "fcrdns" ? condition : `${condition} x`;
      const text = `filter f phase ${phase} match ${test} reject "550 x"`;
      const isLate = late[phase]?.includes(condition);
      const found = messagesOfLines(text).filter((one) => one.includes("cannot be tested"));
      assert.equal(found.length, isLate ? 1 : 0, text);
    }
  }
});

Deno.test("resolveFilter() has these errors and warnings", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["proc p x\nproc p y", ["2:6 processor already exists with that name: p"]],
    ["filter f proc p", ["1:15 no processor exist with that name: p"]],
    ["proc f x\nfilter f proc-exec y", ["2:8 processor already exists with that name: f"]],
    ["filter f proc-exec x\nfilter f proc-exec y", ["2:8 filter already exists with that name: f"]],
    ["filter a chain { a }", ["1:18 no filter exist with that name: a"]],
    ["proc p x\nfilter a proc p\nfilter b proc p\nfilter c chain { a b }", [
      "4:20 no proc allowed twice within a filter chain: b",
    ]],
    ["filter f phase commit match rdns junk", ["1:34 `junk` comes too late in phase commit"]],
    ["filter f phase data match rdns rewrite x", [
      "1:32 `rewrite` has no effect in phase data: there is nothing to write anew",
    ]],
    ["action a relay filter f", ["1:23 no filter exist with that name: f"]],
    ["listen on lo filter { f }", ["1:23 no filter exist with that name: f"]],
    ['filter "<x>" proc-exec y', ['1:8 invalid name of a filter: "<x>"']],
  ];
  for (const [text, want] of cases) assert.deepEqual(messagesOfLines(text), want, text);
});

Deno.test("resolveFilter() takes whole replies only", () => {
  const accepts = (reply: string) =>
    messagesOfLines(`filter f phase connect match rdns reject "${reply}"`).length === 0;
  for (const reply of ["550 x", "421 4.7.0 later", "599 x", "400 x"]) assert.ok(accepts(reply), reply);
  const wrong = ["", "550", "550 ", "550x", "550-x", "350 x", "600 x", "x 550 y", "550 caf\u00e9", "55 x", "550\tx"];
  for (const reply of [...wrong, `550 ${"x".repeat(filterReplyMax - 3)}`]) assert.ok(!accepts(reply), reply);
  assert.ok(accepts(`550 ${"x".repeat(filterReplyMax - 4)}`));
});

Deno.test("resolveFilterExpr() gives chains without a name names in the order of the file", () => {
  const { listeners, filters } = policyOfLines(
    "filter a phase connect match rdns junk\nlisten on lo inet4 filter { a }\nlisten on socket filter { a }",
  );
  assert.deepEqual(listeners.map((one) => one.filter), ["<dynchain:00000000>", "<dynchain:00000001>"]);
  assert.deepEqual(filters["<dynchain:00000001>"], {
    kind: "chain",
    name: "<dynchain:00000001>",
    members: ["a"],
    place: { file: "smtpd.conf", line: 3, column: 25 },
  });
});
