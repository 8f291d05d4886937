/** The grammar of POSIX extended regular expressions (IEEE 1003.1 §9.4), read to a tree. */

/** A parsed expression. */
export type RegexNode =
  | { readonly kind: "set"; readonly set: RegexSet }
  | {
    readonly kind: "assert";
    readonly what: "start" | "end" | "boundary" | "inside" | "wordStart" | "wordEnd";
  }
  | { readonly kind: "sequence"; readonly nodes: readonly RegexNode[] }
  | { readonly kind: "choice"; readonly nodes: readonly RegexNode[] }
  /** `max` may be Infinity. */
  | { readonly kind: "repeat"; readonly node: RegexNode; readonly min: number; readonly max: number };

/** A set of characters (UTF-16 code units), letters in both cases. */
export class RegexSet {
  readonly #ascii = new Uint8Array(128);
  readonly #ranges: [from: number, to: number][] = [];
  #negated = false;

  /** Adds all from `from` to `to`; ASCII letters in either case. */
  add(from: number, to: number): void {
    for (let code = from; code <= Math.min(to, 127); code++) {
      this.#ascii[code] = 1;
      if (isLetter(code)) this.#ascii[code ^ 0x20] = 1;
    }
    if (to > 127) this.#ranges.push([Math.max(from, 128), to]);
  }

  /** Makes it the set of all others. */
  negate(): void {
    this.#negated = !this.#negated;
  }

  /** Is the code unit in the set? */
  has(code: number): boolean {
    const found = code < 128 ? this.#ascii[code] === 1 : this.#ranges.some(([from, to]) => code >= from && code <= to);
    return found !== this.#negated;
  }
}

/** Largest bound of `{m,n}`: RE_DUP_MAX. */
const repeatMax = 255;
/** Deepest nesting of parentheses. */
const depthMax = 50;

/** Reads a pattern; null when it is bad. */
export function parseRegex(pattern: string): RegexNode | null {
  const parser = new Parser(pattern);
  try {
    return parser.choice(0);
  } catch (error) {
    if (error instanceof BadPattern) return null;
    throw error;
  }
}

/** Leaves the parser; it does not leave this file. */
class BadPattern extends Error {}

/** Characters of the named classes, as ranges. */
const namedClasses: Readonly<Record<string, string>> = {
  alnum: "09AZaz",
  alpha: "AZaz",
  blank: "  \t\t",
  cntrl: "\x00\x1f\x7f\x7f",
  digit: "09",
  graph: "!~",
  lower: "az",
  print: " ~",
  punct: "!/:@[`{~",
  space: "  \t\r",
  upper: "AZ",
  xdigit: "09AFaf",
};

/** Letters after a backslash that stand for a set; in upper case for all others. */
const escapedSets: Readonly<Record<string, string>> = { d: "09", s: "  \t\r", w: "09AZ__az" };

const escapedAssertions: Readonly<Record<string, Extract<RegexNode, { kind: "assert" }>["what"]>> = {
  b: "boundary",
  B: "inside",
  "<": "wordStart",
  ">": "wordEnd",
};

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  choice(depth: number): RegexNode {
    if (depth > depthMax) throw new BadPattern();
    const nodes = [this.#sequence(depth)];
    while (this.#take("|")) nodes.push(this.#sequence(depth));
    const [only] = nodes;
    return nodes.length === 1 && only !== undefined ? only : { kind: "choice", nodes };
  }

  #sequence(depth: number): RegexNode {
    const nodes: RegexNode[] = [];
    while (this.#at < this.#text.length && this.#peek() !== "|" && !(depth > 0 && this.#peek() === ")")) {
      let node = this.#atom(depth);
      for (;;) {
        const bounds = this.#bounds();
        if (bounds === null) break;
        node = { kind: "repeat", node, min: bounds.min, max: bounds.max };
      }
      nodes.push(node);
    }
    return { kind: "sequence", nodes };
  }

  #atom(depth: number): RegexNode {
    const char = this.#next();
    switch (char) {
      case "(": {
        if (this.#peek() === "?") throw new BadPattern();
        const node = this.choice(depth + 1);
        if (!this.#take(")")) throw new BadPattern();
        return node;
      }
      case "[":
        return { kind: "set", set: this.#bracket() };
      case ".":
        return { kind: "set", set: setOf("\x00\uffff") };
      case "^":
        return { kind: "assert", what: "start" };
      case "$":
        return { kind: "assert", what: "end" };
      case "*":
      case "+":
      case "?":
      case ")":
        throw new BadPattern();
      case "\\":
        return this.#escape();
      default:
        return { kind: "set", set: setOf(char + char) };
    }
  }

  #escape(): RegexNode {
    const char = this.#next();
    const what = Object.hasOwn(escapedAssertions, char) ? escapedAssertions[char] : undefined;
    if (what !== undefined) return { kind: "assert", what };
    const lower = char.toLowerCase();
    const ranges = Object.hasOwn(escapedSets, lower) ? escapedSets[lower] : undefined;
    if (ranges !== undefined) {
      const set = setOf(ranges);
      if (char !== lower) set.negate();
      return { kind: "set", set };
    }
    // A back reference, which extended expressions do not have.
    if (char >= "1" && char <= "9") throw new BadPattern();
    return { kind: "set", set: setOf(char + char) };
  }

  /** What may follow an atom; null when nothing does. A `{` that opens no bounds is itself. */
  #bounds(): { readonly min: number; readonly max: number } | null {
    if (this.#take("*")) return { min: 0, max: Infinity };
    if (this.#take("+")) return { min: 1, max: Infinity };
    if (this.#take("?")) return { min: 0, max: 1 };
    const found = /^\{([0-9]{1,4})(,([0-9]{0,4}))?\}/.exec(this.#text.slice(this.#at, this.#at + 11));
    if (found === null) return null;
    const min = Number(found[1]);
    const max = found[2] === undefined ? min : found[3] === "" ? Infinity : Number(found[3]);
    if (min > max || min > repeatMax || (max > repeatMax && max !== Infinity)) throw new BadPattern();
    this.#at += found[0].length;
    return { min, max };
  }

  /** What is between brackets. A backslash there is a backslash. */
  #bracket(): RegexSet {
    const set = new RegexSet();
    const isNegated = this.#take("^");
    for (let isFirst = true;; isFirst = false) {
      if (!isFirst && this.#take("]")) break;
      if (this.#text.startsWith("[:", this.#at)) {
        this.#namedClass(set);
        continue;
      }
      const from = this.#bracketChar();
      let to = from;
      if (this.#peek() === "-" && this.#text[this.#at + 1] !== "]" && this.#at + 1 < this.#text.length) {
        this.#at++;
        to = this.#bracketChar();
      }
      if (to < from) throw new BadPattern();
      set.add(from.charCodeAt(0), to.charCodeAt(0));
    }
    if (isNegated) set.negate();
    return set;
  }

  #namedClass(set: RegexSet): void {
    const end = this.#text.indexOf(":]", this.#at);
    const name = end < 0 ? "" : this.#text.slice(this.#at + 2, end);
    const ranges = Object.hasOwn(namedClasses, name) ? namedClasses[name] : undefined;
    if (ranges === undefined) throw new BadPattern();
    addRanges(set, ranges);
    this.#at = end + 2;
  }

  /** One character, also as `[.x.]` or `[=x=]`. */
  #bracketChar(): string {
    const mark = this.#text[this.#at + 1];
    if (this.#peek() === "[" && (mark === "." || mark === "=")) {
      const char = this.#text[this.#at + 2] ?? "";
      if (!this.#text.startsWith(`${mark}]`, this.#at + 3)) throw new BadPattern();
      this.#at += 5;
      return char;
    }
    return this.#next();
  }

  #peek(): string {
    return this.#text[this.#at] ?? "";
  }

  #next(): string {
    const char = this.#text[this.#at];
    if (char === undefined) throw new BadPattern();
    this.#at++;
    return char;
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }
}

/** `ranges` are pairs of characters, first and last. */
function setOf(ranges: string): RegexSet {
  const set = new RegexSet();
  addRanges(set, ranges);
  return set;
}

function addRanges(set: RegexSet, ranges: string): void {
  for (let i = 0; i + 1 < ranges.length; i += 2) set.add(ranges.charCodeAt(i), ranges.charCodeAt(i + 1));
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}
