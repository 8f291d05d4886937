/** A table as lookups see it, whatever holds its entries. */

/** What a lookup is for; it fixes how keys match and how values read (smtpd.conf(5), spec of services). */
export type Service =
  | "alias"
  | "domain"
  | "credentials"
  | "netaddr"
  | "userinfo"
  | "source"
  | "mailaddr"
  | "mailaddrmap"
  | "addrname"
  | "relayhost"
  | "string"
  | "regex"
  /** Is this a user's password? The key is `user:password`. Tables behind helpers only; it is never looked up. */
  | "auth";

/** `list` has keys only, `map` has a value to each key, `dynamic` is decided by its backend. */
export type TableShape = "list" | "map" | "dynamic";

/** A named set of entries. Every method may reject with a `Fault` when the backend fails: that is never "not found". */
export interface Table {
  /** As the configuration calls it. */
  readonly name: string;
  /** What its entries are; a file may decide it anew when it is read again and was empty. */
  readonly shape: TableShape;
  /** Does an entry match `key` under the service's matching rules? */
  check(service: Service, key: string): Promise<boolean>;
  /** The value of the entry that matches; null when none does. Values keep their case. */
  lookup(service: Service, key: string): Promise<string | null>;
  /** The next entry in turn (round-robin over keys); null when the table is empty. */
  fetch(service: Service): Promise<string | null>;
  /** Reads the entries anew. On failure the old content stays and the call rejects. */
  update(): Promise<void>;
  /** Ends the use of it. */
  close(): void;
}

/** Where a table's entries are; the `table` line of smtpd.conf, resolved. Plain data: it travels between roles. */
export type TableSpec =
  | {
    readonly kind: "static";
    readonly name: string;
    readonly shape: "list" | "map";
    /** Value is null in a list. */
    readonly entries: readonly (readonly [key: string, value: string | null])[];
  }
  | { readonly kind: "file"; readonly name: string; readonly path: string }
  | { readonly kind: "cdb"; readonly name: string; readonly path: string }
  /** The system's users, read from /etc/passwd: service userinfo only. */
  | { readonly kind: "getpwnam"; readonly name: string }
  /** A file in the format of passwd(5): credentials and userinfo of its users. */
  | { readonly kind: "passwd"; readonly name: string; readonly path: string }
  /** A database behind a driver. `path` is the file that says how to reach it, `settings` what it says. A SQLite table
   * without settings is a map of makemap in `path` itself. */
  | {
    readonly kind: DatabaseKind;
    readonly name: string;
    readonly path: string;
    /** Keywords in the order of the file; a keyword may come again. May hold passwords. */
    readonly settings: readonly (readonly [keyword: string, value: string])[];
  }
  /** A program that speaks the table protocol (smtpd-tables(7)). */
  | {
    readonly kind: "proc";
    readonly name: string;
    readonly command: string;
    /** Handed to it; null for nothing. */
    readonly config: string | null;
    /** How long a found entry is remembered, ms, 0 for not at all; null for `cacheTtlMs`. */
    readonly cacheTtlMs: number | null;
    /** The same for the answer that there is no such entry; null for `cacheNegativeTtlMs`. */
    readonly cacheNegativeTtlMs: number | null;
  };

/** Databases that tables may live in. */
export type DatabaseKind = "sqlite" | "postgres" | "mysql" | "redis" | "ldap";
