/** POSIX extended regular expressions, for tables of service `regex`. Compiled to a small program that is run for all
 * alternatives at once, so the time is bounded by pattern times subject: no subject that a stranger chooses can make
 * a pattern hang, as it could with a backtracking engine. */

import { parseRegex, type RegexNode, type RegexSet } from "./regex_parse.ts";

/** A compiled pattern. */
export interface Regex {
  /** Does it match anywhere in `subject`? Case does not count. */
  test(subject: string): boolean;
}

/** Most instructions of a program. `(.{255}){255}` would be 65,025 of them. */
const programMax = 4000;

/** Compiles a pattern; null when it is bad, and then it never matches. Letters match in either case whether the
 * pattern begins with `(?i)` or not, because subjects are in lower case before they come here. Beyond POSIX it knows
 * `\w \W \s \S \d \D \b \B \< \>`. It has no back references and no `(?…)`. */
export function compileRegex(pattern: string): Regex | null {
  const node = parseRegex(pattern.startsWith("(?i)") ? pattern.slice(4) : pattern);
  if (node === null) return null;
  const program: Instruction[] = [];
  if (!emit(node, program)) return null;
  program.push({ kind: "match" });
  return { test: (subject) => run(program, subject) };
}

/** Numbers are places in the program. A `set` goes on to the next instruction. */
type Instruction =
  | { readonly kind: "set"; readonly set: RegexSet }
  | { readonly kind: "assert"; readonly what: Extract<RegexNode, { kind: "assert" }>["what"] }
  | { kind: "split"; first: number; second: number }
  | { kind: "jump"; to: number }
  | { readonly kind: "match" };

/** Appends the code of a node. False when the program gets too long. */
function emit(node: RegexNode, program: Instruction[]): boolean {
  if (program.length > programMax) return false;
  switch (node.kind) {
    case "set":
    case "assert":
      program.push(node);
      return true;
    case "sequence":
      return node.nodes.every((part) => emit(part, program));
    case "choice":
      return emitChoice(node.nodes, program);
    case "repeat":
      return emitRepeat(node.node, node.min, node.max, program);
  }
}

function emitChoice(nodes: readonly RegexNode[], program: Instruction[]): boolean {
  const jumps: { kind: "jump"; to: number }[] = [];
  for (const [at, node] of nodes.entries()) {
    if (at === nodes.length - 1) {
      if (!emit(node, program)) return false;
      break;
    }
    const split = { kind: "split" as const, first: program.length + 1, second: 0 };
    program.push(split);
    if (!emit(node, program)) return false;
    const jump = { kind: "jump" as const, to: 0 };
    program.push(jump);
    jumps.push(jump);
    split.second = program.length;
  }
  for (const jump of jumps) jump.to = program.length;
  return true;
}

function emitRepeat(node: RegexNode, min: number, max: number, program: Instruction[]): boolean {
  for (let i = 0; i < min; i++) {
    const before = program.length;
    if (!emit(node, program)) return false;
    // What has no code repeats as itself: `(){255}{255}{255}` ends here.
    if (program.length === before) return true;
  }
  if (max === Infinity) {
    const split = { kind: "split" as const, first: program.length + 1, second: 0 };
    const start = program.length;
    program.push(split);
    if (!emit(node, program)) return false;
    program.push({ kind: "jump", to: start });
    split.second = program.length;
    return true;
  }
  const splits: { second: number }[] = [];
  for (let i = min; i < max; i++) {
    const split = { kind: "split" as const, first: program.length + 1, second: 0 };
    program.push(split);
    splits.push(split);
    if (!emit(node, program)) return false;
  }
  for (const split of splits) split.second = program.length;
  return true;
}

/** Runs the program from every place of the subject at once. */
function run(program: readonly Instruction[], subject: string): boolean {
  // The step at which each instruction was last reached: it is followed once per step.
  const reached = new Int32Array(program.length).fill(-1);
  let now: number[] = [];
  let next: number[] = [];
  for (let at = 0; at <= subject.length; at++) {
    if (follow(program, 0, subject, at, reached, now)) return true;
    if (at === subject.length) return false;
    const code = subject.charCodeAt(at);
    next.length = 0;
    for (const place of now) {
      const instruction = program[place];
      if (instruction?.kind !== "set" || !instruction.set.has(code)) continue;
      if (follow(program, place + 1, subject, at + 1, reached, next)) return true;
    }
    [now, next] = [next, now];
  }
  return false;
}

/** Collects the sets that can be tried at `at`, starting from `from`. True when the end of the program is reached. */
function follow(
  program: readonly Instruction[],
  from: number,
  subject: string,
  at: number,
  reached: Int32Array,
  into: number[],
): boolean {
  const stack = [from];
  for (;;) {
    const place = stack.pop();
    if (place === undefined) return false;
    if (reached[place] === at) continue;
    reached[place] = at;
    const instruction = program[place];
    switch (instruction?.kind) {
      case "match":
        return true;
      case "set":
        into.push(place);
        break;
      case "assert":
        if (holds(instruction.what, subject, at)) stack.push(place + 1);
        break;
      case "split":
        stack.push(instruction.second, instruction.first);
        break;
      case "jump":
        stack.push(instruction.to);
        break;
    }
  }
}

function holds(what: Extract<RegexNode, { kind: "assert" }>["what"], subject: string, at: number): boolean {
  const before = at > 0 && isWord(subject.charCodeAt(at - 1));
  const after = at < subject.length && isWord(subject.charCodeAt(at));
  switch (what) {
    case "start":
      return at === 0;
    case "end":
      return at === subject.length;
    case "boundary":
      return before !== after;
    case "inside":
      return before === after;
    case "wordStart":
      return !before && after;
    case "wordEnd":
      return before && !after;
  }
}

function isWord(code: number): boolean {
  return code === 0x5f || (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a);
}
