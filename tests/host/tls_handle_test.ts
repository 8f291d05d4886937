import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import type net from "node:net";
import tls from "node:tls";
import { join } from "@std/path";
import type { Fault } from "../../lib/fault.ts";
import { makeTlsServer } from "../../lib/host/tls.ts";
import { TlsHandle } from "../../lib/host/tls_handle.ts";
import type { TlsOutcome, TlsServer, TlsVersion } from "../../lib/port_tls.ts";
import { handler } from "../contract/stream.ts";
import { Certificates, openssl } from "../support/certificates.ts";
import { accepted, begun, type Below, belows, drop, setupOf, shake, Tap } from "../support/handshakes.ts";

const ignore = openssl === null;
const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("TLS is had straight on handles with the Deno that README names", () => {
  ok(TlsHandle.isPossible, `Deno ${Deno.version.deno} has another form of them: all works, by node:tls, and slower`);
});

/** A test with a server of its own. */
function serverTest(
  name: string,
  run: (server: TlsServer) => Promise<void>,
  versions: readonly TlsVersion[] = ["TLSv1.2", "TLSv1.3"],
): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      await using made = await Certificates.make();
      await run(makeTlsServer({ ...await setupOf(made, { mx: {} }), versions }));
    },
  });
}

/** All that comes until the end. */
async function textOf(client: net.Socket): Promise<string> {
  let text = "";
  client.on("data", (bytes: Uint8Array) => void (text += new TextDecoder().decode(bytes)));
  await new Promise<void>((resolve) => client.once("end", () => resolve()));
  return text;
}

/** The client's side, over a tap. */
function clientOver(tap: Tap): tls.TLSSocket {
  return tls.connect({ socket: tap, rejectUnauthorized: false }).on("error", () => {});
}

/** The server's side of a connection whose client sends the end of its handshake, two commands and the end of TLS in
 * one piece. */
async function inOnePiece(server: TlsServer, as: Below): Promise<{ outcome: Promise<TlsOutcome>; client: net.Socket }> {
  const { stream, client } = await accepted(as);
  const outcome = begun(server, stream);
  const tap = new Tap(client);
  const secure = clientOver(tap);
  tap.once("data", () => tap.hold());
  secure.once("secureConnect", () => {
    secure.write("EHLO early.test\r\n");
    secure.end("QUIT\r\n", () => tap.release());
  });
  return { outcome, client };
}

for (const as of belows) {
  for (const delay of [null, 0, 50]) {
    const when = delay ?? "at once";
    const name = `on a ${as} what comes in one piece with the handshake is kept for who reads ${when}`;
    serverTest(name, async (server) => {
      const { outcome: coming, client } = await inOnePiece(server, as);
      const outcome = await coming;
      ok(outcome.kind === "secure");
      if (delay !== null) await new Promise((resolve) => setTimeout(resolve, delay));
      let text = "";
      const ended = new Promise<void>((resolve) => {
        const data = (bytes: Uint8Array) => void (text += new TextDecoder().decode(bytes));
        outcome.stream.attach(handler({ data, end: resolve }));
      });
      equal(text, "", "nothing comes amid attach()");
      await ended;
      equal(text, "EHLO early.test\r\nQUIT\r\n");
      await drop(outcome, client);
    }, ["TLSv1.3"]);
  }
}

serverTest("a client is not read before its handshake's end is taken up, nor behind the end of TLS", async (server) => {
  const { outcome, client } = await shake(server);
  ok(await leftOf(client) > 0, "before");
  await drop(outcome, client);
  const { stream, client: socket } = await accepted();
  const coming = begun(server, stream);
  const secure = clientOver(new Tap(socket));
  const over = await coming;
  ok(over.kind === "secure");
  const ended = new Promise<void>((resolve) => over.stream.attach(handler({ end: resolve })));
  secure.end();
  await ended;
  ok(await leftOf(socket) > 0, "behind");
  await drop(over, socket);
});

/** Sends 64 MB; what is left once none of it has been taken for a second. */
async function leftOf(socket: net.Socket): Promise<number> {
  for (let count = 0; count < 64; count++) socket.write(new Uint8Array(1024 * 1024));
  let left = -1;
  while (left !== socket.writableLength) {
    left = socket.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  return left;
}

serverTest("finish() says that all has been sent, by the end of TLS", async (server) => {
  for (const as of belows) {
    const { stream, client } = await accepted(as);
    const outcome = begun(server, stream);
    const tap = new Tap(client);
    clientOver(tap).resume();
    const came = await outcome;
    ok(came.kind === "secure");
    const end = new Promise<void>((resolve) => client.once("end", () => resolve()));
    const gone = new Promise<void>((resolve) => came.stream.attach(handler({ close: () => resolve() })));
    came.stream.write(encode("221 2.0.0 Bye\r\n"));
    came.stream.finish();
    await Promise.all([gone, end]);
    // RFC 5246 §6.2.1: an alert is a record of type 21, application data one of type 23.
    deepEqual(recordTypes(Buffer.concat(tap.received)).slice(-2), [23, 21], as);
    client.destroy();
  }
}, ["TLSv1.2"]);

function recordTypes(octets: Uint8Array): readonly number[] {
  const types: number[] = [];
  for (let at = 0; at < octets.length; at += 5 + octets[at + 3]! * 256 + octets[at + 4]!) types.push(octets[at]!);
  return types;
}

serverTest("many writes in a row go out in their order, also those that finish() finds waiting", async (server) => {
  for (const as of belows) {
    const { outcome, client } = await shake(server, {}, as);
    ok(outcome.kind === "secure");
    const gone = new Promise<void>((resolve) => outcome.stream.attach(handler({ close: () => resolve() })));
    const lines = Array.from({ length: 300 }, (_, n) => `250-${n} ${"x".repeat(n * 7)}\r\n`);
    for (const line of lines) outcome.stream.write(encode(line));
    ok(outcome.stream.buffered > 0);
    outcome.stream.finish();
    equal(await textOf(client), lines.join(""), as);
    await gone;
    client.destroy();
  }
});

serverTest("octets that are no TLS end a session that was secure, and reach nobody", async (server) => {
  const { stream, client } = await accepted();
  const outcome = begun(server, stream);
  clientOver(new Tap(client)).resume();
  const came = await outcome;
  ok(came.kind === "secure");
  const got: Uint8Array[] = [];
  const why = new Promise<Fault | null>((resolve) => {
    came.stream.attach(handler({ data: (bytes) => void got.push(bytes), close: resolve }));
  });
  client.write("MAIL FROM:<in@clear.test>\r\n");
  equal((await why)?.message, "Cannot use the connection: EPROTO");
  deepEqual(got, []);
  client.destroy();
});

Deno.test({
  name: "handshakes that fail leave nothing behind",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    const { chain, key } = await made.issue("mx");
    for (const as of belows) {
      for (const certificates of as === "handle" ? [1, 2] : [1]) {
        const { stdout, success } = await new Deno.Command(Deno.execPath(), {
          args: [
            ...["run", "--no-prompt", "--cached-only", "--no-check", "--v8-flags=--expose-gc", "--allow-net=127.0.0.1"],
            join(import.meta.dirname ?? ".", "..", "support", "failed_handshakes.ts"),
            ...[as, String(certificates), chain, key],
          ],
          stdin: "null",
        }).output();
        ok(success);
        const perHandshake = Number(new TextDecoder().decode(stdout));
        // Octets of the heap. It was 5,700, and 1,300 with several certificates.
        ok(perHandshake < 300, `${as}, ${certificates} certificates: ${perHandshake}`);
      }
    }
  },
});
