/** Commands with format specifiers, made ready for `sh -c`. Pure.
 *
 * No value becomes part of the shell's text. Each specifier becomes a reference to a variable, and the values are
 * handed over as arguments: `procmail -a "%{rcpt}"` is the script `procmail -a "${mda_1}"`. The template's own quotes
 * are followed, so that a reference is in double quotes wherever it stands. */

import { expandPieces, type FormatPiece, type FormatUse, type FormatValues } from "./format.ts";

/** What `sh -c script sh args…` needs. */
export interface ShellCommand {
  /** Text for the shell; the same for all values. */
  readonly script: string;
  /** The values, in order. */
  readonly args: readonly string[];
}

/** A command, or what is wrong with the template for these values. */
export type CommandResult =
  | { readonly kind: "ok"; readonly command: ShellCommand }
  | { readonly kind: "error"; readonly message: string };

/** What a wrapper's `%{mda}` stands for. */
export type WrappedCommand =
  /** A template of its own. */
  | { readonly kind: "template"; readonly template: string }
  /** Shell text without specifiers. */
  | { readonly kind: "text"; readonly text: string };

/** Makes a command of a template. Errors: those of `expandPieces`, and a specifier where the shell would read its value
 * as syntax, or where its quotes cannot be followed: in backquotes, in arithmetic, behind a here-document, behind `case`
 * in `$( )`, behind a continued line. */
export function shellCommand(template: string, values: FormatValues): CommandResult {
  const parts = compile(template, values, "plain");
  return typeof parts === "string" ? { kind: "error", message: parts } : { kind: "ok", command: render(parts) };
}

/** Makes a command of a wrapper around another. Outside of quotes `%{mda}` is the text of the other command; inside of
 * quotes it is one word for a shell to read, with every value an argument of a shell of its own. */
export function wrappedCommand(wrapper: string, inner: WrappedCommand, values: FormatValues): CommandResult {
  const within = inner.kind === "text"
    ? [{ kind: "text" as const, text: inner.text }]
    : compile(inner.template, values, "plain");
  if (typeof within === "string") return { kind: "error", message: within };
  const outer = compile(wrapper, values, "wrapper");
  if (typeof outer === "string") return { kind: "error", message: outer };
  const parts = outer.flatMap((part): readonly Part[] => {
    if (part.kind !== "mda") return [part];
    return part.quoting === "none" ? within : [{ kind: "value", text: oneWord(within), quoting: part.quoting }];
  });
  return { kind: "ok", command: render(parts) };
}

/** What is wrong with a template whatever the values are; null for nothing. */
export function checkCommand(template: string, use: FormatUse = "plain"): string | null {
  const parts = compile(template, sampleValues, use);
  return typeof parts === "string" ? parts : null;
}

/** Text in single quotes, one word for a shell. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** How the place of a specifier is quoted. */
type Quoting = "none" | "single" | "double";

type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "value"; readonly text: string; readonly quoting: Quoting }
  | { readonly kind: "mda"; readonly quoting: Quoting };

/** Long enough for every range that makes sense. */
const sampleAddress = { localPart: "a".repeat(64), domain: `${"a".repeat(60)}.test` };
const sampleValues = {
  sender: sampleAddress,
  rcpt: sampleAddress,
  dest: sampleAddress,
  username: "a".repeat(32),
  directory: `/${"a".repeat(63)}`,
  subAddressDelimiter: "+",
} as FormatValues;

function compile(template: string, values: FormatValues, use: FormatUse): readonly Part[] | string {
  const expanded = expandPieces(template, values, use);
  if (expanded.kind === "error") return expanded.message;
  const scanner = new QuoteScanner();
  const parts: Part[] = [];
  for (const [index, piece] of expanded.pieces.entries()) {
    if (piece.literal) {
      const text = scanner.scan(piece.text, expanded.pieces[index + 1] !== undefined);
      parts.push({ kind: "text", text });
      continue;
    }
    const quoting = scanner.place();
    if (typeof quoting !== "string") return quoting.problem;
    if (piece.mda && scanner.isQuotedTwice) return "%{mda} stands in quotes within quotes; write it in one pair";
    parts.push(partOf(piece, quoting));
  }
  return parts;
}

function partOf({ text, mda }: FormatPiece, quoting: Quoting): Part {
  // No argument of a program can hold one.
  return mda ? { kind: "mda", quoting } : { kind: "value", text: text.replaceAll("\0", ""), quoting };
}

function render(parts: readonly Part[]): ShellCommand {
  const args: string[] = [];
  let body = "";
  for (const part of parts) {
    if (part.kind === "text") body += part.text;
    if (part.kind !== "value") continue;
    args.push(part.text);
    body += inQuotes(`"\${mda_${args.length}}"`, part.quoting);
  }
  // Variables of the shell, not of the environment; the command's own $1 and $# are as if nothing had been handed over.
  const names = args.map((_, index) => `mda_${index + 1}=\${${index + 1}}`).join(" ");
  return { script: args.length === 0 ? body : `${names}; shift ${args.length}\n${body}`, args };
}

/** The command as one word, for another shell to read. Values are arguments there too, of a simple command, so that
 * `exec` and `timeout 10` can stand before it: how the shell reads the template never decides whether a value is text. */
function oneWord(parts: readonly Part[]): string {
  const { script, args } = render(parts);
  return args.length === 0 ? script : `/bin/sh -c ${[script, "sh", ...args].map(quoteForShell).join(" ")}`;
}

/** Closes the quotes that the place stands in, and opens them again. */
function inQuotes(word: string, quoting: Quoting): string {
  if (quoting === "none") return word;
  const quote = quoting === "single" ? "'" : '"';
  return `${quote}${word}${quote}`;
}

type Frame = {
  readonly kind: "plain" | "single" | "double" | "backquote" | "arithmetic" | "comment";
  /** Parentheses that are open. */
  depth: number;
  /** Of quotes: what would be quotes or a substitution to another shell that reads their text. */
  isNested: boolean;
};

/** Follows the quotes of shell text, piece by piece. */
class QuoteScanner {
  /** The innermost last. */
  readonly #frames: Frame[] = [{ kind: "plain", depth: 0, isNested: false }];
  /** Why no specifier may follow. */
  #problem: string | null = null;
  /** Nothing of a word stands before the next character: `#` begins a comment. */
  #isWordStart = true;

  /** Takes literal text and returns it; a backslash or dollar that would bind to a specifier behind it is tamed. */
  scan(text: string, specifierFollows: boolean): string {
    let i = 0;
    let isDangling = false;
    while (i < text.length) {
      const step = this.#step(text, i);
      isDangling = i + step > text.length;
      i += step;
    }
    if (!specifierFollows) return text;
    const kind = this.#top.kind;
    if (isDangling) return kind === "double" ? `${text}\\` : text.slice(0, -1);
    const isDollar = text.endsWith("$") && !/(^|[^\\])(\\\\)*\\\$$/.test(text);
    return isDollar && (kind === "plain" || kind === "double") ? `${text.slice(0, -1)}\\$` : text;
  }

  /** How the place reached is quoted, or why no value may stand there. */
  place(): Quoting | { readonly problem: string } {
    this.#isWordStart = false;
    if (this.#problem !== null) return { problem: this.#problem };
    if (this.#frames.some(({ kind }) => kind === "backquote")) {
      return { problem: "a specifier stands in backquotes; write $( ) instead" };
    }
    switch (this.#top.kind) {
      case "arithmetic":
        return { problem: "a specifier stands in arithmetic" };
      case "single":
      case "double":
        return this.#top.kind;
      default:
        return "none";
    }
  }

  /** Does the place reached stand in quotes whose text has quotes of its own, for another shell? There a whole command
   * would not stay one word. */
  get isQuotedTwice(): boolean {
    return this.#top.isNested;
  }

  get #top(): Frame {
    return this.#frames.at(-1) ?? { kind: "plain", depth: 0, isNested: false };
  }

  /** Within `$( )`, at whatever depth. */
  get #isSubstitution(): boolean {
    return this.#frames.slice(1).some(({ kind }) => kind === "plain");
  }

  /** Takes what begins at `i`; returns how many characters that is, one too many when the text ends within it. */
  #step(text: string, i: number): number {
    const char = text.charAt(i);
    const frame = this.#top;
    const wasWordStart = this.#isWordStart;
    // The `)` of its patterns would be taken for the end of the substitution.
    if (/^case\b/.test(text.slice(i, i + 5)) && !/\w/.test(text.charAt(i - 1)) && this.#isSubstitution) {
      this.#problem = "a specifier stands behind `case` in $( )";
    }
    this.#isWordStart = /[\s;&|()]/.test(char);
    const isQuote = frame.kind === "single" || frame.kind === "double";
    if (isQuote && (/["'\\`]/.test(char) || text.startsWith("$(", i))) frame.isNested = true;
    if (frame.kind === "single") return this.#close(char === "'");
    if (frame.kind === "comment") {
      if (char === "\n") this.#frames.pop();
      return 1;
    }
    if (char === "\\") {
      if (text.charAt(i + 1) === "\n") this.#problem = "a specifier stands behind a continued line (\\ at its end)";
      this.#isWordStart = false;
      return 2;
    }
    if (frame.kind === "arithmetic" && text.startsWith("))", i) && frame.depth === 0) {
      this.#frames.pop();
      return 2;
    }
    if (text.startsWith("$((", i)) return this.#open("arithmetic", 3);
    if (text.startsWith("$(", i)) return this.#open("plain", 2);
    if (char === "`") return frame.kind === "backquote" ? this.#close(true) : this.#open("backquote", 1);
    if (char === '"') return frame.kind === "double" ? this.#close(true) : this.#open("double", 1);
    if (frame.kind === "double") return 1;
    if (char === "'") return this.#open("single", 1);
    if (char === "#" && wasWordStart) return this.#open("comment", 1);
    if (char === "(") frame.depth++;
    if (char === ")" && frame.depth-- === 0 && this.#frames.length > 1) this.#frames.pop();
    if (text.startsWith("<<", i)) {
      if (text.charAt(i + 2) !== "<") this.#problem = "a specifier stands behind a here-document (<<)";
      return text.charAt(i + 2) === "<" ? 3 : 2;
    }
    return 1;
  }

  #open(kind: Frame["kind"], length: number): number {
    this.#frames.push({ kind, depth: 0, isNested: false });
    this.#isWordStart = kind === "plain" || kind === "backquote";
    return length;
  }

  #close(isEnd: boolean): number {
    if (isEnd) this.#frames.pop();
    return 1;
  }
}
