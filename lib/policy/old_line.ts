/** The words of one line of the old grammar, taken one after the other. */

import type { Token } from "./lexer.ts";
import { printQuoted, printWord } from "./print_word.ts";

/** Steps through a line. What is not there marks the line as broken, and stepping goes on. */
export class OldLine {
  /** Something was not as the old grammar has it. */
  isBroken: boolean = false;
  readonly #tokens: readonly Token[];
  #at = 0;

  /** `tokens` are those behind the first word, line ends left out. */
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** All of it has been taken. */
  get isDone(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** Takes the next word if it is one of these, unquoted; null otherwise. */
  accept<Word extends string>(...words: readonly Word[]): Word | null {
    const token = this.#tokens[this.#at];
    if (token === undefined || (token.kind !== "word" && token.kind !== "keyword")) return null;
    const found = words.find((word) => word === token.text);
    if (found === undefined) return null;
    this.#at++;
    return found;
  }

  /** Takes a `!` if it is next. */
  acceptNot(): boolean {
    return this.#acceptPunct("!");
  }

  /** Takes a comma if it is next. */
  acceptComma(): boolean {
    return this.#acceptPunct(",");
  }

  /** Is one of these words next, unquoted? */
  peek(...words: readonly string[]): boolean {
    const token = this.#tokens[this.#at];
    return token !== undefined && (token.kind === "word" || token.kind === "keyword") && words.includes(token.text);
  }

  /** Is `<` next? */
  get isTableName(): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === "punct" && token.text === "<";
  }

  /** Is `{` next? */
  get isList(): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === "punct" && token.text === "{";
  }

  /** Is a table, a word or a list next? */
  get isTable(): boolean {
    const token = this.#tokens[this.#at];
    if (token === undefined || token.kind === "keyword") return false;
    return token.kind !== "punct" || token.text === "<" || token.text === "{";
  }

  /** Takes a word; gives it as it is written today. */
  word(): string {
    return this.#written(this.#take());
  }

  /** Takes `<name>`, a word, or `{ … }`; gives it as it is written today, each word by `change`. */
  table(change: (text: string) => string = (text) => text): string {
    if (this.#acceptPunct("<")) {
      const name = this.#take(true);
      if (!this.#acceptPunct(">")) this.isBroken = true;
      return `<${name?.text ?? ""}>`;
    }
    if (!this.#acceptPunct("{")) return this.#written(this.#take(), change);
    const entries: string[] = [];
    while (!this.#acceptPunct("}") && !this.isBroken) {
      const key = this.#written(this.#take(), change);
      const hasValue = this.#acceptPunct("=") || this.#acceptPunct("=>");
      entries.push(hasValue ? `${key} = ${this.#written(this.#take())}` : key);
      this.#acceptPunct(",");
    }
    return `{ ${entries.join(", ")} }`;
  }

  /** Words between braces or up to the end of the line. */
  words(): readonly string[] {
    const isBraced = this.#acceptPunct("{");
    const found: string[] = [];
    while (isBraced ? !this.#acceptPunct("}") : !this.isDone) {
      if (this.isBroken) break;
      found.push(this.word());
      this.#acceptPunct(",");
    }
    return found;
  }

  #take(isName = false): Token | null {
    const token = this.#tokens[this.#at];
    const isWord = token !== undefined && token.kind !== "punct" && (isName || token.kind !== "keyword");
    if (!isWord) {
      this.isBroken = true;
      return null;
    }
    this.#at++;
    return token;
  }

  #acceptPunct(sign: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "punct" || token.text !== sign) return false;
    this.#at++;
    return true;
  }

  #written(token: Token | null, change: (text: string) => string = (text) => text): string {
    if (token === null) return "";
    const { macro } = token.span;
    if (macro !== null) return `$${macro.name}`;
    const text = change(token.text);
    if (token.kind === "number") return text;
    return token.kind === "string" ? printQuoted(text) : printWord(text);
  }
}
