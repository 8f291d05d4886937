/** Files that alias and virtual tables include: lookup needs the right to read them before it meets them. */

import type { Policy } from "./policy.ts";

/** Most included files of a configuration that lookup may read. */
export const includesMax = 1000;

/** Paths that `include:` elements name in the alias and virtual tables of local actions, as they are now. `readText`
 * gives the text of a file table, null when it cannot be read. A cdb table is not looked through: what only it
 * includes is refused at lookup. In order, without repetition, at most `includesMax`. */
export function includedFiles(policy: Policy, readText: (path: string) => string | null): readonly string[] {
  const paths = new Set<string>();
  for (const action of Object.values(policy.actions)) {
    if (action.kind !== "local") continue;
    for (const name of [action.alias, action.virtual]) {
      const table = name === null ? undefined : policy.tables[name];
      const text = table?.kind === "static"
        ? table.entries.map(([, value]) => value ?? "").join("\n")
        : table?.kind === "file"
        ? readText(table.path) ?? ""
        : "";
      for (const [, path] of text.matchAll(/:?include:(\/[^\s,"':]+)/gi)) {
        if (path !== undefined && paths.size < includesMax) paths.add(path);
      }
    }
  }
  return [...paths].sort();
}
