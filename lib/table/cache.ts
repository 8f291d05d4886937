/** Remembers the answers of tables that somebody else has to be asked for: helpers and databases over the network. */

import { LRUCache } from "lru-cache";
import { parseSettingMs, settingOf, type TableSettings } from "./settings.ts";
import type { DatabaseSpec, ProcSpec } from "./spec.ts";
import type { Service, Table, TableShape } from "./table.ts";

/** How long a found entry is remembered, ms; `cache_ttl` of a table's settings, `cache-ttl` of a program's line. */
export const cacheTtlMs = 30_000;
/** How long it is remembered that there is no such entry, ms; `cache_negative_ttl`, `cache-negative-ttl`. Short, so that
 * a new user is found soon. */
export const cacheNegativeTtlMs = 5000;
/** How many answers of a table are remembered; `cache_size`. The least used go first. */
export const cacheAnswersMax = 10_000;
/** Most characters of keys and values that a table's cache holds. */
export const cacheCharactersMax: number = 16 * 1024 * 1024;

/** Limits of one table's cache. */
export interface CacheLimits {
  /** 0 for not at all. */
  readonly ttlMs: number;
  /** 0 for not at all. */
  readonly negativeTtlMs: number;
  /** 0 for no cache. */
  readonly size: number;
}

/** The limits of a table: a database has them in its settings, a program on its line. */
export function cacheLimitsOf(spec: DatabaseSpec | ProcSpec): CacheLimits {
  if (spec.kind !== "proc") return readCacheLimits(spec.settings);
  return {
    ttlMs: spec.cacheTtlMs ?? cacheTtlMs,
    negativeTtlMs: spec.cacheNegativeTtlMs ?? cacheNegativeTtlMs,
    size: cacheAnswersMax,
  };
}

/** The limits that the settings of a table ask for. The settings were checked when they were read. */
export function readCacheLimits(settings: TableSettings): CacheLimits {
  const ms = (keyword: string) => parseSettingMs(settingOf(settings, keyword) ?? "");
  const size = settingOf(settings, "cache_size");
  return {
    ttlMs: ms("cache_ttl") ?? cacheTtlMs,
    negativeTtlMs: ms("cache_negative_ttl") ?? cacheNegativeTtlMs,
    size: size === null ? cacheAnswersMax : Number(size),
  };
}

interface Remembered {
  readonly answer: string | boolean | null;
}

/** A table with a memory. Equal questions that are asked at once are asked once. Faults are never remembered: the next
 * question goes to the backend again. Passwords and their hashes are not remembered, and `fetch` goes round. */
export class CachedTable implements Table {
  readonly #table: Table;
  readonly #limits: CacheLimits;
  readonly #answers: LRUCache<string, Remembered>;
  readonly #asked = new Map<string, Promise<string | boolean | null>>();
  /** Counts updates: an answer that was asked for before one is old. */
  #generation = 0;

  /** Remembers answers of `table`. `monotonic` is `Clock.monotonic`. */
  constructor(table: Table, limits: CacheLimits, monotonic: () => number) {
    this.#table = table;
    this.#limits = limits;
    this.#answers = new LRUCache({
      max: Math.max(1, limits.size),
      maxSize: cacheCharactersMax,
      sizeCalculation: ({ answer }, key) => key.length + String(answer).length,
      ttl: 1,
      ttlResolution: 0,
      // A time of 0 means to the library that there is none.
      perf: { now: () => monotonic() + 1 },
    });
  }

  /** As the configuration calls it. */
  get name(): string {
    return this.#table.name;
  }

  /** The shape of what it remembers. */
  get shape(): TableShape {
    return this.#table.shape;
  }

  async check(service: Service, key: string): Promise<boolean> {
    return await this.#answer(`check ${service} ${key}`, service, () => this.#table.check(service, key)) === true;
  }

  async lookup(service: Service, key: string): Promise<string | null> {
    const answer = await this.#answer(`lookup ${service} ${key}`, service, () => this.#table.lookup(service, key));
    return typeof answer === "string" ? answer : null;
  }

  fetch(service: Service): Promise<string | null> {
    return this.#table.fetch(service);
  }

  /** Forgets everything, whether or not the table can be updated. */
  async update(): Promise<void> {
    this.#forget();
    await this.#table.update();
    this.#forget();
  }

  /** Ends the use of the table. */
  close(): void {
    this.#forget();
    this.#table.close();
  }

  #forget(): void {
    this.#generation++;
    this.#answers.clear();
    this.#asked.clear();
  }

  #answer(
    question: string,
    service: Service,
    ask: () => Promise<string | boolean | null>,
  ): Promise<string | boolean | null> {
    // What guards a login is asked for each time: a password that was changed, or an account that was closed, counts.
    if (service === "auth" || service === "credentials") return ask();
    const known = this.#answers.get(question);
    if (known !== undefined) return Promise.resolve(known.answer);
    const asked = this.#asked.get(question);
    if (asked !== undefined) return asked;
    const asking = this.#ask(question, ask);
    this.#asked.set(question, asking);
    return asking;
  }

  async #ask(question: string, ask: () => Promise<string | boolean | null>): Promise<string | boolean | null> {
    const generation = this.#generation;
    try {
      const answer = await ask();
      const isAbsent = answer === null || answer === false;
      const ttl = isAbsent ? this.#limits.negativeTtlMs : this.#limits.ttlMs;
      if (ttl > 0 && generation === this.#generation) this.#answers.set(question, { answer }, { ttl });
      return answer;
    } finally {
      if (generation === this.#generation) this.#asked.delete(question);
    }
  }
}
