/** Rules as claims about an envelope, and what one claim says about another: the reasoning behind "this rule can never
 * match". All of it is proven for every envelope; what cannot be proven is not claimed. */

import { assertNever } from "../fault.ts";
import {
  domainsOfMailaddrs,
  entriesCover,
  entriesExclude,
  entriesMatchAll,
  type EntryKind,
  type EntrySet,
  readEntries,
} from "./check_entry.ts";
import { builtinTable, type Criterion, type Policy, type Rule, type TableName } from "./policy.ts";

/** What a rule asks of one side of an envelope. */
export type Atom =
  /** A fact of the envelope is in a table. */
  | { readonly kind: "table"; readonly about: About; readonly match: EntryKind; readonly table: TableName }
  /** The address did not come out of an expansion; the mail came by the submission socket; the peer's name is known, for
   * `from rdns` without a table and with one; somebody authenticated; the session runs over TLS. */
  | { readonly kind: "external" | "socket" | "named" | "hasName" | "authenticated" | "tls" };

/** Facts of an envelope that are looked up. */
export type About = "tag" | "address" | "rdns" | "domain" | "helo" | "username" | "sender" | "dest";

/** An atom that holds, or does not. */
export interface Literal {
  /** The claim. */
  readonly atom: Atom;
  /** It is that the atom does not hold. */
  readonly negated: boolean;
}

/** Entries of a table that never change while the daemon runs; null for one that may. */
export type FixedEntries = (table: TableName) => readonly string[] | null;

/** Entries of tables that stand in the configuration itself. */
export function fixedEntries(policy: Policy): FixedEntries {
  return (table) => {
    const spec = policy.tables[table];
    return spec?.kind === "static" ? spec.entries.map(([key]) => key) : null;
  };
}

/** What a rule claims: it matches exactly the envelopes for which all of it holds. */
export function literalsOf(rule: Rule): readonly Literal[] {
  return [
    ...test("tag", "string", rule.tag),
    ...fromLiterals(rule),
    ...forLiterals(rule),
    ...test("helo", "domain", rule.helo),
    ...authLiterals(rule),
    ...(rule.tls === null ? [] : [claim({ kind: "tls" }, !rule.tls)]),
    ...test("sender", "mailaddr", rule.mailFrom),
    ...test("dest", "mailaddr", rule.rcptTo),
  ];
}

/** The claim turned around. */
export function negate({ atom, negated }: Literal): Literal {
  return { atom, negated: !negated };
}

/** Reasons about the claims of one policy. */
export class Reasoner {
  readonly #entries: FixedEntries;
  readonly #delimiter: string;
  readonly #sets = new Map<string, EntrySet | null>();
  readonly #known = new Map<EntrySet, Readonly<Record<">" | "!", Map<EntrySet, boolean>>>>();

  /** Tables that may change are compared by their names only. */
  constructor(policy: Policy) {
    this.#entries = fixedEntries(policy);
    this.#delimiter = policy.smtp.subAddressDelimiter;
  }

  /** Does `wanted` hold wherever all of `known` hold? */
  implies(known: readonly Literal[], wanted: Literal): boolean {
    return this.#isAlways(wanted) || known.some((one) => this.#follows(one, wanted));
  }

  /** Is there no envelope at all for which they hold together? Then the two that exclude each other come back. */
  contradiction(literals: readonly Literal[]): readonly [Literal, Literal] | null {
    for (const [index, one] of literals.entries()) {
      const against = negate(one);
      const other = literals.slice(0, index).find((earlier) => this.#follows(earlier, against));
      if (other !== undefined) return [other, one];
      if (this.#isAlways(against)) return [one, one];
    }
    return null;
  }

  #isAlways({ atom, negated }: Literal): boolean {
    // Nobody has the empty name, and HELO may give none.
    if (negated || atom.kind !== "table" || atom.about === "username") return false;
    if (atom.about === "helo" && atom.match === "domain") return false;
    const entries = this.#entries(atom.table);
    return entries !== null && entriesMatchAll(atom.match, entries);
  }

  #follows(known: Literal, wanted: Literal): boolean {
    const [a, b] = [known.atom, wanted.atom];
    if (known.negated) {
      if (wanted.negated) return this.#covers(a, b);
      return b.kind === "external" && this.#holdsLocal(a) === true;
    }
    return wanted.negated ? this.#excludes(a, b) || this.#excludes(b, a) : this.#covers(b, a);
  }

  /** Does `outer` hold wherever `inner` does? */
  #covers(outer: Atom, inner: Atom): boolean {
    if (outer.kind === "table") {
      if (inner.kind === "socket") return this.#holdsLocal(outer) === true;
      return inner.kind === "table" && this.#tableCovers(outer, inner);
    }
    if (outer.kind === inner.kind) return true;
    if (outer.kind === "hasName") return inner.kind === "named";
    return outer.kind === "authenticated" && inner.kind === "table" && inner.about === "username";
  }

  #tableCovers(outer: TableAtom, inner: TableAtom): boolean {
    if (outer.about === inner.about && outer.match === inner.match && outer.table === inner.table) return true;
    const kind = comparedAs(outer, inner);
    if (kind === null) return false;
    const [wide, narrow] = [this.#read(outer, kind), this.#read(inner, kind)];
    if (wide === null || narrow === null) return false;
    return this.#remember(">", wide, narrow, () => entriesCover(wide, narrow, this.#delimiter));
  }

  /** Can the two never hold together? */
  #excludes(a: Atom, b: Atom): boolean {
    if (a.kind === "socket" && b.kind === "table") return this.#holdsLocal(b) === false;
    if (a.kind !== "table" || b.kind !== "table") return false;
    const kind = comparedAs(a, b);
    if (kind === null) return false;
    const [one, other] = [this.#read(a, kind), this.#read(b, kind)];
    if (one === null || other === null) return false;
    return this.#remember("!", one, other, () => entriesExclude(one, other, this.#delimiter));
  }

  /** Does a test of the peer's address hold for the word `local`? Null for another atom, or when it may change. */
  #holdsLocal(atom: Atom): boolean | null {
    if (atom.kind !== "table" || atom.about !== "address" || atom.match !== "netaddr") return null;
    return this.#entries(atom.table)?.some((entry) => entry.toLowerCase() === "local") ?? null;
  }

  /** Entries of an atom's table, to be compared with those of another: domains and addresses as either. Null when they
   * may change, or say nothing in that form. */
  #read(atom: TableAtom, kind: EntryKind): EntrySet | null {
    const name = `${kind} ${atom.match} ${atom.table}`;
    let set = this.#sets.get(name);
    if (set === undefined) {
      const keys = this.#entries(atom.table);
      const fitting = keys === null || atom.match === kind
        ? keys
        : kind === "mailaddr"
        ? keys.map((domain) => `@${domain}`)
        : domainsOfMailaddrs(keys);
      this.#sets.set(name, set = fitting === null ? null : readEntries(kind, fitting));
    }
    return set;
  }

  /** Long tables are compared once. */
  #remember(what: ">" | "!", a: EntrySet, b: EntrySet, decide: () => boolean): boolean {
    if (a.entries.length * b.entries.length <= quickMax) return decide();
    let known = this.#known.get(a);
    if (known === undefined) this.#known.set(a, known = { ">": new Map(), "!": new Map() });
    let answer = known[what].get(b);
    if (answer === undefined) known[what].set(b, answer = decide());
    return answer;
  }
}

/** Pairs of entries that are compared anew each time. */
const quickMax = 16;

/** How the entries of two tables compare; null when they are about different things. */
function comparedAs(outer: TableAtom, inner: TableAtom): EntryKind | null {
  if (outer.about === inner.about) return outer.match === inner.match ? outer.match : null;
  const isMixed = (outer.about === "domain" && outer.match === "domain" && inner.about === "dest" &&
    inner.match === "mailaddr") ||
    (outer.about === "dest" && outer.match === "mailaddr" && inner.about === "domain" && inner.match === "domain");
  return isMixed ? outer.match : null;
}

type TableAtom = Extract<Atom, { readonly kind: "table" }>;

function claim(atom: Atom, negated: boolean): Literal {
  return { atom, negated };
}

function test(about: About, match: EntryKind, criterion: Criterion | null): readonly Literal[] {
  if (criterion === null) return [];
  const { table, regex, negated } = criterion;
  return [claim({ kind: "table", about, match: regex ? "regex" : match, table }, negated)];
}

function inTable(about: About, match: EntryKind, table: TableName, negated: boolean): readonly Literal[] {
  return test(about, match, { table, regex: false, negated });
}

function fromLiterals({ from }: Rule): readonly Literal[] {
  switch (from.kind) {
    case "any":
      return [];
    case "local":
      return inTable("address", "netaddr", builtinTable.localhost, from.negated);
    case "socket":
      return [claim({ kind: "external" }, false), claim({ kind: "socket" }, from.negated)];
    case "src":
      return test("address", "netaddr", from.criterion);
    case "rdns":
      return from.criterion === null
        ? [claim({ kind: "external" }, false), claim({ kind: "named" }, from.negated)]
        // A peer without a name does not match, negated or not.
        : [claim({ kind: "hasName" }, false), ...test("rdns", "domain", from.criterion)];
    default:
      return assertNever(from);
  }
}

function forLiterals(rule: Rule): readonly Literal[] {
  switch (rule.for.kind) {
    case "any":
      return [];
    case "local":
      return inTable("domain", "domain", builtinTable.localnames, rule.for.negated);
    case "domain":
      return test("domain", "domain", rule.for.criterion);
    default:
      return assertNever(rule.for);
  }
}

function authLiterals({ auth }: Rule): readonly Literal[] {
  if (auth === null) return [];
  return auth.kind === "any"
    ? [claim({ kind: "authenticated" }, auth.negated)]
    : test("username", "username", auth.criterion);
}
