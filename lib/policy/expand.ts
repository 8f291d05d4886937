/** What a recipient stands for: from the address of RCPT TO through rules, aliases and virtual maps to users of this
 * machine and addresses elsewhere. */

import { assert, assertNever, describeError, Fault } from "../fault.ts";
import { formatMailbox, type ForwardPath, type Mailbox, type ReversePath } from "../mail/address.ts";
import type { Reply } from "../smtp/reply.ts";
import { parseUserinfo } from "../table/service.ts";
import { type ExpansionNode, parseExpansionLines } from "./alias.ts";
import { aliasUser, type LocalExec, parseExec } from "./exec.ts";
import { aliasKeys, faultText, lookUp, virtualKeys } from "./expand_lookup.ts";
import {
  type AddressNode,
  type ExpandedUser,
  identityOf,
  type LeafNode,
  loopOf,
  type Node,
  textOfLeaf,
  userAbove,
} from "./expand_node.ts";
import {
  addChildren,
  addTarget,
  type Refusal,
  refuseExpansion,
  refuseExpansionForNow,
  refuseForNow,
  refuseRecipient,
  refuseRelay,
  type Run,
  tablesFor,
  tell,
  tellNode,
  tellRefusal,
  warn,
} from "./expand_run.ts";
import type { FilterTables } from "./filter_run.ts";
import { forwardElementsMax, type ForwardFile, forwardProblems, type ForwardUser } from "./forward.ts";
import { matchRule, type Origin, type TableLookup } from "./match.ts";
import type { LocalAction, Policy, TableName } from "./policy.ts";
import { isOwnPostmaster, matchPostmaster } from "./postmaster.ts";
import type { Rewriting } from "./rewrite.ts";
import type { Tracer } from "./trace.ts";

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
export interface TableSource extends TableLookup, FilterTables {
  /** Text of a file that an alias includes; null when there is none. Rejects with a `Fault` when it cannot be read. */
  readInclude(path: string): Promise<string | null>;
  /** Reads back senders that we gave forwarded mail; null without an `srs key`. */
  readonly rewriting: Rewriting | null;
  /** What the user's ~/.forward says, read with the user's own rights. Never rejects. */
  readForward(user: ForwardUser): Promise<ForwardFile>;
}

/** One envelope to be. */
export type Target =
  | {
    readonly kind: "local";
    /** Name in `Policy.actions`. */
    readonly action: string;
    /** The nearest address that led here. */
    readonly dest: Mailbox;
    /** Key of the action's userbase, in lower case; `aliasUser` for an `exec` from a table. */
    readonly user: string;
    /** The tag without its delimiter, empty for none. */
    readonly subAddress: string;
    /** Null: delivered as the action says. */
    readonly exec: LocalExec | null;
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
/** Expands one recipient, breadth first. The first element that fails refuses the whole recipient, so that a list never
 * goes out in part. Never rejects for what a table says or fails to say. `trace` is told of every step. */
export async function expandRecipient(
  candidate: Candidate,
  policy: Policy,
  tables: TableSource,
  trace: Tracer = null,
): Promise<Expansion> {
  const run: Run = {
    candidate,
    policy,
    tables,
    trace,
    delimiter: policy.smtp.subAddressDelimiter,
    queue: [],
    seen: new Set(),
    count: 0,
    targets: new Map(),
    warnings: new Set(),
    loop: null,
  };
  const recipient: AddressNode = {
    kind: "address",
    id: run.count++,
    mailbox: candidate.rcpt,
    isInternal: false,
    depth: 0,
    parent: null,
    action: null,
  };
  run.seen.add(identityOf(recipient));
  run.queue.push(recipient);
  for (let i = 0; i < run.queue.length; i++) {
    const node = run.queue[i]!;
    tellNode(run, node);
    const refusal = await visit(run, node);
    if (refusal !== null) return tellRefusal(run, node, refusal);
  }
  if (run.targets.size === 0) {
    return tellRefusal(run, recipient, refuseExpansion(run, nothingReason(run.loop)));
  }
  return { kind: "targets", targets: [...run.targets.values()], warnings: [...run.warnings] };
}

function nothingReason(loop: string | null): string {
  return loop === null ? "the expansion came to nothing" : `the expansion came to nothing: ${loop} is a loop`;
}

async function visit(run: Run, node: Node): Promise<Refusal | null> {
  if (node.depth >= expansionDepthMax) {
    const loop = loopOf(node);
    return refuseExpansion(run, `more than ${expansionDepthMax} steps deep${loop === null ? "" : `: ${loop}`}`);
  }
  if (node.kind === "address") return await visitAddress(run, node);
  const { value } = node;
  switch (value.kind) {
    case "username":
      return await visitUser(run, node, value.name);
    case "error":
      if (isForwardOnly(node)) return refuseExpansionForNow(run, "an error: entry under forward-only");
      return { kind: "refused", reply: replyOf(value), reason: "the entry says so" };
    case "file":
    case "command":
    case "maildir":
      return visitExec(run, node, { kind: value.kind, text: textOfLeaf(value), from: node.source });
    default:
      return assertNever(value);
  }
}

async function visitAddress(run: Run, node: AddressNode): Promise<Refusal | null> {
  const { origin, sender, rcpt } = run.candidate;
  if (sender === null) readBack(run, node);
  const subject = { origin, sender, dest: node.mailbox, isInternal: node.isInternal };
  const trace = run.trace === null ? null : { node: node.id, tell: run.trace };
  let match = await matchRule(subject, run.policy, tablesFor(run, node), trace);
  if (match.kind === "none" && node.depth === 0 && isOwnPostmaster(node.mailbox, origin.smtpName)) {
    match = await matchPostmaster(run, node, subject, trace);
  }
  if (match.kind === "failed") return refuseForNow(run, describeError(match.fault));
  if (match.kind === "none") return refuseRelay(rcpt, `no rule matches ${formatMailbox(node.mailbox)}`);
  if (match.rule.outcome.kind === "reject") {
    return refuseRelay(rcpt, `rule on line ${match.rule.place.line} rejects ${formatMailbox(node.mailbox)}`);
  }
  const action = run.policy.actions[match.rule.outcome.name];
  assert(action !== undefined, `action ${match.rule.outcome.name} exists`);
  if (action.kind === "relay") {
    addTarget(run, node, { kind: "relay", action: action.name, dest: node.mailbox });
    return null;
  }
  node.action = action;
  const localPart = node.mailbox.localPart.toLowerCase();
  if (action.virtual === null) return addChildren(run, node, [{ kind: "username", name: localPart }], "table");
  const keys = virtualKeys(localPart, node.mailbox.domain, run.delimiter);
  const found = await lookUp(run, node, action.virtual, keys);
  if (found.kind === "failed") return refuseExpansionForNow(run, found.reason);
  if (found.nodes.length > 0) return addChildren(run, node, found.nodes, "table");
  const reason = `${formatMailbox(node.mailbox)} is not in table ${action.virtual}`;
  // OpenSMTPD answers 524 here as well. A mailbox that does not exist is 550 5.1.1 (RFC 3463 §3.2).
  return node.depth === 0 ? refuseRecipient(rcpt, reason) : refuseExpansion(run, reason);
}

/** What is returned to a sender that we gave forwarded mail goes to the one it stands for. */
function readBack(run: Run, node: AddressNode): void {
  const decoded = run.tables.rewriting?.decode(node.mailbox) ?? { kind: "plain" };
  if (decoded.kind === "plain") return;
  const address = formatMailbox(node.mailbox);
  if (decoded.kind === "bad") return warn(run, node, `${address} is no rewritten sender of ours: ${decoded.reason}`);
  node.mailbox = decoded.mailbox;
  node.isInternal = true;
  tell(run, {
    kind: "note",
    node: node.id,
    text: `stands for ${formatMailbox(node.mailbox)}, whose sender we rewrote`,
  });
}

async function visitUser(run: Run, node: LeafNode, name: string): Promise<Refusal | null> {
  const action = actionOf(node);
  const table = action.alias ?? action.virtual;
  if (!node.isSameUser && table !== null) {
    const keys = action.alias !== null ? aliasKeys(name, run.delimiter) : virtualKeys(name, "", run.delimiter);
    const found = await lookUp(run, node, table, keys);
    if (found.kind === "failed") return refuseForNow(run, found.reason);
    if (found.nodes.length > 0) return addChildren(run, node, found.nodes, "table");
  }
  const { user, subAddress } = splitTag(name, run.delimiter);
  let info: ForwardUser | null;
  try {
    info = await findUser(run, node, action.userbase, user);
  } catch (error) {
    return refuseForNow(run, faultText(error));
  }
  if (info === null) return refuseRecipient(run.candidate.rcpt, `no user ${user} in table ${action.userbase}`);
  const above = node.isSameUser && node.source === "forward" ? userAbove(node)?.user ?? null : null;
  // `bob+news` whose .forward keeps a copy for bob keeps it under news.
  node.user = { name: user, subAddress: subAddress || (above?.subAddress ?? ""), uid: info.uid };
  const isForwarded = node.isSameUser && node.source === "forward";
  if (isForwarded || action.method.kind === "expand-only" || (action.user !== null && action.user !== user)) {
    return deliverToUser(run, node, node.user);
  }
  return await visitForward(run, node, info, node.user);
}

/** Goes on with what the user's .forward says, or delivers when there is none. */
async function visitForward(
  run: Run,
  node: LeafNode,
  info: ForwardUser,
  user: ExpandedUser,
): Promise<Refusal | null> {
  const path = `${info.home}/.forward`;
  const told = (text: string) => tell(run, { kind: "forward", node: node.id, path, text });
  const file = await run.tables.readForward(info);
  if (file.kind === "absent") {
    told("there is none");
    return deliverToUser(run, node, user);
  }
  if (file.kind === "refused") {
    const { permanent, text } = forwardProblems[file.problem];
    told(text);
    const reason = `.forward of ${user.name}: ${text} (${file.detail})`;
    return permanent ? refuseExpansion(run, reason) : refuseExpansionForNow(run, reason);
  }
  const lines = parseExpansionLines(file.text);
  if (lines.kind === "error") {
    told(`line ${lines.line}: ${lines.message}`);
    return refuseExpansionForNow(run, `${path}:${lines.line}: ${lines.message}`);
  }
  const nodes = lines.nodes.flatMap((one) => {
    if (one.kind !== "include") return [one];
    warn(run, node, `${path} includes ${one.path}: a .forward includes nothing`);
    return [];
  });
  told(`${nodes.length} ${nodes.length === 1 ? "element" : "elements"}`);
  if (nodes.length === 0) return deliverToUser(run, node, user);
  if (nodes.length > forwardElementsMax) {
    return refuseExpansionForNow(run, `${path} has more than ${forwardElementsMax} elements`);
  }
  return addChildren(run, node, nodes, "forward");
}

/** Nothing stands between the user and his mail. */
function deliverToUser(run: Run, node: LeafNode, user: ExpandedUser): Refusal | null {
  const action = actionOf(node);
  switch (action.method.kind) {
    case "forward-only":
      return refuseExpansionForNow(run, `${user.name} does not forward, and action ${action.name} is forward-only`);
    case "expand-only":
      return refuseExpansion(run, `action ${action.name} is expand-only, and ${user.name} is a user`);
  }
  const { name, subAddress } = user;
  addTarget(run, node, {
    kind: "local",
    action: action.name,
    dest: node.anchor.mailbox,
    user: name,
    subAddress,
    exec: null,
  });
  return null;
}

function visitExec(run: Run, node: LeafNode, exec: LocalExec): Refusal | null {
  const action = actionOf(node);
  if (isForwardOnly(node)) return refuseExpansionForNow(run, `a ${exec.kind} under forward-only`);
  const above = userAbove(node)?.user ?? null;
  // Queue would not take it, and who handed the mail in would wait.
  if (parseExec(exec) === null) return refuseForNow(run, `a ${exec.kind} that cannot be delivered to`);
  if (exec.from === "forward" && above?.uid === 0) {
    return refuseForNow(run, `the .forward of ${above.name} names a ${exec.kind}: nothing is delivered as root`);
  }
  if (exec.from === "table" && exec.kind === "command") {
    // Nobody has to hear of it with each recipient: whoever asks is told.
    // Which of them is not known here.
    const text =
      `commands executed from aliases run as ${aliasUser}, or as the caller without root or with --same-user`;
    tell(run, { kind: "note", node: node.id, text });
  }
  addTarget(run, node, {
    kind: "local",
    action: action.name,
    dest: node.anchor.mailbox,
    user: exec.from === "forward" && above !== null ? above.name : aliasUser,
    subAddress: above?.subAddress ?? "",
    exec,
  });
  return null;
}

function actionOf(node: LeafNode): LocalAction {
  const { action } = node.anchor;
  assert(action !== null, "what stands below an address lives under its local action");
  return action;
}

function isForwardOnly(node: LeafNode): boolean {
  return actionOf(node).method.kind === "forward-only";
}

async function findUser(run: Run, node: Node, table: TableName, name: string): Promise<ForwardUser | null> {
  const value = await tablesFor(run, node).table(table).lookup("userinfo", name);
  if (value === null) return null;
  const info = parseUserinfo(value);
  if (info === null) throw new Fault("malformed", `table ${table}: the entry of ${name} is not uid:gid:home`);
  return { name, ...info };
}

function splitTag(name: string, delimiter: string): { readonly user: string; readonly subAddress: string } {
  const cut = name.indexOf(delimiter);
  return cut === -1 ? { user: name, subAddress: "" } : { user: name.slice(0, cut), subAddress: name.slice(cut + 1) };
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
