import assert from "node:assert/strict";
import { makeSource } from "../../lib/policy/error.ts";
import { Lexer, type Token } from "../../lib/policy/lexer.ts";
import { OldLine } from "../../lib/policy/old_line.ts";

function lineOf(text: string): OldLine {
  const lexer = new Lexer(makeSource("x", text, 0, null), new Map([["m", { value: "v w", definition: null }]]));
  const tokens: Token[] = [];
  for (let token = lexer.next(); token.kind !== "eof"; token = lexer.next()) tokens.push(token);
  return new OldLine(tokens);
}

Deno.test("OldLine takes words, signs and tables one after the other", () => {
  const line = lineOf('from ! <any> { a, "@b" = c } x, "y z" 5');
  assert.equal(line.accept("for", "from"), "from");
  assert.equal(line.accept("from"), null);
  assert.equal(line.acceptNot(), true);
  assert.equal(line.isTableName, true);
  assert.equal(line.isTable, true);
  assert.equal(line.table(), "<any>");
  assert.equal(line.table((text) => text.toUpperCase()), '{ A, "@B" = c }');
  assert.equal(line.peek("x"), true);
  assert.equal(line.word(), "x");
  assert.equal(line.acceptComma(), true);
  assert.deepEqual(line.words(), ['"y z"', "5"]);
  assert.equal(line.isDone, true);
  assert.equal(line.isBroken, false);
});

Deno.test("OldLine is broken where a word is missing, and stepping goes on", () => {
  for (const text of ["", "<a", "{ a", "{ a = }", "relay", "!"]) {
    const line = lineOf(text);
    line.table();
    assert.equal(line.isBroken, true, text);
  }
});

Deno.test("OldLine keeps quotes and writes macros as they are", () => {
  assert.equal(lineOf('"plain"').word(), '"plain"');
  assert.equal(lineOf("$m").word(), "$m");
});
