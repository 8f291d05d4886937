/** How a row of the privilege table becomes flags of `deno run`, and the one row that hangs on no configuration. Apart
 * from the table, which takes half of the policy's code to make: smtp-in is started before that has been read. */

import type { Account, Grant } from "./privilege.ts";
import { denyText, splitRanges } from "./range.ts";

/** The row of smtp-in: nothing at all. */
export function smtpInGrant(account: Account | null): Grant<"smtp-in"> {
  return {
    role: "smtp-in",
    account,
    read: [],
    write: [],
    net: { kind: "none" },
    run: [],
    sys: [],
    npm: false,
    handed: "listening sockets, certificates and keys, listeners, limits, peer sockets",
  };
}

/** Lets a role give memory back (host/memory.ts), and gives it room to start in: with the usual one for new objects
 * garbage is collected thrice meanwhile, although what is read then stays. With more than 2 MiB an idle role keeps more. */
export const heapFlag = "--v8-flags=--expose-gc,--min-semi-space-size=2";

/** Flags of `deno run` for a row, least first. */
export function denoFlags(grant: Grant): readonly string[] {
  const flags = ["--no-prompt", "--cached-only", "--frozen", "--no-remote", "--deny-import", "--ignore-env", heapFlag];
  if (!grant.npm) flags.push("--no-npm");
  if (grant.read.length > 0) flags.push(`--allow-read=${list(grant.read)}`);
  if (grant.write.length > 0) flags.push(`--allow-write=${list(grant.write)}`);
  if (grant.net.kind === "out") {
    flags.push("--allow-net");
    const deny = splitRanges(grant.net.deny);
    if (deny.length > 0) flags.push(`--deny-net=${deny.map(denyText).join(",")}`);
  }
  if (grant.net.kind === "paths" || grant.net.kind === "servers") {
    const hosts = grant.net.kind === "servers" ? grant.net.hosts : [];
    flags.push(`--allow-net=${list([...hosts, ...grant.net.paths.map((path) => `unix:${path}`)])}`);
  }
  if (grant.sys.length > 0) flags.push(`--allow-sys=${list(grant.sys)}`);
  if (grant.run.length > 0) flags.push(`--allow-run=${list(grant.run)}`);
  return flags;
}

/** Deno has no way to write a comma inside an item. Doubled it makes an empty item, which Deno refuses: the role does
 * not start, instead of holding two other paths. */
function list(items: readonly string[]): string {
  return items.map((item) => item.replaceAll(",", ",,")).join(",");
}

/** The paths of a row that Deno cannot be given a right to. A role with such a row does not start. */
export function unnameablePaths(grant: Grant): readonly string[] {
  return [...grant.read, ...grant.write, ...grant.run].filter((path) => path.includes(","));
}
