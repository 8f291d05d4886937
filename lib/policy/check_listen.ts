/** `listen` lines against the machine's addresses as they are now. They may be others tomorrow: nothing here is an
 * error. */

import { canonicalIp, isLoopback, parseIp } from "../mail/ip.ts";
import { ConfigLines } from "./check_lines.ts";
import type { Problem } from "./error.ts";
import type { ParsedConfig } from "./parser.ts";
import type { Policy } from "./policy.ts";
import type { ConfigSource } from "./scope.ts";

/** Tells of addresses in `listen` lines that this machine does not have. Pure. */
export function checkListeners(
  policy: Policy,
  { directives }: ParsedConfig,
  interfaces: ConfigSource["interfaces"],
): readonly Problem[] {
  const lines = new ConfigLines(policy, directives);
  const own = new Set(interfaces.map(({ address }) => canonicalIp(address)));
  return policy.listeners.flatMap((one): readonly Problem[] => {
    if (one.kind !== "inet" || own.has(one.address) || isEverywhere(one.address)) return [];
    const { span } = lines.listen(one.place);
    const message = `this machine does not have the address ${one.address} now`;
    const hint = "smtpd does not start without it, unless it is handed the socket";
    return [{ severity: "warning", span, message, hint }];
  });
}

/** All addresses, or one that each machine has: all of 127.0.0.0/8 are. */
function isEverywhere(address: string): boolean {
  return address === "0.0.0.0" || address === "::" || (address.includes(".") && isLoopback(parseIp(address)));
}
