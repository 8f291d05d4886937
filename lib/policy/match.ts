/** Which rule decides about an envelope: the first `match` line whose every option holds. */

import { assertNever, Fault } from "../fault.ts";
import type { Mailbox, ReversePath } from "../mail/address.ts";
import type { Service, Table } from "../table/table.ts";
import { builtinTable, type Criterion, type Policy, type Rule, type TableName } from "./policy.ts";
import { unknownHostname } from "./hostname.ts";
import { negate, optionTexts, type RulePart, ruleText, shortTables, triedOrder } from "./rule_text.ts";
import type { RuleTest, Tracer } from "./trace.ts";

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

/** Where tables are found, and names of peers. */
export interface TableLookup {
  /** The open table of that name; the name is one of `Policy.tables`. */
  table(name: TableName): Table;
  /** The name that the DNS has for a peer, in lower case; `address` is as in `Origin.address`. Null when it has none, or
   * does not say in time. Never rejects. */
  reverseName(address: string): Promise<string | null>;
}

/** What came of it. `failed` means that a table could not answer: evaluation stopped there. */
export type MatchResult =
  | { readonly kind: "rule"; readonly rule: Rule; readonly index: number }
  | { readonly kind: "none" }
  | { readonly kind: "failed"; readonly fault: Fault };

/** Who is told of rules, and the element of the expansion that they are tried on; null for nobody. Of look-ups it is
 * told by the tables (trace_tables.ts). */
export type MatchTrace = { readonly node: number; readonly tell: NonNullable<Tracer> } | null;

/** Finds the first rule that matches. Options of a rule are tried in the order tag, from, for, helo, auth, tls, mail-from,
 * rcpt-to; each distinct look-up is made once. Negation turns a definite answer around and leaves a failure a failure.
 * A rule `from socket` or `from rdns` without a table never matches an expanded address, negated or not, nor does
 * `from rdns` with a table match a peer without a name. */
export async function matchRule(
  subject: Subject,
  policy: Policy,
  tables: TableLookup,
  trace: MatchTrace = null,
): Promise<MatchResult> {
  const { rules, questions } = compilePolicy(policy);
  const answers = new Array<Answer | undefined>(questions.length);
  const run: Run = { subject, policy, tables, trace, name: undefined };
  let index = 0;
  /** Tests of the rule that were begun. */
  let count = 0;
  try {
    next: for (; index < rules.length; index++) {
      const { rule, tests } = rules[index]!;
      count = 0;
      for (const test of tests) {
        count++;
        const answer = test.kind === "fact"
          ? decide(test.fact, subject)
          : answers[test.question] ??= await ask(questions[test.question]!, run);
        if (answer !== "never" && answer !== test.negated) continue;
        if (trace !== null) tellRule(run, index, count, "no");
        continue next;
      }
      if (trace !== null) tellRule(run, index, count, "matched");
      return { kind: "rule", rule, index };
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (trace !== null) tellRule(run, index, count, "failed");
    return { kind: "failed", fault: error };
  }
  return { kind: "none" };
}

/** What one evaluation works with. */
interface Run {
  readonly subject: Subject;
  readonly policy: Policy;
  readonly tables: TableLookup;
  readonly trace: MatchTrace;
  /** What the DNS says of the peer, once it has been asked. */
  name: string | null | undefined;
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

/** One option of a rule: a claim about the session that needs no look-up, or about the answer to one. */
export type Test =
  & { readonly part: RulePart; readonly negated: boolean }
  & (
    | { readonly kind: "fact"; readonly fact: "socket" | "auth" | "tls" }
    /** `question` counts in `CompiledPolicy.questions`. */
    | { readonly kind: "question"; readonly question: number }
  );

/** A look-up. */
export interface Question {
  /** What is looked up: a fact of the session, or one of the addresses. */
  readonly about: "tag" | "address" | "hostname" | "domain" | "helo" | "username" | "sender" | "dest";
  /** How keys match. A user's name that is an address is looked up as one all the same. */
  readonly service: Service;
  /** Where to look. Null asks whether there is such a thing at all. */
  readonly table: TableName | null;
}

/** `never`: the rule does not match, whether or not it says `!`. */
type Answer = boolean | "never";

const compiledPolicies = new WeakMap<Policy, CompiledPolicy>();

function compileRule(rule: Rule, questions: Question[]): readonly Test[] {
  const tests: Test[] = [];
  const ask = (part: RulePart, question: Question, negated: boolean): void => {
    tests.push({ kind: "question", part, question: indexOf(questions, question), negated });
  };
  const add = (part: RulePart, about: Question["about"], service: Service, criterion: Criterion | null): void => {
    if (criterion === null) return;
    ask(part, { about, service: criterion.regex ? "regex" : service, table: criterion.table }, criterion.negated);
  };
  add("tag", "tag", "string", rule.tag);
  switch (rule.from.kind) {
    case "any":
      break;
    case "local":
      ask("from", { about: "address", service: "netaddr", table: builtinTable.localhost }, rule.from.negated);
      break;
    case "socket":
      tests.push({ kind: "fact", part: "from", fact: "socket", negated: rule.from.negated });
      break;
    case "src":
      add("from", "address", "netaddr", rule.from.criterion);
      break;
    case "rdns":
      // OpenSMTPD compares names as addresses here, so that its wildcards do not work.
      if (rule.from.criterion !== null) add("from", "hostname", "domain", rule.from.criterion);
      else ask("from", { about: "hostname", service: "domain", table: null }, rule.from.negated);
      break;
    default:
      assertNever(rule.from);
  }
  switch (rule.for.kind) {
    case "any":
      break;
    case "local":
      ask("for", { about: "domain", service: "domain", table: builtinTable.localnames }, rule.for.negated);
      break;
    case "domain":
      add("for", "domain", "domain", rule.for.criterion);
      break;
    default:
      assertNever(rule.for);
  }
  add("helo", "helo", "domain", rule.helo);
  if (rule.auth?.kind === "any") tests.push({ kind: "fact", part: "auth", fact: "auth", negated: rule.auth.negated });
  else if (rule.auth !== null) add("auth", "username", "string", rule.auth.criterion);
  if (rule.tls !== null) tests.push({ kind: "fact", part: "tls", fact: "tls", negated: !rule.tls });
  add("mail-from", "sender", "mailaddr", rule.mailFrom);
  add("rcpt-to", "dest", "mailaddr", rule.rcptTo);
  return tests;
}

/** Finds or adds a question, so that rules with the same one share its answer. */
function indexOf(questions: Question[], question: Question): number {
  const known = questions.findIndex((other) =>
    other.about === question.about && other.service === question.service && other.table === question.table
  );
  return known !== -1 ? known : questions.push(question) - 1;
}

/** What needs no look-up. */
function decide(fact: "socket" | "auth" | "tls", { origin, isInternal }: Subject): Answer {
  switch (fact) {
    case "socket":
      return isInternal ? "never" : origin.address === "local";
    case "auth":
      return isAuthenticated(origin);
    case "tls":
      return origin.tls;
  }
}

/** Who hands in mail on this machine is known to it. */
function isAuthenticated(origin: Origin): boolean {
  return origin.username !== "" || origin.address === "local";
}

async function ask(question: Question, run: Run): Promise<Answer> {
  const { subject, tables } = run;
  const { about, table } = question;
  if (about === "hostname" && subject.isInternal && table === null) return "never";
  const key = about === "hostname" ? await nameOfPeer(run) : textOf(about, subject);
  if (table === null) return key !== null;
  if (key === null) return "never";
  // Nobody has the empty name, but a regular expression may well match it.
  if (about === "username" && key === "") return false;
  const service = about === "username" && question.service === "string" && key.includes("@")
    ? "mailaddr"
    : question.service;
  return await tables.table(table).check(service, key);
}

/** Null when it is not known. An expanded address comes from here. */
async function nameOfPeer(run: Run): Promise<string | null> {
  const { subject, tables, trace } = run;
  const { address, hostname } = subject.origin;
  if (subject.isInternal) return "local";
  if (hostname !== unknownHostname) return hostname;
  if (address === "local") return null;
  if (run.name !== undefined) return run.name;
  const name = run.name = await tables.reverseName(address);
  const text = name === null ? `no name is known for ${address}` : `${address} is ${name} in the DNS`;
  trace?.tell({ kind: "note", node: trace.node, text });
  return name;
}

function textOf(about: Exclude<Question["about"], "hostname">, { origin, isInternal, sender, dest }: Subject): string {
  switch (about) {
    case "tag":
      return origin.tag;
    case "address":
      return isInternal ? "local" : origin.address;
    case "domain":
      return dest.domain;
    case "helo":
      return origin.helo;
    case "username":
      return origin.username;
    case "sender":
      return sender === null ? "@" : `${sender.localPart}@${sender.domain}`;
    case "dest":
      return `${dest.localPart}@${dest.domain}`;
  }
}

/** Tells the tracer of a rule and those of its tests that were made: all but the last of them hold. */
function tellRule(run: Run, index: number, count: number, verdict: "matched" | "no" | "failed"): void {
  const { policy, subject, trace } = run;
  const { rules, questions } = compilePolicy(policy);
  const { rule, tests } = rules[index]!;
  if (trace === null) return;
  const options = optionTexts(rule, shortTables(policy));
  const made = tests.slice(0, count).map((test, i): RuleTest => ({
    option: negate(options[test.part], test.negated),
    subject: subjectText(test, questions, subject),
    holds: i < count - 1 || verdict === "matched" ? true : verdict === "no" ? false : null,
  }));
  const { place } = rule;
  const text = ruleText(rule, policy, triedOrder);
  trace.tell({ kind: "rule", node: trace.node, index, place, text, verdict, tests: made });
}

/** What a test is made on, for people. */
function subjectText(test: Test, questions: readonly Question[], subject: Subject): string {
  const { origin, isInternal } = subject;
  if (test.kind === "fact") {
    switch (test.fact) {
      case "socket":
        return isInternal ? "an expanded address" : origin.address;
      case "auth":
        return isAuthenticated(origin) ? origin.username || "local" : "nobody";
      case "tls":
        return origin.tls ? "TLS" : "clear text";
    }
  }
  const { about } = questions[test.question]!;
  if (about !== "hostname") return textOf(about, subject);
  return isInternal ? "an expanded address" : origin.hostname === unknownHostname ? origin.address : origin.hostname;
}
