/** One expansion under way: its queue of elements, the envelopes found so far, and who is told of it. */

import { formatMailbox, type Mailbox } from "../mail/address.ts";
import { parseUnicodeDomain } from "../mail/domain.ts";
import { describeReply, replies, type Reply } from "../smtp/reply.ts";
import type { Candidate, Expansion, TableSource, Target } from "./expand.ts";
import {
  anchorOf,
  elementOf,
  type ElementSource,
  identityOf,
  loopOf,
  type Node,
  type PlainNode,
  textOfLeaf,
} from "./expand_node.ts";
import type { TableLookup } from "./match.ts";
import type { Policy } from "./policy.ts";
import type { TraceEvent, Tracer } from "./trace.ts";
import { tellingTable } from "./trace_tables.ts";

/** Most elements of one expansion. */
export const expansionNodesMax = 1000;

/** The whole recipient is refused. */
export type Refusal = Expansion & { readonly kind: "refused" };

/** State of one expansion. */
export interface Run {
  /** Whom it is for. */
  readonly candidate: Candidate;
  /** Its rules and actions decide. */
  readonly policy: Policy;
  /** Where things are looked up. */
  readonly tables: TableSource;
  /** Who is told. */
  readonly trace: Tracer;
  /** Between a user and the tag. */
  readonly delimiter: string;
  /** Breadth first: what was found is added behind. */
  readonly queue: Node[];
  /** Identities of elements queued so far: with the depth limit the guard against loops. */
  readonly seen: Set<string>;
  /** Elements so far, those that were dropped among them. */
  count: number;
  /** By identity. */
  readonly targets: Map<string, Target>;
  /** For the log. */
  readonly warnings: Set<string>;
  /** A way that leads back to where it began, the first that was met. */
  loop: string | null;
}

/** Queues the elements of a value below `parent`; those that are there already are dropped. */
export function addChildren(
  run: Run,
  parent: Node,
  values: readonly PlainNode[],
  source: ElementSource,
): Refusal | null {
  for (const value of values) {
    if (run.count > expansionNodesMax) return refuseExpansionForNow(run, `more than ${expansionNodesMax} elements`);
    const node = makeChild(run, parent, value, source);
    if (node === null) return refuseForNow(run, "an address of the expansion has a bad domain");
    const identity = identityOf(node);
    if (run.seen.has(identity)) {
      tellNode(run, node);
      const loop = loopOf(node);
      run.loop ??= loop;
      const reason = loop === null ? "it is there already" : `a loop: ${loop}`;
      tell(run, { kind: "dropped", node: node.id, reason });
      continue;
    }
    run.seen.add(identity);
    run.queue.push(node);
  }
  return null;
}

function makeChild(run: Run, parent: Node, value: PlainNode, source: ElementSource): Node | null {
  const id = run.count++;
  const depth = parent.depth + 1;
  if (value.kind === "address") {
    const domain = parseUnicodeDomain(value.domain);
    if (domain === null) return null;
    const mailbox = { localPart: value.localPart, domain };
    return { kind: "address", id, mailbox, isInternal: true, depth, parent, action: null };
  }
  const base = { kind: "leaf", id, depth, parent, anchor: anchorOf(parent), source, user: null } as const;
  if (value.kind !== "username") return { ...base, value, isSameUser: false };
  // Tables fold the case of their keys, so the case of a user's name says nothing.
  const name = value.name.toLowerCase();
  return { ...base, value: { kind: "username", name }, isSameUser: isSameUser(parent, name, source) };
}

/** In a .forward the user stands for himself without the tag that his mail came with. */
function isSameUser(parent: Node, name: string, source: ElementSource): boolean {
  if (parent.kind !== "leaf" || parent.value.kind !== "username") return false;
  return source === "forward" ? parent.user?.name === name : parent.value.name === name;
}

/** Adds an envelope to be, unless there is one like it. */
export function addTarget(run: Run, node: Node, target: Target): void {
  const { action, dest } = target;
  const exec = target.kind === "local" ? target.exec : null;
  const who = target.kind === "local" ? `${target.user}\0${target.subAddress}` : "";
  const what = exec === null ? "" : `${exec.kind}\0${exec.from}\0${exec.text}`;
  const identity = [target.kind, action, dest.localPart, dest.domain, who, what].join("\0");
  if (run.targets.has(identity)) {
    return tell(run, { kind: "dropped", node: node.id, reason: "its mail goes there already" });
  }
  run.targets.set(identity, target);
  tell(run, { kind: "target", node: node.id, action, target: target.kind, text: describeTarget(run, target) });
}

/** What is done, for people. */
function describeTarget(run: Run, target: Target): string {
  if (target.kind === "relay") return `relay to ${formatMailbox(target.dest)}`;
  const { exec, user, subAddress } = target;
  if (exec !== null) {
    const what = { file: "append to", command: "run", maildir: "deliver to Maildir" }[exec.kind];
    return `${what} ${exec.text} as ${user}`;
  }
  const action = run.policy.actions[target.action];
  const method = action?.kind === "local" ? action.method.kind : "local";
  return `${method} of ${user}${subAddress === "" ? "" : `, sub-address ${subAddress}`}`;
}

/** The tables; with a tracer each look-up is told as one of `node`. */
export function tablesFor(run: Run, node: Node): TableLookup {
  const { tables, trace } = run;
  if (trace === null) return tables;
  return {
    table: (name) => tellingTable(tables.table(name), node.id, trace),
    reverseName: (address) => tables.reverseName(address),
  };
}

/** Tells the tracer, if there is one. */
export function tell(run: Run, event: TraceEvent): void {
  run.trace?.(event);
}

/** Tells that an element is about to be expanded. */
export function tellNode(run: Run, node: Node): void {
  if (run.trace === null) return;
  const text = node.kind === "address" ? formatMailbox(node.mailbox) : textOfLeaf(node.value);
  tell(run, { kind: "node", node: node.id, parent: node.parent?.id ?? null, element: elementOf(node), text });
}

/** Tells that the recipient is refused because of `node`. */
export function tellRefusal(run: Run, node: Node, refusal: Refusal): Refusal {
  tell(run, { kind: "refused", node: node.id, reply: describeReply(refusal.reply), reason: refusal.reason });
  return refusal;
}

/** Keeps a warning for the log, and tells it. */
export function warn(run: Run, node: Node, text: string): void {
  run.warnings.add(text);
  tell(run, { kind: "note", node: node.id, text });
}

/** Refuses the recipient. `reason` is for the log. */
export function refuse(reply: Reply, reason: string): Refusal {
  return { kind: "refused", reply, reason };
}

/** 451 4.3.0: a table or a backend is at fault. */
export function refuseForNow(run: Run, reason: string): Refusal {
  return refuse(replies.temporaryFailure(formatMailbox(run.candidate.rcpt)), reason);
}

/** 550 5.2.4: a list cannot be expanded. */
export function refuseExpansion(run: Run, reason: string): Refusal {
  return refuse(replies.expansionProblem(formatMailbox(run.candidate.rcpt)), reason);
}

/** 451 4.2.4: a list cannot be expanded now. */
export function refuseExpansionForNow(run: Run, reason: string): Refusal {
  return refuse(replies.temporaryExpansionProblem(formatMailbox(run.candidate.rcpt)), reason);
}

/** 550 5.1.1: nobody has that address. */
export function refuseRecipient(rcpt: Mailbox, reason: string): Refusal {
  return refuse(replies.invalidRecipient(formatMailbox(rcpt)), reason);
}

/** 550 5.7.1: no rule takes it. */
export function refuseRelay(rcpt: Mailbox, reason: string): Refusal {
  return refuse(replies.relayDenied(formatMailbox(rcpt)), reason);
}
