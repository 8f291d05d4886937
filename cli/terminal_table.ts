/** Tables for a terminal: columns that fit its width, cut with an ellipsis where they have to be. Pure. */

import { charWidth } from "../lib/policy/error.ts";

/** How a text stands out. */
export type Style = "plain" | "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** What is written to. */
export interface Screen {
  /** Columns. */
  readonly width: number;
  readonly color: boolean;
}

/** A column of a table. */
export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
  /** Width below which it is not cut; null for a column that is never cut. */
  readonly cutTo: number | null;
  /** A column of 0 stays whatever happens; of the others, those with the lowest numbers that fit. */
  readonly drop: number;
}

/** One place of a row. The text holds no control characters. */
export interface Cell {
  readonly text: string;
  readonly style: Style;
}

/** Widths of a table's columns, null for one that is left out. */
export type TablePlan = readonly (number | null)[];

/** Space between columns. */
const gap = 2;

const codes: Readonly<Record<Style, string>> = {
  plain: "",
  bold: "1",
  dim: "2",
  red: "31",
  green: "32",
  yellow: "33",
  cyan: "36",
};

/** Finds widths for columns that hold `rows`. */
export function planTable(columns: readonly Column[], rows: readonly (readonly Cell[])[], width: number): TablePlan {
  const natural = columns.map((column, index) =>
    Math.max(widthOf(column.title), ...rows.map((row) => widthOf(row[index]?.text ?? "")))
  );
  const plan: (number | null)[] = natural.map((one, index) => columns[index]?.drop === 0 ? one : null);
  const least = () => total(plan.map((one, index) => one === null ? null : leastOf(columns[index], one)));
  const optional = [...columns.entries()].filter(([, { drop }]) => drop > 0).sort(([, a], [, b]) => a.drop - b.drop);
  for (const [index] of optional) {
    plan[index] = natural[index] ?? 0;
    if (least() > width) plan[index] = null;
  }
  // The widest gives way first, so that all that are cut end up alike.
  for (let over = total(plan) - width; over > 0; over--) {
    let widest = -1;
    for (const [index, one] of plan.entries()) {
      const canCut = one !== null && one > leastOf(columns[index], one);
      if (canCut && (widest < 0 || one > (plan[widest] ?? 0))) widest = index;
    }
    if (widest < 0) break;
    plan[widest] = (plan[widest] ?? 0) - 1;
  }
  return plan;
}

/** The line of titles, with its line end. */
export function tableHead(columns: readonly Column[], plan: TablePlan, screen: Screen): string {
  return tableLine(columns, columns.map(({ title }) => ({ text: title, style: "bold" })), plan, screen);
}

/** One row, with its line end and no blanks before that. */
export function tableLine(
  columns: readonly Column[],
  row: readonly Cell[],
  plan: TablePlan,
  screen: Screen,
): string {
  const places: { readonly text: string; readonly pad: number; readonly right: boolean; readonly style: Style }[] = [];
  for (const [index, width] of plan.entries()) {
    const { text, style } = row[index] ?? { text: "", style: "plain" as const };
    if (width === null) continue;
    const shown = cut(text, width);
    places.push({ text: shown, pad: width - widthOf(shown), right: columns[index]?.align === "right", style });
  }
  let line = "";
  let blanks = 0;
  for (const { text, pad, right, style } of places) {
    if (right) blanks += pad;
    if (text !== "") line += " ".repeat(blanks) + paint(text, style, screen);
    blanks = (text === "" ? blanks + (right ? 0 : pad) : right ? 0 : pad) + gap;
  }
  return line + "\n";
}

/** The text in its style; as it is where there is no colour. */
export function paint(text: string, style: Style, screen: Pick<Screen, "color">): string {
  return !screen.color || style === "plain" || text === "" ? text : `\x1b[${codes[style]}m${text}\x1b[0m`;
}

/** At most `width` columns of `text`; `…` stands for what is left out. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let shown = "";
  let used = 1;
  for (const char of text) {
    used += charWidth(char.codePointAt(0) ?? 0);
    if (used > width) break;
    shown += char;
  }
  return shown + "…";
}

/** Columns that a text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const char of text) width += charWidth(char.codePointAt(0) ?? 0);
  return width;
}

function leastOf(column: Column | undefined, natural: number): number {
  const least = column?.cutTo ?? null;
  return least === null ? natural : Math.min(natural, least);
}

function total(widths: TablePlan): number {
  const shown = widths.filter((one) => one !== null);
  return shown.reduce((sum, one) => sum + one, 0) + Math.max(0, shown.length - 1) * gap;
}
