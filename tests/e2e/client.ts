/** A small SMTP client that says exactly what a test wants said. Text is Latin-1: one character, one octet. */

import { Buffer } from "node:buffer";
import { within } from "../support/wait.ts";

/** Octets that are written at once. */
const pieceLength = 64 * 1024;

/** A server's answer. */
export interface Answer {
  readonly code: number;
  readonly lines: readonly string[];
}

/** One connection. Every wait has a deadline. */
export class Client {
  #connection: Deno.Conn;
  #buffer = "";

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** Connects without reading the greeting: to a port of loopback, or to a unix socket. */
  static async connect(to: number | string): Promise<Client> {
    return new Client(
      typeof to === "number"
        ? await Deno.connect({ hostname: "127.0.0.1", port: to })
        : await Deno.connect({ transport: "unix", path: to }),
    );
  }

  /** Connects with TLS from the first octet, and shows a certificate. Reads no greeting. */
  static async connectTls(
    port: number,
    authority: string,
    own: { readonly chain: string; readonly key: string },
  ): Promise<Client> {
    return new Client(
      await Deno.connectTls({
        hostname: "127.0.0.1",
        port,
        caCerts: [authority],
        cert: own.chain,
        key: own.key,
        unsafelyDisableHostnameVerification: true,
      }),
    );
  }

  /** Connects, reads the greeting and says EHLO. */
  static async open(to: number | string): Promise<Client> {
    const client = await Client.connect(to);
    await client.expect(220);
    await client.command("EHLO client.test", 250);
    return client;
  }

  /** Begins TLS with a server of this name, whose certificate `authority` (PEM) has signed. Throws when that fails. */
  async startTls(hostname: string, authority: string): Promise<void> {
    const connection = this.#connection;
    if (!isTcp(connection)) throw new Error("TLS is for TCP");
    const secure = await Deno.startTls(connection, { hostname, caCerts: [authority] });
    this.#connection = secure;
    await within("TLS begins", secure.handshake(), 20_000, () => this.close());
  }

  /** Sends octets; throws when the server takes none of them for 20 s. */
  async write(text: string): Promise<void> {
    const bytes = Buffer.from(text, "latin1");
    for (let sent = 0; sent < bytes.length;) {
      // Piece by piece: a busy machine may take long for all of it, but not for one.
      const writing = this.#connection.write(bytes.subarray(sent, sent + pieceLength));
      sent += await within("the server takes what is sent", writing, 20_000, () => this.close());
    }
  }

  /** Reads one answer. Throws when the connection ends first. */
  async answer(): Promise<Answer> {
    const lines: string[] = [];
    while (true) {
      const line = await this.#line();
      if (!/^\d{3}[ -]/.test(line)) throw new Error(`Not an answer: ${line}`);
      lines.push(line.slice(4));
      if (line[3] === " ") return { code: Number(line.slice(0, 3)), lines };
    }
  }

  /** Reads one answer, which must have this code. */
  async expect(code: number): Promise<Answer> {
    const answer = await this.answer();
    if (answer.code !== code) throw new Error(`${answer.code} ${answer.lines.join("; ")} instead of ${code}`);
    return answer;
  }

  /** Sends a line and reads the answer; with `code`, it must be that. */
  async command(line: string, code?: number): Promise<Answer> {
    await this.write(line + "\r\n");
    return await (code === undefined ? this.answer() : this.expect(code));
  }

  /** Sends one message, whose `body` has CRLF line ends, the last one too. Throws when any step is refused. */
  async send(from: string, to: readonly string[], body: string): Promise<void> {
    await this.command(`MAIL FROM:<${from}>`, 250);
    for (const one of to) await this.command(`RCPT TO:<${one}>`, 250);
    await this.command("DATA", 354);
    await this.write(body.replace(/^\./gm, "..") + ".\r\n");
    await this.expect(250);
  }

  /** Says goodbye. */
  async quit(): Promise<void> {
    await this.command("QUIT", 221);
    this.close();
  }

  /** Resolves with what came, once the server has closed the connection. */
  async ended(): Promise<string> {
    while (await this.#read());
    return this.#buffer;
  }

  close(): void {
    try {
      this.#connection.close();
    } catch {
      // closed already by a deadline
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #line(): Promise<string> {
    let end: number;
    while ((end = this.#buffer.indexOf("\r\n")) < 0) {
      if (!await this.#read()) {
        throw new Error(`The server closed the connection after ${JSON.stringify(this.#buffer)}`);
      }
    }
    const line = this.#buffer.slice(0, end);
    this.#buffer = this.#buffer.slice(end + 2);
    return line;
  }

  async #read(): Promise<boolean> {
    const bytes = Buffer.alloc(8192);
    const reading = this.#connection.read(bytes).catch((error) => {
      if (error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.UnexpectedEof) return null;
      throw error;
    });
    const length = await within("the server speaks", reading, 20_000, () => this.close());
    if (length === null) return false;
    this.#buffer += bytes.toString("latin1", 0, length);
    return true;
  }
}

function isTcp(connection: Deno.Conn): connection is Deno.TcpConn {
  return connection.localAddr.transport === "tcp" && "setNoDelay" in connection;
}
