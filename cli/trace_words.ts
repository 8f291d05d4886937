/** The words behind `smtpctl trace` and `smtpd -T`. Pure. */

import { isTraceSubject, type TraceSubject, traceSubjects } from "../lib/policy/trace.ts";

/** What OpenSMTPD can trace besides: smtpd(8) and smtpctl(8). */
const otherWords: ReadonlySet<string> = new Set(
  `imsg io smtp mta transfer bounce bounces scheduler stat stats mproc table tables queue profstat profile-imsg
  profile-queue`.split(/\s+/),
);

/** The words that have an effect, for messages. */
export const traceWords = `${traceSubjects.join(", ")} and all`;

/** Reads words, each of which may be several with commas between. */
export function readTraceWords(words: readonly string[]): {
  readonly subjects: readonly TraceSubject[];
  /** About words that have no effect. */
  readonly warnings: readonly string[];
  /** Words that nobody knows. */
  readonly unknown: readonly string[];
} {
  const subjects = new Set<TraceSubject>();
  const warnings: string[] = [];
  const unknown: string[] = [];
  for (const word of words.flatMap((one) => one.split(","))) {
    if (isTraceSubject(word)) subjects.add(word);
    else if (word === "all") { for (const one of traceSubjects) subjects.add(one); }
    else if (otherWords.has(word)) warnings.push(`trace ${word} has no effect; ${traceWords} have`);
    else unknown.push(word);
  }
  return { subjects: [...subjects], warnings, unknown };
}
