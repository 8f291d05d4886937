/** What every `Stream` over a socket does alike. */

import { deepEqual, equal, ok } from "node:assert/strict";
import net from "node:net";
import type { Fault } from "../../lib/fault.ts";
import type { Stream, StreamHandler } from "../../lib/port.ts";

/** Both ends of a connection. */
export interface Connected {
  /** Reads nothing yet. */
  readonly stream: Stream;
  readonly client: net.Socket;
}

/** A server on loopback and a client that has connected to it, which may keep its side open. */
export async function connectTo(server: net.Server): Promise<net.Socket> {
  await listening(server);
  const address = server.address();
  ok(typeof address === "object" && address !== null);
  return net.connect({ host: "127.0.0.1", port: address.port, allowHalfOpen: true });
}

function listening(server: net.Server): Promise<void> {
  if (server.listening) return Promise.resolve();
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
}

/** A handler that does nothing but what it is given. */
export function handler(does: Partial<StreamHandler> = {}): StreamHandler {
  return { data: () => {}, drain: () => {}, end: () => {}, close: () => {}, ...does };
}

function closeOf(stream: Stream, does: Partial<StreamHandler> = {}): Promise<Fault | null> {
  return new Promise((resolve) => stream.attach(handler({ ...does, close: resolve })));
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

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const piece = new Uint8Array(1024 * 1024);

/** `connected` makes a connection; `name` says of what kind. */
export function streamContract(name: string, connected: () => Promise<Connected>): void {
  const test = (what: string, run: (ends: Connected) => Promise<void>) =>
    Deno.test(`${name} ${what}`, async () => {
      const ends = await connected();
      await run(ends);
      ends.client.destroy();
    });

  for (const isEnded of [false, true]) {
    test(`sends all that is queued when finished ${isEnded ? "after end()" : "by itself"}, and waits for no peer`, async ({ stream, client }) => {
      const closed = closeOf(stream);
      // More than the system takes at once: most of it still waits here.
      for (let n = 0; n < 16; n++) stream.write(piece);
      ok(stream.buffered > 0);
      if (isEnded) stream.end();
      stream.finish();
      equal(await countToEnd(client), 16 * piece.length);
      equal(await closed, null);
    });
  }

  test("closes at once when finished with nothing queued, and a second time does no harm", async ({ stream, client }) => {
    const closed = closeOf(stream);
    stream.finish();
    stream.finish();
    equal(await closed, null);
    equal(await countToEnd(client), 0);
  });

  test("knows both ends of its connection", async ({ stream, client }) => {
    const end = (port: number | undefined) => ({ kind: "inet", ip: "127.0.0.1", port });
    deepEqual([stream.local, stream.remote], [end(client.remotePort), end(client.localPort)]);
    stream.destroy();
    await closeOf(stream);
  });

  test("goes on sending to a peer that has ended its side, and closes when it has ended its own", async ({ stream, client }) => {
    const received = countToEnd(client);
    client.end(encode("last words"));
    let text = "";
    const closed = closeOf(stream, {
      data: (bytes) => text += decode(bytes),
      end: () => {
        stream.write(encode("answer"));
        stream.end();
      },
    });
    equal(await received, 6);
    equal(await closed, null);
    equal(text, "last words");
  });

  test("holds what the peer does not take, says so, and tells when it is gone", async ({ stream, client }) => {
    client.pause();
    const drained = new Promise<void>((resolve) => stream.attach(handler({ drain: resolve })));
    const answers = Array.from({ length: 16 }, () => stream.write(piece));
    equal(answers.at(-1), false);
    ok(stream.buffered > 0);
    client.resume();
    await drained;
    equal(stream.buffered, 0);
    // Many small ones leave nothing behind either.
    for (let n = 0; n < 5000; n++) stream.write(encode("250 2.0.0 Ok\r\n"));
    while (stream.buffered > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    stream.destroy();
  });

  test("delivers nothing while it is paused", async ({ stream, client }) => {
    let text = "";
    const got = Promise.withResolvers<void>();
    const data = (bytes: Uint8Array) => {
      text += decode(bytes);
      stream.pause();
      got.resolve();
    };
    stream.attach(handler({ data }));
    client.write("one");
    await got.promise;
    await new Promise<void>((resolve) => client.write("two", () => resolve()));
    await new Promise((resolve) => setTimeout(resolve, 20));
    equal(text, "one");
    stream.resume();
    while (text.length < 6) await new Promise((resolve) => setTimeout(resolve, 1));
    equal(text.slice(3), "two");
    stream.destroy();
  });

  test("tells why it was lost, once, and takes no harm from more", async ({ stream, client }) => {
    const closed = closeOf(stream);
    stream.write(piece);
    client.resetAndDestroy();
    equal((await closed)?.kind, "reset");
    equal(stream.write(encode("more")), true);
    stream.pause();
    stream.resume();
    stream.end();
    stream.finish();
    stream.destroy();
    equal(stream.buffered, 0);
  });

  test("tells a handler that comes too late that it is closed", async ({ stream }) => {
    stream.destroy();
    await new Promise((resolve) => setTimeout(resolve, 5));
    equal(await closeOf(stream), null);
  });
}
