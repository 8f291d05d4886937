/** The look-ups of an expansion: which keys are asked for, and what the values include. */

import { describeError, Fault } from "../fault.ts";
import { type ExpansionNode, parseExpansionLines, parseExpansionValue } from "./alias.ts";
import type { Node, PlainNode } from "./expand_node.ts";
import { type Run, tablesFor, tell, warn } from "./expand_run.ts";
import type { TableName } from "./policy.ts";

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

/** What a look-up came to. */
export type Found =
  | { readonly kind: "nodes"; readonly nodes: readonly PlainNode[] }
  | { readonly kind: "failed"; readonly reason: string };

/** The value of the first key that the table has; no nodes when it has none. Never rejects with a Fault. */
export async function lookUp(run: Run, node: Node, name: TableName, keys: readonly string[]): Promise<Found> {
  const table = tablesFor(run, node).table(name);
  try {
    for (const key of keys) {
      const text = await table.lookup("alias", key);
      if (text === null) continue;
      const value = parseExpansionValue(text);
      if (value.kind === "ok") return await includeFiles(run, node, value.nodes);
      return { kind: "failed", reason: `entry ${key} of table ${name}: ${value.message}` };
    }
  } catch (error) {
    return { kind: "failed", reason: faultText(error) };
  }
  return { kind: "nodes", nodes: [] };
}

/** Puts the elements of included files in the place of the words that include them. */
async function includeFiles(run: Run, node: Node, nodes: readonly ExpansionNode[]): Promise<Found> {
  const all: PlainNode[] = [];
  for (const one of nodes) {
    if (one.kind !== "include") {
      all.push(one);
      continue;
    }
    const text = await run.tables.readInclude(one.path);
    if (text === null) {
      warn(run, node, `included file ${one.path} does not exist`);
      continue;
    }
    const lines = parseExpansionLines(text);
    if (lines.kind === "error") return { kind: "failed", reason: `${one.path}:${lines.line}: ${lines.message}` };
    tell(run, { kind: "note", node: node.id, text: `read ${one.path}` });
    for (const inner of lines.nodes) {
      if (inner.kind !== "include") all.push(inner);
      else warn(run, node, `${one.path} includes ${inner.path}: an included file includes nothing more`);
    }
  }
  return { kind: "nodes", nodes: all };
}

/** The words of a Fault; anything else is our own mistake and is thrown on. */
export function faultText(error: unknown): string {
  if (error instanceof Fault) return describeError(error);
  throw error;
}
