/** Crowds of clients that do little: thousands that only sit there, and those that send an octet a second. */

import { Buffer } from "node:buffer";

/** Connections that are opened at once. */
const batch = 100;

/** Connects `count` times and waits for each greeting. */
export async function openMany(port: number, count: number): Promise<Deno.TcpConn[]> {
  const open: Deno.TcpConn[] = [];
  while (open.length < count) {
    const size = Math.min(batch, count - open.length);
    open.push(...await Promise.all(Array.from({ length: size }, () => openOne(port))));
  }
  return open;
}

async function openOne(port: number): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const bytes = new Uint8Array(512);
  const length = await connection.read(bytes);
  const said = new TextDecoder().decode(bytes.subarray(0, length ?? 0));
  if (!said.startsWith("220")) throw new Error(`A session was not greeted: ${said}`);
  return connection;
}

/** What an idle client in the middle of a message has sent. */
const opening = ["EHLO drip.test", "MAIL FROM:<drip@client.test>", "RCPT TO:<bob@maildir.test>", "DATA"];

/** Clients that send an octet of a message each second. */
export class Drip {
  readonly #connections: readonly Deno.TcpConn[];
  #timer: ReturnType<typeof setInterval> | null = null;

  private constructor(connections: readonly Deno.TcpConn[]) {
    this.#connections = connections;
  }

  /** Brings `count` clients into the middle of a message; they go on until `stop`. */
  static async start(port: number, count: number): Promise<Drip> {
    const connections = await openMany(port, count);
    for (const line of opening) {
      await Promise.all(connections.map(async (one) => {
        await one.write(Buffer.from(`${line}\r\n`));
        await one.read(new Uint8Array(1024));
      }));
    }
    const drip = new Drip(connections);
    const octet = Buffer.from("x");
    // A tenth of them each tenth of a second: they do not all come at once.
    let turn = 0;
    drip.#timer = setInterval(() => {
      for (let at = turn++ % 10; at < connections.length; at += 10) connections[at]?.write(octet).catch(() => {});
    }, 100);
    return drip;
  }

  /** They all go away. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    for (const connection of this.#connections) connection.close();
  }
}
