/** Parser of `listen on …`. */

import type { Directive, ListenOption, Word } from "./ast.ts";
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
  readWord,
  take,
} from "./reader.ts";

const options = ["inet4", "inet6", "port", "tag", "hostname"];
/** Options of OpenSMTPD that have no effect here yet. */
const laterOptions = [
  "auth",
  "auth-optional",
  "ca",
  "ciphers",
  "filter",
  "hostnames",
  "mask-src",
  "no-dsn",
  "pki",
  "protocols",
  "proxy-v2",
  "received-auth",
  "senders",
  "smtps",
  "tls",
  "tls-require",
];
const socketOptions = ["filter", "mask-src", "no-dsn", "tag"];

/** Parses what follows `listen`. */
export function parseListen(reader: Reader, first: Token): Directive | null {
  if (!acceptKeyword(reader, "on")) return failExpected(reader, "`on`", ["on"]);
  let on: Word | null = null;
  if (!acceptKeyword(reader, "socket")) {
    on = readWord(reader, "an interface, an address, a host name or `socket`");
    if (on === null) return null;
  }
  const found: ListenOption[] = [];
  while (!isLineEnd(reader)) {
    const option = parseOption(reader, on === null);
    if (option === null) return null;
    found.push(option);
  }
  return { kind: "listen", span: first.span, on, options: found };
}

function parseOption(reader: Reader, isSocket: boolean): ListenOption | null {
  const token = peek(reader);
  const known = [...options, ...laterOptions];
  if (token.kind !== "keyword" || !known.includes(token.text)) return failExpected(reader, "an option", known);
  if (isSocket && !socketOptions.includes(token.text)) {
    return fail(reader, token.span, `\`${token.text}\` has no meaning with \`listen on socket\``);
  }
  if (laterOptions.includes(token.text)) return failUnsupported(reader, token);
  take(reader);
  const { span } = token;
  switch (token.text) {
    case "inet4":
    case "inet6":
      return { kind: token.text, span };
    case "port": {
      const port = parsePort(reader);
      return port === null ? null : { kind: "port", span, port };
    }
    case "tag": {
      const tag = readWord(reader, "a tag");
      return tag === null ? null : { kind: "tag", span, tag };
    }
    default: {
      const hostname = readWord(reader, "a host name");
      return hostname === null ? null : { kind: "hostname", span, hostname };
    }
  }
}

/** A number, or the name of a service; `smtp` and `smtps` are reserved words and names of services too. */
function parsePort(reader: Reader): Word | null {
  const token = peek(reader);
  if (token.kind !== "keyword" || !/^smtps?$/.test(token.text)) return readQuantity(reader, "a port");
  take(reader);
  return { text: token.text, span: token.span };
}
