/** Parsers of the lines that set limits: `smtp`, `mda`, `mta`, `scheduler`. */

import type { Directive, LimitExpr, MtaDirective, SmtpDirective, Word } from "./ast.ts";
import { quirks } from "../smtp/lenient.ts";
import type { Token } from "./lexer.ts";
import {
  acceptKeyword,
  acceptPlainWord,
  acceptPunct,
  failExpected,
  isKeyword,
  isLineEnd,
  isPlainWord,
  peek,
  type Reader,
  readLimit,
  readLimits,
  readNumber,
  readQuantity,
  readTable,
  readWord,
  take,
} from "./reader.ts";

/** Parses what follows `smtp`. */
export function parseSmtp(reader: Reader, { span }: Token): SmtpDirective | null {
  if (acceptKeyword(reader, "ciphers")) {
    const ciphers = readWord(reader, "a list of ciphers");
    return ciphers === null ? null : { kind: "smtp-ciphers", span, ciphers };
  }
  if (acceptKeyword(reader, "max-message-size")) {
    const size = readQuantity(reader, "a size such as 35M");
    return size === null ? null : { kind: "smtp-size", span, size };
  }
  if (acceptKeyword(reader, "sub-addr-delim")) {
    const delimiter = readWord(reader, 'a character in quotes, such as "+"');
    return delimiter === null ? null : { kind: "smtp-delimiter", span, delimiter };
  }
  if (acceptKeyword(reader, "limit")) {
    if (acceptPlainWord(reader, "except")) {
      const table = readTable(reader, "addresses and networks");
      return table === null ? null : { kind: "smtp-except", span, table };
    }
    const limits = readLimits(reader, "a limit such as `max-rcpt`");
    return limits === null ? null : { kind: "smtp-limit", span, limits };
  }
  // Ours, and not reserved: it may be the name of a table.
  if (isPlainWord(reader, "lenient")) return parseLenient(reader, span);
  const known = ["ciphers", "lenient", "limit", "max-message-size", "sub-addr-delim"];
  return failExpected(reader, "`limit`, `max-message-size`, `sub-addr-delim`, `lenient` or `ciphers`", known);
}

function parseLenient(reader: Reader, span: Token["span"]): SmtpDirective | null {
  take(reader);
  const negated = acceptPunct(reader, "!");
  const token = peek(reader);
  const name = quirks.find((one) => one === token.text && token.kind === "word");
  if (name === undefined) return failExpected(reader, `a quirk of clients such as \`${quirks[0]}\``, quirks);
  const quirk = { name, span: take(reader).span };
  if (!acceptKeyword(reader, "from")) return { kind: "smtp-lenient", span, negated, quirk, from: null };
  const from = readTable(reader, "addresses and networks");
  return from === null ? null : { kind: "smtp-lenient", span, negated, quirk, from };
}

/** Parses what follows `mda`. */
export function parseMda(reader: Reader, { span }: Token): Directive | null {
  if (acceptKeyword(reader, "wrapper")) {
    const name = readWord(reader, "the name of the wrapper");
    const command = name === null ? null : readWord(reader, "a command in quotes");
    if (name === null || command === null) return { kind: "broken", span, declares: "mda-wrapper", name };
    return { kind: "mda-wrapper", span, name, command };
  }
  if (acceptKeyword(reader, "limit")) {
    const limits = readLimits(reader, "a limit such as `max-session`");
    return limits === null ? null : { kind: "mda-limit", span, limits };
  }
  return failExpected(reader, "`wrapper` or `limit`", ["limit", "wrapper"]);
}

/** Parses what follows `mta`. */
export function parseMta(reader: Reader, { span }: Token): MtaDirective | null {
  if (acceptKeyword(reader, "max-deferred")) {
    const value = readNumber(reader, "a number");
    return value === null ? null : { kind: "mta-max-deferred", span, value };
  }
  if (!acceptKeyword(reader, "limit")) {
    return failExpected(reader, "`limit` or `max-deferred`", ["limit", "max-deferred"]);
  }
  let domain: Word | null = null;
  if (acceptKeyword(reader, "for")) {
    if (!acceptKeyword(reader, "domain")) return failExpected(reader, "`domain`", ["domain"]);
    domain = readWord(reader, "a domain");
    if (domain === null) return null;
  }
  const families: { family: 4 | 6; span: Token["span"] }[] = [];
  const limits: LimitExpr[] = [];
  while (!isLineEnd(reader)) {
    if (isKeyword(reader, "inet4") || isKeyword(reader, "inet6")) {
      const token = take(reader);
      families.push({ family: token.text === "inet4" ? 4 : 6, span: token.span });
      continue;
    }
    const limit = readLimit(reader, "`inet4`, `inet6` or a limit such as `max-conn-per-host`");
    if (limit === null) return null;
    limits.push(limit);
  }
  return { kind: "mta-limit", span, domain, families, limits };
}

/** Parses what follows `scheduler`. */
export function parseScheduler(reader: Reader, first: Token): Directive | null {
  if (!acceptKeyword(reader, "limit")) return failExpected(reader, "`limit`", ["limit"]);
  const limits = readLimits(reader, "a limit such as `max-inflight`");
  if (limits === null) return null;
  return { kind: "scheduler-limit", span: first.span, limits };
}
