import assert from "node:assert/strict";
import { checkPolicy, type TableContent } from "../../lib/policy/check.ts";
import { collectErrors } from "../../lib/policy/error.ts";
import { loadText, printAll } from "./config_fixture.ts";

function problems(text: string, contents: Readonly<Record<string, TableContent>> = {}) {
  const result = loadText(text, { "more.conf": "match for local reject\n" });
  if (result.kind === "errors") assert.fail(printAll(result.errors));
  return collectErrors(
    checkPolicy({ policy: result.policy, config: result.config, contents: new Map(Object.entries(contents)) }),
  );
}

const tls = 'pki mx.test cert "/c"\npki mx.test key "/k"\nlisten on eth0 tls pki mx.test';
const actions = 'action "in" maildir\naction "out" relay\n';
const whole = `listen on eth0\n${actions}match from any for local action "in"\nmatch for any action "out"\n`;

/** Text, and what is told of it: line and message. */
const cases: readonly (readonly [text: string, ...want: readonly string[]])[] = [
  [whole],
  [`${tls} auth\n${actions}match from any for local action "in"\nmatch for any action "out"
match from any auth for any action "out"\n`],
  // Appendix C 1: order.
  [
    `listen on lo\n${actions}match for any action "out"\nmatch for local action "in"\n`,
    "5 this rule can never match, because line 4 already does",
  ],
  [
    `listen on eth0\n${actions}match for any action "out"\nmatch from any for local action "in"\n`,
    "5 mail of this machine never comes here: line 4 relays it first",
  ],
  // Appendix C 2: hosted domains without `from any`.
  [
    `listen on eth0\n${actions}match from any for local action "in"\nmatch for domain a.test action "in"\nmatch for any action "out"\n`,
    "5 mail for a.test is taken from this machine only: everybody else is refused",
  ],
  [
    `table d file:/d\n${whole}match for domain <d> action "in"\n`,
    "7 this rule can never match, because line 6 already does",
  ],
  [
    `${tls} auth\n${actions}match from any for local action "in"\nmatch for domain a.test action "in"
match for any action "out"\nmatch from any auth for any action "out"\n`,
    "7 mail for a.test is taken from this machine only: everybody else is refused",
  ],
  // Appendix C 3: open relays.
  [
    `${whole}match from any for any action "out"\n`,
    "6 anyone may relay to anywhere: this is an open relay",
  ],
  [
    `${whole}match from src 0.0.0.0/0 for domain "*" action "out"\nmatch from src "::/0" for any action "out"\n`,
    "6 anyone may relay to anywhere: this is an open relay",
    "7 anyone may relay to anywhere: this is an open relay",
  ],
  [
    `${whole}match !from src 10.0.0.0/8 for any action "out"\n`,
    "6 anyone may relay to anywhere: this is an open relay",
  ],
  [`${whole}match from any !for domain a.test action "out"\n`, "6 anyone may relay to anywhere: this is an open relay"],
  [
    `${whole}match from any for domain regex "." action "out"\n`,
    "6 anyone may relay to anywhere: this is an open relay",
  ],
  [
    `${whole}match from any mail-from "@a.test" for any action "out"\n`,
    "6 anyone who claims to be one of these may relay to anywhere",
  ],
  [
    `${whole}match from rdns for any action "out"\n`,
    "6 anyone who claims to be one of these may relay to anywhere",
  ],
  [`${whole}match from any for domain a.test action "out"\n`],
  [`${whole}match from src 10.0.0.0/8 for any action "out"\n`],
  [`${whole}match from src { 203.0.113.0/24, 198.51.100.7 } for any action "out"\n`],
  [
    `${whole}match !from local for any reject\nmatch from any for any action "out"\n`,
    "7 this rule can never match, because lines 5 and 6 already do",
  ],
  [`${tls} auth tag IN\n${actions}match from any for local action "in"\nmatch for any action "out"\nmatch from any tag IN for any action "out"\n`],
  [
    `${tls} auth-optional tag IN\n${actions}match from any for local action "in"\nmatch for any action "out"\nmatch from any tag IN for any action "out"\n`,
    "8 anyone may relay to anywhere: this is an open relay",
  ],
  // Appendix C 4 and 5: forwards and reports.
  [
    `listen on eth0\n${actions}match from any for local action "in"\nmatch from any for domain a.test action "out"\n`,
    "4 mail that is forwarded to other servers and reports to senders elsewhere are refused: no rule takes them",
  ],
  [
    `listen on eth0\n${actions}match from any for local action "in"\nmatch mail-from "@a.test" for any action "out"\n`,
    "4 reports to senders elsewhere are dropped: no rule takes them",
  ],
  [
    `listen on lo\naction "in" maildir alias { root = "ann, bob@far.test" }\nmatch for local action "in"\n`,
    "3 mail that is forwarded to other servers, such as to bob@far.test, is refused: no rule takes it",
  ],
  [`listen on lo\naction "in" maildir alias { root = "ann@localhost" }\nmatch for local action "in"\n`],
  [
    `listen on eth0\n${actions}match from any for local action "in"\nmatch for any reject\nmatch tag x for any action "out"\n`,
    "6 this rule can never match, because line 5 already does",
  ],
  // Listeners.
  [
    `listen on eth0\naction "in" maildir\nmatch for local action "in"\n`,
    "1 nothing is taken here from other machines: no rule that fits says `from any`",
  ],
  [`listen on lo\naction "in" maildir\nmatch for local action "in"\n`],
  [
    `${tls} auth\n${actions}match from any for local action "in"\nmatch for any action "out"\n`,
    "3 who logs in here can send nothing to other servers: no rule matches it",
  ],
  [
    `${whole}match from any auth for any action "out"\n`,
    "6 no listener has `auth`: only `sendmail` on this machine counts as authenticated",
  ],
  [`${whole}match from any tls for local action "in"\n`, "6 this rule can never match, because line 4 already does"],
  [
    `listen on eth0\n${actions}match from any tls for any reject\nmatch from any for local action "in"\nmatch for any action "out"\n`,
    "4 this rule can never match: no listener has TLS",
  ],
  [
    `listen on eth0 tag IN\n${actions}match from any tag IM for any reject\nmatch from any for local action "in"\nmatch for any action "out"\n`,
    "4 this rule can never match: no listener has the tag IM",
  ],
  // Names that nothing uses.
  [
    `m = x\nn = "lo"\ntable t { a }\ntable u { a }\nlisten on $n\n${actions}match for local action "in"\nmatch from any for domain <u> reject\n`,
    "1 nothing uses the macro m",
    "3 nothing uses the table <t>",
    '7 no rule uses the action "out"',
  ],
  [
    `pki a.test cert "/c"\npki a.test key "/k"\nca a.test cert "/ca"\nmda wrapper w "nice %{mda}"\nproc p "x"\nfilter f phase connect match !rdns junk\nlisten on lo\n${actions}match for local action "in"\nmatch for any action "out"\n`,
    "1 nothing uses the certificate a.test",
    "3 nothing uses the authorities a.test",
    "4 no action uses the wrapper w",
    "5 no filter uses the process p",
    "6 nothing uses the filter f",
  ],
  // Rules that match nothing, and rules of other files.
  ['match for any !rcpt-to "@" reject\n', "1 this rule can never match: its options exclude each other"],
  ['match for local reject\ninclude "more.conf"\n', "1 this rule can never match, because smtpd.conf:1 already does"],
];

Deno.test("checkPolicy() tells of what is hardly meant, and of nothing else", () => {
  for (const [text, ...want] of cases) {
    const got = problems(text);
    assert.deepEqual(got.map(({ line, message }) => `${line} ${message}`), want, text);
    assert.ok(got.every(({ severity }) => severity === "warning"));
  }
});

Deno.test("checkPolicy() points at the rule, and says what to do", () => {
  assert.equal(
    printAll(problems(`${whole}match from any for any action "out"\nmatch from any \\\n for local action "in"\n`)),
    `smtpd.conf:6:1: warning: anyone may relay to anywhere: this is an open relay
    6 | match from any for any action "out"
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = for clients that log in:  match from any auth for any …
        for this machine alone:   match from local for any …
smtpd.conf:7:1: warning: this rule can never match, because line 4 already does
    7 | match from any \\
      | ^^^^^^^^^^^^^^^^
      = it says the same as line 4: delete one of them
`,
  );
});

Deno.test("checkPolicy() looks into table files for traps, and not for rules that never match", () => {
  const text = `table d file:/d\ntable v file:/v\nlisten on eth0\n${actions}action "v" maildir virtual <v>
match from any for local action "in"\nmatch from any for domain <d> action "out"\nmatch from any for domain a.test action "v"
match for domain b.test action "v"\n`;
  const list = (...keys: readonly string[]): TableContent => keys.map((key) => [key, null]);
  const told = (contents: Readonly<Record<string, TableContent>>) =>
    problems(text, contents).map(({ line, message }) => `${line} ${message.slice(0, 40)}`);
  const lost = "9 mail that is forwarded to other servers ";
  assert.deepEqual(told({}), ["7 mail that is forwarded to other servers "].map((one) => one.slice(0, 42)));
  assert.deepEqual(
    told({ d: list("*") }),
    ["8 anyone may relay to anywhere: this is an"].map((one) => one.slice(0, 42)),
  );
  assert.deepEqual(
    told({ d: list("a.test"), v: [["x@a.test", "bob@far.test"]] }).map((one) => one.slice(0, 30)),
    [lost.slice(0, 30), "10 mail for b.test is taken fr"],
  );
});
