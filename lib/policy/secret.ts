/** A policy without its secrets, to be shown around. */

import type { TableSpec } from "../table/table.ts";
import type { Policy } from "./policy.ts";
import { credentialTables, hiddenSecret } from "./print_table.ts";

/** The policy with `hiddenSecret` in the place of keys, of passwords of databases, and of the values of inline tables of
 * credentials. */
export function hideSecrets(policy: Policy): Policy {
  const credentials = credentialTables(policy);
  const hide = (spec: TableSpec): TableSpec => {
    if (spec.kind === "static" && credentials.has(spec.name)) {
      return { ...spec, entries: spec.entries.map(([key, value]) => [key, value === null ? null : hiddenSecret]) };
    }
    if (!("settings" in spec)) return spec;
    return { ...spec, settings: spec.settings.map(([keyword, value]) => [keyword, hideSetting(keyword, value)]) };
  };
  const { queue, srs, tables } = policy;
  return {
    ...policy,
    tables: Object.fromEntries(Object.entries(tables).map(([name, spec]) => [name, hide(spec)])),
    queue: queue.encryption?.kind === "key" ? { ...queue, encryption: { kind: "key", key: hiddenSecret } } : queue,
    srs: srs === null ? null : { ...srs, key: hiddenSecret, backupKey: srs.backupKey === null ? null : hiddenSecret },
  };
}

/** The value of a setting with `hiddenSecret` in the place of its password; as it is when it has none. Passwords stand
 * alone, or in strings and URLs that say how to reach a database. */
export function hideSetting(keyword: string, value: string): string {
  if (/pass|pw$|secret|token/i.test(keyword)) return hiddenSecret;
  return value.replace(/(password\s*=\s*)('(?:[^'\\]|\\.)*'|(?:\\.|[^\s&\\])+)/gi, `$1${hiddenSecret}`)
    .replace(/(:\/\/[^\s/@:]*:)[^\s/@]*(?=@)/g, `$1${hiddenSecret}`);
}
