/** Tables in Redis and Valkey: table-redis(5). A query is a command; its words are sent as they are, and the key is put
 * into them afterwards, so that no key is ever read as a command. */

import { Fault } from "../fault.ts";
import type { RedisReply } from "../port_database.ts";
import { type AskedPorts, inTable, poolFor } from "./asked.ts";
import type { SessionPool } from "./pool.ts";
import { FetchCycles, fetchExpireMs, fetchRefresh, queryRowsMax, queryValueMax } from "./query.ts";
import { lowerAscii, normalizeKey } from "./service.ts";
import { databaseServices, parseSettingMs, settingOf } from "./settings.ts";
import type { DatabaseSpec } from "./spec.ts";
import type { Service, Table } from "./table.ts";

/** A table in a Redis database. It is opened without the server: what fails is the look-up. */
export class RedisTable implements Table {
  /** Its entries are whatever the database has when they are asked for. */
  readonly shape = "dynamic";
  readonly #spec: DatabaseSpec;
  readonly #pool: SessionPool<readonly string[], RedisReply>;
  readonly #cycles: FetchCycles;

  /** Opens no session yet. */
  constructor(spec: DatabaseSpec, ports: AskedPorts) {
    this.#spec = spec;
    this.#cycles = new FetchCycles(() => ports.clock.monotonic());
    this.#pool = poolFor(spec, ports, (login) => [ports.drivers.redis(login)]);
  }

  /** As the configuration calls it. */
  get name(): string {
    return this.#spec.name;
  }

  async check(service: Service, key: string): Promise<boolean> {
    const reply = await this.#ask("check", service, this.#query(service), key);
    return Array.isArray(reply) ? reply.some((one) => one !== null) : reply !== null && reply !== 0;
  }

  async lookup(service: Service, key: string): Promise<string | null> {
    return this.#valueOf(service, key, await this.#ask("look up", service, this.#query(service), key));
  }

  /** Goes through the members of what `fetch_source` or `fetch_relayhost` gives, such as `SMEMBERS sources`. */
  async fetch(service: Service): Promise<string | null> {
    return await this.#cycles.next(service, () => {
      const query = settingOf(this.#spec.settings, `fetch_${service}`);
      if (query === null) throw this.#lacks("fetch", service, `fetch_${service}`);
      const load = async () => this.#members(service, await this.#ask("fetch", service, query, ""));
      const expireMs = parseSettingMs(settingOf(this.#spec.settings, "fetch_source_expire") ?? "");
      return {
        load,
        fetchExpireMs: expireMs ?? fetchExpireMs,
        fetchRefresh: Number(settingOf(this.#spec.settings, "fetch_source_refresh") ?? fetchRefresh),
      };
    });
  }

  /** Sees whether the server answers, and asks anew for what goes round. */
  async update(): Promise<void> {
    this.#cycles.expire();
    await inTable(this.#spec, "update", null, () => this.#pool.renew());
  }

  /** Ends its sessions. */
  close(): void {
    this.#pool.close();
  }

  /** Each service has a query, as in table-redis(5); regex, which is ours, only when the settings have it. */
  #query(service: Service): string {
    const query = settingOf(this.#spec.settings, `query_${service}`);
    if (query !== null) return query;
    if (service === "regex" || !databaseServices.includes(service)) {
      throw this.#lacks("look up", service, `query_${service}`);
    }
    return `GET ${service}:%s`;
  }

  async #ask(what: string, service: Service, query: string, key: string): Promise<RedisReply> {
    const normal = normalizeKey(this.name, key);
    return await inTable(this.#spec, what, service, () => this.#pool.ask(commandWords(query, normal)));
  }

  #members(service: Service, reply: RedisReply): readonly string[] {
    const members = reply === null ? [] : Array.isArray(reply) ? reply : [reply];
    if (members.length > queryRowsMax) throw this.#wrong(`fetch_${service} gives more than ${queryRowsMax} values`);
    return members.map((one) => {
      if (typeof one !== "string") throw this.#wrong(`fetch_${service} gives something else than text`);
      return one;
    });
  }

  #valueOf(service: Service, key: string, reply: RedisReply): string | null {
    if (reply === null || reply === 0) return null;
    // A set says that it has the key, and has no value for it.
    if (reply === 1) return lowerAscii(key);
    if (typeof reply === "number") throw this.#wrong(`query_${service} gives the number ${reply}`);
    if (typeof reply === "string") return this.#checked(service, reply);
    if (reply.every((one) => one === null)) return null;
    if (reply.length > queryRowsMax) throw this.#wrong(`query_${service} gives more than ${queryRowsMax} values`);
    const columns = service === "credentials" ? 2 : service === "userinfo" ? 3 : null;
    if (columns !== null && reply.length !== columns) {
      throw this.#wrong(`query_${service} has to give ${columns} values, not ${reply.length}`);
    }
    const words = reply.map((one) => {
      if (typeof one === "string" || typeof one === "number") return String(one);
      throw this.#wrong(`query_${service} gives something else than text`);
    });
    if (columns === null && service !== "alias" && service !== "mailaddrmap") return this.#checked(service, words[0]!);
    return this.#checked(service, words.join(columns === null ? ", " : ":"));
  }

  #checked(service: Service, value: string): string {
    if (value.length <= queryValueMax) return value;
    throw this.#wrong(`query_${service} gives more than ${queryValueMax} characters`);
  }

  #wrong(what: string): Fault {
    return new Fault("malformed", `Cannot use table ${this.name}: ${what}`, { blame: "ours" });
  }

  #lacks(what: string, service: Service, keyword: string): Fault {
    const text = `Cannot ${what} ${service} in table ${this.name}: its settings have no \`${keyword}\``;
    return new Fault("unavailable", text, { blame: "ours" });
  }
}

/** The words of a command: blanks part them, `%s` is the key and `%%` a percent sign. The key never makes a word more. */
export function commandWords(query: string, key: string): readonly string[] {
  return query.trim().split(/\s+/).map((word) => word.replace(/%[s%]/g, (specifier) => specifier === "%s" ? key : "%"));
}
