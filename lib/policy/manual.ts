/** The manual of smtpd.conf: what each word is for. README's table and the help of editors come from it. */

import { filterPhases } from "./filter.ts";
import { filterConditions, filterDecisions } from "./parser_filter.ts";
import { quirks } from "../smtp/lenient.ts";
import { mdaLimitKeys, mtaLimitKeys, schedulerLimitKeys } from "./resolve_limit.ts";

/** How a word is written, and what it does. */
export type Meaning = readonly [syntax: string, meaning: string];

/** What each word is for, by the keywords that lead to it: `listen port`. Null: another row speaks of it. */
export const meanings: Readonly<Record<string, Meaning | null>> = {
  "line include": [`include "PATH"`, "Reads another file here. A relative path starts at the file that says it."],
  "line table": [
    "table NAME { a, b } or { k = v, … }",
    "Declares a table, used as `<NAME>`: a list or a map. It stands above its use, as actions do.",
  ],
  "table file": ["table NAME file:PATH", "A text file, one entry a line. A change is used within seconds."],
  "table static": ["table NAME static:PATH", "The same. So is a path alone."],
  "table db": ["table NAME db:PATH", "A cdb file made by `makemap`. One that was replaced is used within a second."],
  "table cdb": ["table NAME cdb:PATH", "The same."],
  "table getpwnam": ["table NAME getpwnam", "The system's users, for `userbase`."],
  "table passwd": ["table NAME passwd:PATH", "Users and their passwords, in the format of passwd(5)."],
  "table sqlite": ["table NAME sqlite:PATH", "PATH is a map made by `makemap`, or says which database to ask what."],
  "table postgres": ["table NAME postgres:PATH", "PATH says which PostgreSQL database to ask what."],
  "table postgresql": null,
  "table mysql": ["table NAME mysql:PATH", "The same for MySQL and MariaDB."],
  "table redis": ["table NAME redis:PATH", "The same for Redis."],
  "table ldap": ["table NAME ldap:PATH", "The same for an LDAP directory."],
  "table proc": [
    `table NAME "proc:COMMAND [ARGUMENT]"`,
    "A program, by its whole path, that speaks smtpd-tables(7). `NAME2:PATH` of any other kind runs OpenSMTPD's program `table-NAME2`.",
  ],
  "table cache-ttl": [
    'table NAME "proc:…" cache-ttl 30s',
    "How long an entry that a program has found is remembered; 0 for not at all. Databases behind a server have it in their settings, `cache_ttl`; other kinds need no memory.",
  ],
  "table cache-negative-ttl": [
    'table NAME "proc:…" cache-negative-ttl 5s',
    "How long it is remembered that a program has no such entry; `cache_negative_ttl` in settings.",
  ],
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
  "listen tls": ["listen … tls", "Offers STARTTLS. Needs a `pki`, as the next two do."],
  "listen tls-require": [
    "listen … tls-require [verify]",
    "Refuses MAIL before STARTTLS. `verify` wants a certificate that the `ca` has signed.",
  ],
  "listen smtps": ["listen … smtps [verify]", "Begins with TLS; port 465."],
  "listen tls-require verify": null,
  "listen pki": [
    "listen … pki NAME",
    "Certificate; further ones are chosen by the name that the client asks for, ECDSA before RSA.",
  ],
  "listen ca": ["listen … ca NAME", "Asks clients for certificates, and says who may have signed them."],
  "listen ciphers": ["listen … ciphers LIST", "Refused where it leaves out what the TLS library offers."],
  "listen protocols": ["listen … protocols LIST", "`tlsv1.2`, `tlsv1.3` or both, with commas. Default both."],
  "listen auth": ["listen … auth [<T>]", "Refuses MAIL before AUTH; passwords in T, else the system's. Needs TLS."],
  "listen auth-optional": ["listen … auth-optional [<T>]", "Offers AUTH."],
  "listen auth-external": [
    "listen … auth-external <T>",
    "Offers EXTERNAL. T has SHA-256 fingerprints of client certificates, and their users. Needs `auth` and `ca`.",
  ],
  "listen senders": [
    "listen … senders <T> [masquerade] [header-from]",
    "Map of users to the addresses that they may send as. `header-from`: also in From and Sender.",
  ],
  "listen senders masquerade": null,
  "listen senders header-from": null,
  "listen hostnames": ["listen … hostnames <T>", "Map of our own addresses to names for the greeting."],
  "listen filter": ["listen … filter NAME or { a, b }", "Asks a filter, or several in turn."],
  "listen mask-src": ["listen … mask-src", "Leaves the client out of the Received field."],
  "listen mechanisms": [
    'listen … mechanisms "NAME …"',
    "What AUTH offers: PLAIN LOGIN (the default), EXTERNAL, SCRAM-SHA-256 where all users have a verifier or {PLAIN}.",
  ],
  "listen received-auth": ["listen … received-auth", "Says in the Received field who logged in."],
  "listen no-dsn": ["listen … no-dsn", "Does not offer DSN."],
  "listen proxy-v2": [
    "listen … proxy-v2 [from <T>]",
    "A PROXY header of version 2 stands before each session, and says who the client is; where it says LOCAL or UNKNOWN, or names a unix socket, the proxy's own address counts for limits and rules. T: a list of the proxies' networks; nobody else is served.",
  ],
  "listen proxy": ["listen … proxy [from <T>]", "The same, with version 1 as well."],
  "listen lmtp": ["listen … lmtp", "Speaks LMTP instead of SMTP, for another server that hands mail on; port 24."],
  "listen on socket lmtp": [
    `listen on socket "PATH" lmtp`,
    "The same on a unix socket. Its clients count as this machine's, and not as `from socket` or `auth`.",
  ],
  "listen on socket lmtp mode": [
    `listen on socket "PATH" lmtp … mode 0660`,
    "Permissions of the socket; `user NAME` and `group NAME` give it to others, `hostname NAME` is as above.",
  ],
  "listen on socket lmtp user": null,
  "listen on socket lmtp group": null,
  "listen on socket lmtp hostname": null,
  "listen on socket tag": [
    "listen on socket tag NAME",
    "Marks mail from `sendmail`. The socket is there without this line.",
  ],
  "listen on socket filter": [
    "listen on socket filter NAME",
    "As for other listeners; so are `mask-src` and `no-dsn`.",
  ],
  "listen on socket mask-src": null,
  "listen on socket no-dsn": null,
  "line action": null,
  "action maildir": [
    `action NAME maildir ["PATH"] [junk]`,
    "Delivers to a Maildir; default `~/Maildir`. The path may hold format specifiers.",
  ],
  "action maildir junk": [
    'maildir ["PATH"] junk',
    "Mail with `X-Spam: yes` goes to its folder Junk. It stands right behind `maildir` and its path, before all options.",
  ],
  "action mbox": ["action NAME mbox", "Delivers to the user's file in the mail spool."],
  "action mda": [`action NAME mda "COMMAND"`, "Hands each message to a command, which may hold format specifiers."],
  "action lmtp": [
    `action NAME lmtp "SOCKET" or HOST:PORT [rcpt-to]`,
    "Hands mail to a mail store by LMTP, for the user or, with `rcpt-to`, the address. `%{user.username}` may stand in it.",
  ],
  "action lmtp rcpt-to": null,
  "action forward-only": [
    "action NAME forward-only",
    "Delivers nothing itself: aliases and `.forward` files say where to.",
  ],
  "action expand-only": ["action NAME expand-only", "The same, without `.forward` files."],
  "action maildir user": [
    "maildir … user NAME",
    "All mail is written as this account, as for virtual users. Also with `mda` and `lmtp`.",
  ],
  "action maildir alias": [
    "maildir … alias <T>",
    "A map of users to what they stand for. This and the next with all local actions.",
  ],
  "action maildir virtual": [
    "maildir … virtual <T>",
    "A map of addresses (`user@domain`, `user`, `@domain`, `@`) to what they stand for.",
  ],
  "action maildir userbase": [
    "maildir … userbase <T>",
    "Who is a user: a map of names to `uid:gid:home`. Default: /etc/passwd.",
  ],
  "action maildir wrapper": ["maildir … wrapper NAME", "Runs the delivery through a command of `mda wrapper`."],
  "action maildir ttl": ["maildir … ttl 4d", "How long delivery is tried. Stands last."],
  "action relay": ["action NAME relay", "Sends to the servers that the domain's MX records name."],
  "action relay host": ["relay … host URL or <T>", "Sends to this server, or to those of a table in turn."],
  "action relay domain": ["relay … domain <T>", "A map of domains to URLs. Mail for others waits."],
  "action relay backup": [
    "relay … backup [mx NAME]",
    "Sends to servers with a better preference than ours, or NAME's, only.",
  ],
  "action relay backup mx": null,
  "action relay tls": ["relay … tls [no-verify]", "Insists on TLS, and on a certificate that fits the name."],
  "action relay tls no-verify": null,
  "action relay auth": [
    "relay … auth <T>",
    "Map of the labels of URLs to `user:password`. Stands behind `host` or `domain`.",
  ],
  "action relay helo": ["relay … helo NAME", "The name in EHLO."],
  "action relay helo-src": ["relay … helo-src <T>", "Map of source addresses to names in EHLO."],
  "action relay src": ["relay … src <T>", "Our addresses to connect from, in turn."],
  "action relay mail-from": ["relay … mail-from ADDRESS", "Replaces the sender, or its `@domain`, or its user."],
  "action relay srs": ["relay … srs", "Rewrites the senders of forwarded mail. Needs an `srs key`."],
  "action relay srs when-spf-fails": [
    "relay … srs when-spf-fails",
    "Only those whose SPF does not let our address send for them.",
  ],
  "action relay pki": ["relay … pki NAME", "Certificate to show to the server."],
  "action relay ca": ["relay … ca NAME", "Who may have signed the server's certificate."],
  "action relay ciphers": ["relay … ciphers LIST", "As above."],
  "action relay protocols": ["relay … protocols LIST", "As above."],
  "action relay filter": ["relay … filter NAME", "A filter is told of these sessions."],
  "action relay ttl": ["relay … ttl 4d", "As above."],
  "relay URL smtp": ["smtp://HOST[:PORT]", "SMTP in clear text; `HOST` alone means the same."],
  "relay URL smtp+notls": ["smtp+notls://HOST[:PORT]", "SMTP in clear text, also when there will be TLS."],
  "relay URL smtp+tls": ["smtp+tls://[LABEL@]HOST[:PORT]", "SMTP that insists on STARTTLS."],
  "relay URL smtps": ["smtps://[LABEL@]HOST[:PORT]", "SMTP that begins with TLS; port 465."],
  "relay URL lmtp": ["lmtp://HOST:PORT", "LMTP in clear text."],
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
  "match from rdns": ["match … from rdns [<T>]", "From clients whose address has a name, or such a name."],
  "match from auth": ["match … from auth [<T>]", "From wherever, if somebody logged in, or such a user."],
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
  "match auth": ["match … auth [<T>]", "If somebody logged in, or such a user. `sendmail` counts."],
  "match helo": ["match … helo <T>", "From clients that call themselves so."],
  "match tls": ["match … tls", "That came over TLS."],
  "match tag": ["match … tag NAME", "That came through such a listener."],
  "match pattern regex": ["match … regex <T>", "Before a table: its entries are POSIX extended regular expressions."],
  "line mda": null,
  "mda wrapper": [`mda wrapper NAME "COMMAND"`, "A command that deliveries run through; `%{mda}` stands for theirs."],
  "mda limit": ["mda limit KEY N …", `Keys: ${list(Object.keys(mdaLimitKeys))}.`],
  ...nulls("mda limit", Object.keys(mdaLimitKeys)),
  "line mta": null,
  "mta limit": [
    "mta limit [for domain D] KEY N …",
    `Keys: ${list(Object.keys(mtaLimitKeys))}; \`inet4\` and \`inet6\` have no N.`,
  ],
  "mta limit for": null,
  ...nulls("mta limit", [...Object.keys(mtaLimitKeys), "inet4", "inet6"]),
  "mta max-deferred": ["mta max-deferred N", "Envelopes remembered for each domain that failed."],
  "line scheduler": null,
  "scheduler limit": ["scheduler limit KEY N …", `Keys: ${list(Object.keys(schedulerLimitKeys))}.`],
  ...nulls("scheduler limit", Object.keys(schedulerLimitKeys)),
  "line srs": null,
  "srs key": ["srs key SECRET", "Signs rewritten senders. Stands above actions with `srs`."],
  "srs key backup": ["srs key backup SECRET", "Is accepted as well, while keys change."],
  "srs ttl": ["srs ttl 4d", "How long such addresses are good for."],
  "line pki": null,
  "pki cert": [`pki NAME cert "PATH" key "PATH"`, "A certificate and its key, PEM. May stand on several lines."],
  "pki key": null,
  "pki dhe": ["pki NAME dhe none", "No effect: the TLS library has no such ciphers."],
  "line ca": null,
  "ca cert": [`ca NAME cert "PATH"`, "Certificates of authorities, PEM."],
  "line admd": ["admd NAME", "The name of this site for filters. Default: the server's."],
  "line proc": [`proc NAME "COMMAND" [user U] [group G] [chroot "PATH"]`, "A program that filters may share."],
  ...nulls("proc", ["user", "group", "chroot"]),
  "line filter": null,
  "filter proc": ["filter NAME proc NAME2", "A filter that is such a program."],
  "filter proc-exec": [`filter NAME proc-exec "COMMAND" …`, "The same in one line."],
  "filter chain": ["filter NAME chain { a, b }", "Filters in turn."],
  "filter phase": [
    "filter NAME phase PHASE match [!] CONDITION DECISION",
    `Phases: ${list(filterPhases)}. Conditions: ${list(filterConditions)}, most with a table. ` +
    `Decisions: ${list(filterDecisions)}; \`reject\` and \`disconnect\` have a whole reply such as "550 no".`,
  ],
  ...nulls("filter phase", filterPhases),
  ...nulls("filter condition", filterConditions),
  ...nulls("filter decision", filterDecisions),
  "line queue": null,
  "queue ttl": ["queue ttl 4d", "How long delivery is tried before the sender is told that it failed."],
  "queue directory": [`queue directory "PATH"`, "Where the queue is, instead of `spool` in the state directory."],
  "queue compression": ["queue compression", "Messages are compressed on disk."],
  "queue encryption": ["queue encryption [KEY]", "Messages are encrypted on disk, with a key of 32 characters."],
  "line smtp": null,
  "smtp ciphers": ["smtp ciphers LIST", "As above."],
  "smtp max-message-size": ["smtp max-message-size 35M", "Larger messages are refused."],
  "smtp sub-addr-delim": [`smtp sub-addr-delim "+"`, "What divides a user from the tag."],
  "smtp lenient": [
    "smtp lenient [!] QUIRK [from <T>]",
    `Lets clients, or those of T, do what is wrong: ${
      list(quirks)
    }. \`blank-after-colon\` passes unless \`!\` stands ` +
    "before it; `bare-lf` needs `from`. T is a list in the file itself.",
  ],
  ...nulls("smtp lenient", quirks),
  "smtp lenient from": null,
  "smtp limit": null,
  "smtp limit auth-failure-window": [
    "smtp limit auth-failure-window SECONDS",
    "After how long failures to log in are forgotten. Default 600.",
  ],
  "smtp limit max-auth-checks": ["smtp limit max-auth-checks N", "Passwords checked at once. Default 1."],
  "smtp limit max-auth-failures": [
    "smtp limit max-auth-failures N",
    "Failures to log in of one client, before AUTH answers 454. Default 20.",
  ],
  "smtp limit max-auth-queue": ["smtp limit max-auth-queue N", "Passwords that wait to be checked. Default 100."],
  "smtp limit max-mails": ["smtp limit max-mails N", "Messages of a session."],
  "smtp limit max-rcpt": ["smtp limit max-rcpt N", "Recipients of a message."],
  "smtp limit max-hold": [
    "smtp limit max-hold N",
    "Seconds that a client may have a message held; 0 for none. Default 604800.",
  ],
  "smtp limit max-header-size": ["smtp limit max-header-size N", "Octets of a header section; default 262144."],
  "smtp limit max-headers": ["smtp limit max-headers N", "Fields of a header section; default 1000."],
  "smtp limit max-hops": ["smtp limit max-hops N", "Received fields at which a message loops; default 100."],
  "smtp limit max-line-length": [
    "smtp limit max-line-length N",
    "Octets of a line of a message, with its end; default 65535, never less than 1000.",
  ],
  "smtp limit max-session": ["smtp limit max-session N", "Sessions at once, of all clients; default 20000."],
  "smtp limit max-session-per-source": [
    "smtp limit max-session-per-source N",
    "Sessions of one address, or of a /64 network of IPv6; default 100. Not for this machine.",
  ],
  "smtp limit max-conn-per-minute": ["smtp limit max-conn-per-minute N", "New connections of one such source; 600."],
  "smtp limit except": [
    "smtp limit except <T>",
    "Networks for which the last two limits do not hold: a list in this file.",
  ],
  "smtp limit max-errors": ["smtp limit max-errors N", "Wrong commands of a session; default 100."],
  "smtp limit max-junk-commands": [
    "smtp limit max-junk-commands N",
    "NOOP, RSET, HELP, VRFY, greetings and refused MAIL of a session until a message is taken; default 100.",
  ],
  "smtp limit max-unknown-rcpt": ["smtp limit max-unknown-rcpt N", "Refused recipients of a session; default 100."],
  "smtp limit hello-timeout": ["smtp limit hello-timeout N", "Seconds until the first command; default 300."],
  "smtp limit command-timeout": ["smtp limit command-timeout N", "Seconds until each further one; default 300."],
  "smtp limit data-timeout": ["smtp limit data-timeout N", "Seconds of silence within a message; default 300."],
  "smtp limit message-timeout": ["smtp limit message-timeout N", "Seconds for a whole message; default 3600."],
  "smtp limit tls-timeout": ["smtp limit tls-timeout N", "Seconds for a TLS handshake; default 60."],
  "smtp limit proxy-timeout": ["smtp limit proxy-timeout N", "Seconds for a PROXY header; default 30."],
  "smtp limit min-rate": [
    "smtp limit min-rate N",
    "Octets per second that a message comes with at least, after the time of `rate-grace`; default 100, 0 for any.",
  ],
  "smtp limit rate-grace": ["smtp limit rate-grace N", "Seconds that a message may come slower; default 300."],
  "line bounce": null,
  "bounce warn-interval": ["bounce warn-interval 4h, 1d", "After how long senders are told of a delay."],
};

/** The meaning of a word behind some keywords of its line, the closest fit; null when the manual does not know it. */
export function meaningOf(keywords: readonly string[], word: string): Meaning | null {
  const keys = keysOf(keywords, word);
  for (const key of keys) {
    const found = meanings[key];
    if (found !== undefined && found !== null) return found;
  }
  // A word that is told of with others: what may follow it, or what it follows.
  const key = keys.find((one) => meanings[one] !== undefined);
  return key === undefined ? null : meaningOfGroup(key);
}

/** Entries that a word may have, the likeliest first. */
function keysOf(keywords: readonly string[], word: string): readonly string[] {
  const [directive] = keywords;
  if (directive === undefined) return [`line ${word}`];
  const keys: string[] = [];
  // The longest run of keywords that has an entry with the word, and of those the nearest.
  for (let length = keywords.length - 1; length >= 0; length--) {
    for (let end = keywords.length; end - length >= 1; end--) {
      keys.push([directive, ...keywords.slice(end - length, end), word].join(" "));
    }
  }
  // Options of all local methods are told with the first of them.
  return [...keys, `${directive} ${directive === "action" ? "maildir" : "pattern"} ${word}`];
}

/** Meanings of a group that are told at once. */
const groupMax = 12;

function meaningOfGroup(key: string): Meaning | null {
  const stem = key.replace(/^line /, "");
  const below = Object.entries(meanings).flatMap(([one, meaning]) =>
    meaning !== null && one.startsWith(`${stem} `) ? [meaning] : []
  ).slice(0, groupMax);
  if (below.length > 0) {
    const forms = below.map(([syntax]) => syntax);
    return [forms.join("\n"), below.map(([syntax, meaning]) => `${syntax}: ${meaning}`).join("\n")];
  }
  const parent = stem.replace(/ ?\S+$/, "");
  if (parent === "") return null;
  return meanings[parent] ?? meanings[`line ${parent}`] ?? meaningOfGroup(parent);
}

function list(words: readonly string[]): string {
  return words.map((word) => `\`${word}\``).join(" ");
}

function nulls(place: string, words: readonly string[]): Readonly<Record<string, null>> {
  return Object.fromEntries(words.map((word) => [`${place} ${word}`, null]));
}
