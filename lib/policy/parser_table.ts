/** Parser of `table NAME …`. */

import type { Directive, TableDirective, TableOption, Word } from "./ast.ts";
import type { Token } from "./lexer.ts";
import {
  fail,
  failExpected,
  isLineEnd,
  isPlainWord,
  isPunct,
  peek,
  type Reader,
  readItems,
  readQuantity,
  readWord,
  take,
} from "./reader.ts";

/** Words behind the place of a table. They are ours, and not reserved. */
export const tableOptions: readonly TableOption["kind"][] = ["cache-negative-ttl", "cache-ttl"];

/** Parses what follows `table`. */
export function parseTable(reader: Reader, first: Token): Directive | null {
  const name = readWord(reader, "the name of the table");
  if (name === null) return null;
  const content = parseContent(reader);
  const options = content === null ? null : parseOptions(reader);
  if (content !== null && options !== null) return { kind: "table", span: first.span, name, content, options };
  return { kind: "broken", span: first.span, declares: "table", name };
}

function parseOptions(reader: Reader): readonly TableOption[] | null {
  const options: TableOption[] = [];
  while (!isLineEnd(reader)) {
    const kind = tableOptions.find((word) => isPlainWord(reader, word));
    if (kind === undefined) return failExpected(reader, "the end of the line", tableOptions);
    const { span } = take(reader);
    const time = readQuantity(reader, "a time such as 30s");
    if (time === null) return null;
    options.push({ kind, span, time });
  }
  return options;
}

function parseContent(reader: Reader): TableDirective["content"] | null {
  const token = peek(reader);
  if (token.kind === "punct" && token.text === "{") {
    const items = readItems(reader);
    return items === null ? null : { kind: "items", items };
  }
  if (token.kind === "punct" && token.text === "/") {
    const hint = "write the kind of the table before its path, without a blank: file:/etc/mail/aliases";
    return fail(reader, token.span, "syntax error: expected the place of the table, found `/`", hint);
  }
  const word = readWord(reader, "`{` or the place of the table, such as file:/etc/mail/aliases");
  if (word !== null && isPunct(reader, "/") && /^[a-z]+:?$/.test(word.text)) {
    const hint = `no blank stands between the kind of a table and its path: ${word.text.replace(/:$/, "")}:/…`;
    return fail(reader, peek(reader).span, "syntax error: expected the end of the line, found `/`", hint);
  }
  return word === null ? null : unquoteCommand(reader, word);
}

/** `proc:"COMMAND"`: quotes inside a word are part of it, so blanks of the command would end it. */
function unquoteCommand(reader: Reader, word: Word): TableDirective["content"] | null {
  const found = /^proc:(["'])(.*)$/.exec(word.text);
  if (found === null) return { kind: "config", word };
  const [, quote = "", rest = ""] = found;
  if (rest.endsWith(quote)) return { kind: "config", word: { ...word, text: `proc:${rest.slice(0, -1)}` } };
  return fail(
    reader,
    word.span,
    "syntax error: a quote in the middle of a word does not begin a string",
    'put all of it in quotes: "proc:COMMAND ARGUMENT"',
  );
}
