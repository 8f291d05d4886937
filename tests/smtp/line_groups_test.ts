import { Buffer } from "node:buffer";
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { areLines, type LineGroup, lineGroupLengthMax, LineGroups } from "../../lib/smtp/line_groups.ts";

/** The groups of content that comes in these pieces. */
function groupsOf(pieces: readonly string[]): LineGroup[] {
  const groups = new LineGroups(null);
  const found: LineGroup[] = [];
  const take = () => {
    for (let group = groups.take(); group !== null; group = groups.take()) found.push(group);
  };
  for (const piece of pieces) {
    const lent = Buffer.from(piece, "latin1");
    groups.push(lent);
    lent.fill("?");
    take();
  }
  groups.finish();
  take();
  return found;
}

const long = "x".repeat(lineGroupLengthMax);
const half = "x".repeat(lineGroupLengthMax / 2 - 2);
const cases: readonly [name: string, pieces: readonly string[], want: LineGroup[]][] = [
  ["nothing", [], [{ lines: [], isLast: true }]],
  ["lines", ["a\r\n\r\n\xe9\r\n"], [{ lines: ["a", "", "\xe9"], isLast: true }]],
  ["a line end in two", ["a\r", "\nb\r\n"], [{ lines: ["a", "b"], isLast: true }]],
  ["a last line without end", ["a\r\nb", "c"], [{ lines: ["a", "bc"], isLast: true }]],
  ["just what fits", [`${half}\r\n${half}\r\n`], [{ lines: [half, half], isLast: true }]],
  ["more than fits", [`${half}\r\n${half}\r\n\r\n`], [
    { lines: [half, half], isLast: false },
    { lines: [""], isLast: true },
  ]],
  ["a line longer than a group", [`a\r\n${long}\r\nb\r\n`], [
    { lines: ["a"], isLast: false },
    { lines: [long], isLast: false },
    { lines: ["b"], isLast: true },
  ]],
];

for (const [name, pieces, want] of cases) {
  Deno.test(`LineGroups makes groups of ${name}`, () => deepEqual(groupsOf(pieces), want));
}

Deno.test("LineGroups makes the same groups however content is cut; no octet is lost", () => {
  const part = fc.oneof(
    fc.constantFrom("\r\n", "a\r\n", ".\r\n", "x", half, `${half}\r\n`),
    fc.string({ maxLength: 9, unit: fc.constantFrom("b", "\xe9", " ") }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 9 }), fc.array(fc.nat(5000), { minLength: 1, maxLength: 4 }), (
      parts,
      lengths,
    ) => {
      const text = parts.join("");
      const pieces: string[] = [];
      for (let at = 0, turn = 0; at < text.length; turn++) {
        const length = 1 + (lengths[turn % lengths.length] ?? 0);
        pieces.push(text.slice(at, at + length));
        at += length;
      }
      const found = groupsOf(pieces);
      deepEqual(found, groupsOf([text]));
      deepEqual(found.map(({ isLast }) => isLast), found.map((_, index) => index === found.length - 1));
      const all = found.flatMap(({ lines }) => lines).map((line) => `${line}\r\n`).join("");
      equal(all, text === "" || text.endsWith("\r\n") ? text : `${text}\r\n`);
      for (const { lines } of found) {
        ok(lines.length === 1 || lines.join("\r\n").length + 2 <= lineGroupLengthMax || lines.length === 0);
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("LineGroups cuts what its source makes of content, to the end", () => {
  const groups = new LineGroups({
    push: (bytes) => Buffer.from(bytes.toString("latin1").toUpperCase()),
    finish: () => Buffer.from("end\r\n"),
    isBroken: true,
  });
  groups.push(Buffer.from("a\r\nb"));
  groups.finish();
  deepEqual([groups.take(), groups.take(), groups.isBroken], [{ lines: ["A", "Bend"], isLast: true }, null, true]);
});

const lines: readonly [name: string, line: string, want: boolean][] = [
  ["an empty one", "", true],
  ["octets of all other kinds", "\x01\t\x0b\x0c\x7f\x80\xff", true],
  ["one as long as can be", "12345678", true],
  ["one that is too long", "123456789", false],
  ["one with CR", "a\r", false],
  ["one with LF", "\na", false],
  ["one with NUL", "a\0b", false],
  ["one with what is no octet", "\u0100", false],
];

for (const [name, line, want] of lines) {
  Deno.test(`areLines() knows ${name}`, () => equal(areLines(["ok", line], 8), want));
}
