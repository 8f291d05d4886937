import { Buffer } from "node:buffer";
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import type { TlsInfo } from "../../lib/port_tls.ts";
import { ServerSession, type SessionConfig, type SessionEffect } from "../../lib/smtp/session.ts";
import { defaultSessionBounds } from "../../lib/smtp/session_bounds.ts";
import { describeTls } from "../../lib/smtp/session_tls.ts";
import { sessionConfig } from "./session_rig.ts";
import { transcriptTls } from "../../lib/smtp/transcript_replay.ts";

const at = Date.UTC(2026, 2, 3, 9, 4, 5);
const plain: TlsInfo = { ...transcriptTls, serverName: "mx.test" };

class Peer {
  readonly session: ServerSession;
  readonly effects: SessionEffect[] = [];

  constructor(config: Partial<SessionConfig>) {
    this.session = new ServerSession(sessionConfig(config));
    this.#take(this.session.step({ kind: "connected", at, address: "192.0.2.7", hostname: "client.test" }));
  }

  send(text: string): void {
    this.#take(this.session.step({ kind: "bytes", at, bytes: Buffer.from(text, "latin1") }));
  }

  secure(tls: Partial<TlsInfo> = {}): void {
    this.#take(this.session.step({ kind: "tls", at, tls: { ...plain, ...tls } }));
  }

  #take(effects: readonly SessionEffect[]): void {
    this.effects.push(...effects);
  }

  get said(): string {
    return this.effects.map((one) => one.kind === "write" ? Buffer.from(one.bytes).toString("latin1") : "").join("");
  }

  get codes(): string[] {
    return this.said.split("\r\n").filter((line) => line[3] === " ").map((line) => line.slice(0, 3));
  }

  /** Fields of the lines of this kind. */
  logged(what: string): readonly unknown[] {
    return this.effects.flatMap((one) => one.kind === "log" && one.event.what === what ? [one.event.fields] : []);
  }

  has(kind: SessionEffect["kind"]): boolean {
    return this.effects.some((one) => one.kind === kind);
  }
}

Deno.test("STARTTLS says 220 before TLS begins, and the log tells what it came to", () => {
  const peer = new Peer({ tls: "offered" });
  peer.send("EHLO a.test\r\n");
  peer.send("STARTTLS\r\n");
  const [answer, begin] = peer.effects.slice(-2);
  equal(answer?.kind === "write" && Buffer.from(answer.bytes).toString(), "220 2.0.0 Ready to start TLS\r\n");
  equal(begin?.kind, "startTls");
  equal(peer.session.deadline, at + defaultSessionBounds.tlsTimeoutMs);
  peer.secure();
  deepEqual(peer.logged("tls"), [{ ciphers: "TLSv1.3:TLS_AES_256_GCM_SHA384:256" }]);
  deepEqual(peer.logged("cert-check"), []);
  equal(describeTls({ ...plain, version: "TLSv1.2" }), "TLSv1.2:TLS_AES_256_GCM_SHA384:256");
});

Deno.test("TLS from the first octet comes before the greeting", () => {
  const peer = new Peer({ tls: "implicit" });
  deepEqual(peer.effects.map(({ kind }) => kind), ["log", "startTls"]);
  peer.secure();
  equal(peer.said, "220 mx.test ESMTP Postern\r\n");
});

const fingerprint = "ab".repeat(32);
const clients: readonly (readonly [string, Partial<TlsInfo>, boolean, string])[] = [
  ["nobody asks, none shown", {}, false, "220"],
  ["nobody asks, one unchecked", { client: "unchecked", fingerprint }, false, "220"],
  ["none shown", {}, true, "554"],
  ["one unchecked", { client: "unchecked", fingerprint }, true, "554"],
  ["one past its time", { client: "unchecked", fingerprint, problem: "CERT_HAS_EXPIRED" }, true, "554"],
  ["one verified", { client: "verified", fingerprint }, true, "220"],
];
for (const [name, tls, verifiesClient, want] of clients) {
  Deno.test(`a listener${verifiesClient ? " with verify" : ""} answers ${want} to a client: ${name}`, () => {
    const implicit = new Peer({ tls: "implicit", verifiesClient });
    implicit.secure(tls);
    deepEqual(implicit.codes, [want]);
    equal(implicit.has("close"), want === "554");
    const reason = tls.problem === undefined ? {} : { reason: tls.problem };
    const check = { result: tls.client, fingerprint: `SHA256:${fingerprint}`, ...reason };
    const checks = tls.fingerprint === undefined ? [] : [check];
    deepEqual(implicit.logged("cert-check"), checks);
    const later = new Peer({ tls: "required", verifiesClient });
    later.send("EHLO a.test\r\n");
    later.send("STARTTLS\r\n");
    later.secure(tls);
    later.send("EHLO a.test\r\n");
    deepEqual(later.codes, ["220", "250", "220", want === "220" ? "250" : "554"]);
  });
}

Deno.test("a handshake that fails ends the session with its reason", () => {
  const peer = new Peer({ tls: "offered" });
  peer.send("EHLO a.test\r\n");
  peer.send("STARTTLS\r\n");
  peer.effects.splice(0, Infinity, ...peer.session.step({ kind: "eof", at, reason: "io-error: no\r\n" }));
  deepEqual(peer.logged("disconnected"), [{ reason: "io-error: no\r\n" }]);
  equal(peer.said, "");
});

const commands = [
  "NOOP",
  "RSET",
  "MAIL FROM:<evil@a.test>",
  "RCPT TO:<y@b.test>",
  "DATA",
  "EHLO evil.test",
  "QUIT",
  ".",
];

Deno.test("no octet that came in clear text is taken for a protected one, however it is cut", () => {
  fc.assert(fc.property(
    fc.array(fc.constantFrom(...commands), { maxLength: 4 }),
    fc.string({ unit: "binary-ascii", maxLength: 8 }),
    fc.array(fc.nat(80), { maxLength: 8 }),
    fc.boolean(),
    (injected, noise, cuts, isGone) => {
      const peer = new Peer({ tls: "offered" });
      peer.send("EHLO a.test\r\n");
      const text = `STARTTLS\r\n${injected.map((line) => `${line}\r\n`).join("")}${noise}`;
      const places = [...new Set([0, ...cuts.filter((cut) => cut < text.length), text.length])].sort((a, b) => a - b);
      for (const [n, place] of places.slice(1).entries()) peer.send(text.slice(places[n], place));
      const before = peer.effects.length;
      const wasClosed = peer.has("close");
      peer.secure();
      if (isGone) peer.send("");
      const after = peer.effects.slice(before);
      // Either the session has ended, or nothing came behind STARTTLS.
      if (wasClosed) deepEqual(after, []);
      else equal(text, "STARTTLS\r\n");
      ok(!peer.has("ask") && peer.codes.slice(2).every((code) => code === "220" || code === "554"), peer.said);
      if (wasClosed) return;
      peer.send("MAIL FROM:<x@a.test>\r\n");
      deepEqual(peer.codes, ["220", "250", "220", "503"], "EHLO of before is forgotten");
    },
  ));
});
