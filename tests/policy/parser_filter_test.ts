import assert from "node:assert/strict";
import { filterConditions, filterDecisions } from "../../lib/policy/parser_filter.ts";
import { filterPhases } from "../../lib/policy/filter.ts";
import { parseOne, problemsOf } from "./parse_text.ts";

const word = (text: string) => ({ text });
const name = word("f");
const pattern = { regex: false, table: { kind: "name", name: "t" } };

Deno.test("parseProc() and parseFilter() read programs and chains", () => {
  const options = [
    { kind: "user", word: word("u") },
    { kind: "group", word: word("g") },
    { kind: "chroot", word: word("/c") },
  ];
  const cases: readonly (readonly [string, object])[] = [
    ["proc f x", { kind: "proc", name, command: word("x"), options: [] }],
    ['proc f "x y" user u group g chroot "/c"', { kind: "proc", name, command: word("x y"), options }],
    ["filter f proc p", { kind: "filter", name, body: { kind: "proc", proc: word("p") } }],
    ['filter f proc-exec "x y" user u group g chroot "/c"', {
      kind: "filter",
      name,
      body: { kind: "proc-exec", command: word("x y"), options },
    }],
    ["filter f chain { a, b\nc d }", {
      kind: "filter",
      name,
      body: { kind: "chain", members: ["a", "b", "c", "d"].map(word) },
    }],
  ];
  for (const [text, want] of cases) assert.deepEqual(parseOne(text), want, text);
});

Deno.test("parseFilter() reads every phase, condition and decision", () => {
  const built = (phase: string, condition: object, decision: object) => ({
    kind: "filter",
    name,
    body: { kind: "phase", phase: word(phase), condition, decision },
  });
  const rdns = { kind: "rdns", negated: false, pattern: null };
  for (const phase of filterPhases) {
    const text = `filter f phase ${phase} match rdns junk`;
    assert.deepEqual(parseOne(text), built(phase, rdns, { kind: "junk", word: null }), text);
  }
  for (const kind of filterConditions) {
    const test = kind === "fcrdns" ? kind : `${kind} <t>`;
    for (const negated of [false, true]) {
      const text = `filter f phase data match ${negated ? "!" : ""}${test} bypass`;
      const condition = { kind, negated, pattern: kind === "fcrdns" ? null : pattern };
      assert.deepEqual(parseOne(text), built("data", condition, { kind: "bypass", word: null }), text);
    }
  }
  for (const kind of filterDecisions) {
    const isBare = kind === "junk" || kind === "bypass";
    const text = `filter f phase data match rdns ${kind}${isBare ? "" : ' "550 x"'}`;
    assert.deepEqual(parseOne(text), built("data", rdns, { kind, word: isBare ? null : word("550 x") }), text);
  }
  const auth = { kind: "auth", negated: false, pattern: { ...pattern, regex: true } };
  const text = "filter f phase data match auth regex <t> junk";
  assert.deepEqual(parseOne(text), built("data", auth, { kind: "junk", word: null }));
});

Deno.test("parseProc() and parseFilter() give one error at the place of the first mistake", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["proc", "1:5 syntax error: expected the name of the process, found the end of the line"],
    ["proc p", "1:7 syntax error: expected a command in quotes, found the end of the line"],
    ["proc p x y", "1:10 syntax error: expected `user`, `group` or `chroot`, found `y`"],
    ["filter f", "1:9 syntax error: expected `proc`, `proc-exec`, `chain` or `phase`, found the end of the line"],
    ["filter f chain a", "1:1 this is the grammar of OpenSMTPD before 6.4"],
    ["filter f chain { a", "1:16 this `{` is never closed"],
    [
      "filter f phase quit match rdns junk",
      "1:16 syntax error: expected a phase such as `connect` or `mail-from`, found `quit`",
    ],
    ["filter f phase data rdns", "1:21 syntax error: expected `match`, found `rdns`"],
    ["filter f phase data match any", "1:27 syntax error: expected a condition such as `src` or `rdns`, found `any`"],
    ["filter f phase data match src", "1:30 syntax error: expected a table, found the end of the line"],
    [
      "filter f phase data match rdns auth junk",
      "1:32 syntax error: expected a decision such as `reject` (a filter has one condition), found `auth`",
    ],
    [
      "filter f phase data match rdns reject",
      '1:38 syntax error: expected a reply in quotes, such as "550 go away", found the end of the line',
    ],
  ];
  for (const [text, want] of cases) assert.deepEqual(problemsOf(text), [want], text);
});
