/** Parser of `match …`. */

import type { Directive, MatchOption, Word } from "./ast.ts";
import type { Token } from "./lexer.ts";
import {
  acceptKeyword,
  acceptPunct,
  fail,
  failExpected,
  isKeyword,
  isLineEnd,
  isTable,
  join,
  peek,
  type Reader,
  readPattern,
  readWord,
  take,
} from "./reader.ts";

/** Words that begin an option. */
export const matchOptions: readonly string[] = [
  "auth",
  "for",
  "from",
  "helo",
  "mail-from",
  "rcpt-to",
  "tag",
  "tls",
];

/** Words behind `from`. */
export const fromWords: readonly string[] = ["any", "auth", "local", "mail-from", "rdns", "socket", "src"];

/** Words behind `for`. */
export const forWords: readonly string[] = ["any", "domain", "local", "rcpt-to"];

/** Parses what follows `match`. */
export function parseMatch(reader: Reader, first: Token): Directive | null {
  const found: MatchOption[] = [];
  for (;;) {
    if (acceptKeyword(reader, "reject")) return { kind: "match", span: first.span, options: found, action: null };
    if (acceptKeyword(reader, "action")) {
      const action: Word | null = readWord(reader, "the name of an action");
      return action === null ? null : { kind: "match", span: first.span, options: found, action };
    }
    if (isLineEnd(reader)) return failExpected(reader, "`action` or `reject`");
    const option = parseOption(reader);
    if (option === null) return null;
    found.push(option);
  }
}

function parseOption(reader: Reader): MatchOption | null {
  const negated = acceptPunct(reader, "!");
  const token = peek(reader);
  const { span, text } = token;
  if (negated && (isKeyword(reader, "action") || isKeyword(reader, "reject"))) {
    return fail(reader, span, `syntax error: \`!\` has no meaning before \`${text}\``);
  }
  if (token.kind !== "keyword" || !matchOptions.includes(text)) {
    return failExpected(reader, "an option", [...matchOptions, "action", "reject"]);
  }
  take(reader);
  switch (text) {
    case "from":
      return parseFrom(reader, token, negated);
    case "for":
      return parseFor(reader, token, negated);
    case "tls":
      return { kind: "tls", span, negated };
    case "auth":
      return parseTest(reader, "auth", span, negated);
    case "tag":
    case "helo":
    case "mail-from":
    case "rcpt-to": {
      const pattern = readPattern(reader, wanted[text]);
      return pattern === null ? null : { kind: text, span, negated, pattern };
    }
    default:
      return failExpected(reader, "an option", matchOptions);
  }
}

const wanted = {
  "tag": "a tag",
  "helo": "a table of host names",
  "mail-from": "a table of addresses",
  "rcpt-to": "a table of addresses",
} as const;

/** A test that can do without a table. */
function parseTest(
  reader: Reader,
  kind: "auth" | "from-auth" | "from-rdns",
  span: Token["span"],
  negated: boolean,
): MatchOption | null {
  if (!isTable(reader) && !isKeyword(reader, "regex")) return { kind, span, negated, pattern: null };
  const pattern = readPattern(reader, kind === "from-rdns" ? "a table of host names" : "a table of users");
  return pattern === null ? null : { kind, span, negated, pattern };
}

function parseFrom(reader: Reader, from: Token, negated: boolean): MatchOption | null {
  const token = peek(reader);
  if (token.kind !== "keyword" || !fromWords.includes(token.text)) {
    return failExpected(reader, "`any`, `auth`, `local`, `mail-from`, `rdns`, `socket` or `src`", fromWords);
  }
  take(reader);
  const span = join(from.span, token.span);
  switch (token.text) {
    case "any":
    case "local":
    case "socket":
      return { kind: `from-${token.text}`, span, negated };
    case "auth":
    case "rdns":
      return parseTest(reader, `from-${token.text}`, span, negated);
    default: {
      const kind = token.text === "src" ? "from-src" : "from-mail-from";
      const pattern = readPattern(reader, "a table of addresses");
      return pattern === null ? null : { kind, span, negated, pattern };
    }
  }
}

function parseFor(reader: Reader, first: Token, negated: boolean): MatchOption | null {
  const token = peek(reader);
  if (token.kind !== "keyword" || !forWords.includes(token.text)) {
    return failExpected(reader, "`any`, `local`, `domain` or `rcpt-to`", forWords);
  }
  take(reader);
  const span = join(first.span, token.span);
  switch (token.text) {
    case "any":
    case "local":
      return { kind: `for-${token.text}`, span, negated };
    default: {
      const isDomain = token.text === "domain";
      const pattern = readPattern(reader, isDomain ? "a table of domains" : "a table of addresses");
      return pattern === null ? null : { kind: isDomain ? "for-domain" : "for-rcpt-to", span, negated, pattern };
    }
  }
}
