/** Rules that can never decide about an envelope. Sound: a rule that is told of here never matches first. */

import { type Literal, literalsOf, negate, Reasoner } from "./check_literal.ts";
import type { Policy } from "./policy.ts";

/** Why a rule never decides. Indices count in `Policy.rules`. */
export type Shadow =
  /** Whatever it matches, one of these rules above it matches already. */
  | { readonly kind: "covered"; readonly index: number; readonly by: readonly number[]; readonly isSame: boolean }
  /** Its own options can never hold together. */
  | { readonly kind: "impossible"; readonly index: number };

/** Most rules for which several are taken together: the work grows with the third power of them. */
const togetherMax = 60;

/** How many tests of earlier rules are taken apart in both directions. */
const splitsMax = 3;

/** Finds the rules of `policy` that can never decide, in order. */
export function shadowedRules(policy: Policy): readonly Shadow[] {
  const reasoner = new Reasoner(policy);
  const rules = policy.rules.map(literalsOf);
  const found: Shadow[] = [];
  /** Rules that may still match; one that never decides hides nothing that another does not. */
  const live: Candidate[] = [];
  const splits = rules.length <= togetherMax ? splitsMax : 0;
  for (const [index, literals] of rules.entries()) {
    if (reasoner.contradiction(literals) !== null) {
      found.push({ kind: "impossible", index });
      continue;
    }
    const all = cover(reasoner, literals, live, splits);
    const by = all === null ? null : least(reasoner, literals, live.filter((one) => all.includes(one.index)));
    if (by === null) {
      live.push({ index, literals });
      continue;
    }
    const only = by.length === 1 ? rules[by[0]!] : undefined;
    const isSame = only !== undefined && only.every((one) => reasoner.implies(literals, one)) &&
      literals.every((one) => reasoner.implies(only, one));
    found.push({ kind: "covered", index, by: by.toSorted((a, b) => a - b), isSame });
  }
  return found;
}

interface Candidate {
  readonly index: number;
  readonly literals: readonly Literal[];
}

/** Of rules that cover a claim together, those that are needed for it: their indices. */
function least(reasoner: Reasoner, known: readonly Literal[], rules: readonly Candidate[]): readonly number[] {
  for (const rule of rules.length > 1 ? rules : []) {
    const others = rules.filter((one) => one !== rule);
    if (cover(reasoner, known, others, splitsMax) !== null) return least(reasoner, known, others);
  }
  return rules.map(({ index }) => index);
}

/** Rules of which one matches wherever all of `known` holds; null when that cannot be shown. */
function cover(
  reasoner: Reasoner,
  known: readonly Literal[],
  rules: readonly Candidate[],
  splits: number,
): readonly number[] | null {
  const nearly: { readonly rule: Candidate; readonly open: Literal }[] = [];
  for (const rule of rules) {
    const open = rule.literals.filter((one) => !reasoner.implies(known, one));
    if (open.length === 0) return [rule.index];
    if (open.length === 1) nearly.push({ rule, open: open[0]! });
  }
  if (splits === 0) return null;
  for (const { rule, open } of nearly) {
    // Only where this test fails do the other rules have to match.
    const rest = [...known, negate(open)];
    if (reasoner.contradiction(rest) !== null) return [rule.index];
    const others = cover(reasoner, rest, rules.filter((one) => one !== rule), splits - 1);
    if (others !== null) return [rule.index, ...others];
  }
  return null;
}
