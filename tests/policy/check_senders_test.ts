import { deepEqual, equal } from "node:assert/strict";
import { checkSenders, strangersShown } from "../../lib/policy/check_senders.ts";
import { loadText } from "./config_fixture.ts";

/** What is told of `listen` options; tables in files hold `files`. */
function told(options: string, files: Readonly<Record<string, readonly string[]>> = {}): readonly string[] {
  const loaded = loadText(`pki mx.test cert "/etc/mail/cert.pem" key "/etc/mail/key.pem"
table users { ann = x, Bob = x }
table file file:/etc/mail/users
ca our cert "/etc/mail/ca.pem"
table certs { "${"0f".repeat(32)}" = Annn }
table who { ann = "@a.test", bob = "@a.test", annn = "@a.test" }
listen on 192.0.2.10 tls pki mx.test ${options}
action "box" maildir
match from any for any action "box"
`);
  if (loaded.kind === "errors") throw new Error(loaded.errors[0]?.message);
  const { policy, config } = loaded;
  const columnOf = (column: 0 | 1) => (name: string) => {
    const spec = policy.tables[name];
    return spec?.kind === "static" ? spec.entries.flatMap((entry) => entry[column] ?? []) : files[name] ?? null;
  };
  return checkSenders(policy, config, { keysOf: columnOf(0), valuesOf: columnOf(1) }).map(({ span, message, hint }) => {
    equal(span.source.text.slice(span.start, span.end), "senders");
    return `${message}; ${hint}`;
  });
}

Deno.test("checkSenders() tells of users who cannot log in", () => {
  const want = ["`senders` has users who cannot log in here: annn; the table <users> of `auth` does not have them"];
  deepEqual(told("auth <users> senders <who>"), want);
  deepEqual(told("auth-optional <users> senders <who>"), want);
  deepEqual(told('auth { ann = x } senders { ANN = "@a.test", eve = "@a.test" }'), [
    "`senders` has users who cannot log in here: eve; the table of `auth` does not have them",
  ]);
});

Deno.test("checkSenders() says nothing of tables that cannot be read now", () => {
  deepEqual(told("auth <file> senders <who>"), []);
  deepEqual(told("auth <users> senders <file>"), []);
  deepEqual(told("auth senders <who>"), [], "the system's users");
  deepEqual(told("senders <who>"), [], "nobody logs in: that is told elsewhere");
  deepEqual(told("auth <file> senders <who>", { file: ["ann", "bob", "annn"] }), []);
  deepEqual(told("auth <users> senders <file>", { file: ["carl"] }).length, 1);
});

Deno.test("checkSenders() counts whoever has a certificate among those who can log in", () => {
  const external = "ca our auth-external <certs>";
  deepEqual(told(`auth <users> ${external} senders <who>`), []);
  deepEqual(told(`auth <users> ${external} senders { eve = "@a.test" }`), [
    "`senders` has users who cannot log in here: eve; " +
    "the table <users> of `auth` and the table <certs> of `auth-external` do not have them",
  ]);
  const alone = `auth ${external} mechanisms "EXTERNAL" senders`;
  deepEqual(told(`${alone} { ANNN = "@a.test" }`), []);
  deepEqual(told(`${alone} <who>`), [
    "`senders` has users who cannot log in here: ann, bob; the table <certs> of `auth-external` does not have them",
  ]);
  deepEqual(told(`auth <file> ${external} senders { eve = "@a.test" }`), [], "one of the tables cannot be read now");
});

Deno.test("checkSenders() names a few of many", () => {
  const file = Array.from({ length: strangersShown + 3 }, (_, at) => `u${at}`);
  deepEqual(told("auth <users> senders <file>", { file }), [
    "`senders` has users who cannot log in here: u0, u1, u2, u3, u4 and 3 more; " +
    "the table <users> of `auth` does not have them",
  ]);
});
