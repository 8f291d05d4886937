/** Agents: processes that write mail as the mailbox's owner. Started when delivery needs one, for owners that
 * lookup has named, and gone when delivery lets go of them. */

import type { Log } from "../event_log.ts";
import type { LogPriority } from "../port.ts";
import type { Policy } from "../policy/policy.ts";
import { agentDirectory } from "./agent_directory.ts";
import { type Account, agentGrant, type Grant, type Premises, unnameablePaths } from "./privilege.ts";
import type { RoleProcess } from "./role_process.ts";
import type { AgentRequest } from "./supervision.ts";

/** Agents that run at once; delivery keeps within it by letting idle ones go. */
export const agentsMax = 32;

/** Accounts remembered from lookup. The oldest are forgotten first; lookup names them again with the next mail. */
const allowedMax = 100_000;

/** A delivery that asks for agents. */
export interface AgentAsker {
  /** Its name tells it from others: while a reload takes effect there may be two. */
  readonly process: { readonly name: string };
  /** What it works under: its actions say which directory an agent writes. */
  readonly configuration: { readonly policy: Policy };
}

/** What the house needs. */
export interface AgentHousePorts<Asker extends AgentAsker> {
  /** Whether agents get accounts of their own. */
  readonly premises: Premises;
  /** For requests that are refused. */
  readonly log: Log;
  /** Starts an agent with this row for `asker`. `ended` is called once, when it has ended for good. */
  readonly start: (grant: Grant<"agent">, key: string, asker: Asker, ended: () => void) => Pick<RoleProcess, "stop">;
}

interface Wanted<Asker extends AgentAsker> {
  readonly request: AgentRequest;
  readonly asker: Asker;
}

/** Keeps the agents. */
export class AgentHouse<Asker extends AgentAsker> {
  readonly #ports: AgentHousePorts<Asker>;
  readonly #agents = new Map<string, Pick<RoleProcess, "stop">>();
  /** Requests that wait for an agent to end: one that delivery has let go takes a moment to do so. */
  readonly #waiting = new Map<string, Wanted<Asker>>();
  /** Requests for accounts that lookup has not named: its word to us may come later than the one to delivery. */
  readonly #unnamed = new Map<string, Wanted<Asker>>();
  readonly #allowed = new Set<string>();

  /** No agent runs at first. */
  constructor(ports: AgentHousePorts<Asker>) {
    this.#ports = ports;
  }

  /** lookup found this account in a userbase. */
  allow(owner: { readonly uid: number; readonly gid: number; readonly home: string }): void {
    const key = accountKey(owner);
    this.#allowed.delete(key);
    this.#allowed.add(key);
    for (const oldest of this.#allowed) {
      if (this.#allowed.size <= allowedMax) break;
      this.#allowed.delete(oldest);
    }
    for (const wanted of [...this.#unnamed.values()].filter(({ request }) => accountKey(request) === key)) {
      this.#unnamed.delete(nameOf(wanted));
      this.need(wanted.request, wanted.asker);
    }
  }

  /** Starts an agent for delivery, if lookup has named the account, or when it does. A refusal is logged; delivery times
   * out. */
  need(request: AgentRequest, asker: Asker): void {
    const name = nameOf({ request, asker });
    const action = asker.configuration.policy.actions[request.action];
    if (action === undefined || action.kind !== "local") return this.#refuse(request, "no such local action");
    if (!this.#allowed.has(accountKey(request))) return this.#keep({ request, asker });
    if (this.#ports.premises.accounts !== null && request.uid === 0) {
      return this.#refuse(request, "mail is not delivered as root");
    }
    const directory = agentDirectory(action, { user: request.user, home: request.home });
    if (directory === null) return this.#refuse(request, "the action's path has no fixed directory");
    const grant = agentGrant(this.#accountOf(request), directory);
    if (unnameablePaths(grant).length > 0) return this.#refuse(request, "the directory's name has a comma");
    if (this.#agents.size >= agentsMax || this.#agents.has(name)) {
      if (this.#waiting.size >= agentsMax) return this.#refuse(request, "too many agents");
      this.#waiting.set(name, { request, asker });
      return;
    }
    let isOver = false;
    const agent = this.#ports.start(grant, request.key, asker, () => {
      isOver = true;
      this.#ended(name);
    });
    if (!isOver) this.#agents.set(name, agent);
  }

  #ended(name: string): void {
    this.#agents.delete(name);
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { request, asker } of waiting) this.need(request, asker);
  }

  /** Ends all agents. */
  async stop(graceMs: number): Promise<void> {
    this.#waiting.clear();
    this.#unnamed.clear();
    await Promise.all([...this.#agents.values()].map((agent) => agent.stop(graceMs)));
  }

  /** Waits for lookup's word. The oldest gives way. */
  #keep(wanted: Wanted<Asker>): void {
    this.#unnamed.delete(nameOf(wanted));
    this.#unnamed.set(nameOf(wanted), wanted);
    this.#tell("info", "agent-waits", wanted.request, notNamed);
    const [oldest] = this.#unnamed.values();
    if (this.#unnamed.size <= agentsMax || oldest === undefined) return;
    this.#unnamed.delete(nameOf(oldest));
    this.#refuse(oldest.request, notNamed);
  }

  #accountOf(request: AgentRequest): Account | null {
    if (this.#ports.premises.accounts === null) return null;
    return { name: request.user, uid: request.uid, gid: request.gid };
  }

  #refuse(request: AgentRequest, reason: string): void {
    this.#tell("warning", "agent-refused", request, reason);
  }

  #tell(priority: LogPriority, what: string, { user, action }: AgentRequest, reason: string): void {
    this.#ports.log({ priority, session: "", from: "mda", what, fields: { user, action, reason } });
  }
}

const notNamed = "lookup has not named this account";

/** Two deliveries have agents of their own for one mailbox. */
function nameOf({ request, asker }: Wanted<AgentAsker>): string {
  return `${asker.process.name} ${request.key}`;
}

function accountKey(owner: { readonly uid: number; readonly gid: number; readonly home: string }): string {
  return `${owner.uid}:${owner.gid}:${owner.home}`;
}
