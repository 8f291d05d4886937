/** Parsers of the lines that set one thing for the whole daemon: `queue`, `bounce`, `srs`, `admd`, `pki`, `ca`. */

import type {
  AdmdDirective,
  BounceDirective,
  CertificateDirective,
  Directive,
  QueueDirective,
  SrsDirective,
  Word,
} from "./ast.ts";
import type { Token } from "./lexer.ts";
import {
  acceptKeyword,
  acceptPunct,
  fail,
  failExpected,
  isKeyword,
  isLineEnd,
  isWord,
  peek,
  type Reader,
  readQuantity,
  readWord,
  take,
} from "./reader.ts";

/** Parses what follows `queue`. */
export function parseQueue(reader: Reader, { span }: Token): QueueDirective | null {
  if (acceptKeyword(reader, "compression")) return { kind: "queue-compression", span };
  if (acceptKeyword(reader, "encryption")) {
    if (isLineEnd(reader)) return { kind: "queue-encryption", span, key: null };
    if (isKeyword(reader, "key")) {
      const what = "syntax error: expected a key of 32 characters, found the reserved word `key`";
      return fail(reader, peek(reader).span, what, "the key itself stands right behind `encryption`");
    }
    const key = readWord(reader, "a key of 32 characters");
    return key === null ? null : { kind: "queue-encryption", span, key };
  }
  if (acceptKeyword(reader, "ttl")) {
    const delay = readQuantity(reader, "a time such as 4d");
    return delay === null ? null : { kind: "queue-ttl", span, delay };
  }
  const token = peek(reader);
  // `directory` is ours and not reserved: it may be the name of a table.
  if (token.kind === "word" && token.text === "directory") {
    take(reader);
    const path = readWord(reader, "a path in quotes");
    return path === null ? null : { kind: "queue-directory", span, path };
  }
  const known = ["compression", "directory", "encryption", "ttl"];
  return failExpected(reader, "`compression`, `directory`, `encryption` or `ttl`", known);
}

/** Parses what follows `bounce`. */
export function parseBounce(reader: Reader, first: Token): BounceDirective | null {
  if (!acceptKeyword(reader, "warn-interval")) return failExpected(reader, "`warn-interval`", ["warn-interval"]);
  const delays: Word[] = [];
  do {
    const delay = readQuantity(reader, "a time such as 4h");
    if (delay === null) return null;
    delays.push(delay);
  } while (acceptPunct(reader, ",") || isWord(reader));
  return { kind: "bounce", span: first.span, delays };
}

/** Parses what follows `srs`. */
export function parseSrs(reader: Reader, { span }: Token): SrsDirective | null {
  if (acceptKeyword(reader, "key")) {
    const backup = acceptKeyword(reader, "backup");
    const key = readWord(reader, backup ? "a key" : "a key or `backup`");
    return key === null ? null : { kind: "srs-key", span, backup, key };
  }
  if (acceptKeyword(reader, "ttl")) {
    const delay = readQuantity(reader, "a time such as 4d");
    return delay === null ? null : { kind: "srs-ttl", span, delay };
  }
  return failExpected(reader, "`key` or `ttl`", ["key", "ttl"]);
}

/** Parses what follows `admd`. */
export function parseAdmd(reader: Reader, { span }: Token): AdmdDirective | null {
  const id = readWord(reader, "a name for this site");
  return id === null ? null : { kind: "admd", span, id };
}

/** Parses what follows `pki`. */
export function parsePki(reader: Reader, { span }: Token): Directive | null {
  const name = readWord(reader, "the name of the certificate");
  if (name === null) return null;
  const parts: { kind: "cert" | "key" | "dhe"; span: Token["span"]; word: Word }[] = [];
  do {
    const part = parsePart(reader);
    if (part === null) return { kind: "broken", span, declares: "pki", name };
    parts.push(part);
  } while (!isLineEnd(reader));
  return { kind: "pki", span, name, parts };
}

function parsePart(reader: Reader): Extract<CertificateDirective, { kind: "pki" }>["parts"][number] | null {
  const token = peek(reader);
  if (token.kind !== "keyword" || !(token.text === "cert" || token.text === "key" || token.text === "dhe")) {
    return failExpected(reader, "`cert`, `key` or `dhe`", ["cert", "dhe", "key"]);
  }
  take(reader);
  // `auto` and its kin are no reserved words.
  const word = readWord(reader, token.text === "dhe" ? "`none`, `auto` or `legacy`" : "the path of a file in quotes");
  return word === null ? null : { kind: token.text, span: token.span, word };
}

/** Parses what follows `ca`. */
export function parseCa(reader: Reader, { span }: Token): Directive | null {
  const name = readWord(reader, "the name of the authority");
  if (name === null) return null;
  const broken: Directive = { kind: "broken", span, declares: "ca", name };
  if (!acceptKeyword(reader, "cert")) return failExpected(reader, "`cert`", ["cert"]) ?? broken;
  const cert = readWord(reader, "the path of a file in quotes");
  return cert === null ? broken : { kind: "ca", span, name, cert };
}
