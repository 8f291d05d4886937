/** Random configurations that use all of smtpd.conf(5) and mostly load. */

import fc from "../support/fast_check.ts";

const quote = (text: string): string => `"${text.replace(/\\(?=[" \t])/g, "\\\\").replaceAll('"', '\\"')}"`;
const maybe = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.option(text.map((one) => ` ${one}`), { nil: "" });
const words = (...all: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...all);
const join = (...parts: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((all) => all.join(""));

/** Words that are hard to write. */
const oddWord = fc.oneof(
  words(
    "plain",
    "any",
    "25",
    "4d",
    "a b",
    "@a.test",
    "*",
    '"',
    "'",
    "$m",
    "a$m",
    "#",
    "a\tb",
    "\\ x",
    "é",
    "x\\",
    "-1",
    ":x",
    "_",
    "25)",
  ),
  fc.string({ minLength: 1, maxLength: 8 }).filter((text) => !/[\0\r\n]/.test(text)),
).filter((text) => !text.endsWith("\\"));
const list = (entry: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.uniqueArray(entry, { minLength: 1, maxLength: 4 }).map((all) => `{ ${all.map(quote).join(", ")} }`);
const table = (named: string, entry: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof(fc.constant(`<${named}>`), list(entry), entry.map(quote));
const domains = words("a.test", "b.test", "*.c.test", "*");
const addresses = words("@a.test", "bob@b.test", "bob", "@");
const networks = words("10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "local");
const delay = words("1d", "36h", "90m", "61s", "24h", "60m");

const head = words(
  `pki one.test cert "/c1"\npki one.test key "/k1"\npki "*" cert "/c2" key "/k2" dhe auto\nca "*" cert "/ca"\n`,
).map((certificates) =>
  `${certificates}table d { a.test "b.test" }
table "odd name" { "@x" }
table addresses { "@a.test" }
table nets { 10.0.0.0/8 }
table f file:/etc/mail/f
table c db:/etc/mail/c.db
table p passwd:/etc/mail/p
table users { ann = "1000:1000:/home/ann" }
table virt { "@a.test" = ann, "bob@b.test" = "carl, dan" }
table creds { lab = "user:pass" }
table urls { smtp://one.test, smtps://two.test }
table hosts { 192.0.2.10 = mx.one.test }
table froms { ann = "@a.test" }
srs key "k 1"
mda wrapper wrap "nice %{mda}"
table helped "proc:/bin/x y" cache-ttl 0 cache-negative-ttl 90m
table asked proc:/bin/x cache-negative-ttl 36h
proc rspamd "filter-rspamd -x" user nobody group nogroup chroot "/var/empty"
filter scan proc rspamd
filter own proc-exec "/usr/bin/filter -a" user nobody
filter named phase connect match !rdns disconnect "550 no name"
filter known phase rcpt-to match rcpt-to <addresses> rewrite "x@b.test"
filter odd phase helo match !helo regex { "^a", "b$" } junk
filter both chain { scan, named }
`
);
const filterUse = words("scan", "both", "own", "{ own named }", "{ scan }");
const setting = fc.oneof(
  delay.map((one) => `queue ttl ${one}`),
  words(
    "queue compression",
    "queue encryption",
    "queue encryption 0123456789abcdef0123456789abcdef",
    'queue directory "/q q"',
    "srs key backup old",
    "srs ttl 7d",
    "admd mail.test",
    'smtp ciphers "HIGH:!aNULL"',
    'smtp sub-addr-delim "-"',
    "mta max-deferred 7",
    "mta limit inet4 max-conn-per-host 3 conn-delay-route 9",
    "mta limit for domain a.test inet6 session-mail-max 3",
    "mta limit for domain a.test max-conn-per-host 10",
    "mta limit session-keepalive 3",
    "mda limit max-session 3 task-hiwat 2",
    "scheduler limit max-inflight 9 max-evp-batch-size 3",
  ),
  fc.integer({ min: 1, max: 1e9 }).map((size) => `smtp max-message-size ${size}`),
  fc.tuple(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 1, max: 99 })).map(([a, b]) =>
    `smtp limit max-mails ${a} max-rcpt ${b}`
  ),
  fc.array(delay, { minLength: 1, maxLength: 4 }).map((all) => `bounce warn-interval ${all.join(", ")}`),
  fc.tuple(oddWord, oddWord).map(([name, entry]) => `table ${quote(`t${name}`)} { ${quote(entry)} }`),
);
const listen = (port: number) =>
  join(
    words(
      "listen on lo",
      "listen on eth0 inet4",
      "listen on eth0 inet6",
      "listen on mail.example.org",
      "listen on 192.0.2.10",
    ),
    fc.constant(` port ${port}`),
    maybe(join(
      words("tls", 'tls ca "*"', "tls-require", 'tls-require verify ca "*"', "smtps", 'smtps verify ca "*"'),
      words(" pki one.test", ' pki one.test pki "*"'),
      maybe(words("auth", "auth-optional", "auth <creds>", "auth <p>", "auth-optional <f>")),
      maybe(words('protocols "TLSv1.3"', "ciphers HIGH")),
    )),
    maybe(oddWord.map((tag) => `tag ${quote(tag)}`)),
    maybe(words("hostname mx.other.test")),
    maybe(words("hostnames <hosts>")),
    maybe(filterUse.map((one) => `filter ${one}`)),
    maybe(words("mask-src", "no-dsn", "received-auth", "proxy-v2")),
    maybe(
      words("senders <froms>", "senders <froms> masquerade", "senders <froms> header-from masquerade"),
    ),
  );
const local = join(
  words(
    "maildir",
    'maildir "~/In"',
    'maildir "/v/%{rcpt.user}" junk',
    "maildir junk",
    "mbox",
    'mda "cat \\"x\\""',
    'lmtp "/var/run/lmtp" rcpt-to',
    "lmtp localhost:24",
    "forward-only",
    "expand-only",
  ),
  maybe(words("alias <virt>", "alias <c>", "virtual <virt>", 'virtual { "@" = ann }', 'virtual { a = "b, c", d = e }')),
  maybe(words("userbase <users>", "userbase <p>", "userbase <f>")),
  maybe(words("wrapper wrap")),
);
const relay = join(
  fc.constant("relay"),
  fc.oneof(
    maybe(words("backup", "backup mx mx.other.test")),
    join(
      words(
        " host smtp://a.test",
        " host <urls>",
        ' host { "smtps://lab@[192.0.2.1]", b.test }',
        " host smtp+tls://lab@a.test",
      ),
      maybe(words("auth <creds>", 'auth { lab = "u:p" }')),
    ),
    words(" domain <f>", ' domain { a.test = "smtp://b.test:26" }'),
  ),
  maybe(words("tls", "tls no-verify")),
  maybe(words("src <f>", "src { 192.0.2.10, 192.0.2.11 }", "src 192.0.2.10")),
  maybe(words("helo mx.test", "helo-src <hosts>")),
  maybe(words('mail-from "@a.test"', "mail-from bob")),
  maybe(words("pki one.test", 'pki "*"')),
  maybe(words('ca "*"')),
  maybe(words('protocols "TLSv1.2,TLSv1.3"')),
  maybe(filterUse.map((one) => `filter ${one}`)),
  maybe(words("srs", "srs when-spf-fails")),
);
const not = words("", "", "!");
const pattern = (named: string, entry: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof(table(named, entry), table(named, entry), words('regex "^a"', 'regex { "a", "b c$" }'));
const rule = join(
  fc.constant("match"),
  maybe(join(not, words("tag "), pattern("d", words("IN", "any", "a b")))),
  maybe(fc.oneof(
    words("from any", "!from any", "from local", "!from local", "from socket", "!from socket"),
    join(not, words("from src "), pattern("nets", networks)),
    join(not, words("from rdns")),
    join(not, words("from rdns "), pattern("d", domains)),
    join(not, words("from mail-from "), pattern("addresses", addresses)),
    join(not, words("from auth")),
  )),
  maybe(join(not, words("helo "), pattern("d", domains))),
  maybe(join(not, words("tls"))),
  maybe(fc.oneof(
    words("for any", "!for any", "for local", "!for local"),
    join(not, words("for domain "), pattern("d", domains)),
    join(not, words("for rcpt-to "), pattern("addresses", addresses)),
  )),
);

/** Whole files. A few do not load: options of one line may exclude each other. */
export const configurations: fc.Arbitrary<string> = fc.tuple(
  head,
  fc.array(setting, { maxLength: 6 }),
  fc.tuple(...[2525, 2526].map((port) => maybe(listen(port)))),
  words("", "listen on socket tag LOCAL mask-src", "listen on socket filter both no-dsn", "listen on socket"),
  fc.tuple(oddWord, local, maybe(delay.map((one) => `ttl ${one}`))),
  fc.tuple(relay, maybe(delay.map((one) => `ttl ${one}`))),
  fc.array(fc.tuple(rule, words("a", "b", "reject")), { minLength: 1, maxLength: 5 }),
).map(([first, settings, listeners, socket, [name, method, localTtl], [sending, relayTtl], rules]) => {
  const actions = { a: `action ${quote(`l${name}`)}`, b: 'action "out"', reject: "reject" };
  return [
    first,
    ...settings,
    ...listeners,
    socket,
    `action ${quote(`l${name}`)} ${method}${localTtl}`,
    `action "out" ${sending}${relayTtl}`,
    ...rules.map(([line, outcome]) => `${line} ${actions[outcome as keyof typeof actions]}`),
    "",
  ].join("\n");
});
