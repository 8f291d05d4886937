import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import tls from "node:tls";
import { makeTlsServer, tlsProblem } from "../../lib/host/tls.ts";
import type { TlsServer, TlsSetup } from "../../lib/port_tls.ts";
import { handler, streamContract } from "../contract/stream.ts";
import { Certificates, type CertificateWish, openssl } from "../support/certificates.ts";
import { accepted, begun, type Below, belows, drop, listening, setupOf, shake } from "../support/handshakes.ts";

const ignore = openssl === null;

if (!ignore) {
  const made = await Certificates.make();
  const server = makeTlsServer(await setupOf(made, { mx: { names: ["mx.test"] } }));
  await made[Symbol.asyncDispose]();
  for (const as of belows) {
    streamContract(`a stream with TLS on a ${as}`, async () => {
      const { outcome, client } = await shake(server, {}, as);
      ok(outcome.kind === "secure");
      return { stream: outcome.stream, client };
    });
  }
}

for (const as of belows) {
  Deno.test({
    name: `on a ${as} begin() serves TLS 1.2 and 1.3, or the one that is wanted`,
    ignore,
    async fn() {
      await using made = await Certificates.make();
      const setup = await setupOf(made, { mx: { names: ["mx.test"] } });
      for (
        const [offered, wanted, got] of [
          [["TLSv1.2", "TLSv1.3"], "TLSv1.3", "TLSv1.3"],
          [["TLSv1.2", "TLSv1.3"], "TLSv1.2", "TLSv1.2"],
          [["TLSv1.3"], "TLSv1.2", null],
          [["TLSv1.2"], "TLSv1.3", null],
        ] as const
      ) {
        const server = makeTlsServer({ ...setup, versions: offered });
        const { outcome, client } = await shake(
          server,
          { minVersion: wanted, maxVersion: wanted, servername: "mx.test" },
          as,
        );
        equal(outcome.kind === "secure" ? outcome.tls.version : null, got, `${offered} ${wanted}`);
        if (outcome.kind === "secure") {
          ok([128, 256].includes(outcome.tls.bits) && outcome.tls.cipher.includes("SHA"));
          deepEqual([outcome.tls.client, outcome.tls.fingerprint, outcome.tls.serverName], ["none", null, "mx.test"]);
        } else match(outcome.reason, /Tls12NotOffered|version|alert/i);
        await drop(outcome, client);
      }
    },
  });
}

for (const as of belows) {
  Deno.test({
    name: `on a ${as} begin() chooses the certificate by the host that the client names, ECDSA before RSA`,
    ignore,
    async fn() {
      await using made = await Certificates.make();
      const setup = await setupOf(made, {
        first: { names: ["first.test"], kind: "rsa" },
        rsa: { names: ["both.test", "*.rsa.test"], kind: "rsa" },
        ecdsa: { names: ["both.test"] },
      });
      const server = makeTlsServer(setup);
      for (
        const [host, want] of [
          ["first.test", "first"],
          ["both.test", "ecdsa"],
          ["x.rsa.test", "rsa"],
          ["nobody.test", "first"],
          [null, "first"],
        ] as const
      ) {
        const { outcome, client } = await shake(server, host === null ? {} : { servername: host }, as);
        equal(client.getPeerCertificate().subject.CN, want, String(host));
        equal(outcome.kind === "secure" ? outcome.tls.serverName : "", host);
        await drop(outcome, client);
      }
    },
  });
}

for (const as of belows) {
  Deno.test({
    name:
      `on a ${as} begin() tells what a client's certificate is worth, and a session taken up again makes it no better`,
    ignore,
    async fn() {
      await using made = await Certificates.make();
      await made.issue("ca", { isAuthority: true });
      const authorities = await made.text("ca", "crt");
      const setup = await setupOf(made, { mx: { names: ["mx.test"] } }, { authorities });
      const server = makeTlsServer(setup);
      const wishes: readonly (readonly [string, CertificateWish | null, string, string?])[] = [
        ["good", { by: "ca", usage: "clientAuth" }, "verified"],
        ["anything", { by: "ca" }, "verified"],
        ["server", { by: "ca", usage: "serverAuth" }, "unchecked", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
        ["stranger", {}, "unchecked", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
        ["expired", { by: "ca", days: -1 }, "unchecked", "CERT_HAS_EXPIRED"],
        ["none", null, "none"],
      ];
      for (const [name, wish, want, why] of wishes) {
        if (wish !== null) await made.issue(name, wish);
        const shown = wish === null ? [] : ["-cert", made.path(name, "crt"), "-key", made.path(name, "key")];
        for (const version of ["-tls1_3", "-tls1_2"]) {
          const session = `${made.folder}/${name}${version}`;
          for (const step of ["-sess_out", "-sess_in"]) {
            const { client, fingerprint, problem } = await byOpenssl(server, as, [...shown, version, step, session]);
            equal(client, want, `${name} ${version} ${step}`);
            // A session that is taken up again does not say it once more.
            equal(problem, step === "-sess_out" ? why : undefined, `${name} ${version} ${step}`);
            equal(fingerprint === null, wish === null);
            if (fingerprint !== null) match(fingerprint, /^[0-9a-f]{64}$/);
          }
        }
      }
    },
  });
}

for (const as of belows) {
  Deno.test({
    name: `on a ${as} begin() asks clients for a certificate, whichever of ours is chosen`,
    ignore,
    async fn() {
      await using made = await Certificates.make();
      await made.issue("ca", { isAuthority: true });
      const authorities = await made.text("ca", "crt");
      const setup = await setupOf(made, { a: { names: ["a.test"] }, b: { names: ["b.test"] } }, { authorities });
      const server = makeTlsServer(setup);
      for (const [name, wish, want] of [["good", { by: "ca" }, "verified"], ["stranger", {}, "unchecked"]] as const) {
        await made.issue(name, wish);
        for (const host of ["a.test", "b.test", "nobody.test"]) {
          const shown = ["-cert", made.path(name, "crt"), "-key", made.path(name, "key"), "-servername", host];
          const { client, serverName } = await byOpenssl(server, as, shown);
          deepEqual([client, serverName], [want, host]);
        }
      }
    },
  });
}

/** A handshake with openssl's client, which can take up a session of its last one. */
async function byOpenssl(server: TlsServer, as: Below, args: readonly string[]) {
  const { port, stream: accepting } = await listening(as);
  const child = new Deno.Command(openssl ?? "", {
    args: ["s_client", "-connect", `127.0.0.1:${port}`, "-quiet", "-ign_eof", ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stream = await accepting;
  const outcome = await begun(server, stream);
  ok(outcome.kind === "secure");
  const closed = new Promise<void>((resolve) => outcome.stream.attach(handler({ close: () => resolve() })));
  outcome.stream.write(new TextEncoder().encode("220 mx.test\r\n"));
  outcome.stream.finish();
  const { stdout } = await child.output();
  match(new TextDecoder().decode(stdout), /220 mx.test/);
  await closed;
  return outcome.tls;
}

for (const as of belows) {
  Deno.test({
    name:
      `on a ${as} begin() fails for what is no handshake, also for octets that came in clear text behind the last command`,
    ignore,
    async fn() {
      await using made = await Certificates.make();
      const server = makeTlsServer(await setupOf(made, { mx: { names: ["mx.test"] } }));
      for (const text of ["EHLO injected.test\r\n", "\x15\x03\x01\x00\x02\x02\x28", "\0".repeat(64)]) {
        const { stream, client } = await accepted(as);
        client.resume();
        const outcome = begun(server, stream);
        client.write(text, "latin1");
        const gone = new Promise<void>((resolve) => client.once("close", () => resolve()));
        client.once("end", () => client.destroy());
        equal((await outcome).kind, "failed", JSON.stringify(text));
        await gone;
      }
      const { stream, client } = await accepted(as);
      const outcome = begun(server, stream);
      client.destroy();
      deepEqual(await outcome, { kind: "failed", reason: "the peer closed the connection" });
    },
  });
}

for (const as of belows) {
  Deno.test({
    name: `on a ${as} begin() tells clients of TLS 1.0 and 1.1 so before the connection is closed`,
    ignore,
    async fn() {
      await using made = await Certificates.make();
      const server = makeTlsServer(await setupOf(made, { mx: { names: ["mx.test"] } }));
      for (
        const [version, hasAlgorithms, alert] of [
          [0x0301, true, 70],
          [0x0302, true, 70],
          // Of a client that old the library misses what it cannot know first.
          [0x0301, false, 40],
        ] as const
      ) {
        const { stream, client } = await accepted(as);
        const outcome = begun(server, stream);
        client.write(clientHello(version, hasAlgorithms));
        const said: number[] = [];
        for await (const bytes of client) said.push(...bytes);
        // RFC 8446 §6: a fatal alert.
        deepEqual([said[0], ...said.slice(5)], [21, 2, alert]);
        equal((await outcome).kind, "failed");
      }
    },
  });
}

/** A ClientHello of an old version, with ECDHE and P-256. RFC 5246 §7.4.1.2. */
function clientHello(version: number, hasAlgorithms: boolean): Uint8Array {
  const curves = [0, 10, 0, 4, 0, 2, 0, 23];
  const extensions = hasAlgorithms ? [...curves, 0, 13, 0, 6, 0, 4, 4, 3, 8, 4] : curves;
  const random = new Array<number>(32).fill(7);
  const body = [version >> 8, version & 255, ...random, 0, 0, 2, 0xc0, 0x2b, 1, 0, 0, extensions.length, ...extensions];
  return Uint8Array.from([22, 3, 1, 0, body.length + 4, 1, 0, 0, body.length, ...body]);
}

for (const as of belows) {
  Deno.test({
    name: `on a ${as} begin() tells nothing of a handshake that was given up, and fails at once on a closed stream`,
    ignore,
    async fn() {
      await using made = await Certificates.make();
      const server = makeTlsServer(await setupOf(made, { mx: { names: ["mx.test"] } }));
      const { stream, client } = await accepted(as);
      const handshake = server.begin(stream, () => ok(false, "it was given up"));
      const gone = new Promise<void>((resolve) => client.once("close", () => resolve()));
      client.resume();
      client.once("end", () => client.destroy());
      handshake.destroy();
      await gone;
      const next = await shake(server, {}, as);
      equal(next.outcome.kind, "secure", "the next one is as good as ever");
      await drop(next.outcome, next.client);
      const closed = await accepted(as);
      closed.stream.destroy();
      const outcome = begun(server, closed.stream);
      deepEqual(await outcome, { kind: "failed", reason: "the connection is gone" });
      closed.client.destroy();
    },
  });
}

Deno.test({
  name: "begin() takes what was read ahead of it for TLS",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    const server = makeTlsServer(await setupOf(made, { mx: { names: ["mx.test"] } }));
    for (const as of belows) {
      const { stream, client: socket } = await accepted(as);
      const client = tls.connect({ socket, rejectUnauthorized: false });
      const head = await new Promise<Uint8Array>((resolve) => stream.attach(handler({ data: resolve })));
      const outcome = await begun(server, stream, head);
      equal(outcome.kind, "secure", as);
      await drop(outcome, client);
    }
  },
});

for (const as of belows) {
  Deno.test({
    name: `on a ${as} many handshakes at once do not mix up`,
    ignore,
    async fn() {
      await using made = await Certificates.make();
      const setup = await setupOf(made, { a: { names: ["a.test"] }, b: { names: ["b.test"] } });
      const server = makeTlsServer(setup);
      const hosts = Array.from({ length: 20 }, (_, n) => n % 2 === 0 ? "a.test" : "b.test");
      const both = await Promise.all(hosts.map((host) => shake(server, { servername: host }, as)));
      deepEqual(both.map(({ outcome }) => outcome.kind === "secure" ? outcome.tls.serverName : null), hosts);
      for (const { outcome, client } of both) await drop(outcome, client);
    },
  });
}

Deno.test({
  name: "makeTlsServer() refuses what the library cannot use",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    const [one, two] = [await made.issue("one"), await made.issue("two")];
    equal(tlsProblem(one.chain, one.key), null);
    match(tlsProblem(one.chain, two.key) ?? "", /cannot use it/);
    match(tlsProblem("", one.key) ?? "", /cannot use it/);
    const none: TlsSetup = { certificates: [], versions: ["TLSv1.3"], authorities: null };
    throws(() => makeTlsServer(none), /no certificate/);
    const mixed = { ...none, certificates: [one, { chain: one.chain, key: two.key }] };
    throws(() => makeTlsServer(mixed), /cannot use it/);
  },
});
