/** Words of a configuration file: smtpd.conf(5)'s lexical rules, with the place of each token. */

import { reservedWords } from "./reserved.ts";
import { type MacroUse, nearest, type SourceFile, type Span } from "./error.ts";

/** A token. `text` is its value: quotes and backslashes are gone. */
export interface Token {
  /** What it is. */
  readonly kind: TokenKind;
  /** For `bad`: what is wrong. */
  readonly text: string;
  /** Where it stands. */
  readonly span: Span;
  /** Nothing but blanks stands before it on its line. */
  readonly isFirst: boolean;
  /** For `bad`: what to do about it. */
  readonly hint: string | null;
}

/** `word` is unquoted and not reserved, `keyword` unquoted and reserved, `string` quoted; `punct` is one of
 * `{ } < > ! , = =>` or a character that begins nothing; `bad` cannot be read: the rest of its line means nothing. */
export type TokenKind = "word" | "string" | "keyword" | "number" | "punct" | "newline" | "eof" | "bad";

/** Value of a macro. `definition` is null when it was given on the command line. */
export interface Macro {
  /** The text that takes its place. */
  readonly value: string;
  /** Where the file defines it. */
  readonly definition: Span | null;
}

/** Longest token, characters. */
export const tokenLengthMax = 8095;

/** Reads tokens of one file, one at a time. Macros are looked up when they are met, so the caller may add to `macros`
 * between lines. After the last token it gives `eof` for ever. Never throws. */
export class Lexer {
  /** The file that is read. */
  readonly source: SourceFile;
  readonly #macros: ReadonlyMap<string, Macro>;
  /** Where the file is read next. */
  #at = 0;
  /** The macro being read, in the place of its use. */
  #expansion: Expansion | null = null;
  #isLineStart = true;
  /** Span of the character read last. */
  #start = 0;
  #end = 0;
  #use: MacroUse | null = null;

  /** Makes a reader at the start of `source`. */
  constructor(source: SourceFile, macros: ReadonlyMap<string, Macro>) {
    this.source = source;
    this.#macros = macros;
  }

  /** The next token. */
  next(): Token {
    for (;;) {
      const code = this.#skipBlanks();
      const start = this.#mark();
      if (code === eof) return this.#make("eof", "", { ...start, end: start.start });
      if (code === newline) {
        const token = this.#make("newline", "\n", start);
        this.#isLineStart = true;
        return token;
      }
      if (code === hash) {
        this.#skipComment();
        continue;
      }
      if (code === dollar && this.#expansion === null) {
        const bad = this.#enterMacro(start);
        if (bad !== null) return bad;
        continue;
      }
      if (code === singleQuote || code === doubleQuote) return this.#readString(code, start);
      if (code === minus || isDigit(code)) return this.#readNumber(code, start);
      if (isLetter(code) || code === colon || code === underscore) {
        return this.#readWord(String.fromCharCode(code), start);
      }
      return this.#readPunct(code, start);
    }
  }

  /** Skips blanks and takes the first character behind them. */
  #skipBlanks(): number {
    let code = this.#take();
    while (code === space || code === tab || code === carriageReturn) code = this.#take();
    return code;
  }

  #skipComment(): void {
    for (;;) {
      const before = this.#save();
      const code = this.#take();
      if (code !== newline && code !== eof) continue;
      this.#restore(before);
      return;
    }
  }

  /** Goes on with the macro's text. Its first and last words join with what stands right beside its use. */
  #enterMacro(start: Mark): Token | null {
    let name = "";
    let end = start.end;
    for (;;) {
      const before = this.#save();
      const code = this.#take();
      if (!isLetter(code) && !isDigit(code) && code !== underscore) {
        this.#restore(before);
        break;
      }
      name += String.fromCharCode(code);
      end = this.#end;
    }
    const macro = this.#macros.get(name);
    if (macro === undefined) {
      const near = nearest(name, this.#macros.keys());
      const hint = near === null ? "define it above this line" : `did you mean $${near}?`;
      return this.#bad(`macro '${name}' not defined`, { ...start, end }, hint);
    }
    const use = { name, definition: macro.definition };
    this.#expansion = { text: macro.value, at: 0, start: start.start, end, use };
    return null;
  }

  #readString(quote: number, start: Mark): Token {
    let text = "";
    for (;;) {
      let code = this.#takeRaw();
      if (code === eof) return this.#bad("this string is never closed", { ...start, end: start.end }, null);
      if (code === quote) break;
      if (code === 0) return this.#bad("syntax error: NUL character in a string", this.#mark(), null);
      if (code === newline) continue;
      if (code === backslash) {
        const before = this.#save();
        const escaped = this.#takeRaw();
        if (escaped === newline) continue;
        if (escaped === quote || escaped === space || escaped === tab) code = escaped;
        else this.#restore(before);
      }
      text += String.fromCharCode(code);
      if (text.length > tokenLengthMax) return this.#bad("string too long", { ...start, end: start.end }, null);
    }
    return this.#make("string", text, { ...start, end: Math.max(this.#end, start.end) });
  }

  /** Digits that end properly are a number; anything else that begins with a digit is a word. */
  #readNumber(first: number, start: Mark): Token {
    const afterFirst = this.#save();
    let text = String.fromCharCode(first);
    let end = start.end;
    let before = afterFirst;
    let code = this.#take();
    while (isDigit(code) && text.length <= tokenLengthMax) {
      text += String.fromCharCode(code);
      end = this.#end;
      before = this.#save();
      code = this.#take();
    }
    this.#restore(before);
    if (text !== "-" && endsNumber(code)) {
      const span = { ...start, end };
      const value = Number(text);
      if (Number.isSafeInteger(value)) return this.#make("number", text, span);
      return this.#bad(`"${text}" invalid number: ${value < 0 ? "too small" : "too large"}`, span, null);
    }
    this.#restore(afterFirst);
    return first === minus ? this.#make("punct", "-", start) : this.#readWord(String.fromCharCode(first), start);
  }

  #readWord(first: string, start: Mark): Token {
    let text = first;
    let end = start.end;
    for (;;) {
      const before = this.#save();
      const code = this.#take();
      if (!isWordCharacter(code)) {
        this.#restore(before);
        break;
      }
      text += String.fromCharCode(code);
      end = this.#end;
      if (text.length > tokenLengthMax) return this.#bad("string too long", { ...start, end }, null);
    }
    return this.#make(reservedWords.has(text) ? "keyword" : "word", text, { ...start, end });
  }

  #readPunct(code: number, start: Mark): Token {
    if (code === equals) {
      const before = this.#save();
      if (this.#take() === greaterThan) return this.#make("punct", "=>", { ...start, end: this.#end });
      this.#restore(before);
    }
    // A character outside the basic plane is shown whole.
    if (code >= 0xd800 && code <= 0xdbff) {
      const before = this.#save();
      const low = this.#takeRaw();
      if (low >= 0xdc00 && low <= 0xdfff) {
        return this.#make("punct", String.fromCharCode(code, low), { ...start, end: this.#end });
      }
      this.#restore(before);
    }
    return this.#make("punct", String.fromCharCode(code), start);
  }

  /** One character. A backslash before a line end joins the lines; before any other it gives that character. */
  #take(): number {
    for (;;) {
      const code = this.#takeRaw();
      if (code !== backslash) return code;
      const before = this.#save();
      let escaped = this.#takeRaw();
      if (escaped === carriageReturn) {
        if (this.#takeRaw() !== newline) {
          this.#restore(before);
          return this.#takeRaw();
        }
        escaped = newline;
      }
      if (escaped !== newline) return escaped;
    }
  }

  #takeRaw(): number {
    const expansion = this.#expansion;
    if (expansion !== null) {
      if (expansion.at < expansion.text.length) {
        this.#start = expansion.start;
        this.#end = expansion.end;
        this.#use = expansion.use;
        const code = expansion.text.charCodeAt(expansion.at);
        this.#expansion = { ...expansion, at: expansion.at + 1 };
        return code;
      }
      this.#expansion = null;
    }
    this.#use = null;
    this.#start = this.#at;
    if (this.#at >= this.source.text.length) {
      this.#end = this.#at;
      return eof;
    }
    this.#end = ++this.#at;
    return this.source.text.charCodeAt(this.#start);
  }

  #save(): Saved {
    return { at: this.#at, expansion: this.#expansion };
  }

  #restore(saved: Saved): void {
    this.#at = saved.at;
    this.#expansion = saved.expansion;
  }

  #mark(): Mark {
    return { start: this.#start, end: this.#end, use: this.#use };
  }

  #make(kind: TokenKind, text: string, mark: Mark): Token {
    const span = { source: this.source, start: mark.start, end: mark.end, macro: mark.use };
    const token = { kind, text, span, isFirst: this.#isLineStart, hint: null };
    this.#isLineStart = false;
    return token;
  }

  #bad(message: string, mark: Mark, hint: string | null): Token {
    return { ...this.#make("bad", message, mark), hint };
  }
}

interface Expansion {
  readonly text: string;
  readonly at: number;
  readonly start: number;
  readonly end: number;
  readonly use: MacroUse;
}

interface Saved {
  readonly at: number;
  readonly expansion: Expansion | null;
}

interface Mark {
  readonly start: number;
  readonly end: number;
  readonly use: MacroUse | null;
}

const eof = -1;
const tab = 0x09;
const newline = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const doubleQuote = 0x22;
const hash = 0x23;
const dollar = 0x24;
const singleQuote = 0x27;
const minus = 0x2d;
const colon = 0x3a;
const equals = 0x3d;
const greaterThan = 0x3e;
const backslash = 0x5c;
const underscore = 0x5f;

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

/** Letters, digits, and punctuation but `( ) { } < > ! = # ,`. */
function isWordCharacter(code: number): boolean {
  return code > space && code < 0x7f && !"(){}<>!=#,".includes(String.fromCharCode(code));
}

function endsNumber(code: number): boolean {
  return code === eof || code === space || (code >= tab && code <= carriageReturn) ||
    "),/}=".includes(String.fromCharCode(code));
}
