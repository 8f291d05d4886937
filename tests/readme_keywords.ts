/** Finds out by trying which words smtpd.conf(5) has here, and which of them are not active yet. */

import { inactiveNotices } from "../lib/policy/inactive.ts";
import { quirks } from "../lib/smtp/lenient.ts";
import { reservedWords } from "../lib/policy/reserved.ts";
import { meanings } from "../lib/policy/manual.ts";
import { tableOptions } from "../lib/policy/parser_table.ts";
import { relaySchemes } from "../lib/policy/relay_url.ts";
import { backends } from "../lib/policy/resolve_backend.ts";
import { mdaLimitKeys, mtaLimitKeys, schedulerLimitKeys, smtpLimitKeys } from "../lib/policy/resolve_limit.ts";
import { loadText } from "./policy/config_fixture.ts";
import { table } from "./readme_blocks.ts";

/** A place in the grammar where a word can stand. */
interface Place {
  /** As README calls it. */
  readonly name: string;
  /** The line up to the word, and behind it. */
  readonly before: string;
  readonly after?: string;
  /** Words to try; without it all reserved ones. */
  readonly words?: readonly string[];
}

const mtaKeys = [...Object.keys(mtaLimitKeys), "inet4", "inet6"];

/** All places, in the order of README. */
export const places: readonly Place[] = [
  { name: "line", before: "" },
  { name: "table", before: `table t "`, after: `:/x"`, words: backends },
  { name: "table", before: `table t "proc:/bin/x" `, after: " 5s", words: tableOptions },
  { name: "listen", before: "listen on lo " },
  { name: "listen tls-require", before: "listen on lo tls-require ", words: ["verify"] },
  { name: "listen senders", before: "listen on lo senders { a = b } ", words: ["masquerade", "header-from"] },
  // No reserved word.
  { name: "listen", before: "listen on lo ", words: ["auth-external", "mechanisms", "proxy"] },
  { name: "listen on socket", before: "listen on socket " },
  { name: "listen on socket", before: `listen on socket "/s" `, words: ["lmtp"] },
  {
    name: "listen on socket lmtp",
    before: `listen on socket "/s" lmtp `,
    words: ["group", "hostname", "mode", "user"],
  },
  { name: "action", before: `action "a" ` },
  { name: "action maildir", before: `action "a" maildir ` },
  { name: "action lmtp", before: `action "a" lmtp "/x" `, words: ["rcpt-to"] },
  { name: "action relay", before: `action "a" relay ` },
  { name: "action relay tls", before: `action "a" relay tls `, words: ["no-verify"] },
  { name: "action relay backup", before: `action "a" relay backup `, words: ["mx"] },
  { name: "action relay srs", before: `srs key k\naction "a" relay srs `, words: ["when-spf-fails"] },
  { name: "relay URL", before: `action "a" relay host "`, after: `://h.test:25"`, words: relaySchemes },
  { name: "match", before: "match " },
  { name: "match from", before: "match from " },
  { name: "match for", before: "match for " },
  { name: "match pattern", before: "match from src " },
  { name: "mda", before: "mda " },
  { name: "mda limit", before: "mda limit ", after: " 5", words: Object.keys(mdaLimitKeys) },
  { name: "mta", before: "mta " },
  { name: "mta limit", before: "mta limit ", words: [...mtaKeys, "for"] },
  { name: "scheduler", before: "scheduler " },
  { name: "scheduler limit", before: "scheduler limit ", after: " 5", words: Object.keys(schedulerLimitKeys) },
  { name: "srs", before: "srs " },
  { name: "srs key", before: "srs key ", words: ["backup"] },
  { name: "pki", before: "pki a " },
  { name: "ca", before: "ca a " },
  { name: "proc", before: "proc p x " },
  { name: "filter", before: "filter f " },
  { name: "filter phase", before: "filter f phase " },
  { name: "filter condition", before: "filter f phase data match " },
  { name: "filter decision", before: "filter f phase data match fcrdns " },
  { name: "queue", before: "queue ", words: [...reservedWords, "directory"] },
  { name: "smtp", before: "smtp ", words: [...reservedWords, "lenient"] },
  { name: "smtp lenient", before: "smtp lenient ", words: quirks },
  { name: "smtp lenient", before: "smtp lenient blank-after-colon ", after: " { 192.0.2.1 }", words: ["from"] },
  {
    name: "smtp limit",
    before: "smtp limit ",
    after: " 5",
    words: [...Object.keys(smtpLimitKeys), "except", "max-sessions"],
  },
  { name: "bounce", before: "bounce " },
];

/** Is there such a word? */
export function isWordOf({ before, after = "", words }: Place, word: string): boolean {
  const loaded = loadText(`${before}${word}${after}\n`);
  const messages = loaded.kind === "errors" ? loaded.errors.map((one) => one.message) : [];
  const says = (pattern: string): boolean =>
    messages.some((message) => new RegExp(pattern.replaceAll("WORD", word.replaceAll("+", "\\+"))).test(message));
  const isUnknown = says("found (?:the reserved word )?`WORD`") || says("unknown directive `WORD`") ||
    says("before 6\\.4") || says("`WORD` (?:has no meaning|cannot name)") || says("keyword: WORD") ||
    says("no such kind of table: `WORD`");
  return !isUnknown || (words !== undefined && before.endsWith(`"`) && !says("kind"));
}

/** The words of a place. */
export function wordsOf(place: Place): readonly string[] {
  return [...place.words ?? reservedWords].filter((word) => isWordOf(place, word));
}

/** Lines with what is not active, one thing each. */
export const inactiveLines: readonly string[] = [
  "listen on eth0 filter g",
  "action a relay tls",
  "action a relay host smtp+tls://h",
  "action a relay host smtps://h",
  "action a relay host lmtp://h:24",
  "action a relay host smtps://l@h auth <t>",
  "action a relay pki p",
  "action a relay ca c",
  "action a relay protocols tlsv1.3",
  "action a relay filter f",
  "proc q x",
  "filter g proc-exec x",
  "admd h",
  "queue compression",
  "queue encryption",
  "mda limit task-hiwat 5",
  "mta limit max-conn-per-source 5",
  "mta max-deferred 5",
  "scheduler limit max-inflight 5",
];

/** What is told of a line of `inactiveLines`; null when nothing is. */
export function noticeOf(line: string): string | null {
  const head = [
    'pki p cert "/c" key "/k"',
    'ca c cert "/c"',
    "filter f phase connect match rdns junk",
    "filter g proc-exec x",
    "table t file:/t",
  ];
  const text = [...head.filter((one) => one !== line), line, "match reject", ""].join("\n");
  const loaded = loadText(text);
  if (loaded.kind === "errors") throw new Error(`${line}: ${loaded.errors[0]?.message}`);
  const notices = inactiveNotices(loaded.policy).filter(({ place }) => place === null || place.line > head.length - 1);
  return notices.findLast(({ place }) => place === null || excerptOf(text, place.line) === line)?.message ?? null;
}

function excerptOf(text: string, line: number): string {
  return text.split("\n")[line - 1] ?? "";
}

/** The table of all words. Throws when one has no meaning, or a meaning has no word. */
export function keywordTable(): string {
  const known = new Set(places.flatMap((place) => wordsOf(place).map((word) => `${place.name} ${word}`)));
  const unsaid = [...known].filter((key) => !Object.hasOwn(meanings, key));
  const idle = Object.keys(meanings).filter((key) => !known.has(key));
  if (unsaid.length > 0) throw new Error(`tests/readme_keywords.ts says nothing of: ${unsaid.join(", ")}`);
  if (idle.length > 0) throw new Error(`tests/readme_keywords.ts speaks of what is no word: ${idle.join(", ")}`);
  const rows = Object.values(meanings).filter((meaning) => meaning !== null);
  return table(["Line", "Meaning"], rows.map(([syntax, meaning]) => [`\`${syntax}\``, meaning]));
}

/** The table of what is not active yet, in the words of the daemon. Throws for a line that is. */
export function laterTable(): string {
  const rows = inactiveLines.map((line) => {
    const notice = noticeOf(line);
    if (notice === null) throw new Error(`tests/readme_keywords.ts: nothing is told of ${line}`);
    return [`\`${line}\``, notice];
  });
  return table(["Such a line", "What smtpd says of it"], rows);
}
