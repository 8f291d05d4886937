import { deepEqual } from "node:assert/strict";
import { loadText } from "./config_fixture.ts";

const text = (options: string) => `
pki mx.test cert "/etc/mail/cert.pem"
pki mx.test key "/etc/mail/key.pem"
ca mx.test cert "/etc/mail/ca.pem"
table users { ann = secret }
table certs { "${"0f".repeat(32)}" = ann }
listen on 192.0.2.10 tls pki mx.test ${options}
action "box" maildir
match from any for any action "box"
`;

/** The mechanisms of the listener, or what is wrong. */
function mechanismsIn(options: string): unknown {
  const loaded = loadText(text(options));
  if (loaded.kind === "errors") return loaded.errors.map(({ message }) => message);
  const listener = loaded.policy.listeners.find((one) => one.kind === "inet");
  return listener?.kind === "inet" && listener.auth.mode !== "none" ? listener.auth.mechanisms : undefined;
}

Deno.test("resolveMechanisms() reads names in any case, in the order of the line, each once", () => {
  deepEqual(mechanismsIn("auth <users>"), null);
  deepEqual(mechanismsIn('auth <users> mechanisms "scram-sha-256 plain"'), ["SCRAM-SHA-256", "PLAIN"]);
  deepEqual(mechanismsIn('mechanisms "LOGIN, PLAIN,login" auth-optional <users>'), ["LOGIN", "PLAIN"]);
  deepEqual(mechanismsIn('auth mechanisms "PLAIN"'), ["PLAIN"]);
  deepEqual(mechanismsIn("auth <users> mechanisms PLAIN"), ["PLAIN"]);
  deepEqual(mechanismsIn('ca mx.test auth-external <certs> auth mechanisms "external"'), ["EXTERNAL"]);
  deepEqual(mechanismsIn("auth <users> ca mx.test auth-external <certs>"), null);
});

Deno.test("resolveMechanisms() says what is wrong", () => {
  deepEqual(mechanismsIn('mechanisms "PLAIN"'), ["invalid listen option: mechanisms requires auth"]);
  deepEqual(mechanismsIn('auth <users> mechanisms "CRAM-MD5"'), ["unknown mechanism: CRAM-MD5"]);
  deepEqual(mechanismsIn('auth <users> mechanisms " "'), ["no mechanism named"]);
  deepEqual(mechanismsIn("ca mx.test auth-external <certs>"), ["invalid listen option: auth-external requires auth"]);
  deepEqual(mechanismsIn("auth auth-external <certs>"), ["invalid listen option: auth-external requires ca"]);
  deepEqual(mechanismsIn('auth mechanisms "EXTERNAL"'), ["EXTERNAL needs a table of certificates"]);
  deepEqual(mechanismsIn('auth ca mx.test auth-external <certs> mechanisms "PLAIN"'), [
    "auth-external has no effect: `mechanisms` leaves EXTERNAL out",
  ]);
  deepEqual(mechanismsIn("auth ca mx.test auth-external { ann, bob }"), [
    "this table may not be used for auth-external lookups",
  ]);
  deepEqual(mechanismsIn('auth mechanisms "SCRAM-SHA-256"'), ["SCRAM-SHA-256 needs a table of credentials"]);
  deepEqual(mechanismsIn('auth <users> mechanisms "PLAIN" mechanisms "LOGIN"'), ["mechanisms already specified"]);
});
