import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  type Cell,
  type Column,
  cut,
  paint,
  planTable,
  type Screen,
  tableHead,
  tableLine,
  widthOf,
} from "../../cli/terminal_table.ts";

const columns: readonly Column[] = [
  { title: "ID", align: "left", cutTo: null, drop: 0 },
  { title: "FROM", align: "left", cutTo: 5, drop: 1 },
  { title: "TO", align: "left", cutTo: 5, drop: 0 },
  { title: "AGE", align: "right", cutTo: null, drop: 2 },
];

function row(...texts: string[]): readonly Cell[] {
  return texts.map((text) => ({ text, style: "plain" }));
}

function table(rows: readonly (readonly Cell[])[], width: number): string[] {
  const screen: Screen = { width, color: false };
  const plan = planTable(columns, rows, width);
  const lines = [tableHead(columns, plan, screen), ...rows.map((one) => tableLine(columns, one, plan, screen))];
  return lines.join("").split("\n").slice(0, -1);
}

const rows = [row("1", "ann@alpha.test", "bob@b.test", "3s"), row("22", "", "x", "100h")];

Deno.test("a table that fits is as wide as its contents", () => {
  deepEqual(table(rows, 80), [
    "ID  FROM            TO           AGE",
    "1   ann@alpha.test  bob@b.test    3s",
    "22                  x           100h",
  ]);
});

Deno.test("columns give way, the widest first, and end in an ellipsis", () => {
  deepEqual(table(rows, 32), [
    "ID  FROM        TO           AGE",
    "1   ann@alpha…  bob@b.test    3s",
    "22              x           100h",
  ]);
  deepEqual(table(rows, 26), [
    "ID  FROM     TO        AGE",
    "1   ann@al…  bob@b.…    3s",
    "22           x        100h",
  ]);
});

Deno.test("columns that do not fit are left out, the least needed first, and a narrow one may take their place", () => {
  deepEqual(table(rows, 20), ["ID  FROM     TO", "1   ann@al…  bob@b.…", "22           x"]);
  deepEqual(table(rows, 15), ["ID  TO      AGE", "1   bob@…    3s", "22  x      100h"]);
  deepEqual(table(rows, 12), ["ID  TO", "1   bob@b.t…", "22  x"]);
});

Deno.test("no line is wider than the screen where the columns that stay can fit", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "é", "日", "e\u0301", "😀"), maxLength: 30 });
  const line = fc.tuple(fc.constantFrom("1", "12"), text, text, fc.constantFrom("1s", "22h")).map((texts) =>
    row(...texts)
  );
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 5 }),
      fc.integer({ min: 9, max: 70 }),
      (lines, width) => table(lines, width).every((one) => widthOf(one) <= width && one === one.trimEnd()),
    ),
    { numRuns: 300 },
  );
});

Deno.test("later rows are cut to the plan", () => {
  const plan = planTable(columns, rows, 80);
  const line = tableLine(columns, row("333", "x".repeat(50), "y", "1"), plan, { width: 80, color: false });
  equal(line, "3…  xxxxxxxxxxxxx…  y              1\n");
});

Deno.test("cut() counts columns, not characters", () => {
  for (
    const [text, width, want] of [
      ["abc", 3, "abc"],
      ["abcd", 3, "ab…"],
      ["日本語", 6, "日本語"],
      ["日本語", 5, "日本…"],
      ["日本語", 4, "日…"],
      ["e\u0301e\u0301e", 2, "e\u0301…"],
      ["abc", 1, "…"],
    ] as const
  ) equal(cut(text, width), want);
});

Deno.test("paint() colours only where there is colour", () => {
  equal(paint("x", "red", { color: true }), "\x1b[31mx\x1b[0m");
  equal(paint("x", "red", { color: false }), "x");
  equal(paint("x", "plain", { color: true }), "x");
  equal(paint("", "red", { color: true }), "");
});

Deno.test("tableLine() puts padding outside the colour", () => {
  const plan = [4, 3];
  const two: readonly Column[] = columns.slice(0, 1).concat(columns.slice(3));
  const cells: readonly Cell[] = [{ text: "a", style: "cyan" }, { text: "b", style: "red" }];
  const line = tableLine(two, cells, plan, { width: 80, color: true });
  ok(line.includes("\x1b[36ma\x1b[0m     " + "  \x1b[31mb\x1b[0m"));
  ok(line.endsWith("\n"));
});
