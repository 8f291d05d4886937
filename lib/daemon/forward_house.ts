/** Answers lookup's questions about ~/.forward files. Most users have none, which the supervisor sees by itself; a
 * file that is there is read by a process of the user's own, which ends with its answer. */

import type { Clock, Disk } from "../port.ts";
import { Fault } from "../fault.ts";
import { type ForwardFile, type ForwardUser, judgeHome } from "../policy/forward.ts";
import type { AgentWork } from "./agent_work.ts";
import { unnameablePaths } from "./grant_flags.ts";
import { agentGrant, type Grant, type Premises } from "./privilege.ts";
import type { RoleProcess } from "./role_process.ts";
import type { FromRole } from "./supervision.ts";

/** Files that are read at once. */
export const forwardReadersMax = 8;

/** Questions that wait for a reader; more are told to come again. */
export const forwardWaitingMax = 256;

/** How long a reader may take, ms. */
export const forwardReadMs = 30_000;

/** What the house needs. */
export interface ForwardHousePorts {
  /** Times readers. */
  readonly clock: Clock;
  /** To see whether there is a file at all. */
  readonly disk: Disk;
  /** The path without links; null when it leads nowhere. A right to a link is no right to what it leads to. */
  readonly realPath: (path: string) => Promise<string | null>;
  /** Whether readers get accounts of their own. */
  readonly premises: Premises;
  /** Our own uid: without accounts everything is its. */
  readonly uid: number;
  /** Starts a reader with this row. `ended` is called once, when it has ended for good. */
  readonly start: (
    grant: Grant<"agent">,
    work: AgentWork,
    key: string,
    received: (message: FromRole) => void,
    ended: () => void,
  ) => Pick<RoleProcess, "stop">;
  /** Tells lookup. */
  readonly answer: (request: number, file: ForwardFile) => void;
}

interface Question {
  readonly request: number;
  readonly user: ForwardUser;
}

/** Keeps the readers. */
export class ForwardHouse {
  readonly #ports: ForwardHousePorts;
  readonly #readers = new Map<string, Pick<RoleProcess, "stop">>();
  readonly #waiting: Question[] = [];
  #running = 0;
  #count = 0;
  #isStopped = false;

  /** No reader runs at first. */
  constructor(ports: ForwardHousePorts) {
    this.#ports = ports;
  }

  /** Answers once, whatever happens. */
  async need(request: number, user: ForwardUser): Promise<void> {
    const home = (await this.#ports.realPath(user.home)) ?? user.home;
    const known = await this.#lookAt(home);
    if (known !== null) return this.#ports.answer(request, known);
    if (this.#isStopped || this.#waiting.length >= forwardWaitingMax) {
      return this.#ports.answer(request, { kind: "refused", problem: "busy", detail: user.home });
    }
    this.#waiting.push({ request, user: { ...user, home } });
    this.#next();
  }

  /** Ends all readers. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#waiting.length = 0;
    await Promise.all([...this.#readers.values()].map((reader) => reader.stop(0)));
  }

  /** What can be told without a process: null when it takes one. */
  async #lookAt(home: string): Promise<ForwardFile | null> {
    const { disk } = this.#ports;
    try {
      const directory = await disk.stat(home);
      if (directory === null) return { kind: "absent" };
      const problem = judgeHome(directory);
      if (problem !== null) return { kind: "refused", problem, detail: home };
      return (await disk.stat(`${home}/.forward`)) === null ? { kind: "absent" } : null;
    } catch (error) {
      if (error instanceof Fault) return null;
      throw error;
    }
  }

  #next(): void {
    while (this.#running < forwardReadersMax) {
      const question = this.#waiting.shift();
      if (question === undefined) return;
      this.#read(question);
    }
  }

  #read({ request, user }: Question): void {
    const { clock, premises, uid, answer, start } = this.#ports;
    const { accounts } = premises;
    const work = { kind: "forward" as const, user, uid: accounts === null ? uid : user.uid };
    const grant = agentGrant(accounts === null ? null : user, work);
    let isOpen = true;
    const tell = (file: ForwardFile) => {
      if (isOpen) answer(request, file);
      isOpen = false;
    };
    let isOver = false;
    const over = () => {
      if (isOver) return;
      isOver = true;
      timer.cancel();
      failed();
      this.#running--;
      this.#readers.delete(key);
      this.#next();
    };
    const failed = () => tell({ kind: "refused", problem: "noReader", detail: user.home });
    if (unnameablePaths(grant).length > 0) return failed();
    this.#running++;
    const key = `forward${++this.#count}`;
    const timer = clock.after(forwardReadMs, () => {
      failed();
      void reader.stop(0).then(over);
    });
    const reader = start(grant, work, key, (message) => {
      if (message.kind !== "forwardRead") return;
      tell(message.file);
      void reader.stop(0).then(over);
    }, over);
    if (!isOver) this.#readers.set(key, reader);
  }
}
