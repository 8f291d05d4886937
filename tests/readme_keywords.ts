/** Finds out by trying which words of smtpd.conf(5) work, and which are still to come. */

import { reservedWords } from "../lib/policy/lexer.ts";
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

/** What each word that works is for: how it is written, and what it does. Null: the words behind it have rows. */
export const meanings: Readonly<Record<string, readonly [syntax: string, meaning: string] | null>> = {
  "line include": [`include "PATH"`, "Reads another file here. A relative path starts at the file that says it."],
  "line table": [
    "table NAME { a, b } or { k = v, … }",
    "Declares a table, used as `<NAME>`: a list or a map. It stands above its use, as actions do.",
  ],
  "table file": ["table NAME file:PATH", "A text file, one entry a line. Read at start and by `smtpctl update table`."],
  "table static": ["table NAME static:PATH", "The same. So is a path alone."],
  "table db": ["table NAME db:PATH", "A cdb file made by `makemap`. One that was replaced is used within a second."],
  "table cdb": ["table NAME cdb:PATH", "The same."],
  "line listen": [
    "listen on WHERE",
    "Takes mail on an interface, an address, or the addresses of a host name; port 25 unless said otherwise.",
  ],
  "listen inet4": ["listen … inet4", "Its IPv4 addresses only."],
  "listen inet6": ["listen … inet6", "Its IPv6 addresses only."],
  "listen port": [
    "listen … port N",
    "A number, or `smtp`, `submission`, `submissions`, `smtps`. The name alone brings no TLS.",
  ],
  "listen tag": ["listen … tag NAME", "Marks the sessions for `match tag`."],
  "listen hostname": [
    "listen … hostname NAME",
    "The name in the greeting and in Received fields. Default: /etc/mailname, else the system's.",
  ],
  "listen on socket tag": [
    "listen on socket tag NAME",
    "Marks mail from `sendmail`. The socket is there without this line.",
  ],
  "line action": null,
  "action maildir": [
    `action NAME maildir ["PATH"]`,
    "Delivers to a Maildir; default `~/Maildir`. The path may hold format specifiers (below).",
  ],
  "action maildir user": ["maildir … user NAME", "All mail is written as this account, as for virtual users."],
  "action maildir alias": ["maildir … alias <T>", "A map of users to what they stand for."],
  "action maildir virtual": [
    "maildir … virtual <T>",
    "A map of addresses (`user@domain`, `user`, `@domain`, `@`) to what they stand for.",
  ],
  "action maildir userbase": [
    "maildir … userbase <T>",
    "Who is a user: a map of names to `uid:gid:home`. Default: /etc/passwd.",
  ],
  "action maildir ttl": ["maildir … ttl 4d", "How long delivery is tried. Stands last."],
  "action relay": ["action NAME relay", "Sends to the servers that the domain's MX records name."],
  "action relay host": ["relay … host URL or <T>", "Sends to this server, or to those of a table in turn."],
  "action relay ttl": ["relay … ttl 4d", "As above."],
  "relay URL smtp": ["smtp://HOST[:PORT]", "SMTP in clear text; `HOST` alone means the same."],
  "relay URL smtp+notls": ["smtp+notls://HOST[:PORT]", "SMTP in clear text, also when there will be TLS."],
  "line match": null,
  "match action": [
    "match … action NAME",
    "The first line of which all options hold decides. Mail that no line matches is refused.",
  ],
  "match reject": ["match … reject", "Refuses with 550 5.7.1."],
  "match from": null,
  "match from any": ["match … from any", "From wherever."],
  "match from local": ["match … from local", "From this machine. The default."],
  "match from socket": ["match … from socket", "From `sendmail` only."],
  "match from src": ["match … from src <T>", "From these addresses and networks."],
  "match from mail-from": ["match … from mail-from <T>", "From wherever, with these senders."],
  "match for": null,
  "match for any": ["match … for any", "For whomever."],
  "match for local": ["match … for local", "For this machine's names. The default."],
  "match for domain": [
    "match … for domain <T>",
    "For these domains; `*` in a name stands for any characters up to the next one.",
  ],
  "match for rcpt-to": ["match … for rcpt-to <T>", "For these addresses, of any domain."],
  "match mail-from": ["match … mail-from <T>", "With these senders: `user@domain`, `@domain`, `user@`, `@` for all."],
  "match rcpt-to": ["match … rcpt-to <T>", "With these recipients, beside a `for`."],
  "match tag": ["match … tag NAME", "That came through such a listener."],
  "match pattern regex": ["match … regex <T>", "Before a table: its entries are POSIX extended regular expressions."],
  "line queue": null,
  "queue ttl": ["queue ttl 4d", "How long delivery is tried before the sender is told that it failed."],
  "queue directory": [`queue directory "PATH"`, "Where the queue is, instead of `spool` in the state directory."],
  "line smtp": null,
  "smtp max-message-size": ["smtp max-message-size 35M", "Larger messages are refused."],
  "smtp sub-addr-delim": [`smtp sub-addr-delim "+"`, "What divides a user from the tag."],
  "smtp limit": null,
  "smtp limit max-mails": ["smtp limit max-mails N", "Messages of a session."],
  "smtp limit max-rcpt": ["smtp limit max-rcpt N", "Recipients of a message."],
  "line bounce": null,
  "bounce warn-interval": ["bounce warn-interval 4h, 1d", "After how long senders are told of a delay."],
};

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
