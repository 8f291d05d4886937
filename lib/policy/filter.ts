/** Filters of a configuration: what `filter` and `proc` lines declare. */

import type { FilterPhase } from "../smtp/session_face.ts";
import type { Criterion, Place } from "./policy.ts";

export { type FilterPhase, filterPhases } from "../smtp/session_face.ts";

/** A filter. */
export type Filter =
  /** A program; `process` is its name in `Policy.processes`. */
  | { readonly kind: "process"; readonly name: string; readonly process: string; readonly place: Place }
  /** Filters in their order. Chains without a name are called `<dynchain:N>`. */
  | { readonly kind: "chain"; readonly name: string; readonly members: readonly string[]; readonly place: Place }
  | {
    readonly kind: "builtin";
    readonly name: string;
    readonly phase: FilterPhase;
    readonly condition: FilterCondition;
    readonly decision: FilterDecision;
    readonly place: Place;
  };

/** What a built-in filter tests. */
export type FilterCondition =
  /** The peer's name is known; with `fcrdns` it also leads back to the peer. `auth`: somebody authenticated. */
  | { readonly kind: "fcrdns" | "rdns" | "auth"; readonly criterion: null; readonly negated: boolean }
  | {
    readonly kind: "src" | "rdns" | "helo" | "auth" | "mail-from" | "rcpt-to";
    readonly criterion: Criterion;
  };

/** What a built-in filter does when its condition holds. `reply` is a whole SMTP reply, such as `550 go away`. */
export type FilterDecision =
  | { readonly kind: "reject" | "disconnect"; readonly reply: string }
  | { readonly kind: "rewrite"; readonly value: string }
  | { readonly kind: "report"; readonly text: string }
  | { readonly kind: "junk" | "bypass" };

/** A program that speaks the filter protocol. Null where the line does not say. */
export interface FilterProcess {
  /** Its name; that of the filter for `proc-exec`. */
  readonly name: string;
  /** As written. */
  readonly command: string;
  /** Account to run as. Default `_smtpd`. */
  readonly user: string | null;
  /** Group to run as. Default the account's. */
  readonly group: string | null;
  /** Directory to confine it to. */
  readonly chroot: string | null;
  /** Its line. */
  readonly place: Place;
}
