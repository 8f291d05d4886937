/** What a start of smtpd depends on beside its configuration: command line, directories, accounts, resolvers. */

import { Fault } from "../lib/fault.ts";
import type { Subsystem } from "../lib/daemon/control.ts";
import type { Account, Premises } from "../lib/daemon/privilege.ts";
import type { ResolverSetup } from "../lib/daemon/supervision.ts";
import { parseHosts, parseResolvConf } from "../lib/host/resolv_conf.ts";
import { shadowFile, verifierPools } from "../lib/daemon/verifier_grant.ts";
import { readTextIfPresent, statIfPresent } from "../lib/host/state.ts";
import { includedFiles } from "../lib/policy/includes.ts";
import type { ExplainQuestion } from "../lib/policy/explain.ts";
import type { Policy } from "../lib/policy/policy.ts";
import type { TraceSubject } from "../lib/policy/trace.ts";
import { keepsUser, roleAccounts } from "./smtpd_accounts.ts";
import { daemonState } from "./state.ts";

/** What the command line asks for. */
export interface SmtpdOptions {
  readonly foreground: boolean;
  /** `-n`. */
  readonly check: boolean;
  readonly verbose: boolean;
  /** Absolute path. */
  readonly config: string;
  readonly macros: ReadonlyMap<string, string>;
  readonly paused: readonly Subsystem[];
  /** `-T`. */
  readonly traced: readonly TraceSubject[];
  /** `--explain`; null without. */
  readonly explain: ExplainQuestion | null;
  /** `--dns`. */
  readonly dns: boolean;
  /** Value of `--state`. */
  readonly state: string | null;
  readonly sameUser: boolean;
  readonly json: boolean;
}

/** Everything that a start needs to know. */
export interface Start {
  readonly premises: Premises;
  readonly controlSocket: string;
  /** It is the default place of the whole system. */
  readonly isSystem: boolean;
  readonly submitSocket: string;
  readonly resolver: ResolverSetup;
}

/** Longest name of a unix socket, octets: sun_path of unix(7), less the name of our longest one. */
const socketPathMax = 107 - "/run/p0000000000".length;

/** Finds it all out. Fault `notFound` when an account is missing; a mere check shows the table all the same. */
export function premisesOf(policy: Policy, options: SmtpdOptions, purpose: "run" | "check"): Start {
  const { directory: state, spool, controlSocket, submitSocket, isSystem } = daemonState(options.state);
  if (new TextEncoder().encode(state).length > socketPathMax) {
    throw new Fault("malformed", `Cannot use ${state}: a path of over ${socketPathMax} octets has no room for sockets`);
  }
  const owners = keepsUser(options) ? null : roleAccounts(purpose);
  const shadow = shadowReader(owners?.smtpd ?? null);
  if (purpose === "run" && shadow === null && verifierPools(policy).includes("system")) {
    throw new Fault(
      "denied",
      `Cannot check the passwords of the system's users: only root may read ${shadowFile}\n` +
        `  Name a table of users behind \`auth\` of the \`listen\` line, or start smtpd as root`,
    );
  }
  const hosts = parseHosts(readTextIfPresent("/etc/hosts") ?? "");
  const config = parseResolvConf(readTextIfPresent("/etc/resolv.conf") ?? "");
  return {
    premises: {
      state,
      spool: policy.queue.directory ?? spool,
      accounts: owners,
      includes: includedFiles(policy, readTextIfPresent),
      resolvers: config.servers.map((server) => server.ip),
      shadow,
    },
    controlSocket,
    isSystem,
    submitSocket,
    resolver: { ...config, hosts: [...hosts] },
  };
}

/** With what account the passwords of the system's users can be read; null when they cannot be. The group of the file may
 * read it on most systems: then the account of smtpd, with that group, is enough. */
function shadowReader(smtpd: Account | null): { readonly account: Account | null } | null {
  const stat = statIfPresent(shadowFile);
  if (stat === null) return null;
  const isGroups = stat.gid !== 0 && (stat.mode & 0o040) !== 0;
  if (smtpd !== null) return { account: isGroups ? { ...smtpd, gid: stat.gid } : { name: "root", uid: 0, gid: 0 } };
  return Deno.uid() === 0 || stat.uid === Deno.uid() ? { account: null } : null;
}
