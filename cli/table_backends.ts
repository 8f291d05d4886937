/** The ways to tables for commands that open them without a daemon: databases, and helpers that the command runs
 * itself. */

import type { Log } from "../lib/event_log.ts";
import { TableHost } from "../lib/daemon/table_host.ts";
import type { LookupToTableHost, TableHostToLookup } from "../lib/daemon/imsg.ts";
import { hostClock } from "../lib/host/clock.ts";
import { hostDatabases } from "../lib/host/databases.ts";
import { startProgram } from "../lib/host/program.ts";
import { openSqlReader } from "../lib/host/sqlite.ts";
import type { Channel } from "../lib/port.ts";
import type { Policy } from "../lib/policy/policy.ts";
import type { TableBackends } from "../lib/table/open.ts";
import type { ProcAnswer, ProcLink } from "../lib/table/proc.ts";

/** Ways for the tables of a policy. A helper is started when its table is first asked, and ended when the table is
 * closed. `log` takes what helpers say on standard error. */
export function tableBackends(tables: Policy["tables"], log: Log): TableBackends {
  return {
    openSql: openSqlReader,
    connectProc: (table) => new OwnHelper(tables, table, log),
    servers: { drivers: hostDatabases, clock: hostClock },
  };
}

const closed: ProcAnswer = { kind: "failed", reason: "the table is closed" };

/** A helper that this process runs. */
class OwnHelper implements ProcLink {
  readonly #host: TableHost;
  readonly #asked = new Map<number, (answer: ProcAnswer) => void>();
  #take: (message: LookupToTableHost) => void = () => {};
  #requests = 0;
  #isStarted = false;
  #isClosed = false;

  constructor(tables: Policy["tables"], table: string, log: Log) {
    const spec = tables[table];
    if (spec?.kind !== "proc") throw new Error(`table ${table} has no helper`);
    const { command, config } = spec;
    const start = () => startProgram(command, config === null ? [] : [config]);
    this.#host = new TableHost({ clock: hostClock, log, table, start });
  }

  ask(ask: Parameters<ProcLink["ask"]>[0]): Promise<ProcAnswer> {
    if (this.#isClosed) return Promise.resolve(closed);
    if (!this.#isStarted) this.#start();
    const request = ++this.#requests;
    return new Promise((resolve) => {
      this.#asked.set(request, resolve);
      this.#take({ kind: "ask", request, ask });
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#host.stop();
    for (const resolve of this.#asked.values()) resolve(closed);
    this.#asked.clear();
  }

  #start(): void {
    this.#isStarted = true;
    const channel: Channel<TableHostToLookup, LookupToTableHost> = {
      buffered: 0,
      send: ({ request, answer }) => {
        this.#asked.get(request)?.(answer);
        return this.#asked.delete(request);
      },
      onMessage: (take) => this.#take = (message) => take(message, null),
      onDrain: () => {},
      onClose: () => {},
      close: () => {},
    };
    this.#host.start();
    this.#host.setLookup(channel);
  }
}
