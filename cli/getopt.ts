/** Command lines in the classic form: `-i`, `-oi`, `-FName`, `-F Name`, `--state DIR`, `--state=DIR`.
 * Options end at the first operand or at `--`, as POSIX has it (XBD 12.2). */

import { nearest } from "../lib/policy/error.ts";

/** What a command accepts. Letters are case-sensitive. */
export interface OptionSpec {
  /** Letters without an argument; they may be joined: `-tv`. */
  readonly flags: string;
  /** Letters with an argument, joined or in the next word. */
  readonly valued: string;
  /** Letters whose argument, if any, is joined. */
  readonly optional: string;
  /** Names behind `--`. The argument of a valued one follows after `=` or in the next word. */
  readonly long: Readonly<Record<string, "flag" | "valued">>;
}

/** One option of a command line. */
export interface Option {
  /** A letter, or a long name without its dashes. */
  readonly name: string;
  /** Null for a flag and for an absent optional argument. */
  readonly value: string | null;
}

/** The person at the command line has to change it. The message is one sentence, without the command's name. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Splits `args` into options, in order, and operands. Throws `UsageError` for an unknown option, one that lacks
 * its argument, and one that has an argument it does not take. */
export function getopt(args: readonly string[], spec: OptionSpec): { options: Option[]; operands: string[] } {
  const options: Option[] = [];
  let i = 0;
  for (; i < args.length; i++) {
    const word = args[i] ?? "";
    if (word === "--") return { options, operands: args.slice(i + 1) };
    if (word === "-" || !word.startsWith("-")) break;
    const next = args[i + 1] ?? null;
    const read = word.startsWith("--") ? readLong(word.slice(2), next, spec) : readShort(word.slice(1), next, spec);
    options.push(...read.options);
    if (read.usedNext) i++;
  }
  return { options, operands: args.slice(i) };
}

interface Read {
  readonly options: readonly Option[];
  /** The next word was the argument. */
  readonly usedNext: boolean;
}

function readShort(letters: string, next: string | null, spec: OptionSpec): Read {
  const options: Option[] = [];
  for (let i = 0; i < letters.length; i++) {
    const name = letters.charAt(i);
    const rest = letters.slice(i + 1);
    if (spec.flags.includes(name)) {
      options.push({ name, value: null });
    } else if (spec.optional.includes(name)) {
      options.push({ name, value: rest === "" ? null : rest });
      return { options, usedNext: false };
    } else if (spec.valued.includes(name)) {
      if (rest === "" && next === null) throw new UsageError(`Option -${name} needs an argument`);
      options.push({ name, value: rest === "" ? next : rest });
      return { options, usedNext: rest === "" };
    } else {
      throw new UsageError(`Unknown option -${name}${suggest(name, spec)}`);
    }
  }
  return { options, usedNext: false };
}

function readLong(word: string, next: string | null, spec: OptionSpec): Read {
  const equals = word.indexOf("=");
  const name = equals < 0 ? word : word.slice(0, equals);
  const kind = Object.hasOwn(spec.long, name) ? spec.long[name] : undefined;
  if (kind === undefined) throw new UsageError(`Unknown option --${name}${suggest(name, spec)}`);
  if (kind === "flag") {
    if (equals >= 0) throw new UsageError(`Option --${name} takes no argument`);
    return { options: [{ name, value: null }], usedNext: false };
  }
  if (equals >= 0) return { options: [{ name, value: word.slice(equals + 1) }], usedNext: false };
  if (next === null) throw new UsageError(`Option --${name} needs an argument`);
  return { options: [{ name, value: next }], usedNext: true };
}

/** `; did you mean --state?` when a long option is near; for a letter its first one. */
function suggest(name: string, spec: OptionSpec): string {
  const known = Object.keys(spec.long);
  const near = name.length === 1 ? known.find((one) => one.startsWith(name)) ?? null : nearest(name, known);
  return near === null ? "" : `; did you mean --${near}?`;
}
