/** What a recipient stands for: from the address of RCPT TO through rules, aliases and virtual maps to users of this
 * machine and addresses elsewhere. */

import { assert, assertNever, describeError, Fault } from "../fault.ts";
import { formatMailbox, type ForwardPath, type Mailbox, type ReversePath } from "../mail/address.ts";
import { parseDomain } from "../mail/domain.ts";
import { replies, type Reply } from "../smtp/reply.ts";
import { type ExpansionNode, parseExpansionLines, parseExpansionValue } from "./alias.ts";
import { matchRule, type Origin, type TableLookup } from "./match.ts";
import type { LocalAction, Policy, TableName } from "./policy.ts";

/** A recipient that a client asks for. */
export interface Candidate {
  /** Facts of the session. */
  readonly origin: Origin;
  /** The argument of MAIL FROM. */
  readonly sender: ReversePath;
  /** The argument of RCPT TO. */
  readonly rcpt: ForwardPath;
}

/** Where expansion finds tables and the files that they include. */
export interface TableSource extends TableLookup {
  /** Text of a file that an alias includes; null when there is none. Rejects with a `Fault` when it cannot be read. */
  readInclude(path: string): Promise<string | null>;
}

/** One envelope to be. */
export type Target =
  | {
    readonly kind: "local";
    /** Name in `Policy.actions`. */
    readonly action: string;
    /** The nearest address that led here. */
    readonly dest: Mailbox;
    /** Key of the action's userbase, in lower case. */
    readonly user: string;
    /** The tag without its delimiter, empty for none. */
    readonly subAddress: string;
  }
  | { readonly kind: "relay"; readonly action: string; readonly dest: Mailbox };

/** The answer for the whole recipient: all its targets, or none and why. */
export type Expansion =
  | {
    readonly kind: "targets";
    /** At least one, no two alike. */
    readonly targets: readonly Target[];
    /** For the log: what was skipped. */
    readonly warnings: readonly string[];
  }
  | {
    readonly kind: "refused";
    readonly reply: Reply;
    /** For the log: names tables and aliases, which the reply does not. */
    readonly reason: string;
  };

/** Nodes at this depth are not expanded any more. The recipient itself is at depth 0. */
export const expansionDepthMax = 10;
/** Most nodes of one expansion. */
export const expansionNodesMax = 1000;

/** Expands one recipient, breadth first. The first node that fails refuses the whole recipient, so that a list never
 * goes out in part. Never rejects for what a table says or fails to say. */
export async function expandRecipient(
  candidate: Candidate,
  policy: Policy,
  tables: TableSource,
): Promise<Expansion> {
  const run: Run = {
    candidate,
    policy,
    tables,
    delimiter: policy.smtp.subAddressDelimiter,
    queue: [],
    seen: new Set(),
    count: 0,
    targets: new Map(),
    warnings: [],
  };
  run.queue.push(makeAddressNode(run, candidate.rcpt, null));
  for (let i = 0; i < run.queue.length; i++) {
    const refusal = await visit(run, run.queue[i]!);
    if (refusal !== null) return refusal;
  }
  if (run.targets.size === 0) return refuseExpansion(run, "the expansion came to nothing");
  return { kind: "targets", targets: [...run.targets.values()], warnings: run.warnings };
}

type Refusal = Expansion & { readonly kind: "refused" };

/** State of one expansion. */
interface Run {
  readonly candidate: Candidate;
  readonly policy: Policy;
  readonly tables: TableSource;
  readonly delimiter: string;
  readonly queue: Node[];
  /** Identities of nodes queued so far: with the depth limit the guard against loops. */
  readonly seen: Set<string>;
  count: number;
  readonly targets: Map<string, Target>;
  readonly warnings: string[];
}

/** An element of a value once files are included. */
type PlainNode = Exclude<ExpansionNode, { kind: "include" }>;

/** A node on its way through the queue. */
type Node = AddressNode | LeafNode;

interface AddressNode {
  readonly kind: "address";
  /** Tells apart the addresses of one expansion. */
  readonly id: number;
  readonly mailbox: Mailbox;
  readonly depth: number;
  readonly parent: Node | null;
  /** Set when a rule has decided: nodes below live under this action. */
  action: LocalAction | null;
}

/** Everything that is not an address, below one. */
interface LeafNode {
  readonly kind: "leaf";
  readonly value: Exclude<PlainNode, { kind: "address" }>;
  readonly depth: number;
  readonly parent: Node;
  /** The nearest address above. */
  readonly anchor: AddressNode;
  /** A user whose own entry names him again: his mail goes to him. */
  readonly isSameUser: boolean;
}

async function visit(run: Run, node: Node): Promise<Refusal | null> {
  if (node.depth >= expansionDepthMax) return refuseExpansion(run, `more than ${expansionDepthMax} steps deep`);
  if (node.kind === "address") return await visitAddress(run, node);
  switch (node.value.kind) {
    case "username":
      return await visitUser(run, node, node.value.name);
    case "error":
      return { kind: "refused", reply: replyOf(node.value), reason: "the table says so" };
    case "file":
    case "command":
      return refuseForNow(run, "file and command deliveries are not supported yet");
    default:
      return assertNever(node.value);
  }
}

async function visitAddress(run: Run, node: AddressNode): Promise<Refusal | null> {
  const { origin, sender, rcpt } = run.candidate;
  const subject = { origin, sender, dest: node.mailbox, isInternal: node.parent !== null };
  const match = await matchRule(subject, run.policy, run.tables);
  if (match.kind === "failed") return refuseForNow(run, describeError(match.fault));
  if (match.kind === "none") return refuseRelay(rcpt, `no rule matches ${formatMailbox(node.mailbox)}`);
  if (match.rule.outcome.kind === "reject") {
    return refuseRelay(rcpt, `rule on line ${match.rule.place.line} rejects ${formatMailbox(node.mailbox)}`);
  }
  const action = run.policy.actions[match.rule.outcome.name];
  assert(action !== undefined, `action ${match.rule.outcome.name} exists`);
  if (action.kind === "relay") {
    addTarget(run, { kind: "relay", action: action.name, dest: node.mailbox });
    return null;
  }
  node.action = action;
  const localPart = node.mailbox.localPart.toLowerCase();
  if (action.virtual === null) return addChildren(run, node, [{ kind: "username", name: localPart }]);
  const keys = virtualKeys(localPart, node.mailbox.domain, run.delimiter);
  const found = await lookUp(run, action.virtual, keys);
  if (found.kind === "failed") return refuse(replies.temporaryExpansionProblem(formatMailbox(rcpt)), found.reason);
  if (found.nodes.length > 0) return addChildren(run, node, found.nodes);
  const reason = `${formatMailbox(node.mailbox)} is not in table ${action.virtual}`;
  // OpenSMTPD answers 524 here as well. A mailbox that does not exist is 550 5.1.1 (RFC 3463 §3.2).
  return node.depth === 0 ? refuseRecipient(rcpt, reason) : refuseExpansion(run, reason);
}

async function visitUser(run: Run, node: LeafNode, name: string): Promise<Refusal | null> {
  const { rcpt } = run.candidate;
  const action = node.anchor.action;
  assert(action !== null, "a user lives under a local action");
  const table = action.alias ?? action.virtual;
  if (!node.isSameUser && table !== null) {
    const keys = action.alias !== null ? aliasKeys(name, run.delimiter) : virtualKeys(name, "", run.delimiter);
    const found = await lookUp(run, table, keys);
    if (found.kind === "failed") return refuseForNow(run, found.reason);
    if (found.nodes.length > 0) return addChildren(run, node, found.nodes);
  }
  const cut = name.indexOf(run.delimiter);
  const user = cut === -1 ? name : name.slice(0, cut);
  const subAddress = cut === -1 ? "" : name.slice(cut + 1);
  try {
    const info = await run.tables.table(action.userbase).lookup("userinfo", user);
    if (info === null) return refuseRecipient(rcpt, `no user ${user} in table ${action.userbase}`);
  } catch (error) {
    return refuseForNow(run, faultText(error));
  }
  addTarget(run, { kind: "local", action: action.name, dest: node.anchor.mailbox, user, subAddress });
  return null;
}

/** Keys of an alias table for a user, most exact first. The name is in lower case. */
export function aliasKeys(name: string, delimiter: string): readonly string[] {
  const cut = name.indexOf(delimiter);
  return cut === -1 ? [name] : [name, name.slice(0, cut)];
}

/** Keys of a virtual table for an address, most exact first; the domain is empty for a user. All in lower case. */
export function virtualKeys(localPart: string, domain: string, delimiter: string): readonly string[] {
  const cut = localPart.indexOf(delimiter);
  const user = cut === -1 ? localPart : localPart.slice(0, cut);
  const isTagged = cut !== -1 && cut + delimiter.length < localPart.length;
  const keys = isTagged
    ? [`${localPart}@${domain}`, `${user}@${domain}`, localPart, user]
    : [`${user}@${domain}`, user];
  // Without a domain there is nothing that a catch-all could catch.
  if (domain !== "") keys.push(`@${domain}`, "@");
  return keys;
}

type Found =
  | { readonly kind: "nodes"; readonly nodes: readonly PlainNode[] }
  | { readonly kind: "failed"; readonly reason: string };

/** The value of the first key that the table has; no nodes when it has none. */
async function lookUp(run: Run, name: TableName, keys: readonly string[]): Promise<Found> {
  const table = run.tables.table(name);
  try {
    for (const key of keys) {
      const text = await table.lookup("alias", key);
      if (text === null) continue;
      const value = parseExpansionValue(text);
      if (value.kind === "ok") return await includeFiles(run, value.nodes);
      return { kind: "failed", reason: `entry ${key} of table ${name}: ${value.message}` };
    }
  } catch (error) {
    return { kind: "failed", reason: faultText(error) };
  }
  return { kind: "nodes", nodes: [] };
}

/** Puts the elements of included files in the place of the words that include them. */
async function includeFiles(run: Run, nodes: readonly ExpansionNode[]): Promise<Found> {
  const all: PlainNode[] = [];
  for (const node of nodes) {
    if (node.kind !== "include") {
      all.push(node);
      continue;
    }
    const text = await run.tables.readInclude(node.path);
    if (text === null) {
      run.warnings.push(`included file ${node.path} does not exist`);
      continue;
    }
    const lines = parseExpansionLines(text);
    if (lines.kind === "error") return { kind: "failed", reason: `${node.path}:${lines.line}: ${lines.message}` };
    for (const one of lines.nodes) {
      if (one.kind !== "include") all.push(one);
      else run.warnings.push(`${node.path} includes ${one.path}: an included file includes nothing more`);
    }
  }
  return { kind: "nodes", nodes: all };
}

function addChildren(run: Run, parent: Node, values: readonly PlainNode[]): Refusal | null {
  for (const value of values) {
    if (++run.count > expansionNodesMax) {
      const reply = replies.temporaryExpansionProblem(formatMailbox(run.candidate.rcpt));
      return refuse(reply, `more than ${expansionNodesMax} elements`);
    }
    const node = makeChild(run, parent, value);
    if (node === null) return refuseForNow(run, "an address of the expansion has a bad domain");
    const identity = identityOf(node);
    if (run.seen.has(identity)) continue;
    run.seen.add(identity);
    run.queue.push(node);
  }
  return null;
}

function makeAddressNode(run: Run, mailbox: Mailbox, parent: Node | null): AddressNode {
  const depth = parent === null ? 0 : parent.depth + 1;
  return { kind: "address", id: run.queue.length, mailbox, parent, depth, action: null };
}

function makeChild(run: Run, parent: Node, value: PlainNode): Node | null {
  if (value.kind === "address") {
    const domain = parseDomain(value.domain);
    return domain === null ? null : makeAddressNode(run, { localPart: value.localPart, domain }, parent);
  }
  const anchor = anchorOf(parent);
  const depth = parent.depth + 1;
  if (value.kind !== "username") return { kind: "leaf", value, depth, parent, anchor, isSameUser: false };
  // Tables fold the case of their keys, so the case of a user's name says nothing.
  const name = value.name.toLowerCase();
  const isSameUser = parent.kind === "leaf" && parent.value.kind === "username" && parent.value.name === name;
  return { kind: "leaf", value: { kind: "username", name }, depth, parent, anchor, isSameUser };
}

/** Nodes with one identity lead to the same targets: same kind and value below the same address. */
function identityOf(node: Node): string {
  if (node.kind === "address") {
    const above = node.parent === null ? -1 : anchorOf(node.parent).id;
    return `address ${above} ${node.mailbox.localPart}@${node.mailbox.domain}`;
  }
  return `${node.value.kind} ${node.anchor.id} ${node.isSameUser} ${textOf(node.value)}`;
}

function textOf(value: LeafNode["value"]): string {
  switch (value.kind) {
    case "username":
      return value.name;
    case "command":
      return value.command;
    case "file":
      return value.path;
    case "error":
      return `${value.code} ${value.text}`;
  }
}

function anchorOf(node: Node): AddressNode {
  return node.kind === "address" ? node : node.anchor;
}

function addTarget(run: Run, target: Target): void {
  const { action, dest } = target;
  const who = target.kind === "local" ? `${target.user}\0${target.subAddress}` : "";
  const identity = `${target.kind}\0${action}\0${dest.localPart}\0${dest.domain}\0${who}`;
  if (!run.targets.has(identity)) run.targets.set(identity, target);
}

/** The reply of an `error:` entry. An enhanced status at the front of the text is taken as such. */
function replyOf(value: ExpansionNode & { kind: "error" }): Reply {
  const kind = String(value.code)[0];
  const status = /^([45])\.[0-9]{1,3}\.[0-9]{1,3}(?= )/.exec(value.text);
  if (status !== null && status[1] === kind) {
    return { code: value.code, enhanced: status[0], lines: [value.text.slice(status[0].length + 1)] };
  }
  // RFC 2034 §4 wants a status with every reply: "mailbox disabled, not accepting messages".
  return { code: value.code, enhanced: `${kind}.2.1`, lines: [value.text] };
}

function faultText(error: unknown): string {
  if (error instanceof Fault) return describeError(error);
  throw error;
}

function refuse(reply: Reply, reason: string): Refusal {
  return { kind: "refused", reply, reason };
}

function refuseForNow(run: Run, reason: string): Refusal {
  return refuse(replies.temporaryFailure(formatMailbox(run.candidate.rcpt)), reason);
}

function refuseExpansion(run: Run, reason: string): Refusal {
  return refuse(replies.expansionProblem(formatMailbox(run.candidate.rcpt)), reason);
}

function refuseRecipient(rcpt: Mailbox, reason: string): Refusal {
  return refuse(replies.invalidRecipient(formatMailbox(rcpt)), reason);
}

function refuseRelay(rcpt: Mailbox, reason: string): Refusal {
  return refuse(replies.relayDenied(formatMailbox(rcpt)), reason);
}
