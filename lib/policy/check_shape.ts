/** Tables in files whose entries are of the wrong shape for what they are used for: a list of aliases knows nobody, and
 * would refuse all mail for good. Tables in the configuration itself are judged where they stand (resolve_table.ts). */

import { ConfigLines } from "./check_lines.ts";
import type { Problem } from "./error.ts";
import type { ParsedConfig } from "./parser.ts";
import type { Criterion, Policy, TableName } from "./policy.ts";
import { labelOf, type Purpose, shapeFor } from "./resolve_table.ts";

/** What a table that is read from a file is used for, as far as that needs a list or a map. */
export type ShapeUses = ReadonlyMap<TableName, ReadonlySet<Purpose>>;

/** The uses of each table in a file. */
export function shapeUses(policy: Policy): ShapeUses {
  const uses = new Map<TableName, Set<Purpose>>();
  const add = (purpose: Purpose, name: TableName | null): void => {
    if (name === null || policy.tables[name]?.kind !== "file" || shapeFor(purpose) === "either") return;
    uses.set(name, (uses.get(name) ?? new Set()).add(purpose));
  };
  for (const action of Object.values(policy.actions)) {
    if (action.kind === "local") {
      for (const purpose of ["alias", "virtual", "userbase"] as const) add(purpose, action[purpose]);
    } else {
      add("host", action.host);
      add("relay-domain", action.domain);
      add("helo-source", action.heloSource);
      add("credentials", action.auth);
    }
  }
  for (const listener of policy.listeners) {
    if (listener.kind !== "inet") continue;
    add("hostnames", listener.hostnames);
    add("senders", listener.senders?.table ?? null);
    if (listener.auth.mode === "none") continue;
    add("credentials", listener.auth.table);
    add("auth-external", listener.auth.external);
  }
  for (const [purpose, criterion] of criteria(policy)) add(purpose, criterion?.table ?? null);
  return uses;
}

function criteria(policy: Policy): readonly (readonly [Purpose, Criterion | null])[] {
  const ofRules = policy.rules.flatMap((rule) =>
    [
      ["tag", rule.tag],
      ["rdns", rule.from.kind === "rdns" ? rule.from.criterion : null],
      ["domain", rule.for.kind === "domain" ? rule.for.criterion : null],
      ["helo", rule.helo],
    ] as const
  );
  const ofFilters = Object.values(policy.filters).flatMap((filter) => {
    if (filter.kind !== "builtin") return [];
    const { kind, criterion } = filter.condition;
    return kind === "rdns" || kind === "helo" ? [[kind, criterion] as const] : [];
  });
  return [...ofRules, ...ofFilters];
}

/** Why a table of that shape cannot be used as it is; null when it can. An empty one has no shape, and always can. */
export function judgeShape(uses: ShapeUses, name: TableName, shape: "list" | "map" | null): string | null {
  if (shape === null) return null;
  const purpose = [...uses.get(name) ?? []].find((one) => shapeFor(one) !== shape);
  return purpose === undefined ? null : `table "<${name}>" may not be used for ${labelOf(purpose)} lookups`;
}

/** Tells of tables in files that cannot be used as they are. `shapes` are what their files hold now. All of it is an
 * error: smtpd does not start with them. Pure. */
export function checkShapes(
  policy: Policy,
  config: ParsedConfig,
  shapes: ReadonlyMap<TableName, "list" | "map">,
): readonly Problem[] {
  const lines = new ConfigLines(policy, config.directives);
  const uses = shapeUses(policy);
  return [...shapes].flatMap(([name, shape]): readonly Problem[] => {
    const message = judgeShape(uses, name, shape);
    return message === null
      ? []
      : [{ severity: "error", span: lines.tableContent(name), message, hint: shapeHints[shape] }];
  });
}

/** By what the file holds. */
const shapeHints = {
  list: "its file is a list, and a map is wanted: write a key and a value on each line",
  map: "its file is a map, and a list is wanted: write keys alone; where they have colons, `# @list` on the first line",
};
