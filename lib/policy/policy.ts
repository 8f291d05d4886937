/** smtpd.conf, resolved: everything that the configuration decides, as plain frozen data.
 * It is made once by resolve.ts and travels to each role; nobody reads the file after that. */

import type { Domain } from "../mail/address.ts";
import type { TableSpec } from "../table/table.ts";

/** Where something stands in a configuration file. Lines and columns count from 1. */
export interface Place {
  /** As it was named. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/** Name of a table in `Policy.tables`. Anonymous ones are called `<dynamic:N>`. */
export type TableName = string;

/** The whole configuration. */
export interface Policy {
  /** Our own host name: /etc/mailname, else the system's. */
  readonly serverName: Domain;
  /** By name; built-in and anonymous ones are among them. */
  readonly tables: Readonly<Record<TableName, TableSpec>>;
  /** Sockets to open, the submission socket among them. */
  readonly listeners: readonly Listener[];
  /** By name. */
  readonly actions: Readonly<Record<string, Action>>;
  /** In file order: the first that matches wins. */
  readonly rules: readonly Rule[];
  /** Life of messages in the queue. */
  readonly queue: QueuePolicy;
  /** Limits of sessions. */
  readonly smtp: SmtpLimits;
}

/** A socket to accept mail on. */
export type Listener =
  /** The local submission socket. Always present. */
  | { readonly kind: "socket"; readonly tag: string; readonly hostname: Domain; readonly place: Place | null }
  | {
    readonly kind: "inet";
    /** The word of the `listen` line, for messages. */
    readonly on: string;
    /** Literal address, no brackets. One Listener per address that the word resolves to. */
    readonly address: string;
    readonly port: number;
    readonly tag: string;
    readonly hostname: Domain;
    readonly place: Place;
  };

/** How to deliver. */
export type Action = LocalAction | RelayAction;

/** Delivery on this machine. */
export interface LocalAction {
  /** Which way of delivery it is. */
  readonly kind: "local";
  /** Its name in smtpd.conf. */
  readonly name: string;
  /** What the agent does. */
  readonly method: LocalMethod;
  /** `user U`: whose uid and home the delivery runs with; null for the recipient's own. */
  readonly user: string | null;
  /** Map of user names to what they stand for. */
  readonly alias: TableName | null;
  /** Map of addresses to what they stand for; never together with `alias`. */
  readonly virtual: TableName | null;
  /** Users that exist: name to `uid:gid:home`. */
  readonly userbase: TableName;
  /** Null means `queue.ttlMs`. */
  readonly ttlMs: number | null;
  /** Its line. */
  readonly place: Place;
}

/** Path of a `maildir` action that gives none. */
export const maildirDefault = "~/Maildir";

/** The agent's work. `path` may hold format specifiers (format.ts); null means `maildirDefault`. */
export type LocalMethod = { readonly kind: "maildir"; readonly path: string | null };

/** Delivery to another server. */
export interface RelayAction {
  /** Which way of delivery it is. */
  readonly kind: "relay";
  /** Its name in smtpd.conf. */
  readonly name: string;
  /** Table of relay URLs, taken in turn; null means MX of the destination. */
  readonly host: TableName | null;
  /** Null means `queue.ttlMs`. */
  readonly ttlMs: number | null;
  /** Its line. */
  readonly place: Place;
}

/** A test of a value against a table. */
export interface Criterion {
  /** Where to look. */
  readonly table: TableName;
  /** Its entries are regular expressions. */
  readonly regex: boolean;
  /** The test holds when the table does not match. */
  readonly negated: boolean;
}

/** `from …` of a rule. */
export type FromClause =
  | { readonly kind: "any" }
  | { readonly kind: "local"; readonly negated: boolean }
  | { readonly kind: "socket"; readonly negated: boolean }
  | { readonly kind: "src"; readonly criterion: Criterion };

/** `for …` of a rule. */
export type ForClause =
  | { readonly kind: "any" }
  | { readonly kind: "local"; readonly negated: boolean }
  | { readonly kind: "domain"; readonly criterion: Criterion };

/** One `match` line. Members that are null do not restrict. */
export interface Rule {
  /** Tag of the listener. */
  readonly tag: Criterion | null;
  /** Where the mail comes from. */
  readonly from: FromClause;
  /** Where it goes. */
  readonly for: ForClause;
  /** The sender's address. */
  readonly mailFrom: Criterion | null;
  /** The address it goes to, as expanded so far. */
  readonly rcptTo: Criterion | null;
  /** What becomes of the mail. */
  readonly outcome: { readonly kind: "action"; readonly name: string } | { readonly kind: "reject" };
  /** Its line. */
  readonly place: Place;
}

/** `queue …` lines. */
export interface QueuePolicy {
  /** How long delivery is tried. Default 4 days. */
  readonly ttlMs: number;
  /** `queue directory "PATH"`; null means the state directory of the command line. */
  readonly directory: string | null;
  /** `bounce warn-interval`: after how long a sender is told of a delay. Default one of 4 hours. */
  readonly warnAfterMs: readonly number[];
}

/** `smtp …` lines and limits of a session. Defaults are OpenSMTPD's where it has the limit. */
export interface SmtpLimits {
  /** Octets. Default 36,700,160. */
  readonly maxMessageSize: number;
  /** Recipients of a transaction. Default 1,000. */
  readonly maxRecipients: number;
  /** Messages of a session. Default 100. */
  readonly maxMails: number;
  /** Sub-address delimiter, one character. Default `+`. */
  readonly subAddressDelimiter: string;
  /** Received fields at which a message is taken to loop. Default 100. */
  readonly maxHops: number;
  /** Idle time of a session, ms. Default 300,000 (RFC 5321 §4.5.3.2.7). */
  readonly idleTimeoutMs: number;
}

/** Reserved table names. The angle brackets are part of the name. */
export const builtinTable = {
  localhost: "<localhost>",
  anyhost: "<anyhost>",
  localnames: "<localnames>",
  anydestination: "<anydestination>",
  getpwnam: "<getpwnam>",
} as const;
