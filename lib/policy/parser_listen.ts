/** Parser of `listen on …`. */

import type { Directive, ListenOption, Word } from "./ast.ts";
import type { SendersWords } from "./listener.ts";
import type { Token } from "./lexer.ts";
import {
  acceptKeyword,
  acceptPlainWord,
  fail,
  failExpected,
  isLineEnd,
  isTable,
  peek,
  type Reader,
  readFilter,
  readQuantity,
  readTable,
  readWord,
  take,
} from "./reader.ts";

/** Options of a listener of the network. */
export const listenOptions: readonly string[] = [
  "auth",
  "auth-external",
  "auth-optional",
  "ca",
  "ciphers",
  "filter",
  "hostname",
  "hostnames",
  "inet4",
  "inet6",
  "lmtp",
  "mask-src",
  "mechanisms",
  "no-dsn",
  "pki",
  "port",
  "protocols",
  "proxy",
  "proxy-v2",
  "received-auth",
  "senders",
  "smtps",
  "tag",
  "tls",
  "tls-require",
];

/** Options of unix sockets. All but the first four are for those that have a path. */
export const socketOptions: readonly string[] = [
  "filter",
  "mask-src",
  "no-dsn",
  "tag",
  "group",
  "hostname",
  "lmtp",
  "mode",
  "user",
];

/** Those of the submission socket. */
const submissionOptions = socketOptions.slice(0, 4);

function optionsOf(place: "inet" | "path" | "submission"): readonly string[] {
  return place === "inet" ? listenOptions : place === "path" ? socketOptions : submissionOptions;
}

/** Words among the options that OpenSMTPD's lexer does not reserve: elsewhere they are names. */
const plainWords: readonly string[] = ["auth-external", "mechanisms", "mode", "proxy"];

/** Parses what follows `listen`. */
export function parseListen(reader: Reader, first: Token): Directive | null {
  if (!acceptKeyword(reader, "on")) return failExpected(reader, "`on`", ["on"]);
  let on: Word | null = null;
  const found: ListenOption[] = [];
  if (!acceptKeyword(reader, "socket")) {
    on = readWord(reader, "an interface, an address, a host name or `socket`");
    if (on === null) return null;
  } else if (peek(reader).kind === "string") {
    const { text, span } = take(reader);
    found.push({ kind: "path", span, path: { text, span } });
  }
  while (!isLineEnd(reader)) {
    const option = parseOption(reader, on !== null ? "inet" : found[0]?.kind === "path" ? "path" : "submission");
    if (option === null) return null;
    found.push(option);
  }
  return { kind: "listen", span: first.span, on, options: found };
}

/** `submission` is the socket without a path. */
function parseOption(reader: Reader, place: "inet" | "path" | "submission"): ListenOption | null {
  const token = peek(reader);
  const { span, text } = token;
  if (!isOption(reader)) return failOption(reader, place);
  if (place !== "inet" && !socketOptions.includes(text)) {
    return fail(reader, span, `\`${text}\` has no meaning with \`listen on socket\``);
  }
  if (place === "submission" && !submissionOptions.includes(text)) {
    const hint = 'a socket of its own has a path: listen on socket "/run/smtpd/lmtp" lmtp';
    return fail(reader, span, `\`${text}\` has no meaning with the submission socket`, hint);
  }
  if (place === "inet" && !listenOptions.includes(text)) {
    return fail(reader, span, `\`${text}\` has no meaning with a listener of the network`);
  }
  take(reader);
  switch (text) {
    case "inet4":
    case "inet6":
    case "tls":
    case "mask-src":
    case "received-auth":
    case "no-dsn":
    case "lmtp":
      return { kind: text, span };
    case "proxy":
    case "proxy-v2": {
      if (!acceptKeyword(reader, "from")) return { kind: text, span, from: null };
      const from = readTable(reader, "addresses and networks of proxies");
      return from === null ? null : { kind: text, span, from };
    }
    case "tls-require":
    case "smtps":
      return { kind: text, span, verify: acceptKeyword(reader, "verify") };
    default:
      return parseValue(reader, token);
  }
}

/** Reserved words that belong to another one. */
const behind: ReadonlyMap<string, string> = new Map([
  ["verify", "it stands right behind `smtps` or `tls-require`"],
  ["masquerade", "it stands right behind `senders <TABLE>`, once"],
]);

/** Other words that somebody may take for options. The first is the name of the command, and of the option in other
 * servers. */
const mistaken: ReadonlyMap<string, string> = new Map([
  ["starttls", "STARTTLS is what `tls` means here; `tls-require` insists on it, and `smtps` is TLS from the start"],
  ["header-from", "it stands right behind `senders <TABLE>`, once"],
]);

function failOption(reader: Reader, place: "inet" | "path" | "submission"): null {
  const { kind, text, span } = peek(reader);
  const hint = kind === "keyword"
    ? behind.get(text)
    : kind === "word" && place === "inet"
    ? mistaken.get(text)
    : undefined;
  if (hint === undefined) return failExpected(reader, "an option", optionsOf(place));
  const message = kind === "keyword" ? `\`${text}\` has no meaning here` : `expected an option, found \`${text}\``;
  return fail(reader, span, `syntax error: ${message}`, hint);
}

/** Does an option stand ahead, of whatever listener? */
function isOption(reader: Reader): boolean {
  const { kind, text } = peek(reader);
  const isKnown = listenOptions.includes(text) || socketOptions.includes(text);
  return isKnown && (kind === "keyword" || (kind === "word" && plainWords.includes(text)));
}

/** An option with something behind its keyword. */
function parseValue(reader: Reader, { text, span }: Token): ListenOption | null {
  switch (text) {
    case "port": {
      const port = parsePort(reader);
      return port === null ? null : { kind: "port", span, port };
    }
    case "tag": {
      const tag = readWord(reader, "a tag");
      return tag === null ? null : { kind: "tag", span, tag };
    }
    case "hostname": {
      const hostname = readWord(reader, "a host name");
      return hostname === null ? null : { kind: "hostname", span, hostname };
    }
    case "filter": {
      const filter = readFilter(reader);
      return filter === null ? null : { kind: "filter", span, filter };
    }
    case "hostnames": {
      const table = readTable(reader, "a table of addresses and names");
      return table === null ? null : { kind: "hostnames", span, table };
    }
    case "senders": {
      const table = readTable(reader, "a table of users and addresses");
      return table === null ? null : { kind: "senders", span, table, ...parseSendersWords(reader) };
    }
    case "auth":
    case "auth-optional": {
      if (!isTable(reader) || isOption(reader)) return { kind: text, span, table: null };
      const table = readTable(reader, "a table of credentials");
      return table === null ? null : { kind: text, span, table };
    }
    case "auth-external": {
      const table = readTable(reader, "a table of fingerprints and users");
      return table === null ? null : { kind: text, span, table };
    }
    case "mechanisms": {
      const names = readWord(reader, 'mechanisms in quotes, such as "SCRAM-SHA-256 PLAIN"');
      return names === null ? null : { kind: text, span, names };
    }
    case "mode":
    case "user":
    case "group": {
      const word = readQuantity(reader, wanted[text]);
      return word === null ? null : { kind: text, span, word };
    }
    case "ciphers":
    case "protocols":
    case "pki":
    case "ca": {
      const word = readWord(reader, wanted[text]);
      return word === null ? null : { kind: text, span, word };
    }
    default:
      return failExpected(reader, "an option", listenOptions);
  }
}

/** `masquerade` and `header-from`, in any order. The second is no reserved word, so that it may be a name elsewhere. */
function parseSendersWords(reader: Reader): SendersWords {
  let [masquerade, headerFrom] = [false, false];
  for (;;) {
    if (!masquerade && acceptKeyword(reader, "masquerade")) masquerade = true;
    else if (!headerFrom && acceptPlainWord(reader, "header-from")) headerFrom = true;
    else return { masquerade, headerFrom };
  }
}

const wanted = {
  ciphers: "a list of ciphers",
  protocols: "protocols such as TLSv1.3",
  pki: "the name of a certificate",
  ca: "the name of an authority",
  mode: "permissions such as 0660",
  user: "the name of a user",
  group: "the name of a group",
} as const;

/** A number, or the name of a service; `smtp`, `smtps` and `lmtp` are reserved words and names of services too. */
function parsePort(reader: Reader): Word | null {
  const token = peek(reader);
  if (token.kind !== "keyword" || !/^(?:smtps?|lmtp)$/.test(token.text)) return readQuantity(reader, "a port");
  take(reader);
  return { text: token.text, span: token.span };
}
