/** Every word of the grammar stands in a good fixture, so that what it comes to can be read there. */

import assert from "node:assert/strict";
import { Lexer } from "../lib/policy/lexer.ts";
import { reservedWords } from "../lib/policy/reserved.ts";
import { makeSource } from "../lib/policy/error.ts";
import { filterPhases } from "../lib/policy/filter.ts";
import { actionMethods, localOptions, relayOptions } from "../lib/policy/parser_action.ts";
import { filterConditions, filterDecisions } from "../lib/policy/parser_filter.ts";
import { listenOptions, socketOptions } from "../lib/policy/parser_listen.ts";
import { forWords, fromWords, matchOptions } from "../lib/policy/parser_match.ts";
import { tableOptions } from "../lib/policy/parser_table.ts";
import { directiveNames } from "../lib/policy/reader.ts";
import { relaySchemes } from "../lib/policy/relay_url.ts";
import { backends } from "../lib/policy/resolve_backend.ts";
import { mdaLimitKeys, mtaLimitKeys, schedulerLimitKeys, smtpLimitKeys } from "../lib/policy/resolve_limit.ts";
import { quirks } from "../lib/smtp/lenient.ts";
import { fixtureNames, fixtureUrl } from "./policy/config_fixture.ts";

/** Words that are reserved and that no line takes: OpenSMTPD's lexer keeps them from being names. */
const unused: Readonly<Record<string, string>> = {
  "data-line": "phase of filters that are programs; no line names it",
  "noop": "phase of filters that are programs; no line names it",
  "quit": "phase of filters that are programs; no line names it",
  "rset": "phase of filters that are programs; no line names it",
  "smtp-in": "a filter's subsystem in the filter protocol; no line names it",
  "smtp-out": "a filter's subsystem in the filter protocol; no line names it",
  "recipient": "the old grammar's",
  "tagged": "the old grammar's",
};

/** The lines of all good fixtures, as words: keywords and plain words, strings left out. */
const lines: readonly (readonly string[])[] = fixtureNames("good").flatMap((name) => {
  const lexer = new Lexer(makeSource(name, Deno.readTextFileSync(fixtureUrl("good", name)), 0, null), new Map());
  const found: string[][] = [[]];
  for (let token = lexer.next(); token.kind !== "eof"; token = lexer.next()) {
    if (token.kind === "newline") found.push([]);
    else if (token.kind === "keyword" || token.kind === "word") found.at(-1)?.push(token.text);
  }
  return found;
});

/** Does a line that begins so hold the word? */
function stands(first: readonly string[], word: string): boolean {
  return lines.some((line) => first.every((one, at) => line[at] === one) && line.slice(first.length).includes(word));
}

Deno.test("every reserved word stands in a good fixture, or is used by no line", () => {
  const words = new Set(lines.flat());
  const missing = [...reservedWords].filter((word) => !words.has(word)).sort();
  assert.deepEqual(missing, Object.keys(unused).sort());
});

Deno.test("every word of a kind of line stands in such a line of a good fixture", () => {
  const all = (first: readonly string[], words: readonly string[]): readonly string[] =>
    words.filter((word) => !stands(first, word)).map((word) => [...first, word].join(" "));
  assert.deepEqual([
    ...all([], directiveNames),
    ...all(["listen", "on"], listenOptions),
    ...all(["listen", "on", "socket"], socketOptions),
    ...all(["action"], actionMethods),
    ...all(["action"], [...localOptions, ...relayOptions]),
    ...all(["match"], [...matchOptions, ...fromWords, ...forWords, "regex", "reject", "action"]),
    ...all(["table"], tableOptions),
    ...all(["filter"], [...filterPhases, ...filterConditions, ...filterDecisions, "proc", "proc-exec", "chain"]),
    ...all(["smtp", "limit"], Object.keys(smtpLimitKeys)),
    ...all(["smtp"], ["lenient", ...quirks]),
    ...all(["mda", "limit"], Object.keys(mdaLimitKeys)),
    ...all(["mta", "limit"], [...Object.keys(mtaLimitKeys), "inet4", "inet6"]),
    ...all(["scheduler", "limit"], Object.keys(schedulerLimitKeys)),
  ], []);
});

Deno.test("every kind of table and every scheme of a relay URL stands in a good fixture", () => {
  const text = fixtureNames("good").map((name) => Deno.readTextFileSync(fixtureUrl("good", name))).join("\n");
  const tables = backends.filter((name) => !new RegExp(`^table \\S+ "?${name}(:|$)`, "m").test(text));
  assert.deepEqual(tables, []);
  assert.deepEqual(relaySchemes.filter((scheme) => !text.includes(`${scheme}://`)), []);
});
