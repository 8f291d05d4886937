import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "@std/path";
import type { Fault } from "../../lib/fault.ts";
import { makeTlsServer } from "../../lib/host/tls.ts";
import { TlsHandle } from "../../lib/host/tls_handle.ts";
import { handler } from "../contract/stream.ts";
import { Certificates, openssl } from "../support/certificates.ts";
import { belows, drop, setupOf, shake } from "../support/handshakes.ts";

const ignore = openssl === null;
const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("TLS is had straight on handles with the Deno that README names", () => ok(TlsHandle.isPossible));

Deno.test({
  name: "what a client sends before anybody reads is kept, and so is its end",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    const server = makeTlsServer(await setupOf(made, { mx: {} }));
    for (const as of belows) {
      const { outcome, client } = await shake(server, { minVersion: "TLSv1.3" }, as);
      ok(outcome.kind === "secure");
      client.write("EHLO early.test\r\n");
      client.end("QUIT\r\n");
      await new Promise((resolve) => setTimeout(resolve, 50));
      let text = "";
      const ended = new Promise<void>((resolve) => {
        const data = (bytes: Uint8Array) => void (text += new TextDecoder().decode(bytes));
        outcome.stream.attach(handler({ data, end: resolve }));
        equal(text, "", "nothing comes amid attach()");
      });
      await ended;
      equal(text, "EHLO early.test\r\nQUIT\r\n", as);
      await drop(outcome, client);
    }
  },
});

Deno.test({
  name: "many writes in a row go out in their order, also those that finish() finds waiting",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    const server = makeTlsServer(await setupOf(made, { mx: {} }));
    for (const as of belows) {
      const { outcome, client } = await shake(server, {}, as);
      ok(outcome.kind === "secure");
      const gone = new Promise<void>((resolve) => outcome.stream.attach(handler({ close: () => resolve() })));
      const lines = Array.from({ length: 300 }, (_, n) => `250-${n} ${"x".repeat(n * 7)}\r\n`);
      for (const line of lines) outcome.stream.write(encode(line));
      ok(outcome.stream.buffered > 0);
      outcome.stream.finish();
      let text = "";
      client.on("data", (bytes: Uint8Array) => void (text += new TextDecoder().decode(bytes)));
      await new Promise<void>((resolve) => client.once("end", () => resolve()));
      equal(text, lines.join(""), as);
      await gone;
      client.destroy();
    }
  },
});

Deno.test({
  name: "octets that are no TLS end a session that was secure, and reach nobody",
  ignore,
  async fn() {
    await using made = await Certificates.make();
    const server = makeTlsServer(await setupOf(made, { mx: {} }));
    const { outcome, client } = await shake(server);
    ok(outcome.kind === "secure");
    const got: Uint8Array[] = [];
    const why = new Promise<Fault | null>((resolve) => {
      outcome.stream.attach(handler({ data: (bytes) => void got.push(bytes), close: resolve }));
    });
    const parent: unknown = Reflect.get(client, "_parent");
    ok(typeof parent === "object" && parent !== null && "write" in parent && typeof parent.write === "function");
    const handle: unknown = Reflect.get(parent, "_handle");
    ok(typeof handle === "object" && handle !== null && "writeBuffer" in handle);
    ok(typeof handle.writeBuffer === "function");
    handle.writeBuffer({ oncomplete() {} }, encode("MAIL FROM:<in@clear.test>\r\n"));
    equal((await why)?.message, "Cannot use the connection: EPROTO");
    deepEqual(got, []);
    client.destroy();
  },
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
