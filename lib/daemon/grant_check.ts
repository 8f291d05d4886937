/** What each role asks itself at its start: does it hold its row of the privilege table, and nothing more? Apart from the
 * table, which no role needs. */

import type { Right } from "../port.ts";
import type { Grant } from "./privilege.ts";
import { bracket, splitRanges } from "./range.ts";

/** The one program that a role may run: commands go through it. */
export const shellProgram = "/bin/sh";

/** Compares what a role holds with its row. Each string returned is one right too many or too few. */
export function checkGrant(grant: Grant, holds: (right: Right) => boolean): readonly string[] {
  const faults: string[] = [];
  const want = (expected: boolean, right: Right) => {
    if (holds(right) === expected) return;
    const what = right.path ?? right.host ?? right.command ?? right.kind ?? "everything";
    faults.push(`${right.name} ${what} is ${expected ? "missing" : "held but not in its row"}`);
  };
  for (const path of grant.read) want(true, { name: "read", path });
  for (const path of grant.write) want(true, { name: "write", path });
  for (const command of grant.run) want(true, { name: "run", command });
  for (const kind of grant.sys) want(true, { name: "sys", kind });
  for (const name of ["read", "write", "run", "env", "sys", "ffi", "import"] as const) want(false, { name });
  for (const path of ["/", "/etc/shadow", "/etc/passwd", "/root", "/home"]) {
    if (!covers(grant.read, path)) want(false, { name: "read", path });
    if (!covers(grant.write, path)) want(false, { name: "write", path });
  }
  if (!grant.run.includes(shellProgram)) want(false, { name: "run", command: shellProgram });
  want(false, { name: "run", command: "/bin/true" });
  if (grant.net.kind === "out") {
    want(true, { name: "net", host: "192.0.2.1:25" });
    for (const range of splitRanges(grant.net.deny)) {
      want(false, { name: "net", host: `${bracket(range.split("/")[0] ?? "")}:25` });
    }
    for (const ip of grant.net.deny.flatMap(({ except }) => except)) {
      want(true, { name: "net", host: `${bracket(ip)}:25` });
    }
  } else {
    const hosts = grant.net.kind === "servers" ? grant.net.hosts : [];
    for (const host of hosts) want(true, { name: "net", host });
    want(false, { name: "net" });
    // Each host with a port that is not its own, and two that are nobody's.
    const others = hosts.map((host) => host.replace(/[0-9]+$/, "25"));
    for (const host of [...others, "127.0.0.1:25", "192.0.2.1:25"]) {
      if (!hosts.includes(host)) want(false, { name: "net", host });
    }
    if (grant.net.kind === "servers") {
      for (const path of grant.net.paths) want(true, { name: "net", host: `unix:${path}` });
    }
  }
  return faults;
}

function covers(roots: readonly string[], path: string): boolean {
  return roots.some((root) => path === root || path.startsWith(root.endsWith("/") ? root : `${root}/`));
}
