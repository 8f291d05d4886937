/** Which rule decides about an envelope: the first `match` line whose every option holds. */

import { assertNever, Fault } from "../fault.ts";
import type { Mailbox, ReversePath } from "../mail/address.ts";
import type { Service, Table } from "../table/table.ts";
import type { Tracer } from "./trace.ts";
import { builtinTable, type Criterion, type Policy, type Rule, type TableName } from "./policy.ts";

/** Where a message came from: facts of the session that rules can test. Kept with its envelopes, for `match` at bounce
 * time, Received fields and `show envelope`. */
export interface Origin {
  /** Peer address text: `192.0.2.1`, `[2001:db8::1]`, or `local` for the submission socket. */
  readonly address: string;
  /** Reverse name of the peer, or `<unknown>`. */
  readonly hostname: string;
  /** Name given with HELO or EHLO. */
  readonly helo: string;
  /** Our own name on the listener that took it. */
  readonly smtpName: string;
  /** Tag of the listener, empty for none. */
  readonly tag: string;
  /** Authenticated user, empty for none. */
  readonly username: string;
  /** The session ran over TLS. */
  readonly tls: boolean;
}

/** What a rule is tried on. */
export interface Subject {
  /** Facts of the session. */
  readonly origin: Origin;
  /** The address came out of an expansion, so it is our own mail: `from` sees `local`. */
  readonly isInternal: boolean;
  /** The sender of the transaction. */
  readonly sender: ReversePath;
  /** The address as expanded so far. */
  readonly dest: Mailbox;
}

/** Where tables are found. */
export interface TableLookup {
  /** The open table of that name; the name is one of `Policy.tables`. */
  table(name: TableName): Table;
}

/** What came of it. `failed` means that a table could not answer: evaluation stopped there. */
export type MatchResult =
  | { readonly kind: "rule"; readonly rule: Rule; readonly index: number }
  | { readonly kind: "none" }
  | { readonly kind: "failed"; readonly fault: Fault };

/** Finds the first rule that matches. Options of a rule are tried in the order tag, from, for, mail-from, rcpt-to;
 * each distinct look-up is made once. Negation turns a definite answer around and leaves a failure a failure.
 * A rule `from socket` never matches an expanded address, negated or not. */
export async function matchRule(
  subject: Subject,
  policy: Policy,
  tables: TableLookup,
  _trace: { readonly node: number; readonly tell: NonNullable<Tracer> } | null = null,
): Promise<MatchResult> {
  const { rules, questions } = compilePolicy(policy);
  const answers = new Array<boolean | undefined>(questions.length);
  try {
    next: for (let index = 0; index < rules.length; index++) {
      const { rule, tests } = rules[index]!;
      for (const test of tests) {
        let holds: boolean;
        if (test.kind === "socket") {
          if (subject.isInternal) continue next;
          holds = subject.origin.address === "local";
        } else {
          holds = answers[test.question] ??= await ask(questions[test.question]!, subject, tables);
        }
        if (holds === test.negated) continue next;
      }
      return { kind: "rule", rule, index };
    }
  } catch (error) {
    if (error instanceof Fault) return { kind: "failed", fault: error };
    throw error;
  }
  return { kind: "none" };
}

/** The rules of a policy, made ready for `matchRule`. Calling this is a matter of speed only: it is done once per
 * policy and remembered. */
export function compilePolicy(policy: Policy): CompiledPolicy {
  let compiled = compiledPolicies.get(policy);
  if (compiled === undefined) {
    const questions: Question[] = [];
    const rules = policy.rules.map((rule) => ({ rule, tests: compileRule(rule, questions) }));
    compiled = { rules, questions };
    compiledPolicies.set(policy, compiled);
  }
  return compiled;
}

/** Rules as lists of tests, and the look-ups that they share. */
export interface CompiledPolicy {
  /** In the order of the file. */
  readonly rules: readonly { readonly rule: Rule; readonly tests: readonly Test[] }[];
  /** Each look-up once. */
  readonly questions: readonly Question[];
}

/** One option of a rule: a claim about the submission socket, or about a look-up. */
export type Test =
  | { readonly kind: "socket"; readonly negated: boolean }
  /** `question` counts in `CompiledPolicy.questions`. */
  | { readonly kind: "table"; readonly question: number; readonly negated: boolean };

/** A look-up. */
export interface Question {
  /** What is looked up: the listener's tag, the peer, or one of the addresses. */
  readonly about: "tag" | "address" | "domain" | "sender" | "dest";
  /** How keys match. */
  readonly service: Service;
  /** Where to look. */
  readonly table: TableName;
}

const compiledPolicies = new WeakMap<Policy, CompiledPolicy>();

function compileRule(rule: Rule, questions: Question[]): readonly Test[] {
  const tests: Test[] = [];
  const add = (about: Question["about"], service: Service, criterion: Criterion | null): void => {
    if (criterion === null) return;
    const question = { about, service: criterion.regex ? "regex" as const : service, table: criterion.table };
    tests.push({ kind: "table", question: indexOf(questions, question), negated: criterion.negated });
  };
  add("tag", "string", rule.tag);
  switch (rule.from.kind) {
    case "any":
      break;
    case "local":
      add("address", "netaddr", { table: builtinTable.localhost, regex: false, negated: rule.from.negated });
      break;
    case "socket":
      tests.push({ kind: "socket", negated: rule.from.negated });
      break;
    case "src":
      add("address", "netaddr", rule.from.criterion);
      break;
    case "rdns":
      break;
    default:
      assertNever(rule.from);
  }
  switch (rule.for.kind) {
    case "any":
      break;
    case "local":
      add("domain", "domain", { table: builtinTable.localnames, regex: false, negated: rule.for.negated });
      break;
    case "domain":
      add("domain", "domain", rule.for.criterion);
      break;
    default:
      assertNever(rule.for);
  }
  add("sender", "mailaddr", rule.mailFrom);
  add("dest", "mailaddr", rule.rcptTo);
  return tests;
}

/** Finds or adds a question, so that rules with the same one share its answer. */
function indexOf(questions: Question[], question: Question): number {
  const known = questions.findIndex((other) =>
    other.about === question.about && other.service === question.service && other.table === question.table
  );
  return known !== -1 ? known : questions.push(question) - 1;
}

function ask(question: Question, subject: Subject, tables: TableLookup): Promise<boolean> {
  return tables.table(question.table).check(question.service, textOf(question.about, subject));
}

function textOf(about: Question["about"], { origin, isInternal, sender, dest }: Subject): string {
  switch (about) {
    case "tag":
      return origin.tag;
    case "address":
      return isInternal ? "local" : origin.address;
    case "domain":
      return dest.domain;
    case "sender":
      return sender === null ? "@" : `${sender.localPart}@${sender.domain}`;
    case "dest":
      return `${dest.localPart}@${dest.domain}`;
  }
}
