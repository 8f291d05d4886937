/** Sockets to database servers. */

import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { dialServer, placeOf, sessionFault, tlsOptionsOf } from "../../lib/host/server_socket.ts";
import { Fault } from "../../lib/fault.ts";
import type { ServerAddress, ServerTls } from "../../lib/port_database.ts";

const never = new AbortController().signal;
const address = (port: number): ServerAddress => ({ kind: "host", host: "127.0.0.1", port, name: "db.test" });

Deno.test("dialServer() tells of the end of a socket, and survives its driver", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const lost = Promise.withResolvers<void>();
  const socket = await dialServer(address(listener.addr.port), never, lost.resolve);
  // As drivers do before TLS.
  socket.removeAllListeners();
  socket.removeAllListeners("error");
  socket.removeAllListeners("close");
  socket.emit("error", new Error("stray"));
  const ended = Promise.withResolvers<void>();
  socket.on("data", () => {
    ended.resolve();
    throw new Error("a driver's mistake");
  });
  const conn = await accepted;
  await conn.write(new Uint8Array(1));
  await ended.promise;
  await lost.promise;
  ok(socket.destroyed);
  conn.close();
  listener.close();
});

Deno.test("dialServer() fails with a Fault that says where", async () => {
  const isUnavailable = (error: unknown) => error instanceof Fault && error.kind === "unavailable";
  await rejects(dialServer(address(1), never, () => {}), isUnavailable);
  await rejects(dialServer({ kind: "unix", path: "/nowhere/sock" }, never, () => {}), isUnavailable);
  await rejects(dialServer(address(1), AbortSignal.abort(), () => {}), isUnavailable);
});

Deno.test("tlsOptionsOf() checks what the settings want checked", async () => {
  const ca = await Deno.makeTempFile();
  await Deno.writeTextFile(ca, "PEM");
  const options = (tls: ServerTls | null, at = address(1)) =>
    tlsOptionsOf({ address: at, tls, user: null, password: null, database: null });
  equal(options(null), null);
  equal(options({ mode: "verify", ca }, { kind: "unix", path: "/s" }), null);
  deepEqual(options({ mode: "require", ca: null }), { servername: "db.test", rejectUnauthorized: false });
  deepEqual(options({ mode: "verify", ca }), { servername: "db.test", rejectUnauthorized: true, ca: "PEM" });
  deepEqual(options({ mode: "verify", ca: null }, { kind: "host", host: "::1", port: 1, name: "::1" }), {
    rejectUnauthorized: true,
  });
  const authority = options({ mode: "authority", ca });
  equal(authority?.checkServerIdentity?.("other.test", {} as never), undefined);
  throws(() => options({ mode: "verify", ca: "/nowhere/ca" }), /cannot read \/nowhere\/ca/);
  await Deno.remove(ca);
});

Deno.test("placeOf() and sessionFault() are for people", () => {
  equal(placeOf({ kind: "unix", path: "/s" }), "/s");
  equal(placeOf({ kind: "host", host: "::1", port: 5, name: "x" }), "[::1]:5");
  equal(sessionFault(new Error("x"), true).kind, "closed");
  equal(sessionFault("x", false).message, "x");
  const fault = new Fault("malformed", "y");
  equal(sessionFault(fault, true), fault);
});
