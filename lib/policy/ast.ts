/** smtpd.conf as it is written: one node per directive, options in the order of the line, every word with its place.
 * Names are not looked up here. A directive or option that is added later is one more member of a union. */

import type { Span } from "./error.ts";

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
}

/** `listen on …`. */
export interface ListenDirective {
  /** Which directive it is. */
  readonly kind: "listen";
  /** Its first word. */
  readonly span: Span;
  /** Null for the submission socket. */
  readonly on: Word | null;
  /** In the order of the line. */
  readonly options: readonly ListenOption[];
}

/** An option of a `listen` line; `span` is that of its keyword. */
export type ListenOption =
  | { readonly kind: "inet4" | "inet6"; readonly span: Span }
  | { readonly kind: "port"; readonly span: Span; readonly port: Word }
  | { readonly kind: "tag"; readonly span: Span; readonly tag: Word }
  | { readonly kind: "hostname"; readonly span: Span; readonly hostname: Word };

/** `action NAME …`. */
export interface ActionDirective {
  /** Which directive it is. */
  readonly kind: "action";
  /** Its first word. */
  readonly span: Span;
  /** The name it declares. */
  readonly name: Word;
  /** What does the delivery. */
  readonly method: { readonly kind: "maildir"; readonly path: Word | null } | { readonly kind: "relay" };
  /** In the order of the line. */
  readonly options: readonly ActionOption[];
}

/** An option of an `action` line; `span` is that of its keyword. */
export type ActionOption =
  | { readonly kind: "user"; readonly span: Span; readonly user: Word }
  | {
    readonly kind: "alias" | "virtual" | "userbase" | "host";
    readonly span: Span;
    readonly table: TableExpr;
  }
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
    readonly kind: "from-any" | "from-local" | "from-socket" | "for-any" | "for-local";
    readonly span: Span;
    readonly negated: boolean;
  }
  | {
    readonly kind: "from-src" | "from-mail-from" | "for-domain" | "for-rcpt-to" | "tag" | "mail-from" | "rcpt-to";
    readonly span: Span;
    readonly negated: boolean;
    readonly pattern: Pattern;
  };

/** `queue …`. */
export type QueueDirective =
  | { readonly kind: "queue-ttl"; readonly span: Span; readonly delay: Word }
  | { readonly kind: "queue-directory"; readonly span: Span; readonly path: Word };

/** `smtp …`. */
export type SmtpDirective =
  | { readonly kind: "smtp-size"; readonly span: Span; readonly size: Word }
  | {
    readonly kind: "smtp-limit";
    readonly span: Span;
    readonly limits: readonly { readonly name: Word; readonly value: NumberWord }[];
  }
  | { readonly kind: "smtp-delimiter"; readonly span: Span; readonly delimiter: Word };

/** `bounce warn-interval …`. */
export interface BounceDirective {
  /** Which directive it is. */
  readonly kind: "bounce";
  /** Its first word. */
  readonly span: Span;
  /** After how long the sender is told, as written. */
  readonly delays: readonly Word[];
}

/** A line with an error that has been told. What it was to declare counts as declared, so that one mistake gives
 * one error. */
export interface BrokenDirective {
  /** Which directive it is. */
  readonly kind: "broken";
  /** Its first word. */
  readonly span: Span;
  /** What it was to declare; null for nothing that others refer to. */
  readonly declares: "table" | "action" | "match" | null;
  /** Null when the line broke off before it. */
  readonly name: Word | null;
}
