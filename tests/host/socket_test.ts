import { equal } from "node:assert/strict";
import net from "node:net";
import { socketFault, SocketStream } from "../../lib/host/socket.ts";
import { connectTo, streamContract } from "../contract/stream.ts";

streamContract("a stream on a socket", async () => {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const accepted = new Promise<net.Socket>((resolve) => server.on("connection", resolve));
  const client = await connectTo(server);
  const stream = new SocketStream(await accepted);
  server.close();
  return { stream, client };
});

Deno.test("socketFault() knows the errors of sockets", () => {
  const fault = socketFault("do it", Object.assign(new Error("x"), { code: "EADDRINUSE" }));
  equal(fault.kind, "exists");
  equal(
    fault.message,
    "Cannot do it: another program listens there: stop it (ss -ltnp names it), or choose another address or port (EADDRINUSE)",
  );
  equal(socketFault("do it", new Error("odd")).kind, "io");
});
