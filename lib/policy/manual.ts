/** The manual of smtpd.conf: what each word is for. README's table and the help of editors come from it. */

/** How a word is written, and what it does. */
export type Meaning = readonly [syntax: string, meaning: string];

/** What each word is for, by the keywords that lead to it: `listen port`. Null: the words behind it have rows. */
export const meanings: Readonly<Record<string, Meaning | null>> = {
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

/** The meaning of a word behind some keywords of its line, the closest fit; null when the manual does not know it. */
export function meaningOf(keywords: readonly string[], word: string): Meaning | null {
  const [directive] = keywords;
  if (directive === undefined) return meanings[`line ${word}`] ?? null;
  // The longest run of keywords that has an entry with the word, and of those the nearest.
  for (let length = keywords.length - 1; length >= 0; length--) {
    for (let end = keywords.length; end - length >= 1; end--) {
      const run = keywords.slice(end - length, end);
      const found = meanings[[directive, ...run, word].join(" ")];
      if (found !== undefined && found !== null) return found;
    }
  }
  return meanings[`${directive} pattern ${word}`] ?? null;
}
