/** What roles may do that they might not before, and the other way round: rows of the privilege table compared. Pure. */

import type { Change } from "../policy/difference.ts";
import type { Grant } from "./privilege.ts";

/** The differences, right by right. Rows that are in one list only are compared with nothing. */
export function diffGrants(before: readonly Grant[], after: readonly Grant[]): readonly Change[] {
  const roles = [...new Set([...before, ...after].map(({ role }) => role))];
  return roles.flatMap((role) => {
    const [was, now] = [before, after].map((rows) =>
      new Set(rows.filter((row) => row.role === role).flatMap(rightsOf))
    );
    const change = (kind: "added" | "removed") => (right: string): Change => ({
      group: "privilege",
      kind,
      what: `${role}: ${right}`,
      from: "",
      to: "",
    });
    return [
      ...[...was ?? []].filter((right) => now?.has(right) !== true).map(change("removed")),
      ...[...now ?? []].filter((right) => was?.has(right) !== true).map(change("added")),
    ];
  });
}

/** One line for each right of a row. */
function rightsOf(grant: Grant): readonly string[] {
  return [
    `account ${grant.account?.name ?? "the caller's"}`,
    ...grant.read.map((path) => `read ${path}`),
    ...grant.write.map((path) => `write ${path}`),
    ...netRights(grant.net),
    ...grant.run.map((program) => `run ${program}`),
    ...grant.sys.map((fact) => `ask for ${fact}`),
    ...(grant.npm ? ["load npm packages"] : []),
  ];
}

function netRights(net: Grant["net"]): readonly string[] {
  switch (net.kind) {
    case "none":
      return [];
    case "out":
      return [
        "connect to any address",
        ...net.deny.map(({ range, except }) =>
          `connect to nothing in ${range}${except.length === 0 ? "" : ` but ${except.join(" ")}`}`
        ),
      ];
    case "paths":
      return net.paths.map((path) => `connect to ${path}`);
    case "servers":
      return [...net.hosts, ...net.paths].map((one) => `connect to ${one}`);
  }
}
