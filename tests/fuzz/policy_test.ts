import assert from "node:assert/strict";
import fc, { anyText } from "../support/fast_check.ts";
import { makeSource, printError } from "../../lib/policy/error.ts";
import { expandRecipient } from "../../lib/policy/expand.ts";
import { expansionNodesMax } from "../../lib/policy/expand_run.ts";
import { inactiveNotices } from "../../lib/policy/inactive.ts";
import { Lexer } from "../../lib/policy/lexer.ts";
import { reservedWords } from "../../lib/policy/reserved.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import type { LoadResult } from "../../lib/policy/resolve.ts";
import { fixtureNames, fixtureUrl, loadText } from "../policy/config_fixture.ts";
import { mailbox, originAt, policyOf, tablesOf } from "../policy/tables.ts";

/** Words that make texts come close to the grammar. */
const fragments = [
  ...reservedWords,
  "max-mails",
  "file:/x",
  "directory",
  '"out"',
  "<t>",
  "{",
  "}",
  ",",
  "=",
  "=>",
  "!",
  "25",
  "4d",
  "$m",
  "m = x",
  "\\\n",
  "\n",
  "\n",
  '"',
  "'",
  "#",
  "\\",
  "\0",
  "é",
  "😀",
  'action "out" relay\n',
  'match for any action "out"\n',
  "table t { a = b }\n",
  'pki p cert "/c" key "/k"\n',
  'ca c cert "/c"\n',
  "srs key k\n",
  "proc q x\n",
  "filter f proc q\n",
  'mda wrapper w "%{mda}"\n',
  '"550 no"',
  "smtps://l@h",
  "tlsv1.2",
  "max-session",
  "max-conn-per-host",
  "max-inflight",
  "sqlite:/x",
  "proc:/x",
  "getpwnam",
  "p",
  "f",
  "w",
];
const text = fc.oneof(
  fc.array(fc.constantFrom(...fragments), { maxLength: 30 }).map((words) => words.join(" ")),
  anyText({ maxLength: 80 }),
);

/** Either a policy or errors whose places and lengths fit the text they show. */
function checkResult(result: LoadResult): void {
  const told = result.kind === "ok" ? result.warnings : result.errors;
  if (result.kind === "ok") assert.ok(Object.isFrozen(result.policy));
  else assert.ok(told.some((error) => error.severity === "error"));
  for (const error of told) {
    assert.ok(error.line >= 1 && error.column >= 1, JSON.stringify(error));
    assert.ok(error.column <= error.excerpt.length + 1, JSON.stringify(error));
    assert.ok(error.length <= Math.max(error.excerpt.length - error.column + 1, 1), JSON.stringify(error));
    const shown = printError(error, { colour: false, width: 80 });
    // deno-lint-ignore no-control-regex -- control characters are exactly what must not be there
    assert.doesNotMatch(shown, /[\x00-\x09\x0b-\x1f\x7f]/);
  }
}

/** What is not active is told in one line each. */
function checkNotices(policy: Policy): void {
  const notices = inactiveNotices(policy);
  for (const { message } of notices) assert.match(message, /^[^\n]*not active[^\n]*$|^[^\n]*not started[^\n]*$/);
}

Deno.test("the lexer reads any text to its end, in tokens that lie one after the other", () => {
  fc.assert(
    fc.property(text, (input) => {
      const lexer = new Lexer(makeSource("x", input, 0, null), new Map([["m", { value: "a 'b", definition: null }]]));
      let end = 0;
      for (let count = 0;; count++) {
        assert.ok(count <= input.length * 5 + 5);
        const token = lexer.next();
        if (token.kind === "eof") return;
        assert.ok(token.span.macro !== null || token.span.start >= end - 1, input);
        assert.ok(token.span.end >= token.span.start && token.span.end <= input.length);
        end = token.span.end;
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("any text is a policy or has errors with places", () => {
  fc.assert(fc.property(text, (input) => checkResult(loadText(input))), { numRuns: 2000 });
});

Deno.test("any text may be included", () => {
  fc.assert(
    fc.property(text, text, (input, included) => {
      checkResult(loadText(`include "inc"\n${input}\ninclude inc`, { inc: included }));
    }),
    { numRuns: 500 },
  );
});

Deno.test("every prefix of a good file is a policy or has errors with places", () => {
  for (const name of fixtureNames("good")) {
    const whole = Deno.readTextFileSync(fixtureUrl("good", name));
    for (let length = 0; length < whole.length; length += 3) checkResult(loadText(whole.slice(0, length)));
  }
});

Deno.test("a good file with words left out, doubled or exchanged is a policy or has errors with places", () => {
  const files = fixtureNames("good").map((name) => Deno.readTextFileSync(fixtureUrl("good", name)));
  const word = fc.constantFrom(...files.flatMap((one) => one.split(/\s+/)), ...fragments);
  const change = fc.tuple(fc.nat(), fc.constantFrom("out", "twice", "other"), word);
  fc.assert(
    fc.property(fc.constantFrom(...files), fc.array(change, { minLength: 1, maxLength: 3 }), (file, changes) => {
      // Blanks and words take turns.
      const parts = file.split(/(\s+)/);
      for (const [at, kind, other] of changes) {
        const index = Math.floor((at % parts.length) / 2) * 2;
        const old = parts[index] ?? "";
        parts[index] = kind === "out" ? "" : kind === "twice" ? `${old} ${old}` : other;
      }
      const result = loadText(parts.join(""));
      checkResult(result);
      if (result.kind === "ok") checkNotices(result.policy);
    }),
    { numRuns: 1500 },
  );
});

Deno.test("a policy does not depend on blank lines, comments and blanks around words", () => {
  const lines = [
    "table t { a = b }",
    'action "in" maildir alias <t> ttl 4d',
    'action "out" relay host "smtp://h.test"',
    'match !from socket for domain { "x", "y" } action "in"',
    'match for any action "out"',
  ];
  const plain = policyOf(lines.join("\n"));
  const noise = fc.constantFrom(" ", "\t", " \\\n", "  ");
  const ends = fc.constantFrom("\n", " # comment\n", "\n\n", "\r\n", "\n# line\n");
  const strip = (value: unknown) => JSON.stringify(value, (key, member) => key === "place" ? undefined : member);
  fc.assert(
    fc.property(fc.array(noise, { minLength: 50, maxLength: 50 }), fc.array(ends, { minLength: 5, maxLength: 5 }), (
      blanks,
      lineEnds,
    ) => {
      let at = 0;
      const noisy = lines.map((line, i) => line.replace(/ /g, () => blanks[at++ % blanks.length]!) + lineEnds[i]!);
      assert.equal(strip(policyOf(noisy.join(""))), strip(plain));
    }),
    { numRuns: 300 },
  );
});

Deno.test("expansion ends for any aliases, with targets or a reply", async () => {
  const user = fc.constantFrom("a", "b", "c", "d", "e");
  const element = fc.oneof(
    user,
    user.map((one) => `${one}@l.test`),
    user.map((one) => `${one}@r.test`),
    user.map((u) => `${u}+t`),
  );
  const value = fc.array(element, { minLength: 1, maxLength: 4 }).map((all) => all.join(", "));
  const entries = fc.array(
    fc.tuple(fc.oneof(user, user.map((one) => `${one}@l.test`), fc.constant("@l.test")), value),
    {
      minLength: 1,
      maxLength: 6,
    },
  );
  const known = ["a", "b", "c", "d", "e"];
  await fc.assert(
    fc.asyncProperty(entries, fc.constantFrom("alias", "virtual"), element, async (map, kind, rcpt) => {
      const policy = policyOf(
        `action "in" maildir ${kind} { ${map.map(([key, text]) => `"${key}" = "${text}"`).join(", ")} }\n` +
          'action "out" relay\nmatch for domain l.test action "in"\nmatch for any action "out"\n',
      );
      const candidate = {
        origin: originAt("local"),
        sender: null,
        rcpt: mailbox(rcpt.includes("@") ? rcpt : `${rcpt}@l.test`),
      };
      const tables = tablesOf(policy, { users: known });
      const result = await expandRecipient(candidate, policy, tables);
      if (result.kind === "refused") {
        assert.ok(result.reply.code >= 400 && result.reply.code < 600);
        assert.equal(result.reply.enhanced?.[0], String(result.reply.code)[0]);
        return;
      }
      assert.ok(result.targets.length > 0 && result.targets.length <= expansionNodesMax);
      assert.equal(new Set(result.targets.map((target) => JSON.stringify(target))).size, result.targets.length);
      for (const target of result.targets) {
        if (target.kind === "local") assert.ok(known.includes(target.user), target.user);
        else assert.ok(!target.dest.domain.startsWith("l."));
      }
    }),
    { numRuns: 500 },
  );
});
