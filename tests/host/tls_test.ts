import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import net from "node:net";
import tls from "node:tls";
import { acceptHandles, HandleStream } from "../../lib/host/socket_handle.ts";
import { SocketStream } from "../../lib/host/socket.ts";
import { makeTlsServer, tlsProblem } from "../../lib/host/tls.ts";
import type { Stream } from "../../lib/port.ts";
import type { TlsOutcome, TlsServer, TlsSetup } from "../../lib/port_tls.ts";
import { handler, streamContract } from "../contract/stream.ts";
import { Certificates, type CertificateWish, openssl } from "../support/certificates.ts";

const ignore = openssl === null;

/** A server with these certificates, the first one with what is asked of clients. */
async function setupOf(
  made: Certificates,
  wishes: Readonly<Record<string, CertificateWish>>,
  more: Partial<TlsSetup> = {},
): Promise<TlsSetup> {
  const certificates = [];
  for (const [name, wish] of Object.entries(wishes)) certificates.push(await made.issue(name, wish));
  return { certificates, versions: ["TLSv1.2", "TLSv1.3"], authorities: null, ...more };
}

/** A connection that the server has accepted. `as` is what stands below. */
async function accepted(as: "handle" | "socket" = "handle"): Promise<{ stream: Stream; client: net.Socket }> {
  const { promise, resolve } = Promise.withResolvers<Stream>();
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    resolve(new SocketStream(socket));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", () => done()));
  if (as === "handle") ok(acceptHandles(server, resolve));
  const address = server.address();
  ok(typeof address === "object" && address !== null);
  const client = net.connect({ host: "127.0.0.1", port: address.port, allowHalfOpen: true });
  client.on("error", () => {});
  const stream = await promise;
  server.close();
  return { stream, client };
}

/** Begins TLS on both ends. */
async function shake(
  server: TlsServer,
  options: tls.ConnectionOptions = {},
  as: "handle" | "socket" = "handle",
): Promise<{ readonly outcome: TlsOutcome; readonly client: tls.TLSSocket }> {
  const { stream, client: socket } = await accepted(as);
  const outcome = new Promise<TlsOutcome>((resolve) => void server.begin(stream, resolve));
  // The types do not know the last one.
  const all: object = { socket, rejectUnauthorized: false, ...options, allowHalfOpen: true };
  const client = tls.connect(all);
  client.on("error", () => {});
  // The client's side is done before ours, or after it.
  const secure = new Promise<void>((resolve) => client.once("secureConnect", () => resolve()));
  const came = await outcome;
  if (came.kind === "secure") await secure;
  return { outcome: came, client };
}

function drop(outcome: TlsOutcome, client: net.Socket): Promise<void> {
  client.destroy();
  return new Promise((resolve) => {
    if (outcome.kind !== "secure") return resolve();
    outcome.stream.attach(handler({ close: () => resolve() }));
    outcome.stream.destroy();
  });
}

if (!ignore) {
  const made = await Certificates.make();
  const server = makeTlsServer(await setupOf(made, { mx: { names: ["mx.test"] } }));
  await made[Symbol.asyncDispose]();
  for (const as of ["handle", "socket"] as const) {
    streamContract(`a stream with TLS on a ${as}`, async () => {
      const { outcome, client } = await shake(server, {}, as);
      ok(outcome.kind === "secure");
      return { stream: outcome.stream, client };
    });
  }
}

Deno.test({
  name: "begin() serves TLS 1.2 and 1.3, or the one that is wanted",
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
      const { outcome, client } = await shake(server, {
        minVersion: wanted,
        maxVersion: wanted,
        servername: "mx.test",
      });
      equal(outcome.kind === "secure" ? outcome.tls.version : null, got, `${offered} ${wanted}`);
      if (outcome.kind === "secure") {
        ok([128, 256].includes(outcome.tls.bits) && outcome.tls.cipher.includes("SHA"));
        deepEqual([outcome.tls.client, outcome.tls.fingerprint, outcome.tls.serverName], ["none", null, "mx.test"]);
      } else match(outcome.reason, /Tls12NotOffered|version|alert/i);
      await drop(outcome, client);
    }
  },
});

Deno.test({
  name: "begin() chooses the certificate by the host that the client names, ECDSA before RSA",
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
      const { outcome, client } = await shake(server, host === null ? {} : { servername: host });
      equal(client.getPeerCertificate().subject.CN, want, String(host));
      equal(outcome.kind === "secure" ? outcome.tls.serverName : "", host);
      await drop(outcome, client);
    }
  },
});

Deno.test({
  name: "begin() tells what a client's certificate is worth, and a session taken up again makes it no better",
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
          const { client, fingerprint, problem } = await byOpenssl(server, [...shown, version, step, session]);
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

/** A handshake with openssl's client, which can take up a session of its last one. */
async function byOpenssl(server: TlsServer, args: readonly string[]) {
  const listener = net.createServer();
  await new Promise<void>((done) => listener.listen(0, "127.0.0.1", () => done()));
  const accepting = new Promise<Stream>((resolve) => ok(acceptHandles(listener, resolve)));
  const address = listener.address();
  ok(typeof address === "object" && address !== null);
  const child = new Deno.Command(openssl ?? "", {
    args: ["s_client", "-connect", `127.0.0.1:${address.port}`, "-quiet", "-ign_eof", ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stream = await accepting;
  const outcome = await new Promise<TlsOutcome>((resolve) => void server.begin(stream, resolve));
  ok(outcome.kind === "secure");
  const closed = new Promise<void>((resolve) => outcome.stream.attach(handler({ close: () => resolve() })));
  outcome.stream.write(new TextEncoder().encode("220 mx.test\r\n"));
  outcome.stream.finish();
  const { stdout } = await child.output();
  match(new TextDecoder().decode(stdout), /220 mx.test/);
  await closed;
  listener.close();
  return outcome.tls;
}

Deno.test({
  name: "begin() fails for what is no handshake, also for octets that came in clear text behind the last command",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    const server = makeTlsServer(await setupOf(made, { mx: { names: ["mx.test"] } }));
    for (const text of ["EHLO injected.test\r\n", "\x15\x03\x01\x00\x02\x02\x28", "\0".repeat(64)]) {
      const { stream, client } = await accepted();
      client.resume();
      const outcome = new Promise<TlsOutcome>((resolve) => void server.begin(stream, resolve));
      client.write(text, "latin1");
      const gone = new Promise<void>((resolve) => client.once("close", () => resolve()));
      client.once("end", () => client.destroy());
      equal((await outcome).kind, "failed", JSON.stringify(text));
      await gone;
    }
    const { stream, client } = await accepted();
    const outcome = new Promise<TlsOutcome>((resolve) => void server.begin(stream, resolve));
    client.destroy();
    deepEqual(await outcome, { kind: "failed", reason: "the peer closed the connection" });
  },
});

Deno.test({
  name: "begin() tells clients of TLS 1.0 and 1.1 so before the connection is closed",
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
      const { stream, client } = await accepted();
      const outcome = new Promise<TlsOutcome>((resolve) => void server.begin(stream, resolve));
      client.write(clientHello(version, hasAlgorithms));
      const said: number[] = [];
      for await (const bytes of client) said.push(...bytes);
      // RFC 8446 §6: a fatal alert.
      deepEqual([said[0], ...said.slice(5)], [21, 2, alert]);
      equal((await outcome).kind, "failed");
    }
  },
});

/** A ClientHello of an old version, with ECDHE and P-256. RFC 5246 §7.4.1.2. */
function clientHello(version: number, hasAlgorithms: boolean): Uint8Array {
  const curves = [0, 10, 0, 4, 0, 2, 0, 23];
  const extensions = hasAlgorithms ? [...curves, 0, 13, 0, 6, 0, 4, 4, 3, 8, 4] : curves;
  const random = new Array<number>(32).fill(7);
  const body = [version >> 8, version & 255, ...random, 0, 0, 2, 0xc0, 0x2b, 1, 0, 0, extensions.length, ...extensions];
  return Uint8Array.from([22, 3, 1, 0, body.length + 4, 1, 0, 0, body.length, ...body]);
}

Deno.test({
  name: "begin() tells nothing of a handshake that was given up, and fails at once on a closed stream",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    const server = makeTlsServer(await setupOf(made, { mx: { names: ["mx.test"] } }));
    const { stream, client } = await accepted();
    const handshake = server.begin(stream, () => ok(false, "it was given up"));
    const gone = new Promise<void>((resolve) => client.once("close", () => resolve()));
    client.resume();
    client.once("end", () => client.destroy());
    handshake.destroy();
    await gone;
    const next = await shake(server);
    equal(next.outcome.kind, "secure", "the next one is as good as ever");
    await drop(next.outcome, next.client);
    const closed = await accepted();
    ok(closed.stream instanceof HandleStream);
    closed.stream.destroy();
    const outcome = new Promise<TlsOutcome>((resolve) => void server.begin(closed.stream, resolve));
    deepEqual(await outcome, { kind: "failed", reason: "the connection is gone" });
    closed.client.destroy();
  },
});

Deno.test({
  name: "begin() takes what was read ahead of it for TLS",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    const server = makeTlsServer(await setupOf(made, { mx: { names: ["mx.test"] } }));
    for (const as of ["handle", "socket"] as const) {
      const { stream, client: socket } = await accepted(as);
      const client = tls.connect({ socket, rejectUnauthorized: false });
      const head = await new Promise<Uint8Array>((resolve) => stream.attach(handler({ data: resolve })));
      const outcome = await new Promise<TlsOutcome>((resolve) => void server.begin(stream, resolve, head));
      equal(outcome.kind, "secure", as);
      await drop(outcome, client);
    }
  },
});

Deno.test({
  name: "many handshakes at once do not mix up",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    const setup = await setupOf(made, { a: { names: ["a.test"] }, b: { names: ["b.test"] } });
    const server = makeTlsServer(setup);
    const hosts = Array.from({ length: 20 }, (_, n) => n % 2 === 0 ? "a.test" : "b.test");
    const both = await Promise.all(hosts.map((host) => shake(server, { servername: host })));
    deepEqual(both.map(({ outcome }) => outcome.kind === "secure" ? outcome.tls.serverName : null), hosts);
    for (const { outcome, client } of both) await drop(outcome, client);
  },
});

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
