/** Lines of the grammar before 6.4, and what says the same today. */

import { translateOldLine } from "../../lib/policy/old_grammar.ts";
import { parseConfig } from "../../lib/policy/parser.ts";

/** Old line, today's lines. */
export type Translation = readonly [old: string, ...today: readonly string[]];

/** Lines with words of both; the action `mine` is declared elsewhere. */
export const mixedTranslations: readonly Translation[] = [
  ['accept from any for domain <vdoms> action "mine"', 'match from any for domain <vdoms> action "mine"'],
  ['match tagged IN from any for any action "mine"', 'match tag IN from any for any action "mine"'],
  ["match from source <nets> for any reject", "match from src <nets> for any reject"],
  ["match from src <nets> sender <liars> for any reject", "match from src <nets> mail-from <liars> for any reject"],
  [
    "match from any for domain <vdoms> virtual <vusers> deliver to mbox",
    'action "virtual" mbox virtual <vusers>',
    'match from any for domain <vdoms> action "virtual"',
  ],
  [
    "match auth from any for any relay via tls://smart.test",
    'action "relay" relay host smtp+tls://smart.test',
    'match from any auth for any action "relay"',
  ],
  [
    "accept from any helo <vdoms> tls for any relay",
    'action "relay" relay',
    'match from any helo <vdoms> tls for any action "relay"',
  ],
  ['action "x" deliver to maildir "~/Maildir" alias <aliases>', 'action "x" maildir "~/Maildir" alias <aliases>'],
  [
    'action "x" relay via "tls+auth://lab@smart.test" auth <secrets>',
    'action "x" relay host "smtp+tls://lab@smart.test" auth <secrets>',
  ],
  ['action "x" relay source 192.0.2.10', 'action "x" relay src 192.0.2.10'],
];

/** `accept` and `reject`. */
export const ruleTranslations: readonly Translation[] = [
  [
    'accept from any for domain <vdoms> virtual <vusers> deliver to maildir "~/Maildir"',
    'action "virtual" maildir "~/Maildir" virtual <vusers>',
    'match from any for domain <vdoms> action "virtual"',
  ],
  [
    "accept for local alias <aliases> deliver to mbox",
    'action "local" mbox alias <aliases>',
    'match for local action "local"',
  ],
  [
    "accept from local for local alias <aliases> deliver to maildir",
    'action "local" maildir alias <aliases>',
    'match from local for local action "local"',
  ],
  ["accept for any relay", 'action "relay" relay', 'match for any action "relay"'],
  [
    "accept for any relay via smtp://smart.test",
    'action "relay" relay host smtp://smart.test',
    'match for any action "relay"',
  ],
  [
    'accept for any relay via "smtp+tls://smart.test:587"',
    'action "relay" relay host "smtp://smart.test:587"',
    'match for any action "relay"',
  ],
  [
    "accept for any relay via tls://smart.test",
    'action "relay" relay host smtp+tls://smart.test',
    'match for any action "relay"',
  ],
  [
    'accept for any relay via tls+auth://lab@smart.test auth <secrets> as "@a.test"',
    'action "relay" relay host smtp+tls://lab@smart.test auth <secrets> mail-from "@a.test"',
    'match for any action "relay"',
  ],
  [
    "accept tagged DKIM for any relay via secure+auth://lab@smart.test auth <secrets> hostname mx.test",
    'action "relay" relay host smtps://lab@smart.test auth <secrets> helo mx.test',
    'match tag DKIM for any action "relay"',
  ],
  [
    'accept for any relay via { smtps://one.test, "tls://two.test" } verify',
    'action "relay" relay host { smtps://one.test, "smtp+tls://two.test" } tls',
    'match for any action "relay"',
  ],
  [
    "accept for any relay source { 192.0.2.10 } hostnames <hosts> pki mx.test",
    'action "relay" relay src { 192.0.2.10 } helo-src <hosts> pki mx.test',
    'match for any action "relay"',
  ],
  [
    "accept for any relay via smtp+tls://smart.test verify",
    'action "relay" relay host smtp://smart.test tls',
    'match for any action "relay"',
  ],
  [
    "accept for any relay via lmtp://smart.test:24 verify",
    'action "relay" relay host lmtp://smart.test:24',
    'match for any action "relay"',
  ],
  ["accept for any relay tls", 'action "relay" relay tls no-verify', 'match for any action "relay"'],
  ["accept for any relay tls verify", 'action "relay" relay tls', 'match for any action "relay"'],
  [
    "accept from any for domain a.test relay backup mx.test",
    'action "backup" relay backup mx mx.test',
    'match from any for domain a.test action "backup"',
  ],
  [
    "accept from any for domain <vdoms> relay backup",
    'action "backup" relay backup',
    'match from any for domain <vdoms> action "backup"',
  ],
  [
    "accept from source <nets> for any relay",
    'action "relay" relay',
    'match from src <nets> for any action "relay"',
  ],
  [
    'accept from ! source "192.0.2.0/24" for local deliver to mbox',
    'action "local" mbox',
    'match !from src "192.0.2.0/24" for local action "local"',
  ],
  [
    "accept from any sender <liars> for any relay expire 4h",
    'action "relay" relay ttl 4h',
    'match from any mail-from <liars> for any action "relay"',
  ],
  [
    "accept from any sender ! <liars> for ! domain <vdoms> deliver to mbox",
    'action "local" mbox',
    'match from any !mail-from <liars> !for domain <vdoms> action "local"',
  ],
  [
    'accept from any for domain { a.test, "*.b.test" } recipient <liars> deliver to mbox',
    'action "local" mbox',
    'match from any for domain { a.test, "*.b.test" } rcpt-to <liars> action "local"',
  ],
  [
    'accept from any for domain a.test userbase <users> deliver to mda "procmail -f %{sender}" as vmail',
    'action "local" mda "procmail -f %{sender}" user vmail userbase <users>',
    'match from any for domain a.test action "local"',
  ],
  [
    'accept from any for domain a.test virtual <vusers> deliver to lmtp "/var/run/dovecot/lmtp" rcpt-to as vmail',
    'action "virtual" lmtp "/var/run/dovecot/lmtp" rcpt-to user vmail virtual <vusers>',
    'match from any for domain a.test action "virtual"',
  ],
  [
    "accept from any for any virtual <vusers> forward-only",
    'action "forward" forward-only virtual <vusers>',
    'match from any for any action "forward"',
  ],
  ["reject from any sender <liars> for any", "match from any mail-from <liars> for any reject"],
  ["reject tagged ! IN from any for local", "match !tag IN from any for local reject"],
];

/** All others. */
export const settingTranslations: readonly Translation[] = [
  ["expire 4d", "queue ttl 4d"],
  ["bounce-warn 1h, 6h, 2d", "bounce warn-interval 1h, 6h, 2d"],
  ["max-message-size 35M", "smtp max-message-size 35M"],
  ['subaddressing-delimiter "-"', 'smtp sub-addr-delim "-"'],
  ["limit session max-rcpt 100 max-mails 10", "smtp limit max-rcpt 100 max-mails 10"],
  ["limit session { max-rcpt 100, max-mails 10 }", "smtp limit max-rcpt 100 max-mails 10"],
  [
    "limit mta for domain a.test inet4 max-conn-per-host 3",
    "mta limit for domain a.test inet4 max-conn-per-host 3",
  ],
  ["limit scheduler max-inflight 10", "scheduler limit max-inflight 10"],
  [
    "queue encryption key 0123456789abcdef0123456789abcdef",
    "queue encryption 0123456789abcdef0123456789abcdef",
  ],
  ['pki one.test certificate "/c" key "/k"', 'pki one.test cert "/c"', 'pki one.test key "/k"'],
  ['ca one.test certificate "/ca"', 'ca one.test cert "/ca"'],
  [
    "listen on eth0 port 587 tls-require pki mx.test auth mask-source",
    "listen on eth0 port 587 tls-require pki mx.test auth mask-src",
  ],
  [
    "listen on eth0 port 587 tls-require certificate mx.test auth <secrets> tag IN mask-source",
    "listen on eth0 port 587 tls-require pki mx.test auth <secrets> tag IN mask-src",
  ],
  [
    "listen on eth0 secure pki mx.test hostname mx.test auth-optional",
    "listen on eth0 tls pki mx.test hostname mx.test auth-optional",
    "listen on eth0 smtps pki mx.test hostname mx.test auth-optional",
  ],
  ["filter all chain a b", "filter all chain { a, b }"],
];

/** Translates one line, the first of its file. */
export function translate(text: string): readonly string[] | null {
  // Any failing line gives a span of a first word.
  const { problems } = parseConfig({
    path: "smtpd.conf",
    readFile: () => ({ text: `accept\n${text}` }),
    macros: new Map(),
  });
  const first = problems[0]!.span;
  return translateOldLine({ ...first, start: "accept\n".length, end: "accept\n".length + 1 }, new Map(), new Map());
}
