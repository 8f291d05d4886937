/** Declarations that nothing uses. Only what a name stands for at first is told: of an action that no rule uses, its
 * tables are not told as well. */

import type { Declared } from "./ast.ts";
import type { SourceFile, Span } from "./error.ts";
import type { ParsedConfig } from "./parser.ts";
import type { Policy } from "./policy.ts";
import { tablePurposes } from "./table_purposes.ts";

/** A declaration that nothing uses. */
export interface Unused {
  /** What it is. */
  readonly kind: Declared;
  /** Its name. */
  readonly name: string;
}

/** Finds them, kind by kind in the order of declaration. Built-in and anonymous tables are left out. */
export function unusedNames(policy: Policy): readonly Unused[] {
  const used = usesOf(policy);
  const found: Unused[] = [];
  const add = (kind: Declared, names: Iterable<string>): void => {
    for (const name of names) if (!used.has(`${kind} ${name}`)) found.push({ kind, name });
  };
  add("table", Object.keys(policy.tables).filter((name) => !name.startsWith("<")));
  add("action", Object.keys(policy.actions));
  add("filter", Object.keys(policy.filters).filter((name) => !name.startsWith("<")));
  // A process of `filter … proc-exec` is its filter's own.
  add("proc", Object.keys(policy.processes).filter((name) => !isOwn(policy, name)));
  add("pki", Object.keys(policy.pki));
  add("ca", Object.keys(policy.ca));
  add("mda-wrapper", Object.keys(policy.mda.wrappers));
  return found;
}

/** Macros of the files that no line uses, in the order of definition. */
export function unusedMacros(config: ParsedConfig): readonly { readonly name: string; readonly span: Span }[] {
  const defined = [...config.macros].flatMap(([name, { definition }]) =>
    definition === null ? [] : [{ name, span: definition }]
  );
  if (defined.length === 0) return [];
  const sources = new Set<SourceFile>(
    [config.end, ...config.directives, ...defined].map((one) => "source" in one ? one.source : one.span.source),
  );
  // Only lines that are comments as a whole are left out: elsewhere a `#` may stand in a string.
  const text = [...sources].map((one) => one.text.replace(/^[ \t]*#.*/gm, "")).join("\n");
  const used = new Set([...text.matchAll(/\$([A-Za-z0-9_]+)/g)].map(([, name]) => name));
  return defined.filter(({ name }) => !used.has(name));
}

function isOwn(policy: Policy, process: string): boolean {
  const filter = policy.filters[process];
  return filter?.kind === "process" && filter.process === process;
}

/** All that something refers to, as `kind name`. */
function usesOf(policy: Policy): ReadonlySet<string> {
  const used = new Set<string>();
  const add = (kind: Declared, ...names: readonly (string | null)[]): void => {
    for (const name of names) if (name !== null) used.add(`${kind} ${name}`);
  };
  for (const rule of policy.rules) {
    if (rule.outcome.kind === "action") add("action", rule.outcome.name);
  }
  for (const action of Object.values(policy.actions)) {
    if (action.kind === "local") add("mda-wrapper", action.wrapper);
    else {
      add("pki", action.pki);
      add("ca", action.ca);
      add("filter", action.filter);
    }
  }
  for (const listener of policy.listeners) {
    add("filter", listener.filter);
    if (listener.kind !== "inet") continue;
    add("pki", ...listener.tls.pki);
    add("ca", listener.tls.ca);
  }
  add("table", ...tablePurposes(policy).map(({ table }) => table));
  for (const filter of Object.values(policy.filters)) {
    if (filter.kind === "process") add("proc", filter.process);
    else if (filter.kind === "chain") add("filter", ...filter.members);
  }
  return used;
}
