import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { join } from "@std/path";
import net from "node:net";
import { Fault } from "../../lib/fault.ts";
import { discardSocket, holdSocket, hostDialer, socketPair } from "../../lib/host/net.ts";
import { SocketStream } from "../../lib/host/socket.ts";
import type { Stream } from "../../lib/port.ts";

function firstBytes(stream: Stream): Promise<string> {
  return new Promise((resolve, reject) =>
    stream.attach({
      data: (bytes) => resolve(new TextDecoder().decode(bytes)),
      drain: () => {},
      end: () => reject(new Error("ended")),
      close: (fault) => reject(fault ?? new Error("closed")),
    })
  );
}

Deno.test("holdSocket() keeps a port open without taking a connection", async () => {
  const held = await holdSocket({ kind: "inet", ip: "127.0.0.1", port: 0 });
  ok(held.local.kind === "inet" && held.local.port > 0);
  // It waits in the backlog: nobody accepts, nobody refuses.
  const stream = await hostDialer.dial(held.local, { timeoutMs: 5000 });
  stream.destroy();
});

Deno.test("holdSocket() gives a unix socket its own name, and says when a port is taken", async () => {
  const path = join(await Deno.makeTempDir(), "s.sock");
  await holdSocket({ kind: "unix", path });
  equal((await Deno.lstat(path)).isSocket, true);
  const held = await holdSocket({ kind: "inet", ip: "127.0.0.1", port: 0 });
  await rejects(holdSocket(held.local), (error) => error instanceof Fault && error.kind === "exists");
});

Deno.test("holdSocket() says when an address is not of this machine", async () => {
  const at = { kind: "inet", ip: "192.0.2.77", port: 0 } as const;
  await rejects(holdSocket(at), (error) => error instanceof Fault && error.kind === "unreachable");
});

Deno.test("holdSocket() says when a unix socket cannot have its name, and leaves none behind", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(join(folder, "s.sock"));
  await rejects(holdSocket({ kind: "unix", path: join(folder, "s.sock") }), Fault);
  equal([...Deno.readDirSync(folder)].map(({ name }) => name).join(), "s.sock");
});

Deno.test("socketPair() joins two ends, and leaves no name behind", async () => {
  const path = join(await Deno.makeTempDir(), "p");
  const [near, far] = await socketPair(path);
  const received = firstBytes(new SocketStream(far));
  new SocketStream(near).write(new TextEncoder().encode("hello"));
  equal(await received, "hello");
  near.destroy();
  await rejects(Deno.lstat(path), Deno.errors.NotFound);
});

Deno.test("discardSocket() tells the other end", async () => {
  const [near, far] = await socketPair(join(await Deno.makeTempDir(), "p"));
  const closed = new Promise<void>((resolve) => far.on("close", () => resolve()));
  far.resume();
  discardSocket(near);
  discardSocket("no socket");
  await closed;
});

Deno.test("hostDialer.dial() looks a host's name up, and says when there is none", async () => {
  const held = await holdSocket({ kind: "inet", ip: "127.0.0.1", port: 0 });
  const port = held.local.kind === "inet" ? held.local.port : 0;
  const stream = await hostDialer.dial({ kind: "host", name: "localhost", port }, { timeoutMs: 5000 });
  deepEqual(stream.remote, held.local);
  stream.destroy();
  held.release();
  await rejects(
    hostDialer.dial({ kind: "host", name: "nosuch.invalid", port }, { timeoutMs: 20_000 }),
    (error) => error instanceof Fault && ["notFound", "unavailable", "timeout"].includes(error.kind),
  );
});

Deno.test("hostDialer.dial() says what could not be reached", async () => {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  ok(typeof address === "object" && address !== null);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  await rejects(
    hostDialer.dial({ kind: "inet", ip: "127.0.0.1", port: address.port }, { timeoutMs: 5000 }),
    (error) => error instanceof Fault && error.kind === "refused",
  );
});
