/** Parser of `action NAME …`. */

import type { ActionDirective, ActionOption, Directive, Word } from "./ast.ts";
import type { Token } from "./lexer.ts";
import {
  acceptKeyword,
  fail,
  failExpected,
  failUnsupported,
  isLineEnd,
  peek,
  type Reader,
  readQuantity,
  readTable,
  readWord,
  take,
} from "./reader.ts";

const methods = ["maildir", "relay"];
/** Methods of OpenSMTPD that are not here yet. */
const laterMethods = ["expand-only", "forward-only", "lmtp", "mbox", "mda"];

const localOptions = ["alias", "ttl", "user", "userbase", "virtual"];
const laterLocalOptions = ["junk", "wrapper"];
const relayOptions = ["host", "ttl"];
const laterRelayOptions = [
  "auth",
  "backup",
  "ca",
  "ciphers",
  "domain",
  "filter",
  "helo",
  "helo-src",
  "mail-from",
  "pki",
  "protocols",
  "src",
  "srs",
  "tls",
];

/** Parses what follows `action`. */
export function parseAction(reader: Reader, first: Token): Directive | null {
  const name = readWord(reader, "the name of the action");
  if (name === null) return null;
  return parseBody(reader, first, name) ?? { kind: "broken", span: first.span, declares: "action", name };
}

function parseBody(reader: Reader, first: Token, name: Word): ActionDirective | null {
  const method = parseMethod(reader);
  if (method === null) return null;
  const options: ActionOption[] = [];
  while (!isLineEnd(reader)) {
    const last = options.at(-1);
    if (last?.kind === "ttl") {
      return fail(
        reader,
        peek(reader).span,
        "syntax error: nothing may follow `ttl`",
        "put `ttl` at the end of the line",
      );
    }
    const option = parseOption(reader, method.kind === "relay");
    if (option === null) return null;
    options.push(option);
  }
  return { kind: "action", span: first.span, name, method, options };
}

function parseMethod(reader: Reader): ActionDirective["method"] | null {
  const token = peek(reader);
  if (acceptKeyword(reader, "relay")) return { kind: "relay" };
  if (acceptKeyword(reader, "maildir")) {
    const next = peek(reader);
    // `~` and `/` cannot begin a word: a path is always quoted, and a bare word is a misspelt option.
    const isSign = next.kind === "punct" && !"{}<>!,=".includes(next.text);
    if (next.kind !== "string" && next.kind !== "bad" && !isSign) return { kind: "maildir", path: null, junk: false };
    const path = readWord(reader, "a path in quotes");
    return path === null ? null : { kind: "maildir", path, junk: false };
  }
  if (token.kind === "keyword" && laterMethods.includes(token.text)) return failUnsupported(reader, token);
  return failExpected(reader, "`maildir` or `relay`", [...methods, ...laterMethods]);
}

function parseOption(reader: Reader, isRelay: boolean): ActionOption | null {
  const token = peek(reader);
  const now = isRelay ? relayOptions : localOptions;
  const later = isRelay ? laterRelayOptions : laterLocalOptions;
  if (token.kind === "keyword" && later.includes(token.text)) return failUnsupported(reader, token);
  if (token.kind !== "keyword" || !now.includes(token.text)) {
    const other = isRelay ? localOptions : [...relayOptions, ...laterRelayOptions];
    if (token.kind === "keyword" && other.includes(token.text)) {
      const method = isRelay ? "relay" : "maildir";
      return fail(reader, token.span, `syntax error: \`${token.text}\` has no meaning with \`${method}\``);
    }
    return failExpected(reader, "an option", [...now, ...later]);
  }
  take(reader);
  const { span } = token;
  switch (token.text) {
    case "user": {
      const user = readWord(reader, "the name of a user");
      return user === null ? null : { kind: "user", span, user };
    }
    case "ttl": {
      const delay = readQuantity(reader, "a time such as 4d");
      return delay === null ? null : { kind: "ttl", span, delay };
    }
    case "alias":
    case "virtual":
    case "userbase":
    case "host": {
      const table = readTable(reader, token.text === "host" ? "a URL such as smtp://mx.example.org" : "a table");
      return table === null ? null : { kind: token.text, span, table };
    }
    default:
      return failExpected(reader, "an option", now);
  }
}
