import assert from "node:assert/strict";
import { inactiveNotices, noticeError } from "../../lib/policy/inactive.ts";
import { policyOfLines } from "./load_text.ts";

const pki = 'pki p cert "/c" key "/k"\n';

/** What is told of lines behind a `pki` line, as `line message`. */
function told(lines: string): readonly string[] {
  return inactiveNotices(policyOfLines(pki + lines)).map(({ place, message }) => `${place?.line ?? "-"} ${message}`)
    .filter((one) => !one.startsWith("1 "));
}

Deno.test("inactiveNotices() names each line that has no effect, or another one", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["listen on eth0", []],
    ["listen on eth0 smtps pki p auth senders { a = b } received-auth", []],
    ["listen on eth0 tls-require pki p auth proxy-v2", []],
    ["listen on eth0 tls pki p auth-optional", []],
    ['listen on eth0 hostnames { "192.0.2.10" = a.test }', []],
    ["filter f proc-exec x\nlisten on socket filter f", [
      "2 the process `f` is not started: filters that are programs are not active yet",
      "2 the filter `f` is a program: those are not active yet",
      "3 a filter of this listener is a program, which is not active yet: mail from here passes without it",
    ]],
    ['ca c cert "/c"\naction a relay pki p ca c protocols tlsv1.3', [
      "3 `pki` is not active yet: there is no TLS for relaying",
      "3 `ca` is not active yet: there is no TLS for relaying",
      "3 `protocols` is not active yet: there is no TLS for relaying",
    ]],
    ["action a relay host { smtps://h, smtp://h }", [
      "2 TLS required by `smtps://`, and it is not active yet for relaying: mail for smtps://h waits in the queue",
    ]],
    ["action a relay domain { a.test = smtp+tls://h }", [
      "2 TLS required by `smtp+tls://`, and it is not active yet for relaying: mail for smtp+tls://h waits in the queue",
    ]],
    ["action a relay tls", [
      "2 TLS required for relaying, and it is not active yet: mail of this action waits in the queue",
    ]],
    ["match from rdns reject\nmatch !from rdns reject\nmatch !from rdns a reject", []],
    ["match tls reject\nmatch !tls reject", []],
    ["match auth reject\nmatch !auth reject\nmatch from auth a reject\nmatch !auth a reject", []],
    ["queue compression", ["- `queue compression` is not active yet: messages are stored as they are"]],
    ["queue encryption", ["- `queue encryption` is not active yet: messages are stored in clear text"]],
    ["admd a.test", ["- `admd` is not active yet: no filter is told of it"]],
    ["admd mx.example.org", []],
    ["mda limit max-session 5 max-session-per-user 1 task-lowat 7", [
      "- `mda limit` of task-lowat is not active yet: our own limits hold",
    ]],
    ["mta limit inet6 max-conn-per-host 1 max-conn-per-relay 1 conn-delay-route 1 reconn-delay-route 1", []],
    ["mta limit session-keepalive 1 session-mail-max 1 max-failures-per-session 1", []],
    [
      "mta limit inet6 conn-delay-host 1\nmta limit for domain a.test task-hiwat 9\nmta max-deferred 5\n" +
      "scheduler limit max-inflight 5",
      [
        "- `mta limit` of conn-delay-host, task-hiwat is not active yet: our own limits hold",
        "- `mta max-deferred` of 5 is not active yet: our own limits hold",
        "- `scheduler limit` of max-inflight is not active yet: our own limits hold",
      ],
    ],
    ["srs key k\naction a mbox\nsmtp limit max-rcpt 5\nqueue ttl 1d", []],
  ];
  for (const [lines, want] of cases) assert.deepEqual(told(lines), want, lines);
});

Deno.test("inactiveNotices() tells once of a line that makes several listeners", () => {
  const notices = told("filter g proc-exec x\nlisten on eth0 filter g").filter((one) => one.startsWith("3 "));
  assert.deepEqual(notices, [
    "3 a filter of this listener is a program, which is not active yet: all clients are answered 421 here",
  ]);
});

Deno.test("noticeError() is a warning at the line, or at the file when the policy keeps no line", () => {
  const [first] = inactiveNotices(policyOfLines("queue compression"));
  assert.ok(first !== undefined);
  const { file, line, severity } = noticeError(first, "/etc/mail/smtpd.conf");
  assert.deepEqual([file, line, severity], ["/etc/mail/smtpd.conf", 0, "warning"]);
});

Deno.test("inactiveNotices() tells of destinations of lmtp that depend on more than the user", () => {
  const lines = (destination: string) => told(`action "a" lmtp "${destination}"`);
  assert.deepEqual(lines("/run/%{user.username}"), []);
  assert.match(lines("/run/%{rcpt.domain}").join(), /^2 only `%\{user.username\}` and .* waits in the queue$/);
});
