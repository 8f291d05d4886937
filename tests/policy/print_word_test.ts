import { deepEqual, equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { makeSource } from "../../lib/policy/error.ts";
import { Lexer } from "../../lib/policy/lexer.ts";
import { printDelay, printItems, printQuoted, printWord } from "../../lib/policy/print_word.ts";
import { parseDelay } from "../../lib/policy/unit.ts";

/** The one token that a text is read as. */
function read(text: string): readonly string[] {
  const lexer = new Lexer(makeSource("x", text, 0, null), new Map([["m", { value: "macro", definition: null }]]));
  const [token, next] = [lexer.next(), lexer.next()];
  return [token.kind, token.text, next.kind];
}

Deno.test("printWord() writes bare what may stand bare, and quotes the rest", () => {
  for (
    const [text, want] of [
      ["plain", "plain"],
      ["smtp://a.test:25", "smtp://a.test:25"],
      ["10.0.0.0/8", "10.0.0.0/8"],
      ["4d", "4d"],
      ["", '""'],
      ["25", '"25"'],
      ["action", '"action"'],
      ["@a.test", '"@a.test"'],
      ["a b", '"a b"'],
      ['say "x"', '"say \\"x\\""'],
      ["a\\b", "a\\\\b"],
      ["\\ x", '"\\\\ x"'],
      ["$m", '"$m"'],
      ["a=b", '"a=b"'],
      ["é", '"é"'],
    ] as const
  ) equal(printWord(text), want, text);
});

Deno.test("printWord() and printQuoted() write any word so that it is read back", () => {
  const char = fc.oneof(fc.constantFrom(..."\\\"' \t$#{}<>!=,()@ab1é"), fc.string({ minLength: 1, maxLength: 1 }));
  fc.assert(
    fc.property(fc.array(char, { maxLength: 12 }), (chars) => {
      const text = chars.join("").replace(/[\0\r\n]/g, "");
      // No string ends in a backslash: it would take the quote for a character.
      if (text.endsWith("\\")) return;
      for (const written of [printWord(text), printQuoted(text)]) {
        const [kind, value, next] = read(written);
        deepEqual([kind === "word" || kind === "string", value, next], [true, text, "eof"], written);
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("printQuoted() quotes plain words too", () => {
  equal(printQuoted("in"), '"in"');
  equal(printQuoted("a b"), '"a b"');
  deepEqual(read(printQuoted("x\\")), ["word", "x\\", "eof"]);
});

Deno.test("printDelay() writes what parseDelay() reads, in the largest unit", () => {
  for (const [text, want] of [["1d", "1d"], ["24h", "1d"], ["36h", "36h"], ["90m", "90m"], ["61s", "61s"]] as const) {
    equal(printDelay(parseDelay(text)!), want);
  }
});

Deno.test("printItems() breaks a list that is too long for the line", () => {
  equal(printItems([["a", null], ["@b", null]], 10), '{ a, "@b" }');
  equal(printItems([["a", "b"]], 10), "{ a = b }");
  const long = Array.from({ length: 3 }, (_, at) => [`${at}${"x".repeat(40)}`, null] as const);
  equal(printItems(long, 10).split("\n").length, 5);
});
