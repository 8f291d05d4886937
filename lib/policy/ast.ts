/** smtpd.conf as it is written: one node per directive, options in the order of the line, every word with its place.
 * Names are not looked up here. A directive or option that is added later is one more member of a union. */

import type { Quirk } from "../smtp/lenient.ts";
import type { Span } from "./error.ts";
import type { SendersWords } from "./listener.ts";

/** A word or quoted string. */
export interface Word {
  /** The text, without its quotes. */
  readonly text: string;
  /** Where it stands. */
  readonly span: Span;
}

/** A number: an integer as `Number` reads it. */
export interface NumberWord {
  /** An integer. */
  readonly value: number;
  /** Where it stands. */
  readonly span: Span;
}

/** Entries between braces, never mixed. */
export type Items =
  | { readonly shape: "list"; readonly entries: readonly Word[]; readonly span: Span }
  | { readonly shape: "map"; readonly entries: readonly (readonly [key: Word, value: Word])[]; readonly span: Span };

/** A table where an option wants one. */
export type TableExpr =
  /** `<name>`; the span holds the angle brackets. */
  | { readonly kind: "name"; readonly name: string; readonly span: Span }
  /** A table of one entry. */
  | { readonly kind: "word"; readonly word: Word; readonly span: Span }
  | { readonly kind: "items"; readonly items: Items; readonly span: Span };

/** `[regex] tables`. */
export interface Pattern {
  /** The entries are regular expressions. */
  readonly regex: boolean;
  /** The table to look in. */
  readonly table: TableExpr;
}

/** One line. `span` is that of its first word. */
export type Directive =
  | TableDirective
  | ListenDirective
  | ActionDirective
  | MatchDirective
  | QueueDirective
  | SmtpDirective
  | BounceDirective
  | MdaDirective
  | MtaDirective
  | SchedulerDirective
  | SrsDirective
  | CertificateDirective
  | FilterDirective
  | ProcDirective
  | AdmdDirective
  | BrokenDirective;

/** `table NAME …`. */
export interface TableDirective {
  /** Which directive it is. */
  readonly kind: "table";
  /** Its first word. */
  readonly span: Span;
  /** The name it declares. */
  readonly name: Word;
  /** Where the entries are. */
  readonly content:
    | { readonly kind: "config"; readonly word: Word }
    | { readonly kind: "items"; readonly items: Items };
  /** In the order of the line. */
  readonly options: readonly TableOption[];
}

/** An option of a `table` line; `span` is that of its word. */
export interface TableOption {
  /** What it sets. */
  readonly kind: "cache-ttl" | "cache-negative-ttl";
  /** Its word. */
  readonly span: Span;
  /** What it is set to. */
  readonly time: Word;
}

/** `listen on …`. */
export interface ListenDirective {
  /** Which directive it is. */
  readonly kind: "listen";
  /** Its first word. */
  readonly span: Span;
  /** Null for a unix socket: the submission socket, or the one of an option `path`. */
  readonly on: Word | null;
  /** In the order of the line. */
  readonly options: readonly ListenOption[];
}

/** An option of a `listen` line; `span` is that of its keyword. `path` and `mode` are a socket's: where it is, when it is
 * not the submission socket, and its permissions. */
export type ListenOption =
  | { readonly kind: "path"; readonly span: Span; readonly path: Word }
  | { readonly kind: "lmtp"; readonly span: Span }
  | { readonly kind: "mode" | "user" | "group"; readonly span: Span; readonly word: Word }
  /** `from` is null when every peer may send a header. */
  | { readonly kind: "proxy" | "proxy-v2"; readonly span: Span; readonly from: TableExpr | null }
  | { readonly kind: "inet4" | "inet6"; readonly span: Span }
  | { readonly kind: "port"; readonly span: Span; readonly port: Word }
  | { readonly kind: "tag"; readonly span: Span; readonly tag: Word }
  | { readonly kind: "hostname"; readonly span: Span; readonly hostname: Word }
  | { readonly kind: "hostnames"; readonly span: Span; readonly table: TableExpr }
  | { readonly kind: "filter"; readonly span: Span; readonly filter: FilterExpr }
  | { readonly kind: "tls"; readonly span: Span }
  | { readonly kind: "tls-require" | "smtps"; readonly span: Span; readonly verify: boolean }
  | { readonly kind: "ciphers" | "protocols" | "pki" | "ca"; readonly span: Span; readonly word: Word }
  /** Without a table: the system's users. */
  | { readonly kind: "auth" | "auth-optional"; readonly span: Span; readonly table: TableExpr | null }
  /** Fingerprints of client certificates, and whose they are. */
  | { readonly kind: "auth-external"; readonly span: Span; readonly table: TableExpr }
  /** Names with blanks or commas between them. */
  | { readonly kind: "mechanisms"; readonly span: Span; readonly names: Word }
  | { readonly kind: "mask-src" | "received-auth" | "no-dsn"; readonly span: Span }
  | ({ readonly kind: "senders"; readonly span: Span; readonly table: TableExpr } & SendersWords);

/** A filter where an option wants one: a name, or a chain without one. */
export type FilterExpr =
  | { readonly kind: "name"; readonly name: Word }
  | { readonly kind: "chain"; readonly members: readonly Word[]; readonly span: Span };

/** `action NAME …`. */
export interface ActionDirective {
  /** Which directive it is. */
  readonly kind: "action";
  /** Its first word. */
  readonly span: Span;
  /** The name it declares. */
  readonly name: Word;
  /** What does the delivery. */
  readonly method: ActionMethod;
  /** In the order of the line. */
  readonly options: readonly ActionOption[];
}

/** The method of an `action` line. */
export type ActionMethod =
  | { readonly kind: "maildir"; readonly path: Word | null; readonly junk: boolean }
  | { readonly kind: "lmtp"; readonly destination: Word; readonly rcptTo: boolean }
  | { readonly kind: "mda"; readonly command: Word }
  | { readonly kind: "mbox" | "forward-only" | "expand-only" | "relay" };

/** An option of an `action` line; `span` is that of its keyword. */
export type ActionOption =
  | { readonly kind: "user"; readonly span: Span; readonly user: Word }
  | {
    readonly kind: "alias" | "virtual" | "userbase" | "host" | "domain" | "src" | "helo-src" | "auth";
    readonly span: Span;
    readonly table: TableExpr;
  }
  | {
    readonly kind: "wrapper" | "helo" | "pki" | "ca" | "ciphers" | "protocols" | "mail-from";
    readonly span: Span;
    readonly word: Word;
  }
  /** `mx` is null without one. */
  | { readonly kind: "backup"; readonly span: Span; readonly mx: Word | null }
  | { readonly kind: "tls"; readonly span: Span; readonly verify: boolean }
  | { readonly kind: "srs"; readonly span: Span; readonly whenSpfFails: boolean }
  | { readonly kind: "filter"; readonly span: Span; readonly filter: FilterExpr }
  | { readonly kind: "ttl"; readonly span: Span; readonly delay: Word };

/** `match …`. */
export interface MatchDirective {
  /** Which directive it is. */
  readonly kind: "match";
  /** Its first word. */
  readonly span: Span;
  /** In the order of the line. */
  readonly options: readonly MatchOption[];
  /** Null for `reject`. */
  readonly action: Word | null;
}

/** An option of a `match` line; `span` is that of its keywords. */
export type MatchOption =
  | {
    readonly kind: "from-any" | "from-local" | "from-socket" | "for-any" | "for-local" | "tls";
    readonly span: Span;
    readonly negated: boolean;
  }
  | {
    readonly kind:
      | "from-src"
      | "from-mail-from"
      | "for-domain"
      | "for-rcpt-to"
      | "tag"
      | "helo"
      | "mail-from"
      | "rcpt-to";
    readonly span: Span;
    readonly negated: boolean;
    readonly pattern: Pattern;
  }
  /** With and without a table to look in. */
  | {
    readonly kind: "auth" | "from-auth" | "from-rdns";
    readonly span: Span;
    readonly negated: boolean;
    readonly pattern: Pattern | null;
  };

/** `queue …`. */
export type QueueDirective =
  | { readonly kind: "queue-ttl"; readonly span: Span; readonly delay: Word }
  | { readonly kind: "queue-directory"; readonly span: Span; readonly path: Word }
  | { readonly kind: "queue-compression"; readonly span: Span }
  /** Without a key it is asked for. */
  | { readonly kind: "queue-encryption"; readonly span: Span; readonly key: Word | null };

/** `smtp …`. */
export type SmtpDirective =
  | { readonly kind: "smtp-size"; readonly span: Span; readonly size: Word }
  | { readonly kind: "smtp-limit"; readonly span: Span; readonly limits: readonly LimitExpr[] }
  | { readonly kind: "smtp-except"; readonly span: Span; readonly table: TableExpr }
  | { readonly kind: "smtp-delimiter"; readonly span: Span; readonly delimiter: Word }
  /** `negated`: what passes otherwise does not. `from` is null for all clients. */
  | {
    readonly kind: "smtp-lenient";
    readonly span: Span;
    readonly negated: boolean;
    readonly quirk: { readonly name: Quirk; readonly span: Span };
    readonly from: TableExpr | null;
  }
  | { readonly kind: "smtp-ciphers"; readonly span: Span; readonly ciphers: Word };

/** `KEY N` of a `limit` line. */
export interface LimitExpr {
  /** The key, not checked. */
  readonly name: Word;
  /** What it is set to. */
  readonly value: NumberWord;
}

/** `bounce warn-interval …`. */
export interface BounceDirective {
  /** Which directive it is. */
  readonly kind: "bounce";
  /** Its first word. */
  readonly span: Span;
  /** After how long the sender is told, as written. */
  readonly delays: readonly Word[];
}

/** `mda …`. */
export type MdaDirective =
  | { readonly kind: "mda-wrapper"; readonly span: Span; readonly name: Word; readonly command: Word }
  | { readonly kind: "mda-limit"; readonly span: Span; readonly limits: readonly LimitExpr[] };

/** `mta …`. */
export type MtaDirective =
  | { readonly kind: "mta-max-deferred"; readonly span: Span; readonly value: NumberWord }
  | {
    readonly kind: "mta-limit";
    readonly span: Span;
    /** Null for all domains. */
    readonly domain: Word | null;
    /** `inet4` and `inet6`, with their places. */
    readonly families: readonly { readonly family: 4 | 6; readonly span: Span }[];
    readonly limits: readonly LimitExpr[];
  };

/** `scheduler limit …`. */
export interface SchedulerDirective {
  /** Which directive it is. */
  readonly kind: "scheduler-limit";
  /** Its first word. */
  readonly span: Span;
  /** In the order of the line. */
  readonly limits: readonly LimitExpr[];
}

/** `srs …`. */
export type SrsDirective =
  | { readonly kind: "srs-key"; readonly span: Span; readonly backup: boolean; readonly key: Word }
  | { readonly kind: "srs-ttl"; readonly span: Span; readonly delay: Word };

/** `pki …` and `ca …`. */
export type CertificateDirective =
  | {
    readonly kind: "pki";
    readonly span: Span;
    readonly name: Word;
    /** In the order of the line; several lines for one name add up. */
    readonly parts: readonly { readonly kind: "cert" | "key" | "dhe"; readonly span: Span; readonly word: Word }[];
  }
  | { readonly kind: "ca"; readonly span: Span; readonly name: Word; readonly cert: Word };

/** `proc NAME …`. */
export interface ProcDirective {
  /** Which directive it is. */
  readonly kind: "proc";
  /** Its first word. */
  readonly span: Span;
  /** The name it declares. */
  readonly name: Word;
  /** What is run. */
  readonly command: Word;
  /** In the order of the line. */
  readonly options: readonly ProcOption[];
}

/** An option of a process; `span` is that of its keyword. */
export interface ProcOption {
  /** What it sets. */
  readonly kind: "user" | "group" | "chroot";
  /** Its keyword. */
  readonly span: Span;
  /** What it is set to. */
  readonly word: Word;
}

/** `filter NAME …`. */
export interface FilterDirective {
  /** Which directive it is. */
  readonly kind: "filter";
  /** Its first word. */
  readonly span: Span;
  /** The name it declares. */
  readonly name: Word;
  /** What it does. */
  readonly body:
    | { readonly kind: "proc"; readonly proc: Word }
    | { readonly kind: "proc-exec"; readonly command: Word; readonly options: readonly ProcOption[] }
    | { readonly kind: "chain"; readonly members: readonly Word[] }
    | {
      readonly kind: "phase";
      readonly phase: Word;
      readonly condition: FilterConditionExpr;
      readonly decision: FilterDecisionExpr;
    };
}

/** What a built-in filter tests; `span` is that of its keyword. `pattern` is null for a test without a table. */
export interface FilterConditionExpr {
  /** What is looked at. */
  readonly kind: "fcrdns" | "rdns" | "src" | "helo" | "auth" | "mail-from" | "rcpt-to";
  /** Its keyword. */
  readonly span: Span;
  /** The test holds when it would not. */
  readonly negated: boolean;
  /** Where to look. */
  readonly pattern: Pattern | null;
}

/** What a built-in filter does; `span` is that of its keyword. `word` is null for those that take none. */
export interface FilterDecisionExpr {
  /** What becomes of it. */
  readonly kind: "reject" | "disconnect" | "rewrite" | "report" | "junk" | "bypass";
  /** Its keyword. */
  readonly span: Span;
  /** The reply, the new value, or what is reported. */
  readonly word: Word | null;
}

/** `admd ID`. */
export interface AdmdDirective {
  /** Which directive it is. */
  readonly kind: "admd";
  /** Its first word. */
  readonly span: Span;
  /** The authserv-id. */
  readonly id: Word;
}

/** Kinds of names that lines declare and others refer to. */
export type Declared = "table" | "action" | "filter" | "proc" | "pki" | "ca" | "mda-wrapper";

/** A line with an error that has been told. What it was to declare counts as declared, so that one mistake gives
 * one error. */
export interface BrokenDirective {
  /** Which directive it is. */
  readonly kind: "broken";
  /** Its first word. */
  readonly span: Span;
  /** What it was to declare; null for nothing that others refer to. */
  readonly declares: Declared | "match" | null;
  /** Null when the line broke off before it. */
  readonly name: Word | null;
}
