/** smtpd.conf, resolved: everything that the configuration decides, as plain frozen data.
 * It is made once by resolve.ts and travels to each role; nobody reads the file after that. */

import type { Domain } from "../mail/address.ts";
import type { TableSpec } from "../table/table.ts";
import type { AuthLimits } from "../trust/auth_limit.ts";
import type { SaslMechanism } from "../trust/sasl.ts";
import type { Filter, FilterProcess } from "./filter.ts";
import type { Lenience } from "./lenient.ts";
import type { FrontLimits, MdaLimitPolicy, MtaLimitPolicy, SchedulerPolicy } from "./limit.ts";
import type { ListenerProxy, ListenerSenders, Networks, SocketAccess } from "./listener.ts";

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
  /** Local delivery: limits and wrappers. */
  readonly mda: MdaPolicy;
  /** Delivery to other servers: limits. */
  readonly mta: MtaPolicy;
  /** How much is taken in hand at once. */
  readonly scheduler: SchedulerPolicy;
  /** Rewriting of forwarded mail's senders; null without a key. */
  readonly srs: SrsPolicy | null;
  /** Our certificates, by name. */
  readonly pki: Readonly<Record<string, Pki>>;
  /** Certificates of authorities, by name. */
  readonly ca: Readonly<Record<string, Authority>>;
  /** By name. */
  readonly filters: Readonly<Record<string, Filter>>;
  /** Programs that filters talk to, by name. */
  readonly processes: Readonly<Record<string, FilterProcess>>;
  /** `smtp ciphers`, as written; null for the library's choice. */
  readonly ciphers: string | null;
  /** The authserv-id. Default: the server's name. */
  readonly admd: string;
}

/** A socket to accept mail on. */
export type Listener =
  /** The local submission socket. Always present. */
  | (ListenerOptions & { readonly kind: "socket"; readonly place: Place | null })
  /** A unix socket for LMTP. */
  | (ListenerOptions & {
    readonly kind: "lmtp";
    readonly path: string;
    readonly access: SocketAccess;
    readonly place: Place;
  })
  | (ListenerOptions & {
    readonly kind: "inet";
    /** The word of the `listen` line, for messages. */
    readonly on: string;
    /** Literal address, no brackets. One Listener per address that the word resolves to. */
    readonly address: string;
    readonly port: number;
    readonly tls: ListenerTls;
    readonly auth: ListenerAuth;
    /** Map of our own addresses to the names that we go by on them. */
    readonly hostnames: TableName | null;
    /** Say in the Received field who authenticated. */
    readonly receivedAuth: boolean;
    /** A PROXY header stands before the session; null for none. */
    readonly proxy: ListenerProxy | null;
    /** LMTP (RFC 2033) is spoken. */
    readonly lmtp: boolean;
    /** Which addresses an authenticated user may send as. */
    readonly senders: ListenerSenders | null;
    readonly place: Place;
  });

/** What all listeners have. */
export interface ListenerOptions {
  /** For `match tag`; empty for none. */
  readonly tag: string;
  /** The name in the greeting and in Received fields. */
  readonly hostname: Domain;
  /** Name of a filter or chain; null for none. */
  readonly filter: string | null;
  /** Leave the client out of the Received field. */
  readonly maskSource: boolean;
  /** Offer delivery status notifications. */
  readonly dsn: boolean;
}

/** TLS of a listener. */
export interface ListenerTls {
  /** `offered` is STARTTLS, `required` refuses MAIL before it, `implicit` begins with TLS. */
  readonly mode: "none" | "offered" | "required" | "implicit";
  /** The client needs a certificate that an authority of ours has signed. */
  readonly verify: boolean;
  /** Names of certificates; the first one serves clients that name no host. */
  readonly pki: readonly string[];
  /** Name of the authorities; null for the system's. */
  readonly ca: string | null;
  /** As written; null for the library's choice. */
  readonly ciphers: string | null;
  /** As written; null for TLS 1.2 and 1.3. */
  readonly protocols: string | null;
}

/** Authentication on a listener. `table` holds credentials; null means the system's users. `mechanisms` are those that
 * are offered, in this order; null for `defaultMechanisms`. */
export type ListenerAuth =
  | { readonly mode: "none" }
  | {
    readonly mode: "optional" | "required";
    readonly table: TableName | null;
    readonly mechanisms: readonly SaslMechanism[] | null;
    /** A map of fingerprints of client certificates to users, for EXTERNAL; null for none. */
    readonly external: TableName | null;
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
  /** Name of the command that deliveries run through (`mda wrapper`); null for none. */
  readonly wrapper: string | null;
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

/** Where an `mbox` action has users' files: the system's mail spool. */
export const mboxDirectory = "/var/mail";

/** Path of a `maildir` action that gives none. */
export const maildirDefault = "~/Maildir";

/** The agent's work. Paths and commands may hold format specifiers (format.ts). */
export type LocalMethod =
  /** `path` null means `maildirDefault`. `junk`: mail marked as spam goes to the folder Junk. */
  | { readonly kind: "maildir"; readonly path: string | null; readonly junk: boolean }
  /** The user's file in the system's mail spool. */
  | { readonly kind: "mbox" }
  /** A program that takes the message on its standard input. */
  | { readonly kind: "mda"; readonly command: string }
  /** `destination` is the path of a socket or `host[:port]`; `rcptTo` gives the address instead of the user's name. */
  | { readonly kind: "lmtp"; readonly destination: string; readonly rcptTo: boolean }
  /** Nothing is delivered here: aliases (and for `forward-only` the user's .forward) say where it goes. */
  | { readonly kind: "forward-only" | "expand-only" };

/** Delivery to another server. Tables and names are null when the line does not give them. */
export interface RelayAction {
  /** Which way of delivery it is. */
  readonly kind: "relay";
  /** Its name in smtpd.conf. */
  readonly name: string;
  /** List of relay URLs, taken in turn; null means MX of the destination. Never together with `domain`. */
  readonly host: TableName | null;
  /** Map of destination domains to relay URLs. */
  readonly domain: TableName | null;
  /** Deliver only to servers with a better preference than ours. `mx` null means the server's name. */
  readonly backup: { readonly mx: string | null } | null;
  /** `opportunistic` takes TLS when it is offered, `required` insists on it; `verify` checks the certificate. */
  readonly tls: { readonly mode: "opportunistic" | "required"; readonly verify: boolean };
  /** Name to say in EHLO. */
  readonly helo: string | null;
  /** Map of our source addresses to names to say in EHLO. */
  readonly heloSource: TableName | null;
  /** Source addresses, taken in turn. */
  readonly source: TableName | null;
  /** Replaces the sender: `user@domain`, `user` or `@domain`. */
  readonly mailFrom: string | null;
  /** Credentials, by the labels of relay URLs. */
  readonly auth: TableName | null;
  /** Name of the client certificate. */
  readonly pki: string | null;
  /** Name of the authorities; null for the system's. */
  readonly ca: string | null;
  /** As written. */
  readonly ciphers: string | null;
  /** As written. */
  readonly protocols: string | null;
  /** Name of a filter or chain that is told of these sessions. */
  readonly filter: string | null;
  /** Rewrite senders of forwarded mail: all, none, or those whose SPF does not let us send for them. */
  readonly srs: boolean | "when-spf-fails";
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
  | { readonly kind: "src"; readonly criterion: Criterion }
  /** The peer's name is known and, with `criterion`, matches it. `negated` is for the form without one. */
  | { readonly kind: "rdns"; readonly criterion: Criterion | null; readonly negated: boolean };

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
  /** The name given with HELO or EHLO. */
  readonly helo: Criterion | null;
  /** Who authenticated: somebody at all, or a name that matches. */
  readonly auth: { readonly kind: "any"; readonly negated: boolean } | AuthTest | null;
  /** True: over TLS only; false: in clear text only. */
  readonly tls: boolean | null;
  /** The sender's address. */
  readonly mailFrom: Criterion | null;
  /** The address it goes to, as expanded so far. */
  readonly rcptTo: Criterion | null;
  /** What becomes of the mail. */
  readonly outcome: { readonly kind: "action"; readonly name: string } | { readonly kind: "reject" };
  /** Its line. */
  readonly place: Place;
}

/** `auth` with a table: of addresses when the user's name is one, else of names. */
export interface AuthTest {
  /** Tells it from a test without a table. */
  readonly kind: "table";
  /** Where to look. */
  readonly criterion: Criterion;
}

/** `queue …` lines. */
export interface QueuePolicy {
  /** How long delivery is tried. Default 4 days. */
  readonly ttlMs: number;
  /** `queue directory "PATH"`; null means the state directory of the command line. */
  readonly directory: string | null;
  /** `bounce warn-interval`: after how long a sender is told of a delay. Default one of 4 hours. */
  readonly warnAfterMs: readonly number[];
  /** `queue compression`. */
  readonly compression: boolean;
  /** `queue encryption`: 32 octets; `ask` has the key typed in, or read from standard input. Null for clear text. */
  readonly encryption: { readonly kind: "key"; readonly key: string } | { readonly kind: "ask" } | null;
}

/** `mda …` lines. */
export interface MdaPolicy {
  /** Commands that deliveries run through, by name. */
  readonly wrappers: Readonly<Record<string, string>>;
  /** Defaults: `defaultMdaLimits`. */
  readonly limits: MdaLimitPolicy;
}

/** `mta …` lines. */
export interface MtaPolicy {
  /** Envelopes remembered for each domain that failed. Default 100. */
  readonly maxDeferred: number;
  /** For domains without limits of their own. */
  readonly limits: MtaLimitPolicy;
  /** By destination domain or smart host. */
  readonly domainLimits: Readonly<Record<string, MtaLimitPolicy>>;
}

/** `srs …` lines. */
export interface SrsPolicy {
  /** Signs addresses. A secret. */
  readonly key: string;
  /** Accepted as well, while keys change. Null for none. */
  readonly backupKey: string | null;
  /** How long a rewritten address is good for, days. Default 4. */
  readonly ttlDays: number;
}

/** A certificate of ours and its key: paths of PEM files. */
export interface Pki {
  /** A host name, or `*`. */
  readonly name: string;
  /** PEM, the chain behind it. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  /** `dhe`: kept for `--print`; the TLS library does without. */
  readonly dhe: "none" | "auto" | "legacy";
  /** Its first line. */
  readonly place: Place;
}

/** Certificates of authorities. */
export interface Authority {
  /** A host name, or `*`. */
  readonly name: string;
  /** Path of a PEM file. */
  readonly cert: string;
  /** Its line. */
  readonly place: Place;
}

/** `smtp …` lines and limits of a session. Defaults are OpenSMTPD's where it has the limit. */
export interface SmtpLimits extends FrontLimits, AuthLimits {
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
  /** Longest time that a client may ask to have a message held, ms; 0 for none (RFC 4865). Default 7 days. */
  readonly maxHoldMs: number;
  /** Octets of a message's header section. Default 262,144. */
  readonly maxHeaderSize: number;
  /** Fields of a message's header section. Default 1,000. */
  readonly maxHeaders: number;
  /** Octets of a line of a message, with CRLF. Default 65,535, as OpenSMTPD has it. */
  readonly maxLineLength: number;
  /** Time for a command but the first, ms. Default 300,000 (RFC 5321 §4.5.3.2.7). */
  readonly idleTimeoutMs: number;
  /** Clients that no limit of sources holds for, beside those of this machine; null for none. */
  readonly except: Networks | null;
  /** Quirks of clients that pass. */
  readonly lenient: readonly Lenience[];
}

/** Reserved table names. The angle brackets are part of the name. */
export const builtinTable = {
  localhost: "<localhost>",
  anyhost: "<anyhost>",
  localnames: "<localnames>",
  anydestination: "<anydestination>",
  getpwnam: "<getpwnam>",
} as const;
