/** What tables in SQL databases have in common: which query answers which service, and how its rows make a value.
 * The keywords and the columns are those of OpenSMTPD's table-sqlite(5), table-mysql(5) and table-postgres(5). Pure. */

import { Fault } from "../fault.ts";
import type { SqlValue } from "../port.ts";
import { databaseServices, fetchServices, parseSettingMs } from "./settings.ts";
import type { Service } from "./table.ts";

/** Most rows that a query may give. More is a fault: half of an expansion is worse than none. */
export const queryRowsMax = 10_000;
/** Longest value that a query may give, characters, all its rows joined. */
export const queryValueMax = 1024 * 1024;
/** How long the rows of a `fetch_` query are gone through before they are asked for again, ms. */
export const fetchExpireMs = 60_000;
/** After how many fetches they are asked for again. */
export const fetchRefresh = 1000;

/** The queries of one table. */
export interface TableQueries {
  /** `query_<service>`: one parameter, the key. A service without one cannot be looked up. */
  readonly lookups: ReadonlyMap<Service, string>;
  /** `fetch_<service>`: no parameter; all rows, to be gone through in turn. */
  readonly fetches: ReadonlyMap<Service, string>;
  /** `fetch_source_expire`, ms. */
  readonly fetchExpireMs: number;
  /** `fetch_source_refresh`: number of fetches. */
  readonly fetchRefresh: number;
}

/** Every keyword that `readQueries` reads. The others of a file are the driver's. */
export const queryKeywords: readonly string[] = [
  ...databaseServices.map((service) => `query_${service}`),
  ...fetchServices.map((service) => `fetch_${service}`),
  "fetch_source_expire",
  "fetch_source_refresh",
];

/** Finds the queries among the settings of a table. Throws a Fault `malformed` when one stands twice, a number is none,
 * or there is no query at all. */
export function readQueries(table: string, settings: readonly (readonly [string, string])[]): TableQueries {
  const texts = new Map<string, string>();
  for (const [keyword, value] of settings) {
    if (!queryKeywords.includes(keyword)) continue;
    if (texts.has(keyword)) throw wrong(table, `\`${keyword}\` stands twice in its settings`);
    texts.set(keyword, value);
  }
  const lookups = new Map<Service, string>();
  const fetches = new Map<Service, string>();
  for (const service of databaseServices) {
    const sql = texts.get(`query_${service}`);
    if (sql !== undefined) lookups.set(service, sql);
  }
  for (const service of fetchServices) {
    const sql = texts.get(`fetch_${service}`);
    if (sql !== undefined) fetches.set(service, sql);
  }
  if (lookups.size + fetches.size === 0) {
    throw wrong(table, "its settings hold no query; write one, such as `query_alias SELECT ... WHERE ... = ?`");
  }
  return {
    lookups,
    fetches,
    fetchExpireMs: readNumber(table, texts, "fetch_source_expire", parseSettingMs) ?? fetchExpireMs,
    fetchRefresh: readNumber(table, texts, "fetch_source_refresh", parseCount) ?? fetchRefresh,
  };
}

/** The query of a service. Throws a Fault `unavailable`, blame ours, when the table has none: the configuration asks
 * the table for what it does not hold. */
export function queryOf(table: string, queries: ReadonlyMap<Service, string>, what: string, service: Service): string {
  const sql = queries.get(service);
  if (sql !== undefined) return sql;
  const keyword = `${what === "fetch" ? "fetch" : "query"}_${service}`;
  throw new Fault("unavailable", `Cannot ${what} ${service} in table ${table}: its settings have no \`${keyword}\``, {
    blame: "ours",
  });
}

/** The value that the rows of a query make; null for no row. Alias and mailaddrmap: the first column of all rows,
 * joined with `, `. Credentials: `user:password` of two columns. Userinfo: `uid:gid:home` of three. The others: the
 * first column of the first row. Throws a Fault `malformed` for too few columns, a column that is NULL, too many
 * rows. */
export function valueOfRows(
  table: string,
  service: Service,
  rows: readonly (readonly SqlValue[])[],
): string | null {
  const [first] = rows;
  if (first === undefined) return null;
  if (rows.length > queryRowsMax) throw wrong(table, `query_${service} gives more than ${queryRowsMax} rows`);
  const text = (row: readonly SqlValue[], columns: number) => {
    if (row.length < columns) throw wrong(table, `query_${service} has to give ${columns} columns, not ${row.length}`);
    return row.slice(0, columns).map((value) => columnText(table, `query_${service}`, value)).join(":");
  };
  const value = service === "alias" || service === "mailaddrmap"
    ? rows.map((row) => text(row, 1)).join(", ")
    : text(first, columnsOf(service));
  if (value.length > queryValueMax) throw wrong(table, `query_${service} gives more than ${queryValueMax} characters`);
  return value;
}

/** The values that the rows of a `fetch_` query make. Throws as `valueOfRows`. */
export function fetchedOfRows(
  table: string,
  service: Service,
  rows: readonly (readonly SqlValue[])[],
): readonly string[] {
  if (rows.length > queryRowsMax) throw wrong(table, `fetch_${service} gives more than ${queryRowsMax} rows`);
  return rows.map(([value]) => columnText(table, `fetch_${service}`, value ?? null));
}

/** Entries gone through in turn, asked for again after a while. */
export class FetchCycle {
  readonly #load: () => Promise<readonly string[]>;
  readonly #monotonic: () => number;
  readonly #expireMs: number;
  readonly #refresh: number;
  #values: readonly string[] = [];
  #loadedAt = -Infinity;
  #count = 0;
  #next = 0;

  /** `load` asks for all entries; `monotonic` is `Clock.monotonic`. */
  constructor(
    load: () => Promise<readonly string[]>,
    monotonic: () => number,
    limits: { readonly fetchExpireMs: number; readonly fetchRefresh: number },
  ) {
    this.#load = load;
    this.#monotonic = monotonic;
    this.#expireMs = limits.fetchExpireMs;
    this.#refresh = limits.fetchRefresh;
  }

  /** The next entry; null when there is none. Rejects as `load` does. */
  async next(): Promise<string | null> {
    if (this.#count >= this.#refresh || this.#monotonic() - this.#loadedAt >= this.#expireMs) {
      this.#values = await this.#load();
      this.#loadedAt = this.#monotonic();
      this.#count = 0;
    }
    this.#count++;
    return this.#values[this.#next++ % this.#values.length] ?? null;
  }

  /** Asks again at the next fetch. */
  expire(): void {
    this.#loadedAt = -Infinity;
  }
}

/** The cycles of one table. */
export class FetchCycles {
  readonly #cycles = new Map<Service, FetchCycle>();
  readonly #monotonic: () => number;

  /** `monotonic` is `Clock.monotonic`. */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** The next entry of a service; null when there is none. `begin` is called at the first: it gives what `FetchCycle`
   * is made with, or throws. Rejects as `load` does. */
  async next(service: Service, begin: () => FetchPlan): Promise<string | null> {
    let cycle = this.#cycles.get(service);
    if (cycle === undefined) {
      const plan = begin();
      cycle = new FetchCycle(plan.load, this.#monotonic, plan);
      this.#cycles.set(service, cycle);
    }
    return await cycle.next();
  }

  /** Asks again at the next fetches. */
  expire(): void {
    for (const cycle of this.#cycles.values()) cycle.expire();
  }
}

/** What is gone through, and how long. */
export interface FetchPlan {
  /** Asks for all entries. */
  readonly load: () => Promise<readonly string[]>;
  /** As `TableQueries` has it. */
  readonly fetchExpireMs: number;
  /** As `TableQueries` has it. */
  readonly fetchRefresh: number;
}

/** How many values a query of `?` parameters takes: each `?` one, `?2` two in all. Those inside quotes and comments are
 * text. */
export function countParameters(sql: string): number {
  let count = 0;
  for (let at = 0; at < sql.length; at++) {
    const char = sql[at]!;
    if (char === "'" || char === '"' || char === "`") at = endOf(sql, char, at + 1);
    else if (char === "[") at = endOf(sql, "]", at + 1);
    else if (sql.startsWith("--", at)) at = endOf(sql, "\n", at + 2);
    else if (sql.startsWith("/*", at)) at = endOf(sql, "*/", at + 2) + 1;
    else if (char === "?") {
      const digits = /^[0-9]{1,5}/.exec(sql.slice(at + 1, at + 6))?.[0] ?? "";
      count = digits === "" ? count + 1 : Math.max(count, Number(digits));
    }
  }
  return count;
}

function endOf(sql: string, mark: string, from: number): number {
  const at = sql.indexOf(mark, from);
  return at < 0 ? sql.length : at;
}

function columnsOf(service: Service): number {
  return service === "userinfo" ? 3 : service === "credentials" ? 2 : 1;
}

function columnText(table: string, keyword: string, value: SqlValue): string {
  if (value === null) throw wrong(table, `${keyword} gives NULL`);
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value);
}

/** Null when there is no such setting. */
function readNumber(
  table: string,
  texts: ReadonlyMap<string, string>,
  keyword: string,
  parse: (text: string) => number | null,
): number | null {
  const text = texts.get(keyword);
  if (text === undefined) return null;
  const number = parse(text);
  if (number === null) throw wrong(table, `\`${keyword} ${text}\` is no number`);
  return number;
}

function parseCount(text: string): number | null {
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : null;
}

function wrong(table: string, what: string): Fault {
  return new Fault("malformed", `Cannot use table ${table}: ${what}`, { blame: "ours" });
}
