/** `smtpd -n --explain`: what would become of mail under a configuration that no daemon runs. */

import { hostClock, hostRandom } from "../lib/host/clock.ts";
import { hostDisk } from "../lib/host/disk.ts";
import { StubResolver } from "../lib/host/dns.ts";
import { hostSha1 } from "../lib/host/hash.ts";
import { interfaceAddresses } from "../lib/host/state.ts";
import type { Clock, Disk, Dns } from "../lib/port.ts";
import type { Log } from "../lib/event_log.ts";
import { Fault } from "../lib/fault.ts";
import { type ExplainedAnswer, type ExplainedEnvelope, explainRecipient } from "../lib/daemon/explanation.ts";
import { readForward } from "../lib/daemon/forward_reader.ts";
import { ReverseNames } from "../lib/daemon/reverse.ts";
import type { ResolverSetup } from "../lib/daemon/supervision.ts";
import { openTables } from "../lib/daemon/tables.ts";
import { explainRoute } from "../lib/delivery/explain_route.ts";
import { findHop } from "../lib/delivery/hop.ts";
import { mtaLimitsOf } from "../lib/delivery/limits.ts";
import { resolveRoutes, routeOptionsFor } from "../lib/delivery/mx.ts";
import { relayName } from "../lib/delivery/relay.ts";
import { SpfDesk } from "../lib/delivery/spf_desk.ts";
import type { TableSource } from "../lib/policy/expand.ts";
import { candidateOf, type ExplainQuestion } from "../lib/policy/explain.ts";
import type { Policy, TableName } from "../lib/policy/policy.ts";
import { rewritingOf } from "../lib/policy/rewrite.ts";
import type { Table } from "../lib/table/table.ts";
import { formatExplanation, statusRefused } from "./explain_view.ts";
import { UsageError } from "./getopt.ts";
import type { Printer } from "./smtpctl_answer.ts";
import { tableBackends } from "./table_backends.ts";

/** What an explanation without a daemon works with. */
export interface OfflinePorts {
  /** Files of tables, and .forward files. */
  readonly disk: Disk;
  /** Dates rewritten senders. */
  readonly clock: Clock;
  /** Who may read a .forward that is not readable to all: the owner. Null asks nobody. */
  readonly uid: number | null;
  /** Null: names and routes are not looked up. */
  readonly dns: Dns | null;
  /** Our own addresses, as `formatIp` writes them. */
  readonly selfAddresses: ReadonlySet<string>;
}

/** The ports of this machine. */
export function hostPorts(resolver: ResolverSetup, withDns: boolean): OfflinePorts {
  const dns = withDns
    ? new StubResolver({ config: resolver, clock: hostClock, random: hostRandom, hosts: new Map(resolver.hosts) })
    : null;
  const selfAddresses = new Set(interfaceAddresses().map(({ address }) => address));
  return { disk: hostDisk, clock: hostClock, uid: Deno.uid(), dns, selfAddresses };
}

/** Explains and prints. Returns the exit status: 0, or 2 when the recipient would be refused. Throws `UsageError` when
 * there is no such listener. */
export async function explainOffline(
  policy: Policy,
  question: ExplainQuestion,
  ports: OfflinePorts,
  printer: Printer,
  json: boolean,
): Promise<number> {
  const asked = candidateOf(question, policy);
  if (asked.kind === "unknown") {
    throw new UsageError(`there is no such listener; there are ${asked.known.join(", ")}`);
  }
  const tables = openLazily(policy, ports, (text) => printer.complain(`smtpd: ${text}`));
  try {
    const explained = await explainRecipient(asked.candidate, policy, tables, asked.filter);
    const answer = await withRoutes(explained.answer, policy, ports, tables);
    await printer.write(formatExplanation({ question, events: explained.events, answer }, printer.screen, json));
    return answer.kind === "refused" ? statusRefused : 0;
  } finally {
    await tables.close();
  }
}

interface OpenTables extends TableSource {
  /** Closes those that were opened: this ends helpers. */
  close(): Promise<void>;
}

/** Tables are opened when they are asked: one that cannot be read is told of where it matters. */
function openLazily(policy: Policy, ports: OfflinePorts, complain: (text: string) => void): OpenTables {
  const { disk, clock, dns, uid: caller } = ports;
  const log: Log = (event) => complain(String(event.fields["reason"] ?? event.what));
  const backends = tableBackends(policy.tables, log);
  const open = (tables: Policy["tables"]) => openTables({ ...policy, tables }, disk, clock, log, backends);
  const opened = new Map<TableName, Promise<Table>>();
  const reverse = dns === null ? null : new ReverseNames(() => Promise.resolve(dns), clock);
  return {
    table(name) {
      const spec = policy.tables[name];
      const ask = (): Promise<Table> => {
        let table = opened.get(name);
        if (table === undefined) {
          table = open(spec === undefined ? {} : { [name]: spec }).then((source) => source.table(name));
          opened.set(name, table);
        }
        return table;
      };
      return lazyTable(name, ask);
    },
    readInclude: async (path) => await (await open({})).readInclude(path),
    async close() {
      for (const one of await Promise.allSettled(opened.values())) if (one.status === "fulfilled") one.value.close();
    },
    peerName: (address) => reverse?.peerName(address) ?? Promise.resolve({ name: null, forward: "error" }),
    reverseName: (address) => reverse?.nameOf(address) ?? Promise.resolve(null),
    rewriting: rewritingOf(policy, clock, hostSha1),
    async readForward({ name, home, uid }) {
      const file = await readForward(disk, home, uid);
      if (file.kind !== "refused" || file.problem !== "denied" || caller === uid) return file;
      complain(`You may not read the .forward of ${name}: explained as if there were none`);
      return { kind: "absent" };
    },
  };
}

function lazyTable(name: TableName, ask: () => Promise<Table>): Table {
  return {
    name,
    shape: "dynamic",
    check: async (service, key) => await (await ask()).check(service, key),
    lookup: async (service, key) => await (await ask()).lookup(service, key),
    fetch: async (service) => await (await ask()).fetch(service),
    update: async () => await (await ask()).update(),
    close: () => void ask().then((table) => table.close()),
  };
}

async function withRoutes(
  answer: ExplainedAnswer,
  policy: Policy,
  ports: OfflinePorts,
  tables: TableSource,
): Promise<ExplainedAnswer> {
  if (answer.kind === "refused") return answer;
  const { clock, dns } = ports;
  const spf = dns === null ? null : new SpfDesk({ clock, dns });
  const envelopes = await Promise.all(answer.envelopes.map(async (envelope) => {
    const way = envelope.kind === "mta" ? await wayOf(policy, envelope, ports, tables, spf) : null;
    return way === null ? envelope : { ...envelope, ...way };
  }));
  return { ...answer, envelopes };
}

type Way = Pick<ExplainedEnvelope, "route" | "spf">;

/** As delivery finds it. */
async function wayOf(
  policy: Policy,
  { action: name, dest: { domain }, sender, senderIfSpfFails }: ExplainedEnvelope,
  { dns, selfAddresses }: OfflinePorts,
  tables: TableSource,
  desk: SpfDesk | null,
): Promise<Way | null> {
  const action = policy.actions[name];
  if (action?.kind !== "relay") return null;
  const none = (reason: string): Way => ({ route: { kind: "none", via: `action ${name}`, reason }, spf: [] });
  try {
    const found = (text: string | null) =>
      text === null ? { kind: "absent" } as const : { kind: "found", text } as const;
    const hop = await findHop(action, domain, policy.serverName, {
      async relay(table, to) {
        const isMap = table === action.domain;
        const url = isMap
          ? await tables.table(table).lookup("relayhost", to)
          : await tables.table(table).fetch("relayhost");
        return url === null ? { kind: "absent" } : { kind: "found", url };
      },
      source: async (table) => found(await tables.table(table).fetch("source")),
      helo: async (table, address) => found(await tables.table(table).lookup("addrname", address)),
    });
    if ("enhanced" in hop) return none(hop.text);
    if (dns === null || desk === null) return { route: explainRoute(hop, null), spf: [] };
    const selfNames = new Set([policy.serverName, ...policy.listeners.map(({ hostname }) => hostname)]);
    const limits = mtaLimitsOf(policy.mta.domainLimits[relayName(hop.relay)] ?? policy.mta.limits);
    const { family } = limits;
    const options = { dns, random: hostRandom, selfNames, selfAddresses, allowPrivate: false, family, limits };
    const asked = senderIfSpfFails === null ? null : sender;
    const spf = desk.foresee(asked, hop.manner, { addresses: selfAddresses, helo: policy.serverName });
    const routes = await resolveRoutes(hop.relay, routeOptionsFor(options, hop.manner));
    return { route: explainRoute(hop, routes), spf: await spf };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return none(error.message);
  }
}
