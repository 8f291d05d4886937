import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { findField, formatFields, isNamed, lineLengthMax, splitHeader } from "../../lib/mail/header.ts";

const table: readonly [
  name: string,
  text: string,
  fields: readonly (readonly [name: string, value: string])[],
  body: string,
][] = [
  ["nothing", "", [], ""],
  ["a body alone", "\nbody\n", [], "body\n"],
  ["text without a header section", "Hello,\n\nbody\n", [], "Hello,\n\nbody\n"],
  ["a first line with a blank", " a\n", [], " a\n"],
  ["fields and a body", "A: b\nC:d\n\nbody\n\nmore\n", [["A", " b"], ["C", "d"]], "body\n\nmore\n"],
  ["fields alone", "A: b\n", [["A", " b"]], ""],
  ["a field without a line end", "A: b", [["A", " b"]], ""],
  ["folded fields", "A: b\n c\n\td\nE: f\n\ng\n", [["A", " b\n c\n\td"], ["E", " f"]], "g\n"],
  ["a folded last field", "A: b\n c", [["A", " b\n c"]], ""],
  ["blanks before the colon", "A \t: b\n\n", [["A", " b"]], ""],
  ["a body that comes too early", "A: b\nHello\nC: d\n", [["A", " b"]], "Hello\nC: d\n"],
  ["an empty value", "A:\n\n", [["A", ""]], ""],
];

for (const [name, text, fields, body] of table) {
  Deno.test(`splitHeader() takes apart ${name}`, () => {
    const split = splitHeader(text);
    assert.deepEqual(split.fields.map((field) => [field.name, field.value]), fields);
    assert.equal(split.body, body);
  });
}

Deno.test("splitHeader() gives back what formatFields() writes", () => {
  const field = fc.record({
    name: fc.string({ unit: fc.constantFrom(..."AZaz09-_!"), minLength: 1, maxLength: 8 }),
    value: fc.array(fc.string({ unit: fc.constantFrom(..."ab :\t\xe9"), maxLength: 9 })).map((lines) =>
      lines.join("\n ")
    ),
  }, { noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(field), fc.string({ unit: fc.constantFrom(..."ab: \n") }), (fields, body) => {
      assert.deepEqual(splitHeader(`${formatFields(fields)}\n${body}`), { fields, body });
    }),
    { numRuns: 500 },
  );
});

Deno.test("formatFields() folds long lines before blanks and keeps every other character", () => {
  const word = "w".repeat(300);
  const value = ` ${word} ${word} ${word} ${word}\n ${word}`;
  const text = formatFields([{ name: "References", value }]);
  assert.ok(text.split("\n").every((line) => line.length <= lineLengthMax));
  assert.equal(text.replaceAll("\n", ""), `References:${value.replace("\n", "")}`);
  assert.equal(text, formatFields(splitHeader(text).fields));
});

Deno.test("formatFields() leaves a long word whole", () => {
  const word = "w".repeat(2 * lineLengthMax);
  assert.equal(formatFields([{ name: "X", value: word }]), `X:${word}\n`);
  assert.equal(formatFields([{ name: "X", value: ` ${word} ${word}` }]), `X:\n ${word}\n ${word}\n`);
});

Deno.test("findField() and isNamed() look past case and see nothing else in a name", () => {
  const { fields } = splitHeader("From: a\nX-From: b\nTO: c\nto: d\n\n");
  assert.equal(findField(fields, "FROM")?.value, " a");
  assert.equal(findField(fields, "to")?.value, " c");
  assert.equal(findField(fields, "Cc"), null);
  assert.ok(!isNamed({ name: "Fro", value: "" }, "from"));
});
