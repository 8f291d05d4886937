/** Finds out by trying which words of smtpd.conf(5) work, and which are still to come. */

import { reservedWords } from "../lib/policy/lexer.ts";
import { meanings } from "../lib/policy/manual.ts";
import { relaySchemes } from "../lib/policy/relay_url.ts";
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

const backends = ["file", "static", "db", "cdb", "getpwnam", "ldap", "mysql", "passwd", "postgres", "proc", "redis"];

/** All places, in the order of README. */
export const places: readonly Place[] = [
  { name: "line", before: "" },
  { name: "table", before: `table t "`, after: `:/x"`, words: [...backends, "socketmap", "sqlite"] },
  { name: "listen", before: "listen on lo " },
  { name: "listen on socket", before: "listen on socket " },
  { name: "action", before: `action "a" ` },
  { name: "action maildir", before: `action "a" maildir ` },
  { name: "action relay", before: `action "a" relay ` },
  { name: "relay URL", before: `action "a" relay host "`, after: `://h.test:25"`, words: relaySchemes },
  { name: "match", before: "match " },
  { name: "match from", before: "match from " },
  { name: "match for", before: "match for " },
  { name: "match pattern", before: "match from src " },
  { name: "queue", before: "queue ", words: [...reservedWords, "directory"] },
  { name: "smtp", before: "smtp " },
  { name: "smtp limit", before: "smtp limit ", after: " 5", words: ["max-mails", "max-rcpt", "max-sessions"] },
  { name: "bounce", before: "bounce " },
];

/** What becomes of a word. */
export type Standing = "works" | "later" | "none";

/** Tries a word. */
export function standingOf({ before, after = "", words }: Place, word: string): Standing {
  const loaded = loadText(`${before}${word}${after}\n`);
  const messages = loaded.kind === "errors" ? loaded.errors.map((one) => one.message) : [];
  const says = (pattern: string): boolean =>
    messages.some((message) => new RegExp(pattern.replaceAll("WORD", word.replaceAll("+", "\\+"))).test(message));
  if (says("`(?:\\w+ )?WORD(?:://)?` is not supported yet") || says("of kind `WORD` are not supported yet")) {
    return "later";
  }
  const isUnknown = says("found (?:the reserved word )?`WORD`") || says("unknown directive `WORD`") ||
    says("`WORD` has no meaning") || says("keyword: WORD") || says("no such kind of table: `WORD`");
  return isUnknown && words !== undefined && before.endsWith(`"`) && !says("kind")
    ? "works"
    : isUnknown
    ? "none"
    : "works";
}

/** The words of a place that stand so. */
export function wordsOf(place: Place, standing: Standing): readonly string[] {
  return [...place.words ?? reservedWords].filter((word) => standingOf(place, word) === standing);
}

/** The table of all words that work. Throws when one has no meaning, or a meaning has no word. */
export function keywordTable(): string {
  const working = new Set(places.flatMap((place) => wordsOf(place, "works").map((word) => `${place.name} ${word}`)));
  const unsaid = [...working].filter((key) => !Object.hasOwn(meanings, key));
  const idle = Object.keys(meanings).filter((key) => !working.has(key));
  if (unsaid.length > 0) throw new Error(`tests/readme_keywords.ts says nothing of: ${unsaid.join(", ")}`);
  if (idle.length > 0) throw new Error(`tests/readme_keywords.ts speaks of what does not work: ${idle.join(", ")}`);
  const rows = Object.values(meanings).filter((meaning) => meaning !== null);
  return table(["Line", "Meaning"], rows.map(([syntax, meaning]) => [`\`${syntax}\``, meaning]));
}

/** The table of words that are still to come. */
export function laterTable(): string {
  const rows = places.map((place) =>
    [place.name, wordsOf(place, "later").map((word) => `\`${word}\``).join(" ")] as const
  );
  return table(["Where", "Not supported yet"], rows.filter(([, words]) => words !== ""));
}
