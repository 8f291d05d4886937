/** What stands at a place of a configuration: where its name is declared, and what it is for. */

import type { Directive } from "./ast.ts";
import { cursorAt, isWithin } from "./cursor.ts";
import type { SourceFile, Span } from "./error.ts";
import { meaningOf } from "./manual.ts";
import { parseConfig, type ParseInput } from "./parser.ts";
import { declarationOf, type NameUse, referencesOf } from "./reference.ts";

/** Where a name is declared: some characters of a file. */
export type Target = Pick<Span, "source" | "start" | "end">;

/** Help about a place. */
export interface Help {
  /** How it is written, or the line that declares it. */
  readonly syntax: string;
  /** What it is for; empty when that says it all. */
  readonly meaning: string;
}

/** Finds the declaration of the name at `offset` of the main file: of a table, an action, a filter, a macro and so on.
 * Null when no name stands there, or when nothing declares it. */
export function findDeclaration(input: ParseInput, offset: number): Target | null {
  const { directives, macros } = parseConfig(input);
  const macro = macroAt(input, offset, macros);
  if (macro !== null) return macro.definition;
  const use = nameAt(input.path, directives, offset);
  return use === null ? null : declarations(directives, use)[0]?.span ?? null;
}

/** Every place of the name at `offset`, its declaration first. */
export function findUses(input: ParseInput, offset: number): readonly Target[] {
  const { directives } = parseConfig(input);
  const use = nameAt(input.path, directives, offset);
  if (use === null) return [];
  const uses = directives.flatMap(referencesOf).filter((one) => one.kind === use.kind && one.name === use.name);
  return [...declarations(directives, use), ...uses].map((one) => one.span);
}

/** The names that a file declares, with their lines. `path` is that of the file. */
export function declaredNames(input: ParseInput): readonly NameUse[] {
  const { directives } = parseConfig(input);
  return directives.flatMap((one) => declarationOf(one) ?? []).filter((one) => one.span.source.path === input.path);
}

/** Explains what stands at `offset` of the main file. Null when there is nothing to say. */
export function findHelp(input: ParseInput, offset: number): Help | null {
  const { directives, macros } = parseConfig(input);
  const macro = macroAt(input, offset, macros);
  if (macro !== null) {
    const where = macro.definition === null ? "defined on the command line" : `line ${lineOf(macro.definition)}`;
    return { syntax: `${macro.name} = "${macro.value}"`, meaning: `A macro, ${where}.` };
  }
  const use = nameAt(input.path, directives, offset);
  if (use !== null) {
    const [declared] = declarations(directives, use);
    if (declared === undefined) return null;
    return { syntax: lineText(declared.span), meaning: `${capital(use.kind)}, line ${lineOf(declared.span)}.` };
  }
  const main = input.readFile(input.path);
  const { token, keywords } = cursorAt("text" in main ? main.text : "", offset, macros);
  if (token === null || (token.kind !== "keyword" && token.kind !== "word")) return null;
  const found = meaningOf(keywords, token.text);
  return found === null ? null : { syntax: found[0], meaning: found[1] };
}

function declarations(directives: readonly Directive[], use: NameUse): readonly NameUse[] {
  return directives.flatMap((one) => declarationOf(one) ?? [])
    .filter((one) => one.kind === use.kind && one.name === use.name);
}

function nameAt(path: string, directives: readonly Directive[], offset: number): NameUse | null {
  for (const directive of directives) {
    for (const one of [declarationOf(directive), ...referencesOf(directive)]) {
      if (one !== null && one.span.source.path === path && isWithin(one.span, offset)) return one;
    }
  }
  return null;
}

function macroAt(input: ParseInput, offset: number, macros: ReturnType<typeof parseConfig>["macros"]) {
  const main = input.readFile(input.path);
  const text = "text" in main ? main.text : "";
  let start = offset;
  while (start > 0 && /[A-Za-z0-9_]/.test(text[start - 1]!)) start--;
  const name = /^[A-Za-z0-9_]+/.exec(text.slice(start))?.[0];
  if (name === undefined || text[start - 1] !== "$") return null;
  const macro = macros.get(name);
  return macro === undefined ? null : { name, ...macro };
}

function lineOf(span: Target): number {
  return span.source.text.slice(0, span.start).split("\n").length;
}

/** The line that a span begins on, without the blanks around it. */
function lineText({ source, start }: Target): string {
  const end = source.text.indexOf("\n", start);
  return source.text.slice(lineStart(source, start), end === -1 ? undefined : end).trim();
}

function lineStart(source: SourceFile, offset: number): number {
  return source.text.lastIndexOf("\n", offset - 1) + 1;
}

function capital(word: string): string {
  return word === "mda-wrapper" ? "Wrapper" : word.charAt(0).toUpperCase() + word.slice(1);
}
