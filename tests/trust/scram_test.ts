import { deepEqual, equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { hostDigests } from "../../lib/host/hash.ts";
import { hostPasswords } from "../../lib/host/password.ts";
import { scramVerifierOf } from "../../lib/trust/credentials.ts";
import type { SaslEffect } from "../../lib/trust/sasl.ts";
import { ScramExchange } from "../../lib/trust/scram.ts";

const { hmacSha256, sha256 } = hostDigests;
const response = (text: string | null) => ({ kind: "response", text }) as const;

/** RFC 7677 §3. */
const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
const salted = await hostPasswords.pbkdf2(Buffer.from("pencil"), salt, 4096);
const verifier = scramVerifierOf(salted, { salt, iterations: 4096 }, hostDigests);
const clientNonce = "rOprNGfwEbeRWgbNEkqO";
const serverNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const serverFirst = `r=${clientNonce}${serverNonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;

const exchange = () => new ScramExchange(hostDigests, serverNonce);

/** A client's last message, made as RFC 5802 §3 says. */
function clientFinal(bare: string, first: string, unproved: string): string {
  const clientKey = hmacSha256(salted, Buffer.from("Client Key"));
  const signature = hmacSha256(sha256(clientKey), Buffer.from(`${bare},${first},${unproved}`));
  const proof = Buffer.from(clientKey.map((octet, i) => octet ^ signature[i]!)).toString("base64");
  return `${unproved},p=${proof}`;
}

function run(first: string, bare: string, unproved: string): SaslEffect {
  const server = exchange();
  const fetch = server.step(response(first));
  equal(fetch.kind, "fetch");
  deepEqual(server.step({ kind: "fetched", verifier }), { kind: "challenge", text: serverFirst });
  return server.step(response(clientFinal(bare, serverFirst, unproved)));
}

Deno.test("SCRAM-SHA-256: the exchange of RFC 7677", () => {
  const server = exchange();
  deepEqual(server.step(response(null)), { kind: "challenge", text: "" });
  deepEqual(server.step(response(`n,,n=user,r=${clientNonce}`)), { kind: "fetch", username: "user" });
  deepEqual(server.step({ kind: "fetched", verifier }), { kind: "challenge", text: serverFirst });
  const last = `c=biws,r=${clientNonce}${serverNonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`;
  deepEqual(server.step(response(last)), {
    kind: "accepted",
    username: "user",
    data: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
  });
});

Deno.test("SCRAM-SHA-256: what a client may vary", () => {
  const nonce = `r=${clientNonce}${serverNonce}`;
  const bare = `n=user,r=${clientNonce}`;
  equal(run(`y,,${bare}`, bare, `c=eSws,${nonce}`).kind, "accepted");
  equal(run(`n,a=user,${bare}`, bare, `c=${Buffer.from("n,a=user,").toString("base64")},${nonce}`).kind, "accepted");
  equal(run(`n,,${bare},x=ext`, `${bare},x=ext`, `c=biws,${nonce},y=more`).kind, "accepted");
});

Deno.test("SCRAM-SHA-256: what a client may not say", () => {
  const nonce = `r=${clientNonce}${serverNonce}`;
  const bare = `n=user,r=${clientNonce}`;
  // Another header than the one it began with, another nonce.
  equal(run(`y,,${bare}`, bare, `c=biws,${nonce}`).kind, "refused");
  equal(run(`n,,${bare}`, bare, `c=biws,${nonce}x`).kind, "refused");
  equal(run(`n,,${bare}`, `${bare}x`, `c=biws,${nonce}`).kind, "refused");
  for (
    const [first, want] of [
      [`p=tls-exporter,,${bare}`, "malformed"],
      [`n,a=other,${bare}`, "refused"],
      ["n,,n=user", "malformed"],
      ["n,,n=,r=abc", "malformed"],
      ["n,,m=x,n=user,r=abc", "malformed"],
      ["n,,n=a=b,r=abc", "malformed"],
      [`n,,n=user,r=${"a".repeat(129)}`, "malformed"],
      ["n,,n=us\x00er,r=abc", "malformed"],
      ["n,,n=\xff,r=abc", "malformed"],
      ["", "malformed"],
    ] as const
  ) equal(exchange().step(response(first)).kind, want, first);
});

Deno.test("SCRAM-SHA-256: a name may hold commas and equals signs", () => {
  const server = exchange();
  deepEqual(server.step(response("n,,n=a=2Cb=3Dc,r=abc")), { kind: "fetch", username: "a,b=c" });
});

Deno.test("SCRAM-SHA-256: no other password and no last message of chance opens the door", () => {
  const nonce = `${clientNonce}${serverNonce}`;
  const proof = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("base64"));
  const last = fc.oneof(proof.map((text) => `c=biws,r=${nonce},p=${text}`), fc.string());
  fc.assert(fc.property(last, (text) => {
    const server = exchange();
    server.step(response(`n,,n=user,r=${clientNonce}`));
    server.step({ kind: "fetched", verifier });
    const { kind } = server.step(response(text));
    return kind === "refused" || kind === "malformed";
  }));
});

Deno.test("SCRAM-SHA-256: when nobody can say, the exchange fails", () => {
  const server = exchange();
  server.step(response("n,,n=user,r=abc"));
  deepEqual(server.step({ kind: "fetched", verifier: null }), { kind: "failed", username: "user" });
});
