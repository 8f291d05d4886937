import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { authBar, decodeResponse, hideSecret, offeredMechanisms } from "../../lib/smtp/session_auth.ts";
import { ServerSession, type SessionConfig, type SessionEffect } from "../../lib/smtp/session.ts";
import type { AuthResult, SessionAsk } from "../../lib/smtp/session_face.ts";
import { sessionConfig } from "./session_rig.ts";
import { transcriptTls as tls } from "../../lib/smtp/transcript_replay.ts";

const print = "0f".repeat(32);
const auth = { mode: "optional", mechanisms: ["PLAIN", "LOGIN"] } as const;
const config: Partial<SessionConfig> = { tls: "implicit", auth };

/** A session over TLS: what it logs, what it asks, what it says. */
class Heard {
  readonly session: ServerSession;
  readonly logged: string[] = [];
  readonly asked: SessionAsk[] = [];
  said = "";
  readonly #answer: (ask: SessionAsk) => AuthResult;

  constructor(answer: (ask: SessionAsk) => AuthResult, told: Partial<SessionConfig> = config, info = tls) {
    this.#answer = answer;
    this.session = new ServerSession(sessionConfig(told));
    this.#perform(
      this.session.step({ kind: "connected", at: 0, address: "192.0.2.7", hostname: "<unknown>", tls: info }),
    );
  }

  send(text: string): void {
    this.#perform(this.session.step({ kind: "bytes", at: 0, bytes: Buffer.from(text, "latin1") }));
  }

  #perform(effects: readonly SessionEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === "write") this.said += Buffer.from(effect.bytes).toString("latin1");
      if (effect.kind === "log") this.logged.push(JSON.stringify(effect.event));
      if (effect.kind !== "ask") continue;
      this.asked.push(effect.ask);
      if (effect.ask.kind !== "authenticate") continue;
      const answer = { kind: "authenticate", result: this.#answer(effect.ask) } as const;
      this.#perform(this.session.step({ kind: "answer", at: 0, answer }));
    }
  }
}

Deno.test("decodeResponse() takes base 64 as RFC 4954 has it", () => {
  for (
    const [text, want] of [
      ["=", ""],
      ["AGEAYg==", "\0a\0b"],
      ["/w==", "\xff"],
      ["", undefined],
      ["AGEAYg", undefined],
      ["AGEAY===", undefined],
      ["AG=AYg==", undefined],
      ["AGE Yg==", undefined],
      ["AGE_Yg==", undefined],
      ["====", undefined],
    ] as const
  ) equal(decodeResponse(text), want, text);
  fc.assert(fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
    return decodeResponse(Buffer.from(bytes).toString("base64")) === String.fromCharCode(...bytes);
  }));
});

Deno.test("hideSecret() keeps the mechanism and nothing after it", () => {
  for (
    const [line, want] of [
      ["AUTH PLAIN AGEAYg==", "AUTH PLAIN ********"],
      ["auth  plain\tAGEAYg==", "auth plain ********"],
      ["AUTH LOGIN", "AUTH LOGIN"],
      ["AUTH", "AUTH"],
      ["AUTH AGEAYg==", "AUTH ********"],
      ["AUTH PLAIN ", "AUTH PLAIN"],
      ["AUTH scram-sha-256 biws", "AUTH scram-sha-256 ********"],
      ["AUTH AGFubgBw", "AUTH ********"],
      ["AUTH hunter2", "AUTH ********"],
      ["AUTH PLAINER x", "AUTH ********"],
    ] as const
  ) equal(hideSecret(line), want);
});

Deno.test("offeredMechanisms(), authBar(): only within TLS, and once", () => {
  const known = { config: { auth }, tls, username: "" };
  deepEqual(offeredMechanisms(known), ["PLAIN", "LOGIN"]);
  deepEqual(offeredMechanisms({ ...known, tls: null }), []);
  deepEqual(offeredMechanisms({ ...known, username: "ann" }), []);
  deepEqual(offeredMechanisms({ ...known, config: { auth: null } }), []);
  const external = { ...known, config: { auth: { ...auth, mechanisms: ["EXTERNAL", "PLAIN"] } } };
  deepEqual(offeredMechanisms(external), ["PLAIN"]);
  for (
    const [client, fingerprint, want] of [["unchecked", print, 1], ["verified", null, 1], [
      "verified",
      print,
      2,
    ]] as const
  ) {
    equal(offeredMechanisms({ ...external, tls: { client, fingerprint } }).length, want);
  }
  const required = sessionConfig({ auth: { ...auth, mode: "required" } });
  equal(authBar({ config: required, username: "" })?.code, 530);
  equal(authBar({ config: required, username: "ann" }), null);
  equal(authBar({ config: sessionConfig({ auth }), username: "" }), null);
});

Deno.test("AUTH asks with what the client said, decoded, and logs who tried", () => {
  const heard = new Heard((ask) =>
    ask.kind === "authenticate" && ask.step === 0
      ? { kind: "challenge", text: "Password:" }
      : { kind: "accepted", username: "ann", data: null }
  );
  heard.send("EHLO h.test\r\n");
  heard.send("AUTH login YW5u\r\n");
  heard.send("cHc=\r\n");
  deepEqual(heard.asked, [
    { kind: "authenticate", mechanism: "LOGIN", step: 0, response: "ann", certificate: null },
    { kind: "authenticate", mechanism: "LOGIN", step: 1, response: "pw", certificate: null },
  ]);
  ok(heard.said.endsWith("235 2.7.0 Authentication succeeded\r\n"));
  ok(heard.logged.some((line) => line.includes(`"what":"authentication","fields":{"user":"ann","result":"ok"}`)));
});

Deno.test("AUTH EXTERNAL: asks with the certificate that was verified, and not without", () => {
  const told = { ...config, auth: { ...auth, mechanisms: ["PLAIN", "EXTERNAL"] } };
  const accept = () => ({ kind: "accepted", username: "ann", data: null }) as const;
  for (const client of ["none", "unchecked"] as const) {
    const heard = new Heard(accept, told, { ...tls, client, fingerprint: client === "none" ? null : print });
    heard.send("EHLO h.test\r\n");
    ok(heard.said.includes("AUTH PLAIN\r\n"));
    heard.send("AUTH EXTERNAL =\r\n");
    deepEqual(heard.asked, []);
    ok(heard.said.endsWith('504 5.5.4 AUTH method "EXTERNAL" not supported\r\n'), heard.said);
  }
  const heard = new Heard(accept, told, { ...tls, client: "verified", fingerprint: print });
  heard.send("EHLO h.test\r\n");
  ok(heard.said.includes("AUTH PLAIN EXTERNAL\r\n"));
  heard.send("AUTH EXTERNAL =\r\n");
  deepEqual(heard.asked, [{ kind: "authenticate", mechanism: "EXTERNAL", step: 0, response: "", certificate: print }]);
  ok(heard.said.endsWith("235 2.7.0 Authentication succeeded\r\n"));
});

Deno.test("AUTH: the log says how it ended", () => {
  for (const [kind, want] of [["refused", "permfail"], ["malformed", "permfail"], ["failed", "tempfail"]] as const) {
    const heard = new Heard(() => ({ kind, username: "a\u202enn" }));
    heard.send("EHLO h.test\r\n");
    heard.send("AUTH PLAIN AGEAYg==\r\n");
    ok(heard.logged.some((line) => line.includes(`{"user":"a?nn","result":"${want}"}`)), heard.logged.join("\n"));
  }
});

const secret = "c2VjcmV0c2VjcmV0"; // base 64 of secretsecret
const results = fc.constantFrom<AuthResult>(
  { kind: "challenge", text: "Password:" },
  { kind: "refused", username: "ann" },
  { kind: "malformed", username: "" },
  { kind: "failed", username: "ann" },
  { kind: "accepted", username: "ann", data: "v=abc" },
);

Deno.test("a password is in no log event, wherever the client puts it around AUTH", () => {
  const line = fc.constantFrom(
    `AUTH PLAIN ${secret}`,
    `AUTH ${secret}=`,
    `AUTH LOGIN ${secret}`,
    "AUTH LOGIN",
    secret,
    `${secret}==`,
    `  ${secret}`,
    `*`,
    `AUTH CRAM-MD5 ${secret}`,
    `AUTH PLAIN ${secret} ${secret}`,
  );
  fc.assert(fc.property(fc.array(line, { maxLength: 8 }), fc.array(results, { minLength: 1 }), (lines, answers) => {
    let at = 0;
    const heard = new Heard(() => answers[at++ % answers.length]!);
    heard.send("EHLO h.test\r\n");
    heard.send("AUTH LOGIN\r\n");
    for (const text of lines) heard.send(`${text}\r\n`);
    const all = heard.logged.join("\n");
    return !all.includes(secret) && !heard.said.includes(secret) && !all.includes("secretsecret");
  }));
});

Deno.test("garbage in an exchange gets replies and no exception", () => {
  const octets = fc.uint8Array({ maxLength: 60 }).map((bytes) => String.fromCharCode(...bytes));
  const piece = fc.oneof(
    octets,
    octets.map((text) => btoa(text) + "\r\n"),
    fc.constantFrom("\r\n", "*\r\n", "AUTH PLAIN\r\n"),
  );
  fc.assert(fc.property(fc.array(piece), fc.array(results, { minLength: 1 }), (pieces, answers) => {
    let at = 0;
    const heard = new Heard(() => answers[at++ % answers.length]!);
    heard.send("EHLO h.test\r\n");
    for (const text of pieces) heard.send(text);
    return heard.said.split("\r\n").slice(0, -1).every((line) => /^[2345][0-9]{2}[ -]/.test(line));
  }));
});
