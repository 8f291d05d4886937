/** The table that a run ends with. */

import type { Figure } from "./scenarios.ts";

/** One measured thing. */
export interface Row {
  readonly name: string;
  readonly ours: Figure | null;
  readonly theirs: Figure | null;
}

/** How many times better we are: the quotient of speeds, or the inverse one of times and memory. Null when one is missing. */
export function ratioOf({ ours, theirs }: Row): number | null {
  if (!ours || !theirs) return null;
  const isRate = ours.unit.endsWith("/s") || ours.unit === "per CPU s";
  return isRate ? ours.value / theirs.value : theirs.value / ours.value;
}

/** Columns under a heading; a ratio above 1 is in our favour. */
export function formatTable(rows: readonly Row[]): string {
  const lines = [
    ["scenario", "unit", "Postern", "Postfix", "ratio"],
    ...rows.map((row) => [
      row.name,
      row.ours?.unit ?? row.theirs?.unit ?? "",
      formatValue(row.ours),
      formatValue(row.theirs),
      ratioOf(row)?.toFixed(2) ?? "-",
    ]),
  ];
  const widths = lines[0]?.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0))) ?? [];
  const format = (line: readonly string[]) =>
    line.map((cell, i) => i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)).join("  ").trimEnd();
  return lines.map(format).join("\n");
}

function formatValue(figure: Figure | null): string {
  if (!figure) return "-";
  return figure.value.toFixed(figure.value >= 100 ? 0 : figure.value >= 10 ? 1 : 2);
}
