/** Parser of `match …`. */

import type { Directive, MatchOption, Pattern, Word } from "./ast.ts";
import type { Token } from "./lexer.ts";
import {
  acceptKeyword,
  acceptPunct,
  fail,
  failExpected,
  failUnsupported,
  isLineEnd,
  join,
  peek,
  type Reader,
  readTable,
  readWord,
  take,
} from "./reader.ts";

const options = ["for", "from", "mail-from", "rcpt-to", "tag"];
/** Options of OpenSMTPD that have no effect here yet. */
const laterOptions = ["auth", "helo", "tls"];
const fromWords = ["any", "local", "mail-from", "socket", "src"];
const laterFromWords = ["auth", "rdns"];
const forWords = ["any", "domain", "local", "rcpt-to"];

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
  if (token.kind === "keyword" && laterOptions.includes(token.text)) return failUnsupported(reader, token);
  if (negated && token.kind === "keyword" && (token.text === "action" || token.text === "reject")) {
    return fail(reader, token.span, `syntax error: \`!\` has no meaning before \`${token.text}\``);
  }
  if (token.kind !== "keyword" || !options.includes(token.text)) {
    return failExpected(reader, "an option", [...options, ...laterOptions, "action", "reject"]);
  }
  take(reader);
  switch (token.text) {
    case "from":
      return parseFrom(reader, token, negated);
    case "for":
      return parseFor(reader, token, negated);
    case "tag":
    case "mail-from":
    case "rcpt-to": {
      const wanted = token.text === "tag" ? "a tag" : "a table of addresses";
      const pattern = parsePattern(reader, wanted);
      return pattern === null ? null : { kind: token.text, span: token.span, negated, pattern };
    }
    default:
      return failExpected(reader, "an option", options);
  }
}

function parseFrom(reader: Reader, from: Token, negated: boolean): MatchOption | null {
  const token = peek(reader);
  if (token.kind === "keyword" && laterFromWords.includes(token.text)) {
    return fail(reader, join(from.span, token.span), `\`from ${token.text}\` is not supported yet`);
  }
  if (token.kind !== "keyword" || !fromWords.includes(token.text)) {
    return failExpected(reader, "`any`, `local`, `socket`, `src` or `mail-from`", [...fromWords, ...laterFromWords]);
  }
  take(reader);
  const span = join(from.span, token.span);
  switch (token.text) {
    case "any":
    case "local":
    case "socket":
      return { kind: `from-${token.text}`, span, negated };
    default: {
      const kind = token.text === "src" ? "from-src" : "from-mail-from";
      const pattern = parsePattern(reader, "a table of addresses");
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
      const pattern = parsePattern(reader, isDomain ? "a table of domains" : "a table of addresses");
      return pattern === null ? null : { kind: isDomain ? "for-domain" : "for-rcpt-to", span, negated, pattern };
    }
  }
}

function parsePattern(reader: Reader, wanted: string): Pattern | null {
  const regex = acceptKeyword(reader, "regex");
  const table = readTable(reader, wanted);
  return table === null ? null : { regex, table };
}
