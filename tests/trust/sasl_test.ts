import { deepEqual, equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { hostDigests } from "../../lib/host/hash.ts";
import { beginSasl, parseMechanism, type SaslEffect, saslMechanisms } from "../../lib/trust/sasl.ts";
import type { SaslMechanism } from "../../lib/trust/sasl.ts";

const begin = (mechanism: SaslMechanism) => beginSasl(mechanism, { digests: hostDigests, nonce: "nonce" });
const say = (mechanism: SaslMechanism, ...texts: readonly (string | null)[]): SaslEffect => {
  const server = begin(mechanism);
  let effect: SaslEffect = { kind: "challenge", text: "" };
  for (const text of texts) effect = server.step({ kind: "response", text });
  return effect;
};

Deno.test("parseMechanism() takes a name whatever its case is", () => {
  equal(parseMechanism("plain"), "PLAIN");
  equal(parseMechanism("Scram-Sha-256"), "SCRAM-SHA-256");
  for (const name of ["", "SCRAM-SHA-256-PLUS", "CRAM-MD5", "PLAIN ", "constructor"]) equal(parseMechanism(name), null);
});

Deno.test("PLAIN: every form of the message", () => {
  const ann = { kind: "check", username: "ann", password: "pw" } as const;
  for (
    const [text, want] of [
      ["\0ann\0pw", ann],
      ["ann\0ann\0pw", ann],
      ["\0Ann\0p:w|x", { kind: "check", username: "Ann", password: "p:w|x" }],
      ["\0j\xc3\xb6\0\xc3\xb6", { kind: "check", username: "jö", password: "ö" }],
      ["bob\0ann\0pw", { kind: "refused", username: "ann" }],
      ["\0ann", { kind: "malformed", username: "" }],
      ["ann\0pw", { kind: "malformed", username: "" }],
      ["\0ann\0pw\0", { kind: "malformed", username: "" }],
      ["", { kind: "malformed", username: "" }],
      ["\0\0pw", { kind: "malformed", username: "" }],
      ["\0ann\0", { kind: "malformed", username: "ann" }],
      ["\0ann\0p\rw", { kind: "malformed", username: "ann" }],
      ["\0a\nn\0pw", { kind: "malformed", username: "" }],
      ["\0\xff\0pw", { kind: "malformed", username: "" }],
      [`\0${"a".repeat(256)}\0pw`, { kind: "malformed", username: "" }],
      [`\0ann\0${"a".repeat(1024)}`, { kind: "malformed", username: "ann" }],
    ] as const
  ) deepEqual(say("PLAIN", text), want, JSON.stringify(text));
  deepEqual(say("PLAIN", null), { kind: "challenge", text: "" });
  deepEqual(say("PLAIN", null, "\0ann\0pw"), ann);
});

Deno.test("LOGIN: two questions, or the name at once", () => {
  const ann = { kind: "check", username: "ann", password: "pw" } as const;
  deepEqual(say("LOGIN", null), { kind: "challenge", text: "Username:" });
  deepEqual(say("LOGIN", null, "ann"), { kind: "challenge", text: "Password:" });
  deepEqual(say("LOGIN", null, "ann", "pw"), ann);
  deepEqual(say("LOGIN", "ann", "pw"), ann);
  deepEqual(say("LOGIN", "ann", ""), { kind: "malformed", username: "ann" });
  deepEqual(say("LOGIN", "", "pw"), { kind: "malformed", username: "" });
});

Deno.test("EXTERNAL: TLS says who it is; the client may say it, too", () => {
  const anybody = { kind: "identify", username: "" } as const;
  deepEqual(say("EXTERNAL", null), { kind: "challenge", text: "" });
  deepEqual(say("EXTERNAL", null, ""), anybody);
  deepEqual(say("EXTERNAL", ""), anybody);
  deepEqual(say("EXTERNAL", "ann"), { kind: "identify", username: "ann" });
  for (const text of ["a\0b", "\0", "a\nb", "\xff", "a".repeat(256)]) {
    deepEqual(say("EXTERNAL", text), { kind: "malformed", username: "" }, JSON.stringify(text));
  }
  for (
    const [wanted, event, want] of [
      ["", { kind: "identified", username: "ann" }, { kind: "accepted", username: "ann", data: null }],
      ["ann", { kind: "identified", username: "ann" }, { kind: "accepted", username: "ann", data: null }],
      ["bob", { kind: "identified", username: "ann" }, { kind: "refused", username: "bob" }],
      ["", { kind: "identified", username: null }, { kind: "refused", username: "" }],
      ["ann", { kind: "identified", username: null }, { kind: "refused", username: "ann" }],
      ["ann", { kind: "failed" }, { kind: "failed", username: "ann" }],
    ] as const
  ) {
    const server = begin("EXTERNAL");
    server.step({ kind: "response", text: wanted });
    deepEqual(server.step(event), want);
  }
});

for (const [mechanism, text] of [["PLAIN", "\0ann\0pw"], ["LOGIN", "ann"]] as const) {
  Deno.test(`${mechanism}: the check decides`, () => {
    for (
      const [result, want] of [
        ["right", { kind: "accepted", username: "ann", data: null }],
        ["wrong", { kind: "refused", username: "ann" }],
        ["failed", { kind: "failed", username: "ann" }],
      ] as const
    ) {
      const server = begin(mechanism);
      server.step({ kind: "response", text });
      if (mechanism === "LOGIN") server.step({ kind: "response", text: "pw" });
      deepEqual(server.step({ kind: "checked", result }), want);
    }
  });
}

Deno.test("no mechanism throws for anything that a client says, or accepts it unasked", () => {
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => String.fromCharCode(...bytes)),
    fc.constantFrom(
      "\0ann\0pw",
      "ann",
      "n,,n=ann,r=abc",
      "c=biws,r=abcnonce,p=x",
      "y,,n=a,r=b",
      "p=tls-unique,,n=a,r=b",
    ),
    fc.constant(null),
  );
  fc.assert(fc.property(fc.constantFrom(...saslMechanisms), fc.array(octets, { maxLength: 4 }), (mechanism, texts) => {
    const server = begin(mechanism);
    for (const text of texts) {
      const effect = server.step({ kind: "response", text });
      if (effect.kind === "accepted") return false;
      if (effect.kind !== "challenge") return true;
    }
    return true;
  }));
});
