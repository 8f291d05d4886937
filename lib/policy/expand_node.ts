/** The elements of an expansion on their way through its queue. Pure. */

import { formatMailbox, type Mailbox } from "../mail/address.ts";
import type { ExpansionNode } from "./alias.ts";
import type { LocalAction } from "./policy.ts";
import type { TracedElement } from "./trace.ts";

/** An element of a value once files are included. */
export type PlainNode = Exclude<ExpansionNode, { kind: "include" }>;

/** An element on its way through the queue. */
export type Node = AddressNode | LeafNode;

/** An address. */
export interface AddressNode {
  /** Tells it from other elements. */
  readonly kind: "address";
  /** Tells apart the elements of one expansion; counts from 0, the recipient. */
  readonly id: number;
  /** The address. One that stands for another in a rewritten sender becomes that one. */
  mailbox: Mailbox;
  /** It is our own mail: it came out of an expansion, or out of a sender that we had rewritten. */
  isInternal: boolean;
  /** Steps from the recipient. */
  readonly depth: number;
  /** Null for the recipient. */
  readonly parent: Node | null;
  /** Set when a rule has decided: elements below live under this action. */
  action: LocalAction | null;
}

/** Everything that is not an address, below one. */
export interface LeafNode {
  /** Tells it from addresses. */
  readonly kind: "leaf";
  /** Tells apart the elements of one expansion. */
  readonly id: number;
  /** What it is. A user's name is in lower case. */
  readonly value: Exclude<PlainNode, { kind: "address" }>;
  /** Steps from the recipient. */
  readonly depth: number;
  /** What it came from. */
  readonly parent: Node;
  /** The nearest address above. */
  readonly anchor: AddressNode;
  /** Whether a table said so or the .forward of the user above: that decides whose rights a command runs with. */
  readonly source: ElementSource;
  /** A user whose own entry names him again: his mail goes to him. */
  readonly isSameUser: boolean;
  /** Set for a user that exists. */
  user: ExpandedUser | null;
}

/** Where an element was written. */
export type ElementSource = "table" | "forward";

/** A user of the userbase. */
export interface ExpandedUser {
  /** Key of the userbase. */
  readonly name: string;
  /** The tag without its delimiter, empty for none. */
  readonly subAddress: string;
  /** User id. */
  readonly uid: number;
}

/** The nearest address: itself, or the one above. */
export function anchorOf(node: Node): AddressNode {
  return node.kind === "address" ? node : node.anchor;
}

/** The user whose .forward an element comes from, or who stands above it; null for none below the same address. */
export function userAbove(node: LeafNode): LeafNode | null {
  for (let at: Node = node.parent; at.kind === "leaf"; at = at.parent) {
    if (at.value.kind === "username") return at;
  }
  return null;
}

/** Elements with one identity lead to the same deliveries: same kind and value below the same address, and for files
 * and commands below the same user. A loop comes back to an identity that it had, so it ends. */
export function identityOf(node: Node): string {
  if (node.kind === "address") {
    const above = node.parent === null ? -1 : anchorOf(node.parent).id;
    return `address ${above} ${node.mailbox.localPart}@${node.mailbox.domain}`;
  }
  const { value, anchor, source } = node;
  if (value.kind === "username" || value.kind === "error") {
    return `${value.kind} ${anchor.id} ${node.isSameUser} ${source} ${textOfLeaf(value)}`;
  }
  const owner = source === "forward" ? userAbove(node)?.user?.name ?? "" : "";
  return `${value.kind} ${anchor.id} ${source} ${owner} ${textOfLeaf(value)}`;
}

/** The way from an element that says the same down to this one: `ann -> bob -> ann`. Null when none above does. */
export function loopOf(node: Node): string | null {
  const texts = [saidBy(node)];
  for (let above = node.parent; above !== null; above = above.parent) {
    texts.unshift(saidBy(above));
    if (above.kind === node.kind && texts[0] === texts.at(-1)) return texts.join(" -> ");
  }
  return null;
}

function saidBy(node: Node): string {
  return node.kind === "address" ? formatMailbox(node.mailbox).toLowerCase() : textOfLeaf(node.value);
}

/** What an element says, without its kind. */
export function textOfLeaf(value: LeafNode["value"]): string {
  switch (value.kind) {
    case "username":
      return value.name;
    case "command":
      return value.command;
    case "file":
    case "maildir":
      return value.path;
    case "error":
      return `${value.code} ${value.text}`;
  }
}

/** Its kind, for who follows the expansion. */
export function elementOf(node: Node): TracedElement {
  return node.kind === "address" ? "address" : node.value.kind;
}
