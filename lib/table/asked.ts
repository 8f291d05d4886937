/** What tables behind a server have in common. */

import { scrub } from "../event_log.ts";
import { Fault } from "../fault.ts";
import type { Clock } from "../port.ts";
import type { DatabaseDrivers, DatabaseServer, ServerAddress, ServerLogin } from "../port_database.ts";
import { poolTimeoutMs, SessionPool } from "./pool.ts";
import { serversOf } from "./server.ts";
import { parseSettingMs, settingOf } from "./settings.ts";
import type { DatabaseSpec } from "./spec.ts";
import type { Service } from "./table.ts";

/** What a table behind a server works with. */
export interface AskedPorts {
  /** The ways to servers. */
  readonly drivers: DatabaseDrivers;
  /** Times look-ups and waits. */
  readonly clock: Pick<Clock, "monotonic" | "after">;
}

/** Longest text of a server's that a Fault repeats, characters. */
const reasonLengthMax = 300;

/** The sessions of a table with its servers. `connect` gives the server at an address. */
export function poolFor<Request, Answer>(
  spec: DatabaseSpec,
  { clock }: AskedPorts,
  connect: (login: ServerLogin) => readonly DatabaseServer<Request, Answer>[],
): SessionPool<Request, Answer> {
  const { addresses, tls } = serversOf(spec);
  const login = (address: ServerAddress): ServerLogin => ({
    address,
    tls: address.kind === "unix" ? null : tls,
    user: settingOf(spec.settings, "username"),
    password: settingOf(spec.settings, "password"),
    database: settingOf(spec.settings, "database"),
  });
  const timeoutMs = parseSettingMs(settingOf(spec.settings, "timeout") ?? "") ?? poolTimeoutMs;
  return new SessionPool({ servers: addresses.flatMap((address) => connect(login(address))), clock, timeoutMs });
}

/** Runs `work`, and names the table in the Fault that it may reject with. What a server says may repeat a key that a
 * stranger chose: it is cut and scrubbed. */
export async function inTable<Result>(
  spec: DatabaseSpec,
  what: string,
  service: Service | null,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (error.message.startsWith("Cannot ")) throw error;
    const reason = scrub(error.message).slice(0, reasonLengthMax);
    const subject = service === null ? `table ${spec.name}` : `${service} in table ${spec.name}`;
    throw new Fault(error.kind, `Cannot ${what} ${subject}: ${reason}`, { cause: error, blame: error.blame });
  }
}
