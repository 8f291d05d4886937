/** Agents: processes that write mail as the mailbox's owner. Started when delivery needs one, for owners that
 * lookup has named, and gone when delivery lets go of them. */

import type { Log } from "../event_log.ts";
import type { LogPriority } from "../port.ts";
import type { Policy } from "../policy/policy.ts";
import { agentDirectory } from "./agent_directory.ts";
import { type Account, agentGrant, type Grant, type Premises, unnameablePaths } from "./privilege.ts";
import type { RoleProcess } from "./role_process.ts";
import type { AgentRequest, FromRole } from "./supervision.ts";

/** Agents that run at once; delivery keeps within it by letting idle ones go. */
export const agentsMax = 32;

/** Accounts remembered from lookup. The oldest are forgotten first; lookup names them again with the next mail. */
const allowedMax = 100_000;

/** What the house needs. */
export interface AgentHousePorts {
  /** Its actions say which directory an agent writes. */
  readonly policy: Policy;
  /** Whether agents get accounts of their own. */
  readonly premises: Premises;
  /** For requests that are refused. */
  readonly log: Log;
  /** Starts an agent with this row. `ended` is called once, when it has ended for good. */
  readonly start: (
    grant: Grant<"agent">,
    key: string,
    received: (message: FromRole) => void,
    ended: () => void,
  ) => Pick<RoleProcess, "stop">;
}

/** Keeps the agents. */
export class AgentHouse {
  readonly #ports: AgentHousePorts;
  readonly #agents = new Map<string, Pick<RoleProcess, "stop">>();
  /** Requests that wait for an agent to end: one that delivery has let go takes a moment to do so. */
  readonly #waiting = new Map<string, AgentRequest>();
  /** Requests for accounts that lookup has not named: its word to us may come later than the one to delivery. */
  readonly #unnamed = new Map<string, AgentRequest>();
  readonly #allowed = new Set<string>();

  /** No agent runs at first. */
  constructor(ports: AgentHousePorts) {
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
    for (const request of [...this.#unnamed.values()].filter((one) => accountKey(one) === key)) {
      this.#unnamed.delete(request.key);
      this.need(request);
    }
  }

  /** Starts an agent for delivery, if lookup has named the account, or when it does. A refusal is logged; delivery times
   * out. */
  need(request: AgentRequest): void {
    const action = this.#ports.policy.actions[request.action];
    if (action === undefined || action.kind !== "local") return this.#refuse(request, "no such local action");
    if (!this.#allowed.has(accountKey(request))) return this.#keep(request);
    if (this.#ports.premises.accounts !== null && request.uid === 0) {
      return this.#refuse(request, "mail is not delivered as root");
    }
    const directory = agentDirectory(action, { user: request.user, home: request.home });
    if (directory === null) return this.#refuse(request, "the action's path has no fixed directory");
    const grant = agentGrant(this.#accountOf(request), directory);
    if (unnameablePaths(grant).length > 0) return this.#refuse(request, "the directory's name has a comma");
    if (this.#agents.size >= agentsMax || this.#agents.has(request.key)) {
      if (this.#waiting.size >= agentsMax) return this.#refuse(request, "too many agents");
      this.#waiting.set(request.key, request);
      return;
    }
    let isOver = false;
    const agent = this.#ports.start(grant, request.key, () => {}, () => {
      isOver = true;
      this.#ended(request.key);
    });
    if (!isOver) this.#agents.set(request.key, agent);
  }

  #ended(key: string): void {
    this.#agents.delete(key);
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const request of waiting) this.need(request);
  }

  /** Ends all agents. */
  async stop(graceMs: number): Promise<void> {
    this.#waiting.clear();
    this.#unnamed.clear();
    await Promise.all([...this.#agents.values()].map((agent) => agent.stop(graceMs)));
  }

  /** Waits for lookup's word. The oldest gives way. */
  #keep(request: AgentRequest): void {
    this.#unnamed.delete(request.key);
    this.#unnamed.set(request.key, request);
    this.#tell("info", "agent-waits", request, notNamed);
    const [oldest] = this.#unnamed.values();
    if (this.#unnamed.size <= agentsMax || oldest === undefined) return;
    this.#unnamed.delete(oldest.key);
    this.#refuse(oldest, notNamed);
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

function accountKey(owner: { readonly uid: number; readonly gid: number; readonly home: string }): string {
  return `${owner.uid}:${owner.gid}:${owner.home}`;
}
