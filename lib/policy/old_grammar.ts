/** The grammar of OpenSMTPD before 6.4: lines such as `accept from any for local deliver to mbox` are known, and told in
 * the words of today. */

import type { Span } from "./error.ts";
import { makeSource } from "./error.ts";
import { Lexer, type Macro, type Token } from "./lexer.ts";
import { OldLine } from "./old_line.ts";
import { translateAccept, translateAction } from "./old_rule.ts";
import { translateSetting } from "./old_setting.ts";

/** Longest line that is looked at, tokens. */
const tokensMax = 10_000;

/** Names of actions that translations have used, by what stands behind the name: a second line that does the same uses
 * the same action. One for all files of a configuration. */
export type OldActions = Map<string, string>;

/** The lines of today that say what an old one says; null when it is none, or is beyond us. `first` is its first word,
 * and the rest of the line follows that in its file. */
export function translateOldLine(
  first: Span,
  macros: ReadonlyMap<string, Macro>,
  actions: OldActions,
): readonly string[] | null {
  if (first.macro !== null) return null;
  const tokens = tokensFrom(first, macros);
  if (tokens === null) return null;
  const word = tokens[0]?.text ?? "";
  const line = new OldLine(tokens.slice(1));
  const lines = word === "accept" || word === "reject" || word === "match"
    ? translateAccept(line, word, actions, hasLogin(first.source.text))
    : word === "action"
    ? translateAction(line)
    : translateSetting(line, word);
  return line.isBroken ? null : lines;
}

/** The tokens of the line, without its end; null when one cannot be read. */
function tokensFrom(first: Span, macros: ReadonlyMap<string, Macro>): readonly Token[] | null {
  const { source } = first;
  const lexer = new Lexer(makeSource(source.path, source.text.slice(first.start), source.order, null), macros);
  const tokens: Token[] = [];
  for (let depth = 0; tokens.length < tokensMax;) {
    const token = lexer.next();
    if (token.kind === "bad") return null;
    if (token.kind === "eof") return tokens;
    if (token.kind === "newline") {
      if (depth === 0) return tokens;
      continue;
    }
    if (token.kind === "punct" && token.text === "{") depth++;
    if (token.kind === "punct" && token.text === "}") depth--;
    tokens.push(token);
  }
  return null;
}

/** Can clients log in? What they sent was local mail in the old grammar. */
function hasLogin(text: string): boolean {
  return /^[ \t]*listen[ \t].*[ \t]auth(-optional)?\b/m.test(text);
}
