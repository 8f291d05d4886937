/** What the supervisor and a role say to each other, over the IPC channel that every role is born with. */

import type { LogStyle } from "../event_log.ts";
import type { LogPriority } from "../port.ts";
import type { LocalExec } from "../policy/exec.ts";
import type { ForwardFile, ForwardUser } from "../policy/forward.ts";
import type { Policy } from "../policy/policy.ts";
import type { TraceSubject } from "../policy/trace.ts";
import type { AuthLevel } from "../trust/auth_limit.ts";
import type { AgentWork } from "./agent_work.ts";
import type { Subsystem } from "./control.ts";
import type { TlsMaterial } from "./listener_tls.ts";
import type { Grant, Role } from "./privilege.ts";
import type { ConfigurationStatus, ReloadAnswer } from "./reload.ts";

/** The control socket, which is no listener of the policy. */
export const controlListener: number = -1;

/** Agents that run at once; delivery keeps within it by letting idle ones go. */
export const agentsMax = 32;

/** How long to wait for an agent to come up, ms. */
export const agentStartMs = 15_000;

/** How long roles may take to finish what is in hand at a stop, ms. */
export const stopGraceMs = 10_000;

/** How long a role that another takes the place of may go on with what it has begun, ms. Sessions that are still open
 * then are told 421. */
export const drainMs = 5 * 60_000;

/** Which of several lookups and deliveries is the one for what begins now. While a reload takes effect there are two of
 * a kind: the former finishes what it has begun. */
export interface Successors {
  /** Name of the lookup to ask. */
  readonly lookup: string;
  /** Name of the delivery to give mail to. */
  readonly delivery: string;
}

/** How delivery finds hosts: /etc/resolv.conf and /etc/hosts, read by the supervisor. Plain data. */
export interface ResolverSetup {
  /** DNS servers, in the order in which they are asked. */
  readonly servers: readonly { readonly ip: string; readonly port: number }[];
  /** How long one of them may take to answer. */
  readonly timeoutMs: number;
  /** How often all are asked. */
  readonly attempts: number;
  /** /etc/hosts, names in lower case. */
  readonly hosts: readonly (readonly [name: string, addresses: readonly string[]])[];
}

/** What a role is told first. */
export interface Init {
  /** Tells it from other messages. */
  readonly kind: "init";
  /** The row that the role has to find itself holding. */
  readonly grant: Grant<Role>;
  /** The part of the configuration that the role works with (policy_part.ts). */
  readonly policy: Policy;
  /** Form of log lines, and the least urgent that are wanted. */
  readonly log: { readonly style: LogStyle; readonly least: LogPriority };
  /** What is paused: by `-P` of the command line, or by smtpctl in an earlier life of queue. */
  readonly paused: readonly Subsystem[];
  /** For queue: decisions that are logged from the start. */
  readonly traced: readonly TraceSubject[];
  /** Every role keeps the caller's uid: those of user tables are not applied. */
  readonly sameUser: boolean;
  /** For delivery and lookup: DNS servers and names that need none. */
  readonly resolver: ResolverSetup;
  /** Our own addresses, as `formatIp` writes them. */
  readonly selfAddresses: readonly string[];
  /** Directory of the queue's files. */
  readonly spool: string;
  /** Name of this instance, such as `smtp-in#1`: what peers call it. */
  readonly name: string;
  /** For an agent: what it is for. Null for other roles. */
  readonly work: AgentWork | null;
  /** Number of the configuration that `policy` is of: 1 at the start of the daemon, one more with each reload. */
  readonly version: number;
  /** Whom to work with. */
  readonly successors: Successors;
  /** For queue: what `smtpctl show status` says of the configuration. */
  readonly configuration: ConfigurationStatus;
  /** For smtp-in: how many of them share the listening sockets, and how many descriptors each may have open, null when
   * that is not known. */
  readonly front: { readonly processes: number; readonly descriptors: number | null };
  /** For smtp-in: certificates and keys. */
  readonly tls: TlsMaterial;
}

/** supervisor to role. */
export type ToRole =
  | Init
  /** One end of a connection to another role comes with this. `key` tells agents apart, is the table of a
   * table-host, and says which passwords a verifier checks. */
  | { readonly kind: "peer"; readonly role: Role; readonly name: string; readonly key: string }
  /** A listening socket comes with this; `listener` is the one of `Policy.listeners` that it is for, or
   * `controlListener`. `serve` follows. */
  | { readonly kind: "socket"; readonly listener: number }
  /** Everybody is there: accept connections. */
  | { readonly kind: "serve" }
  /** To lookup: failed logins that the one before it has counted. */
  | { readonly kind: "authLevels"; readonly levels: readonly AuthLevel[] }
  /** To lookup: what reading a ~/.forward came to. */
  | { readonly kind: "forward"; readonly request: number; readonly file: ForwardFile }
  /** Another configuration is in force. Only roles that go on under it hear so: queue with its part of it, delivery when
   * its part is the same. */
  | {
    readonly kind: "policy";
    readonly version: number;
    readonly policy: Policy;
    readonly successors: Successors;
  }
  /** To smtp-in: what begins from now on has these certificates. */
  | { readonly kind: "certificates"; readonly tls: TlsMaterial }
  /** To queue: what `smtpctl show status` is to say from now on. */
  | { readonly kind: "configuration"; readonly status: ConfigurationStatus }
  /** To queue: how the reload ended that it asked for. */
  | { readonly kind: "reloaded"; readonly request: number; readonly answer: ReloadAnswer }
  /** Another one takes your place: begin nothing, go on with what is begun for `graceMs` at most, then exit. */
  | { readonly kind: "drain"; readonly graceMs: number }
  /** Finish what is in hand within `graceMs`, then exit. */
  | { readonly kind: "stop"; readonly graceMs: number };

/** What an agent is to be started for; the supervisor finds the directory itself. */
export interface AgentRequest {
  /** Names the agent: one for each account and directory. */
  readonly key: string;
  /** Name of the action whose mail the agent writes. */
  readonly action: string;
  /** Whose mail it is: key of the userbase. */
  readonly user: string;
  /** The user's, as lookup found it. */
  readonly uid: number;
  /** The user's, as lookup found it. */
  readonly gid: number;
  /** The user's, an absolute path. */
  readonly home: string;
  /** Home of the account that writes the mail, an absolute path; the user's own if that is him. */
  readonly accountHome: string;
  /** A file, command or Maildir that an alias or a .forward names, which queue has named too; null for what the action
   * says. */
  readonly exec: LocalExec | null;
}

/** An account that lookup has found in a userbase: it may get agents. */
export interface NamedAccount {
  /** The table. */
  readonly table: string;
  /** Its key. */
  readonly user: string;
  /** The system account of `action … user`, whose ids these are; null for the user's own. */
  readonly account: string | null;
  /** User id. */
  readonly uid: number;
  /** Group id. */
  readonly gid: number;
  /** The user's home. */
  readonly home: string;
  /** The account's home. */
  readonly accountHome: string;
}

/** What an envelope in the queue is to be run or written with: such agents may be started. */
export interface NamedExec {
  /** Name of the action. */
  readonly action: string;
  /** As in the envelope. */
  readonly user: string;
  /** As in the envelope. */
  readonly exec: LocalExec;
}

/** role to supervisor. */
export type FromRole =
  /** To each message: the next one may come. */
  | { readonly kind: "received" }
  /** It has all that it needs to work under this version of the configuration. */
  | { readonly kind: "ready"; readonly version: number }
  /** It will not be: why. It ends. */
  | { readonly kind: "notReady"; readonly reason: string }
  | { readonly kind: "serving" }
  /** The answer to `policy`. */
  | { readonly kind: "inForce"; readonly version: number }
  /** delivery has mail for this account and no agent. */
  | ({ readonly kind: "needAgent" } & AgentRequest)
  /** lookup has found this account in a userbase: only such accounts get agents. */
  | ({ readonly kind: "mayDeliver" } & NamedAccount)
  /** queue gives delivery an envelope with this exec: only such are run. */
  | ({ readonly kind: "mayRun" } & NamedExec)
  /** lookup wants to know what this user's ~/.forward says. */
  | ({ readonly kind: "needForward"; readonly request: number } & ForwardUser)
  /** A lookup that another follows: failed logins that it has counted, for that one. */
  | { readonly kind: "authLevels"; readonly levels: readonly AuthLevel[] }
  /** An agent that was started to read a ~/.forward: this is what it came to. */
  | { readonly kind: "forwardRead"; readonly file: ForwardFile }
  /** queue or lookup has cut off the role of this name: it was told what no such role says. */
  | { readonly kind: "distrust"; readonly name: string }
  /** smtpctl has paused or resumed something: all that is paused now, for queue's next life. */
  | { readonly kind: "paused"; readonly paused: readonly Subsystem[] }
  /** `smtpctl reload`; with `check` it only shows what would change. The answer is `reloaded`. */
  | { readonly kind: "reload"; readonly request: number; readonly check: boolean }
  /** `smtpctl stop`. */
  | { readonly kind: "stopDaemon" };
