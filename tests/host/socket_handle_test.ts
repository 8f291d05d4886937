import { equal, ok } from "node:assert/strict";
import { join } from "@std/path";
import net from "node:net";
import { socketPair } from "../../lib/host/net.ts";
import { acceptHandles, HandleStream, takeHandle } from "../../lib/host/socket_handle.ts";
import type { Stream } from "../../lib/port.ts";
import { connectTo, handler, streamContract } from "../contract/stream.ts";

/** A connection whose server never made a socket of it. */
async function accepted(): Promise<{ readonly stream: Stream; readonly client: net.Socket }> {
  const server = net.createServer(() => ok(false, "a socket was made"));
  const taken = new Promise<Stream>((resolve) => {
    server.on("listening", () => equal(acceptHandles(server, resolve), true));
  });
  const client = await connectTo(server);
  const stream = await taken;
  server.close();
  return { stream, client };
}

streamContract("a stream on a handle", accepted);

function nextText(stream: Stream): Promise<string> {
  return new Promise((resolve) =>
    stream.attach(handler({ data: (bytes) => resolve(new TextDecoder().decode(bytes)) }))
  );
}

Deno.test("takeHandle() loses nothing that the socket has read already", async () => {
  const [near, far] = await socketPair(join(await Deno.makeTempDir(), "p"));
  near.write("early");
  far.read(0);
  while (far.readableLength === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const stream = takeHandle(far);
  ok(stream !== null);
  equal(await nextText(stream), "early");
  near.destroy();
  stream.destroy();
});

Deno.test("takeHandle() leaves a socket alone that is over, and one without a handle that it knows", async () => {
  const [near, far] = await socketPair(join(await Deno.makeTempDir(), "p"));
  far.destroy();
  near.destroy();
  equal(takeHandle(far), null);
  equal(takeHandle(new net.Socket()), null);
});

Deno.test("acceptHandles() leaves a server alone that does not listen", () => {
  equal(acceptHandles(net.createServer(), () => {}), false);
});

Deno.test("release() makes a socket of a connection that has been in use, as STARTTLS needs it", async () => {
  const { stream, client } = await accepted();
  ok(stream instanceof HandleStream);
  client.write("STARTTLS");
  equal(await nextText(stream), "STARTTLS");
  stream.write(new TextEncoder().encode("220"));
  const socket = stream.release();
  ok(socket !== null);
  const echo = new Promise<string>((resolve) => socket.on("data", (bytes) => resolve(String(bytes))));
  let answer = "";
  client.on("data", (bytes) => answer += String(bytes));
  client.write("hello");
  equal(await echo, "hello");
  socket.end("world");
  await new Promise((resolve) => client.on("end", resolve));
  equal(answer, "220world");
  client.end();
  await new Promise((resolve) => socket.on("close", resolve));
});
