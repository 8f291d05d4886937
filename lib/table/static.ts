/** Tables whose entries are held in memory. */

import { type Found, KeyIndex, type KeyStore, sortKeys } from "./index.ts";
import { lowerAscii, normalizeKey } from "./service.ts";
import { toAsciiKey } from "../mail/idna.ts";
import type { Service, Table } from "./table.ts";

/** One entry as written. Value is null in a list. */
export type StaticEntry = readonly [key: string, value: string | null];

/** A table of fixed entries. Keys compare in lower case, values keep theirs; of two equal keys the later counts.
 * A regex keeps its case, because `\S` is not `\s`. Domains of keys may be written in U-labels: they are found by their
 * A-labels as well, which is how domains of mail are looked up. */
export class StaticTable implements Table {
  /** As the configuration calls it. */
  readonly name: string;
  /** Does it have values? */
  readonly shape: "list" | "map";
  readonly #keys: readonly string[];
  readonly #index: KeyIndex;
  #next = 0;

  /** `delimiter` begins the tag of an address's user. */
  constructor(name: string, shape: "list" | "map", entries: Iterable<StaticEntry>, delimiter: string) {
    this.name = name;
    this.shape = shape;
    const store = new StaticStore(entries);
    this.#keys = sortKeys([...store.written]);
    this.#index = new KeyIndex(store, delimiter);
  }

  /** How many entries there are. */
  get size(): number {
    return this.#keys.length;
  }

  check(service: Service, key: string): Promise<boolean> {
    return this.#answer(service, key, (found) => found !== null);
  }

  lookup(service: Service, key: string): Promise<string | null> {
    return this.#answer(service, key, (found) => found?.value ?? null);
  }

  fetch(_service: Service): Promise<string | null> {
    const key = this.#keys[this.#next % this.#keys.length];
    this.#next++;
    return Promise.resolve(key ?? null);
  }

  update(): Promise<void> {
    return Promise.resolve();
  }

  /** There is nothing to close. */
  close(): void {}

  #answer<T>(service: Service, key: string, read: (found: Found | null) => T): Promise<T> {
    try {
      return Promise.resolve(read(this.#index.find(service, normalizeKey(this.name, key))));
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

/** Values by key as written and by key in lower case. */
class StaticStore implements KeyStore {
  readonly #values = new Map<string, string | null>();
  /** Keys as they were written. */
  readonly written = new Set<string>();
  readonly #keys = new Set<string>();

  constructor(entries: Iterable<StaticEntry>) {
    for (const [key, value] of entries) {
      this.written.add(key);
      this.#add(key, value);
      const ascii = toAsciiKey(key, key.includes("."));
      if (ascii !== key) this.#add(ascii, value);
    }
  }

  get(key: string): string | null | undefined {
    return this.#values.get(key);
  }

  keys(): Iterable<string> {
    return this.#keys;
  }

  #add(key: string, value: string | null): void {
    this.#values.set(lowerAscii(key), value);
    this.#values.set(key, value);
    this.#keys.add(key);
  }
}
