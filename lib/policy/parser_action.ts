/** Parser of `action NAME …`. */

import type { ActionDirective, ActionMethod, ActionOption, Directive, Word } from "./ast.ts";
import type { Token } from "./lexer.ts";
import {
  acceptKeyword,
  acceptPlainWord,
  fail,
  failExpected,
  isLineEnd,
  isPlainWord,
  peek,
  type Reader,
  readFilter,
  readQuantity,
  readTable,
  readWord,
  take,
} from "./reader.ts";

/** Ways of delivery. */
export const actionMethods: readonly string[] = [
  "expand-only",
  "forward-only",
  "lmtp",
  "maildir",
  "mbox",
  "mda",
  "relay",
];

/** Options of local actions. */
export const localOptions: readonly string[] = ["alias", "ttl", "user", "userbase", "virtual", "wrapper"];

/** Options of relays. */
export const relayOptions: readonly string[] = [
  "auth",
  "backup",
  "ca",
  "ciphers",
  "domain",
  "filter",
  "helo",
  "helo-src",
  "host",
  "mail-from",
  "pki",
  "protocols",
  "src",
  "srs",
  "tls",
  "ttl",
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
    const option = parseOption(reader, method);
    if (option === null) return null;
    options.push(option);
  }
  return { kind: "action", span: first.span, name, method, options };
}

/** The command of `mda`. One that is not quoted is told as a whole, as it has to be written. */
function readCommand(reader: Reader): Word | null {
  const token = peek(reader);
  if (token.kind !== "punct" || token.text !== "/" || token.span.macro !== null) {
    return readWord(reader, "a command in quotes");
  }
  const { source, start } = token.span;
  const rest = /^[^\n#]*/.exec(source.text.slice(start))?.[0].trimEnd() ?? "";
  const isPlain = !/["\\]/.test(rest);
  return fail(
    reader,
    { ...token.span, end: start + rest.length },
    "syntax error: a command stands in quotes",
    isPlain ? `write "${rest}"` : "put all of it in quotes, and a backslash before each quote in it",
  );
}

function parseMethod(reader: Reader): ActionMethod | null {
  const token = peek(reader);
  if (token.kind !== "keyword" || !actionMethods.includes(token.text)) {
    return failExpected(
      reader,
      "`maildir`, `mbox`, `mda`, `lmtp`, `forward-only`, `expand-only` or `relay`",
      actionMethods,
    );
  }
  take(reader);
  switch (token.text) {
    case "maildir":
      return parseMaildir(reader);
    case "lmtp": {
      const destination = readWord(reader, "the path of a socket in quotes, or host:port");
      return destination === null ? null : { kind: "lmtp", destination, rcptTo: acceptKeyword(reader, "rcpt-to") };
    }
    case "mda": {
      const command = readCommand(reader);
      return command === null ? null : { kind: "mda", command };
    }
    case "mbox":
    case "forward-only":
    case "expand-only":
      return { kind: token.text };
    default:
      return { kind: "relay" };
  }
}

function parseMaildir(reader: Reader): ActionMethod | null {
  const next = peek(reader);
  // `~` and `/` cannot begin a word: a path is always quoted, and a bare word is a misspelt option.
  const isSign = next.kind === "punct" && !"{}<>!,=".includes(next.text);
  let path: Word | null = null;
  if (next.kind === "string" || next.kind === "bad" || isSign) {
    path = readWord(reader, "a path in quotes");
    if (path === null) return null;
  }
  return { kind: "maildir", path, junk: acceptKeyword(reader, "junk") };
}

function parseOption(reader: Reader, method: ActionMethod): ActionOption | null {
  const token = peek(reader);
  const isRelay = method.kind === "relay";
  const known = isRelay ? relayOptions : localOptions;
  if (token.kind !== "keyword" || !known.includes(token.text)) return failOption(reader, method, known);
  take(reader);
  const { span, text } = token;
  switch (text) {
    case "user": {
      const user = readWord(reader, "the name of a user");
      return user === null ? null : { kind: "user", span, user };
    }
    case "ttl": {
      const delay = readQuantity(reader, "a time such as 4d");
      return delay === null ? null : { kind: "ttl", span, delay };
    }
    case "backup": {
      if (!acceptKeyword(reader, "mx")) return { kind: "backup", span, mx: null };
      const mx = readWord(reader, "the name of a server");
      return mx === null ? null : { kind: "backup", span, mx };
    }
    case "tls":
      return { kind: "tls", span, verify: !acceptKeyword(reader, "no-verify") };
    case "srs":
      return { kind: "srs", span, whenSpfFails: acceptPlainWord(reader, whenSpfFails) };
    case "filter": {
      const filter = readFilter(reader);
      return filter === null ? null : { kind: "filter", span, filter };
    }
    default:
      return parseValue(reader, token);
  }
}

/** An option with a word or a table behind its keyword. */
function parseValue(reader: Reader, { text, span }: Token): ActionOption | null {
  switch (text) {
    case "wrapper":
    case "helo":
    case "pki":
    case "ca":
    case "ciphers":
    case "protocols":
    case "mail-from": {
      const word = readWord(reader, wanted[text]);
      return word === null ? null : { kind: text, span, word };
    }
    case "alias":
    case "virtual":
    case "userbase":
    case "host":
    case "domain":
    case "src":
    case "helo-src":
    case "auth": {
      const table = readTable(reader, text === "host" ? "a URL such as smtp://mx.example.org" : "a table");
      return table === null ? null : { kind: text, span, table };
    }
    default:
      return failExpected(reader, "an option");
  }
}

const wanted = {
  "wrapper": "the name of a wrapper",
  "helo": "a host name",
  "pki": "the name of a certificate",
  "ca": "the name of an authority",
  "ciphers": "a list of ciphers",
  "protocols": "protocols such as TLSv1.3",
  "mail-from": "an address",
} as const;

const rcptHint = "it stands right behind the destination";

/** No reserved word: it means something behind `srs` alone. */
const whenSpfFails = "when-spf-fails";

/** Words that belong to another one. */
const behind: Readonly<Record<string, string | undefined>> = {
  "no-verify": "it stands right behind `tls`",
  "mx": "it stands right behind `backup`",
  [whenSpfFails]: "it stands right behind `srs`",
};

function failOption(reader: Reader, method: ActionMethod, known: readonly string[]): null {
  const token = peek(reader);
  const { text, span } = token;
  if (token.kind === "string" && method.kind === "maildir" && reader.last?.text === "junk") {
    return fail(reader, span, `syntax error: expected an option, found "${text}"`, "the path stands before `junk`");
  }
  if (token.kind !== "keyword" && !(method.kind === "relay" && isPlainWord(reader, whenSpfFails))) {
    const isBehindSrs = method.kind === "relay" && reader.last?.text === "srs";
    return failExpected(reader, "an option", isBehindSrs ? [...known, whenSpfFails] : known);
  }
  if (text === "junk" && method.kind === "maildir") {
    const hint = "`junk` stands right behind `maildir` or behind its path";
    return fail(reader, span, "syntax error: `junk` has no meaning behind an option", hint);
  }
  const hint = method.kind === "relay" ? behind[text] : method.kind === "lmtp" && text === "rcpt-to" ? rcptHint : null;
  if (typeof hint === "string") return fail(reader, span, `syntax error: \`${text}\` has no meaning here`, hint);
  if ([...localOptions, ...relayOptions, "junk"].includes(text)) {
    return fail(reader, span, `syntax error: \`${text}\` has no meaning with \`${method.kind}\``);
  }
  return failExpected(reader, "an option", known);
}
