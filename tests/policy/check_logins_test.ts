import { deepEqual } from "node:assert/strict";
import { checkLogins, judgeLogin, loginUses } from "../../lib/policy/check_logins.ts";
import { loadText } from "./config_fixture.ts";

const bcrypt = "$2b$05$abcdefghijklmnopqrstuu7nFISH/8YdwlXD3lw69A4iBUf6fvWAW";
const listening = (table: string, options: string) => {
  const loaded = loadText(`pki mx.test cert "/etc/mail/cert.pem" key "/etc/mail/key.pem"
ca our cert "/etc/mail/ca.pem"
table certs { "${"0f".repeat(32)}" = ann }
table users ${table}
listen on 192.0.2.10 tls pki mx.test ${options}
action "box" maildir
match from any for any action "box"
`);
  if (loaded.kind === "errors") throw new Error(loaded.errors[0]?.message);
  return loaded;
};

/** What is told of a table under options of the listener. */
function told(table: string, options: string): readonly string[] {
  const { policy, config } = listening(table, options);
  return checkLogins(policy, config).map(({ message }) => message);
}

Deno.test("loginUses() names the tables that listeners log in with", () => {
  const uses = (options: string) => loginUses(listening("{ ann = x }", options).policy);
  deepEqual(uses(""), []);
  deepEqual(uses("auth"), []);
  deepEqual(uses("auth <users>"), [["users", "logins"]]);
  deepEqual(uses('auth <users> mechanisms "SCRAM-SHA-256"'), [["users", "logins"], ["users", "verifiers"]]);
  const external = "auth <users> ca our auth-external <certs>";
  deepEqual(uses(external), [["users", "logins"]]);
  deepEqual(uses(`${external} mechanisms "EXTERNAL"`), [], "nobody says a password");
});

Deno.test("judgeLogin() tells who cannot log in, and shows no password", () => {
  const message = (use: "logins" | "verifiers", value: string) => judgeLogin(use, "ann", value)?.message ?? null;
  deepEqual(message("logins", `ann:${bcrypt}`), null);
  deepEqual(message("logins", "{PLAIN}secret"), null);
  deepEqual(message("logins", "ann:"), "invalid credentials of ann");
  deepEqual(
    message("logins", "ann:secret"),
    "ann cannot log in: its password is no hash that is known; one in clear text is written {PLAIN}password",
  );
  deepEqual(message("verifiers", "ann:secret"), null, "it is told once");
  deepEqual(message("verifiers", "{PLAIN}secret"), null);
  deepEqual(
    message("verifiers", bcrypt),
    "clients that take SCRAM-SHA-256 cannot log in as ann: it needs a verifier",
  );
  deepEqual(
    message("logins", bcrypt.replace("$05$", "$20$")),
    "ann cannot log in: its hash costs too much to check: cost 20 of at most 14",
  );
});

Deno.test("checkLogins() looks at inline tables, once for each entry", () => {
  const table = `{ ann = "${bcrypt}", bob = "$y$j9T$abc$def" }`;
  const yescrypt = "bob cannot log in: its hash is yescrypt, which cannot be checked here";
  deepEqual(told(table, "auth <users>"), [yescrypt]);
  deepEqual(told(table, 'auth <users> mechanisms "SCRAM-SHA-256 PLAIN"'), [
    yescrypt,
    "clients that take SCRAM-SHA-256 cannot log in as ann: it needs a verifier",
  ]);
  deepEqual(told(table, ""), []);
  deepEqual(told("file:/etc/mail/users", "auth <users>"), []);
});
