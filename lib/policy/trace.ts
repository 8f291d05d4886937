/** What is told of a decision while it is made: every rule that was tried, every look-up, every step of an expansion.
 * `smtpctl explain` shows it and `trace` logs it. Nobody decides by it. */

import type { Service } from "../table/table.ts";
import type { Place, TableName } from "./policy.ts";

/** Takes what is told. Null costs nothing. */
export type Tracer = ((event: TraceEvent) => void) | null;

/** One thing told. `node` counts the elements of one expansion from 0, the recipient. Plain data. */
export type TraceEvent =
  /** An element is about to be expanded. `parent` is null for the recipient. */
  | {
    readonly kind: "node";
    readonly node: number;
    readonly parent: number | null;
    readonly element: TracedElement;
    readonly text: string;
  }
  /** A rule was tried. `index` counts in `Policy.rules`; `text` is the rule, as in smtpd.conf. */
  | {
    readonly kind: "rule";
    readonly node: number;
    readonly index: number;
    readonly place: Place;
    readonly text: string;
    readonly verdict: "matched" | "no" | "failed";
    /** In the order in which they were tried; those behind the first that does not hold are left out. */
    readonly tests: readonly RuleTest[];
  }
  /** A built-in filter was tried. `decision` is what it does where the test holds, as in smtpd.conf. */
  | {
    readonly kind: "filter";
    readonly node: number;
    readonly phase: string;
    readonly filter: string;
    readonly place: Place;
    readonly test: RuleTest;
    readonly decision: string;
  }
  /** A table was asked. `value` is null when nothing was found, or when the table is a list. */
  | {
    readonly kind: "lookup";
    readonly node: number;
    readonly table: TableName;
    readonly service: Service;
    readonly key: string;
    readonly answer:
      | { readonly kind: "found"; readonly value: string | null }
      | { readonly kind: "absent" }
      | { readonly kind: "failed"; readonly reason: string };
  }
  /** A ~/.forward was read, or could not be. */
  | { readonly kind: "forward"; readonly node: number; readonly path: string; readonly text: string }
  /** An envelope: `text` says what is done, for people; `action` is null for none. */
  | {
    readonly kind: "target";
    readonly node: number;
    readonly action: string | null;
    readonly target: "local" | "relay";
    readonly text: string;
  }
  /** The element was dropped, as one that is there already. */
  | { readonly kind: "dropped"; readonly node: number; readonly reason: string }
  /** The recipient is refused because of this element. */
  | { readonly kind: "refused"; readonly node: number; readonly reply: string; readonly reason: string }
  | { readonly kind: "note"; readonly node: number; readonly text: string };

/** What kind of thing is expanded. */
export type TracedElement = "address" | "username" | "file" | "command" | "maildir" | "error";

/** What `smtpctl trace` and `smtpd -T` can have logged. */
export type TraceSubject = "rules" | "expand" | "lookup" | "filters";

/** All of them. */
export const traceSubjects: readonly TraceSubject[] = ["rules", "expand", "lookup", "filters"];

/** Is it one? */
export function isTraceSubject(value: unknown): value is TraceSubject {
  return traceSubjects.some((one) => one === value);
}

/** What an event is logged under. */
export function traceSubjectOf(event: TraceEvent): TraceSubject {
  if (event.kind === "filter") return "filters";
  return event.kind === "rule" ? "rules" : event.kind === "lookup" ? "lookup" : "expand";
}

/** One option of a rule. */
export interface RuleTest {
  /** As in smtpd.conf: `!from src <trusted>`. */
  readonly option: string;
  /** What it was tried on. */
  readonly subject: string;
  /** The option as a whole, its `!` with it. Null when a look-up failed. */
  readonly holds: boolean | null;
}
