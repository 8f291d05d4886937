/** Tables in LDAP directories: table-ldap(5). */

import { Fault } from "../fault.ts";
import type { DirectoryEntry, DirectorySearch } from "../port_database.ts";
import { type AskedPorts, inTable, poolFor } from "./asked.ts";
import type { SessionPool } from "./pool.ts";
import { FetchCycles, fetchExpireMs, fetchRefresh, queryRowsMax, queryValueMax } from "./query.ts";
import { startsTls } from "./server.ts";
import { normalizeKey } from "./service.ts";
import { settingOf } from "./settings.ts";
import type { DatabaseSpec } from "./spec.ts";
import type { Service, Table } from "./table.ts";

/** A table in a directory. It is opened without the server: what fails is the look-up. */
export class LdapTable implements Table {
  /** Its entries are whatever the directory has when they are asked for. */
  readonly shape = "dynamic";
  readonly #spec: DatabaseSpec;
  readonly #pool: SessionPool<DirectorySearch, readonly DirectoryEntry[]>;
  readonly #cycles: FetchCycles;

  /** Opens no session yet. */
  constructor(spec: DatabaseSpec, ports: AskedPorts) {
    this.#spec = spec;
    this.#cycles = new FetchCycles(() => ports.clock.monotonic());
    const startTls = startsTls(spec);
    this.#pool = poolFor(spec, ports, (login) => [ports.drivers.ldap({ ...login, startTls })]);
  }

  /** As the configuration calls it. */
  get name(): string {
    return this.#spec.name;
  }

  /** An entry that the filter finds is enough, whatever attributes it has. */
  async check(service: Service, key: string): Promise<boolean> {
    return (await this.#search("check", service, key)).length > 0;
  }

  /** Alias and mailaddrmap: all values of all entries, joined with `, `. The others: the first value of each attribute
   * of the first entry that has them all, joined with `:`. Entries that lack one are passed over. */
  async lookup(service: Service, key: string): Promise<string | null> {
    const entries = await this.#search("look up", service, key);
    const isList = service === "alias" || service === "mailaddrmap";
    const whole = entries.filter((entry) => entry.every((values) => values.length > 0));
    const values = isList ? whole.flatMap(([first]) => first ?? []) : whole[0]?.map(([first]) => first!) ?? [];
    if (values.length === 0) return null;
    const value = values.join(isList ? ", " : ":");
    if (value.length <= queryValueMax) return value;
    throw this.#wrong("malformed", `${service}_filter gives more than ${queryValueMax} characters`);
  }

  /** Goes through all values that `source_filter` or `relayhost_filter` gives when it does not name the key. */
  async fetch(service: Service): Promise<string | null> {
    return await this.#cycles.next(service, () => {
      if (/%[us]/.test(this.#filter("fetch", service).replaceAll("%%", ""))) {
        throw this.#wrong("unavailable", `${service}_filter asks for a key, so it cannot be gone through`);
      }
      const load = async () => (await this.#search("fetch", service, "")).flatMap((entry) => entry[0] ?? []);
      return { load, fetchExpireMs, fetchRefresh };
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

  #filter(what: string, service: Service): string {
    const filter = settingOf(this.#spec.settings, `${service}_filter`);
    if (filter !== null) return filter;
    const text = `Cannot ${what} ${service} in table ${this.name}: its settings have no \`${service}_filter\``;
    throw new Fault("unavailable", text, { blame: "ours" });
  }

  async #search(what: string, service: Service, key: string): Promise<readonly DirectoryEntry[]> {
    const normal = normalizeKey(this.name, key);
    const request: DirectorySearch = {
      base: settingOf(this.#spec.settings, "basedn") ?? "",
      filter: fillFilter(this.#filter(what, service), normal, this.name),
      attributes: (settingOf(this.#spec.settings, `${service}_attributes`) ?? "").split(",").map((one) => one.trim()),
    };
    const entries = await inTable(this.#spec, what, service, () => this.#pool.ask(request));
    if (entries.length <= queryRowsMax) return entries;
    throw this.#wrong("malformed", `${service}_filter finds more than ${queryRowsMax} entries`);
  }

  #wrong(kind: "malformed" | "unavailable", what: string): Fault {
    return new Fault(kind, `Cannot use table ${this.name}: ${what}`, { blame: "ours" });
  }
}

/** Puts the key (`%u`, or `%s` of old) and the table's name (`%h`) into a filter; `%%` is a percent sign. */
export function fillFilter(filter: string, key: string, table: string): string {
  const values: Readonly<Record<string, string>> = {
    u: escapeFilter(key),
    s: escapeFilter(key),
    h: escapeFilter(table),
  };
  return filter.replace(/%([ush%])/g, (_, letter: string) => values[letter] ?? "%");
}

/** A value as a filter writes it. Every ASCII character but letters, digits and a few harmless signs is written as its
 * octet in hexadecimal, so that no value can end the filter's or begin another; what is not ASCII stands as it is.
 * RFC 4515 §3. */
export function escapeFilter(value: string): string {
  return value.replace(
    /[^A-Za-z0-9@._+\u0080-\uffff-]/g,
    (char) => `\\${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
