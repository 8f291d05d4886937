/** Who may do what: the one table of rights, computed from the configuration.
 * `smtpd -n -v` prints it, the supervisor starts each role with exactly its row, and each role checks
 * at start that it holds its row and nothing more (grant_check.ts). */

import type { DialTarget } from "../port.ts";
import type { Policy } from "../policy/policy.ts";
import { usesReverseNames, usesSystemUsers } from "../policy/uses.ts";
import { serversOf } from "../table/server.ts";
import { isRemembered, type ProcSpec, sqliteDatabase } from "../table/spec.ts";
import type { TableSpec } from "../table/table.ts";
import type { AgentWork } from "./agent_work.ts";
import { type Denied, deniedRanges } from "./denied.ts";
import { shellProgram } from "./grant_check.ts";
import { smtpInGrant } from "./grant_flags.ts";
import { bracket } from "./range.ts";

/** Roles that run for the daemon's whole life. */
export type StandingRole = "smtp-in" | "lookup" | "queue" | "delivery";
/** All child roles. `agent` runs once for each mailbox owner, `table-host` once for each table behind a helper,
 * `verifier` where listeners have users log in (verifier_grant.ts). */
export type Role = StandingRole | "agent" | "table-host" | "verifier";
/** Who has a row: the roles, and `offline`, which is a program: sendmail(1) once more, as the owner of a message that it
 * left while no daemon ran. */
export type Holder = Role | "offline";

/** A system account. */
export interface Account {
  /** Name in passwd(5). */
  readonly name: string;
  /** User id; -1 when the account does not exist and the table is only shown. */
  readonly uid: number;
  /** Group id; -1 likewise. */
  readonly gid: number;
}

/** What the table depends on besides the configuration. */
export interface Premises {
  /** Absolute path of the queue's directory. */
  readonly spool: string;
  /** Absolute path of the directory that holds sockets. */
  readonly state: string;
  /** Null when every role keeps the caller's uid (not root, or --same-user). */
  readonly accounts: { readonly smtpd: Account; readonly smtpq: Account } | null;
  /** Files that alias tables include (policy/includes.ts). */
  readonly includes: readonly string[];
  /** DNS servers in use, as literal addresses. */
  readonly resolvers: readonly string[];
  /** With what account /etc/shadow can be read, null for the caller's own; none when it cannot be. */
  readonly shadow?: { readonly account: Account | null } | null;
}

/** One row: what a role holds. Everything that is not listed is refused. */
export interface Grant<Whose extends Holder = Holder> {
  /** Whose row it is. */
  readonly role: Whose;
  /** Null: the caller's own account. */
  readonly account: Account | null;
  /** Absolute paths of files and directories that may be read, with all below them. */
  readonly read: readonly string[];
  /** The same for writing. */
  readonly write: readonly string[];
  /** `out` may open connections to any address outside `deny`; `paths` names unix sockets; `servers` names hosts with
   * their ports (`host:port`, `[address]:port`; port 0 is one to bind), and unix sockets, which are in `read` and
   * `write` as well. */
  readonly net:
    | { readonly kind: "none" }
    | { readonly kind: "out"; readonly deny: readonly Denied[] }
    | { readonly kind: "paths"; readonly paths: readonly string[] }
    | { readonly kind: "servers"; readonly hosts: readonly string[]; readonly paths: readonly string[] };
  /** Programs that may be run. */
  readonly run: readonly string[];
  /** Facts of the system that may be asked for. */
  readonly sys: readonly ("hostname" | "statfs")[];
  /** Loads npm packages from the cache. Without it even an import of one fails. */
  readonly npm: boolean;
  /** What the supervisor hands over, for people. */
  readonly handed: string;
}

/** The rows of the roles that always run, in the order of their start. */
export function standingGrants(policy: Policy, premises: Premises): readonly Grant<StandingRole>[] {
  const { accounts } = premises;
  const smtpd = accounts?.smtpd ?? null;
  const none = { kind: "none" } as const;
  const base = { account: smtpd, read: [], write: [], net: none, run: [], sys: [], npm: false };
  return [
    {
      ...base,
      role: "queue",
      account: accounts?.smtpq ?? null,
      read: [premises.spool],
      write: [premises.spool],
      // How much room is left (host/space.ts).
      sys: ["statfs"],
      handed: "control socket, queue settings, peer sockets",
    },
    { ...base, ...lookupRights(policy, premises), role: "lookup", handed: "whole policy, peer sockets" },
    {
      ...base,
      role: "delivery",
      // Only relays are connected to from here: agents have their own rows, and notices go to queue.
      net: relays(policy) ? { kind: "out", deny: deniedRanges(policy, premises.resolvers) } : none,
      npm: true,
      handed: "listeners' names, actions, peer sockets",
    },
    smtpInGrant(smtpd),
  ];
}

function relays({ actions }: Policy): boolean {
  return Object.values(actions).some(({ kind }) => kind === "relay");
}

/** A table behind a helper, and the row of its host. */
export interface HostedTable {
  /** The table. */
  readonly spec: ProcSpec;
  /** May run the helper, and nothing else. The helper runs with the same account. */
  readonly grant: Grant<"table-host">;
}

/** The rows of the hosts of tables behind helpers. */
export function tableHostGrants(policy: Policy, premises: Premises): readonly HostedTable[] {
  return Object.values(policy.tables).flatMap((table) =>
    table.kind !== "proc" ? [] : [{
      // How long its answers are remembered is lookup's business: a host stays when that alone changes.
      spec: { ...table, cacheTtlMs: null, cacheNegativeTtlMs: null },
      grant: {
        role: "table-host",
        account: premises.accounts?.smtpd ?? null,
        read: [],
        write: [],
        net: { kind: "none" },
        run: [table.command],
        sys: [],
        npm: false,
        handed: "name and argument of the table, peer socket",
      },
    }]
  );
}

/** The row of an agent: one account and what its work needs. */
export function agentGrant(account: Account | null, work: AgentWork): Grant<"agent"> {
  const base = { role: "agent", account, net: { kind: "none" }, sys: [], npm: false } as const;
  if (work.kind === "forward") {
    // The home itself is looked at: who may write there could put any .forward in it.
    return { ...base, read: [work.user.home], write: [], run: [], handed: "nothing" };
  }
  const { target, wrapper } = work;
  // What the shell starts has the account's rights, and none of Deno's bounds: it is the user's own command.
  const run = target.kind === "command" || wrapper !== null ? [shellProgram] : [];
  if (target.kind === "lmtp") return lmtpGrant(account, target.to, run);
  const paths = target.kind === "maildir"
    ? [target.directory]
    : target.kind === "file"
    ? [target.path, ...(target.dotLock ? [`${target.path}.lock`] : [])]
    : [];
  return { ...base, read: paths, write: paths, run, handed: "peer socket, its command" };
}

function lmtpGrant(account: Account | null, to: DialTarget, run: readonly string[]): Grant<"agent"> {
  // A unix socket takes all three rights.
  const paths = to.kind === "unix" ? [to.path] : [];
  const net = to.kind === "unix"
    ? { kind: "paths", paths } as const
    : { kind: "servers", hosts: [`${to.kind === "host" ? to.name : bracket(to.ip)}:${to.port}`], paths: [] } as const;
  return {
    role: "agent",
    account,
    read: paths,
    write: paths,
    net,
    run,
    sys: [],
    npm: false,
    handed: "peer socket",
  };
}

/** The row of the program that submits one message left in the offline directory. */
export function offlineGrant(account: Account | null, file: string, submitSocket: string): Grant<"offline"> {
  return {
    role: "offline",
    account,
    read: [file, submitSocket],
    write: [file, submitSocket],
    net: { kind: "paths", paths: [submitSocket] },
    run: [],
    sys: ["hostname"],
    npm: false,
    handed: "nothing",
  };
}

/** What lookup may do: read the files of tables, and reach the servers of databases. */
function lookupRights(policy: Policy, premises: Premises): Pick<Grant, "read" | "write" | "net" | "npm"> {
  const tables = Object.values(policy.tables);
  const servers = tables.flatMap((table) => "settings" in table ? [serversOf(table)] : []);
  const addresses = servers.flatMap((one) => one.addresses);
  const hosts = addresses.flatMap((one) => one.kind === "host" ? [`${bracket(one.host)}:${one.port}`] : []);
  const paths = addresses.flatMap((one) => one.kind === "unix" ? [one.path] : []);
  const authorities = servers.flatMap(({ tls }) => tls === null || tls.ca === null ? [] : [tls.ca]);
  const resolvers = usesReverseNames(policy) ? premises.resolvers : [];
  hosts.push(...resolverHosts(resolvers));
  const sorted = (items: readonly string[]) => [...new Set(items)].sort();
  const isAlone = hosts.length + paths.length === 0;
  return {
    read: sorted([...tableFiles(policy, premises.includes), ...paths, ...authorities]),
    write: sorted(paths),
    net: isAlone ? { kind: "none" } : { kind: "servers", hosts: sorted(hosts), paths: sorted(paths) },
    npm: tables.some(isRemembered) || resolvers.length > 0,
  };
}

/** Files that table lookups read. */
function tableFiles(policy: Policy, includes: readonly string[]): readonly string[] {
  const files = Object.values(policy.tables).flatMap((table) => tableFile(policy, table));
  return [...new Set([...files, ...includes])].sort();
}

function tableFile(policy: Policy, table: TableSpec): readonly string[] {
  switch (table.kind) {
    case "file":
    case "cdb":
    case "passwd":
      return [table.path];
    case "sqlite":
      return [sqliteDatabase(table)];
    case "getpwnam":
      return usesSystemUsers(policy) ? ["/etc/passwd"] : [];
    default:
      return [];
  }
}

/** What a stub resolver needs: the servers, and to bind an address of its own to ask from (host/dns_exchange.ts). */
function resolverHosts(resolvers: readonly string[]): readonly string[] {
  const hosts = resolvers.flatMap((ip) => {
    const isHere = ip.startsWith("127.") || ip === "::1";
    const own = isHere ? ip : ip.includes(":") ? "::" : "0.0.0.0";
    return [`${bracket(ip)}:${dnsPort}`, `${bracket(own)}:0`];
  });
  return [...new Set(hosts)];
}

const dnsPort = 53;
