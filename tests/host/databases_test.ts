/** The drivers of databases, against servers that are no such thing. Real ones: interop/. */

import { equal, match, ok } from "node:assert/strict";
import { hostDatabases } from "../../lib/host/databases.ts";
import { Fault } from "../../lib/fault.ts";
import type { ServerAddress, ServerLogin } from "../../lib/port_database.ts";
import { within } from "../support/wait.ts";

const loginTo = (address: ServerAddress): ServerLogin => ({
  address,
  tls: null,
  user: "u",
  password: "p",
  database: null,
});

/** Connects by each driver, and gives what became of it; a session is asked something. */
function attempts(address: ServerAddress, signal: AbortSignal): ReadonlyMap<string, () => Promise<unknown>> {
  const login = loginTo(address);
  const lost = () => {};
  const { postgres, mysql, redis, ldap } = hostDatabases;
  return new Map<string, () => Promise<unknown>>([
    ["postgres", async () => {
      const server = postgres({ ...login, target: "any", parameters: [] });
      const session = await server.connect(signal, lost);
      return await session.ask({ sql: "SELECT $1", parameters: ["x"] }).finally(() => session.close());
    }],
    ["mysql", async () => {
      const session = await mysql(login).connect(signal, lost);
      return await session.ask({ sql: "SELECT ?", parameters: ["x"] }).finally(() => session.close());
    }],
    ["redis", async () => {
      const session = await redis(login).connect(signal, lost);
      return await session.ask(["GET", "x"]).finally(() => session.close());
    }],
    ["ldap", async () => {
      const session = await ldap({ ...login, startTls: false }).connect(signal, lost);
      const search = { base: "dc=t", filter: "(a=b)", attributes: ["a"] };
      return await session.ask(search).finally(() => session.close());
    }],
  ]);
}

/** A listener that answers everything with `bytes`, and then closes, or not. */
function serve(bytes: Uint8Array, closes: boolean) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const handle = async (conn: Deno.Conn) => {
    open.add(conn);
    try {
      if (bytes.length > 0) await conn.write(bytes);
      if (closes) conn.close();
      else for await (const _ of conn.readable);
    } catch {
      // The other side is gone: that is what is tried here.
    }
    open.delete(conn);
  };
  const served: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const conn of listener) served.push(handle(conn));
  })();
  return {
    address: { kind: "host", host: "127.0.0.1", port: listener.addr.port, name: "localhost" } satisfies ServerAddress,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const conn of open) {
        try {
          conn.close();
        } catch {
          // Its reader has closed it.
        }
      }
      await accepting;
      await Promise.all(served);
    },
  };
}

const text = (value: string) => new TextEncoder().encode(value);
const garbage: readonly (readonly [string, Uint8Array])[] = [
  ["nothing", new Uint8Array(0)],
  ["SMTP", text("220 mx.test ESMTP\r\n")],
  ["HTTP", text("HTTP/1.1 400 Bad Request\r\n\r\n")],
  ["zeros", new Uint8Array(64)],
  ["ones", new Uint8Array(64).fill(0xff)],
  ["bytes in order", Uint8Array.from({ length: 256 }, (_, i) => i)],
  ["a PostgreSQL row", Uint8Array.of(0x44, 0, 0, 0, 8, 0xff, 0xff, 1, 1)],
  ["a long LDAP message", Uint8Array.of(0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 2, 1, 1)],
  ["a MySQL packet", Uint8Array.of(1, 0, 0, 0, 0x0a, 0, 0, 0, 0)],
  ["a Redis array", text("*1000000000\r\n")],
];

for (const driver of ["postgres", "mysql", "redis", "ldap"]) {
  Deno.test(`${driver}: a server that talks nonsense and goes is a Fault, and the process lives`, async () => {
    for (const [name, bytes] of garbage) {
      await using server = serve(bytes, true);
      const attempt = attempts(server.address, new AbortController().signal).get(driver);
      ok(attempt);
      const error = await within(`${driver}: ${name}`, attempt().then(() => null, (error: unknown) => error));
      ok(error instanceof Fault, `${driver}: ${name}: ${error}`);
    }
  });

  Deno.test(`${driver}: a server that says nothing is given up when asked to`, async () => {
    await using server = serve(new Uint8Array(0), false);
    const controller = new AbortController();
    const attempt = attempts(server.address, controller.signal).get(driver);
    ok(attempt);
    const ended = attempt().then(() => null, (error: unknown) => error);
    controller.abort();
    ok(await within(driver, ended) instanceof Error);
  });

  Deno.test(`${driver}: nobody there is a Fault that says where`, async () => {
    const address: ServerAddress = { kind: "host", host: "127.0.0.1", port: 1, name: "localhost" };
    const attempt = attempts(address, new AbortController().signal).get(driver);
    ok(attempt);
    const error = await attempt().then(() => null, (error: unknown) => error);
    ok(error instanceof Fault);
    equal(error.kind, "unavailable");
    match(error.message, /127\.0\.0\.1:1\b/);
  });
}
