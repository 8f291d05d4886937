/** Agents: processes that deliver mail as the mailbox's owner. Started when delivery needs one, for owners that
 * lookup has named, and gone when delivery lets go of them. What an alias or a .forward has run or written to is
 * started only when queue has named it too: delivery, which speaks with strangers, chooses nothing of it. */

import type { Log } from "../event_log.ts";
import type { LogPriority } from "../port.ts";
import type { Policy } from "../policy/policy.ts";
import { aliasUser } from "../policy/exec.ts";
import type { LocalAction } from "../policy/policy.ts";
import { type AgentWork, planAgent } from "./agent_work.ts";
import { unnameablePaths } from "./grant_flags.ts";
import { type Account, agentGrant, type Grant, type Premises } from "./privilege.ts";
import type { RoleProcess } from "./role_process.ts";
import { type AgentRequest, agentsMax, type NamedAccount, type NamedExec } from "./supervision.ts";

/** Accounts remembered from lookup. The oldest are forgotten first; lookup names them again with the next mail. */
const allowedMax = 100_000;

/** What queue has named; the oldest are forgotten first, queue names it again with the next attempt. */
const execsMax = 10_000;

/** A delivery that asks for agents. */
export interface AgentAsker {
  /** Its name tells it from others: while a reload takes effect there may be two. */
  readonly process: {
    readonly name: string;
    /** Counts its starts: its next life gives its agents the same keys anew. */
    readonly life: number;
  };
  /** What it works under: its actions say what an agent is for. */
  readonly configuration: { readonly policy: Policy };
}

/** What the house needs. */
export interface AgentHousePorts<Asker extends AgentAsker> {
  /** Whether agents get accounts of their own. */
  readonly premises: Premises;
  /** For requests that are refused. */
  readonly log: Log;
  /** Starts an agent with this row for `asker`. `ended` is called once, when it has ended for good. */
  readonly start: (
    grant: Grant<"agent">,
    work: AgentWork,
    key: string,
    asker: Asker,
    ended: () => void,
  ) => Pick<RoleProcess, "stop">;
  /** Makes the file of an `mbox` action, owned by the account, when it is missing: the account may not write the
   * directory. Only with accounts. */
  readonly prepareFile: (path: string, account: Account) => void;
}

interface Wanted<Asker extends AgentAsker> {
  readonly request: AgentRequest;
  readonly asker: Asker;
  /** The life of the asker that wants it. */
  readonly life: number;
}

/** Keeps the agents. */
export class AgentHouse<Asker extends AgentAsker> {
  readonly #ports: AgentHousePorts<Asker>;
  readonly #agents = new Map<string, Pick<RoleProcess, "stop">>();
  /** Requests that wait for an agent to end: one that delivery has let go takes a moment to do so. */
  readonly #waiting = new Map<string, Wanted<Asker>>();
  /** Requests for accounts that lookup has not named: its word to us may come later than the one to delivery. */
  readonly #unnamed = new Map<string, Wanted<Asker>>();
  readonly #allowed = new NameSet(allowedMax);
  readonly #execs = new NameSet(execsMax);

  /** No agent runs at first. */
  constructor(ports: AgentHousePorts<Asker>) {
    this.#ports = ports;
  }

  /** lookup found this account in a userbase. */
  allow(named: NamedAccount): void {
    this.#allowed.add(accountKey(named));
    this.#retry();
  }

  /** queue gives delivery an envelope with this exec. */
  allowExec(named: NamedExec): void {
    this.#execs.add(execKey(named));
    this.#retry();
  }

  /** Starts an agent for delivery, if it has been named, or when it is. A refusal is logged; delivery times out. */
  need(request: AgentRequest, asker: Asker): void {
    this.#need({ request, asker, life: asker.process.life });
  }

  #need(wanted: Wanted<Asker>): void {
    const { request, asker, life } = wanted;
    if (asker.process.life !== life) return;
    const name = nameOf(wanted);
    const { policy } = asker.configuration;
    const action = policy.actions[request.action];
    if (action === undefined || action.kind !== "local") return this.#refuse(request, "no such local action");
    const missing = this.#missingName(request, action);
    if (missing !== null) return this.#keep(wanted, missing);
    const account = this.#accountOf(request, action);
    const owner = {
      user: request.user,
      home: request.home,
      account: account?.name ?? request.user,
      accountHome: request.accountHome,
    };
    const work = planAgent(policy, action, request.exec, isOfAlias(request) ? { ...owner, ...aliasOwner } : owner);
    if (typeof work === "string") return this.#refuse(request, work);
    const { target, wrapper } = work;
    const isPlainMbox = target.kind === "file" && target.dotLock && wrapper === null;
    if (account?.uid === 0 && !isPlainMbox) return this.#refuse(request, "mail is not delivered as root");
    const grant = agentGrant(account, work);
    if (unnameablePaths(grant).length > 0) {
      return this.#refuse(request, "the name of its file or directory has a comma");
    }
    if (this.#agents.size >= agentsMax || this.#agents.has(name)) {
      if (this.#waiting.size >= agentsMax) return this.#refuse(request, "too many agents");
      this.#waiting.set(name, wanted);
      return;
    }
    if (isPlainMbox && account !== null) this.#ports.prepareFile(target.path, account);
    let isOver = false;
    const agent = this.#ports.start(grant, work, request.key, asker, () => {
      isOver = true;
      this.#ended(name);
    });
    if (!isOver) this.#agents.set(name, agent);
  }

  /** Who has not named what it is for; null when all is named. The account of aliases is ours to know. */
  #missingName(request: AgentRequest, action: LocalAction): string | null {
    const { accounts } = this.#ports.premises;
    const { action: name, user, exec } = request;
    if (exec !== null && !this.#execs.has(execKey({ action: name, user, exec }))) return notNamedExec;
    if (isOfAlias(request)) return null;
    const account = accounts === null ? null : action.user;
    const named = { ...request, table: action.userbase, account };
    return this.#allowed.has(accountKey(named)) ? null : notNamed;
  }

  #retry(): void {
    for (const wanted of [...this.#unnamed.values()]) {
      const { request, asker } = wanted;
      const action = asker.configuration.policy.actions[request.action];
      if (action?.kind === "local" && this.#missingName(request, action) !== null) continue;
      this.#unnamed.delete(nameOf(wanted));
      this.#need(wanted);
    }
  }

  #ended(name: string): void {
    this.#agents.delete(name);
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const wanted of waiting) this.#need(wanted);
  }

  /** Ends all agents. */
  async stop(graceMs: number): Promise<void> {
    this.#waiting.clear();
    this.#unnamed.clear();
    await Promise.all([...this.#agents.values()].map((agent) => agent.stop(graceMs)));
  }

  /** Waits for the other's word. The oldest gives way. */
  #keep(wanted: Wanted<Asker>, reason: string): void {
    this.#unnamed.delete(nameOf(wanted));
    this.#unnamed.set(nameOf(wanted), wanted);
    this.#tell("debug", "agent-waits", wanted.request, reason);
    const [oldest] = this.#unnamed.values();
    if (this.#unnamed.size <= agentsMax || oldest === undefined) return;
    this.#unnamed.delete(nameOf(oldest));
    this.#refuse(oldest.request, reason);
  }

  #accountOf(request: AgentRequest, action: LocalAction): Account | null {
    const { accounts } = this.#ports.premises;
    if (accounts === null) return null;
    if (isOfAlias(request)) return { ...accounts.smtpd, name: aliasUser };
    return { name: action.user ?? request.user, uid: request.uid, gid: request.gid };
  }

  #refuse(request: AgentRequest, reason: string): void {
    this.#tell("warning", "agent-refused", request, reason);
  }

  #tell(priority: LogPriority, what: string, { user, action }: AgentRequest, reason: string): void {
    this.#ports.log({ priority, session: "", from: "mda", what, fields: { user, action, reason } });
  }
}

const notNamed = "lookup has not named this account";
const notNamedExec = "queue has not named this file or command";

/** Commands and files of aliases belong to nobody who has a home. */
const aliasOwner = { user: aliasUser, home: "/", account: aliasUser, accountHome: "/" } as const;

/** Two deliveries, and two lives of one, have agents of their own for one mailbox. */
function nameOf({ request, asker, life }: Wanted<AgentAsker>): string {
  return `${asker.process.name} ${life} ${request.key}`;
}

function isOfAlias({ exec }: Pick<AgentRequest, "exec">): boolean {
  return exec?.from === "table";
}

function accountKey({ table, user, account, uid, gid, home, accountHome }: NamedAccount): string {
  return [table, user, account ?? "", uid, gid, home, accountHome].join("\0");
}

function execKey({ action, user, exec }: NamedExec): string {
  return [action, user, exec.kind, exec.from, exec.text].join("\0");
}

/** Names, the oldest of which are forgotten when there are too many. */
class NameSet {
  readonly #max: number;
  readonly #names = new Set<string>();

  constructor(max: number) {
    this.#max = max;
  }

  add(name: string): void {
    this.#names.delete(name);
    this.#names.add(name);
    for (const oldest of this.#names) {
      if (this.#names.size <= this.#max) break;
      this.#names.delete(oldest);
    }
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }
}
