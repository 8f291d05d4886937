import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { join } from "@std/path";
import net from "node:net";
import { Fault } from "../../lib/fault.ts";
import { discardSocket, holdSocket, hostDialer, socketFault, socketPair, SocketStream } from "../../lib/host/net.ts";
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

/** Both ends of a connection on loopback; the server's reads nothing yet. */
async function connected(): Promise<{ readonly stream: SocketStream; readonly client: net.Socket }> {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  ok(typeof address === "object" && address !== null);
  const accepted = new Promise<net.Socket>((resolve) => server.on("connection", resolve));
  const client = net.connect({ host: "127.0.0.1", port: address.port, allowHalfOpen: true });
  const stream = new SocketStream(await accepted);
  server.close();
  return { stream, client };
}

/** How many octets come until the end. The socket's own side stays open. */
function countToEnd(socket: net.Socket): Promise<number> {
  let count = 0;
  socket.on("data", (bytes: Uint8Array) => void (count += bytes.length));
  return new Promise((resolve, reject) => {
    socket.on("end", () => resolve(count));
    socket.on("error", reject);
  });
}

function closeOf(stream: Stream): Promise<Fault | null> {
  return new Promise((resolve) => stream.attach({ data: () => {}, drain: () => {}, end: () => {}, close: resolve }));
}

for (const isEnded of [false, true]) {
  Deno.test(`finish() sends all that is queued, and waits for no peer, ${isEnded ? "also after end()" : "by itself"}`, async () => {
    const { stream, client } = await connected();
    const closed = closeOf(stream);
    // More than the system takes at once: most of it still waits here.
    const piece = new Uint8Array(1024 * 1024);
    for (let n = 0; n < 16; n++) stream.write(piece);
    ok(stream.buffered > 0);
    if (isEnded) stream.end();
    stream.finish();
    equal(await countToEnd(client), 16 * piece.length);
    equal(await closed, null);
    client.destroy();
  });
}

Deno.test("finish() closes at once when nothing is queued, and a second one does no harm", async () => {
  const { stream, client } = await connected();
  const closed = closeOf(stream);
  stream.finish();
  stream.finish();
  equal(await closed, null);
  equal(await countToEnd(client), 0);
  client.destroy();
});

Deno.test("a stream knows both ends of its connection", async () => {
  const { stream, client } = await connected();
  const end = (port: number | undefined) => ({ kind: "inet", ip: "127.0.0.1", port });
  deepEqual([stream.local, stream.remote], [end(client.remotePort), end(client.localPort)]);
  stream.destroy();
  client.destroy();
});

Deno.test("discardSocket() tells the other end", async () => {
  const [near, far] = await socketPair(join(await Deno.makeTempDir(), "p"));
  const closed = new Promise<void>((resolve) => far.on("close", () => resolve()));
  far.resume();
  discardSocket(near);
  discardSocket("no socket");
  await closed;
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

Deno.test("socketFault() knows the errors of sockets", () => {
  const fault = socketFault("do it", Object.assign(new Error("x"), { code: "EADDRINUSE" }));
  equal(fault.kind, "exists");
  equal(fault.message, "Cannot do it: EADDRINUSE");
  equal(socketFault("do it", new Error("odd")).kind, "io");
});
