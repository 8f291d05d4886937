import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { compileRegex } from "../../lib/table/regex.ts";

Deno.test("compileRegex() matches as POSIX extended expressions do", () => {
  const table: readonly (readonly [pattern: string, subject: string, want: boolean])[] = [
    ["", "", true],
    ["", "x", true],
    ["b", "abc", true],
    ["^b", "abc", false],
    ["^a.c$", "abc", true],
    ["^a.c$", "a\nc", true],
    ["a|b|", "zzz", true],
    ["^(a|bc)$", "bc", true],
    ["^(a|bc)$", "b", false],
    ["^a*$", "", true],
    ["^a+$", "", false],
    ["^a?b$", "b", true],
    ["^a{2}$", "aa", true],
    ["^a{2}$", "aaa", false],
    ["^a{2,}$", "aaaa", true],
    ["^a{2,3}$", "aaaa", false],
    ["^a{0}$", "", true],
    ["^a{,3}$", "a{,3}", true],
    ["x{", "x{", true],
    ["^(ab){2}$", "abab", true],
    ["^a**$", "aaa", true],
    ["^(a*)*$", "aaa", true],
    ["[abc]", "xbx", true],
    ["^[^abc]$", "b", false],
    ["^[^abc]$", "d", true],
    ["^[]a]+$", "]a", true],
    ["^[^]a]$", "b", true],
    ["^[a-c]+$", "abc", true],
    ["^[a-]+$", "-a", true],
    ["^[-a]+$", "-a", true],
    ["^[[:alpha:]]+$", "aBc", true],
    ["^[[:alpha:][:digit:]_]+$", "a1_", true],
    ["^[^[:space:]]+$", "a b", false],
    ["^[[:xdigit:]]{4}$", "0aF9", true],
    ["^[[:punct:]]+$", "!/:@[`{~", true],
    ["^[[:blank:]]$", "\t", true],
    ["^[[.-.]]$", "-", true],
    ["^[[=a=]]$", "a", true],
    ["^[\\.]$", "\\", true],
    ["^\\.$", ".", true],
    ["^\\.$", "x", false],
    ["^\\S+@\\S+$", "a@b", true],
    ["^\\S+$", "a b", false],
    ["^\\w+$", "a_1", true],
    ["^\\W$", "-", true],
    ["^\\d+$", "123", true],
    ["\\bcat\\b", "a cat.", true],
    ["\\bcat\\b", "concat", false],
    ["\\<cat\\>", "cat", true],
    ["a\\Bb", "ab", true],
    ["^\\$\\^\\|\\(\\)\\*$", "$^|()*", true],
    ["BOB", "bob", true],
    ["bob", "BOB", true],
    ["(?i)bob", "BOB", true],
    ["^[A-C]$", "b", true],
    ["^[^A-C]$", "b", false],
    ["^é$", "é", true],
    ["^[à-ü]$", "é", true],
    ["@example\\.(com|net)$", "user@example.net", true],
    ["@example\\.(com|net)$", "user@example.nets", false],
  ];
  for (const [pattern, subject, want] of table) {
    const regex = compileRegex(pattern);
    assert.ok(regex !== null, pattern);
    assert.equal(regex.test(subject), want, `${pattern} ~ ${JSON.stringify(subject)}`);
  }
});

Deno.test("compileRegex() is null for a bad pattern", () => {
  const bad = ["(", ")", "a)", "(a", "[", "[a", "[]", "[[:none:]]", "[b-a]", "*", "+a", "?", "(*a)", "a|*", "\\"];
  for (const pattern of [...bad, "a{2,1}", "a{256}", "(?:a)", "(?=a)", "(a)\\1", "[[.ab.]]", "[[:__proto__:]]"]) {
    assert.equal(compileRegex(pattern), null, pattern);
  }
});

Deno.test("compileRegex() refuses a pattern that would grow too large", () => {
  for (const pattern of ["((.{255}){255}){255}", "(".repeat(60) + ")".repeat(60)]) {
    assert.equal(compileRegex(pattern), null);
  }
  assert.equal(compileRegex("(){255}{255}{255}{255}{255}")?.test("x"), true);
});

Deno.test("test() ends in time on what makes a backtracking engine hang", () => {
  for (const pattern of ["^(a+)+$", "^(a|a)*$", "^(a*)*b$", "(x+x+)+y", "^(.*,){20}z$"]) {
    assert.equal(compileRegex(pattern)?.test("a,".repeat(10) + "a".repeat(1000) + "!"), false, pattern);
  }
});

Deno.test("test() agrees with RegExp where the two languages agree", () => {
  const literal = fc.constantFrom("a", "b", "c", ".", "[ab]", "[^a]", "^", "$", "(a|bc)", "(b*|c)", "\\.", "\\w");
  const atom = fc.tuple(literal, fc.constantFrom("", "", "{1,2}", "*", "+", "?"))
    .map(([text, bounds]) => text === "^" || text === "$" ? text : text + bounds);
  const pattern = fc.array(atom, { maxLength: 6 }).map((atoms) => atoms.join(""));
  const subject = fc.array(fc.constantFrom("a", "b", "c", "."), { maxLength: 8 }).map((chars) => chars.join(""));
  fc.assert(
    fc.property(pattern, pattern, subject, (one, other, text) => {
      const both = `${one}|${other}`;
      assert.equal(compileRegex(both)?.test(text), new RegExp(both, "is").test(text), `${both} ~ ${text}`);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("compileRegex() never throws", () => {
  const text = fc.string({ unit: fc.constantFrom(..."ab()[]{}|*+?^$\\.-:=,012é"), maxLength: 20 });
  fc.assert(fc.property(text, text, (pattern, subject) => void compileRegex(pattern)?.test(subject)), {
    numRuns: 3000,
  });
});
