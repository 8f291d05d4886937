/** A mail server for tests: takes what it is told to take and keeps it. Text is Latin-1. */

import { Buffer } from "node:buffer";
import { until } from "../support/wait.ts";

/** A message as it came. */
export interface SunkMessage {
  readonly from: string;
  readonly to: readonly string[];
  /** Content with CRLF line ends, dots unstuffed. */
  readonly data: string;
}

/** Answers to a command line, or to the end of DATA, which is `.`; null for the usual answer. */
export type Script = (command: string) => string | null;

/** Listens on a port of loopback until it is disposed of. */
export class Sink {
  readonly port: number;
  readonly messages: SunkMessage[] = [];
  /** Connections taken so far. */
  sessions = 0;
  script: Script;
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.TcpConn>();

  constructor(script: Script = () => null) {
    this.script = script;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#accept();
  }

  /** Waits until `count` messages have come and returns them. */
  async received(count: number): Promise<readonly SunkMessage[]> {
    await until(`the sink gets ${count} messages`, () => this.messages.length >= count);
    return this.messages;
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const connection of this.#open) connection.close();
  }

  async #accept(): Promise<void> {
    try {
      for await (const connection of this.#listener) {
        this.sessions++;
        this.#open.add(connection);
        this.#serve(connection)
          .catch(() => {}) // a peer may leave at any time
          .finally(() => this.#open.delete(connection) && connection.close());
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  async #serve(connection: Deno.TcpConn): Promise<void> {
    const say = async (line: string) => {
      const bytes = Buffer.from(line + "\r\n", "latin1");
      for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
    };
    const lines = readLines(connection);
    let from = "";
    let to: string[] = [];
    await say(this.script("") ?? "220 sink.test ESMTP");
    for await (const line of lines) {
      const verb = line.slice(0, 4).toUpperCase();
      const answer = this.script(line) ?? usualAnswer(verb, to);
      await say(answer);
      if (verb === "QUIT" || answer.startsWith("421")) return;
      if (!/^[23]/.test(answer)) continue;
      if (verb === "MAIL") [from, to] = [pathIn(line), []];
      if (verb === "RCPT") to.push(pathIn(line));
      if (verb !== "DATA") continue;
      const data = await readBody(lines);
      const verdict = this.script(".") ?? "250 2.0.0 Kept";
      if (verdict.startsWith("2")) this.messages.push({ from, to, data });
      await say(verdict);
    }
  }
}

function usualAnswer(verb: string, to: readonly string[]): string {
  switch (verb) {
    case "EHLO":
      return "250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 50000000";
    case "DATA":
      return to.length > 0 ? "354 Go on" : "554 5.5.1 No valid recipients";
    case "QUIT":
      return "221 2.0.0 Bye";
    default:
      return "250 2.0.0 Ok";
  }
}

function pathIn(line: string): string {
  return /<([^>]*)>/.exec(line)?.[1] ?? "";
}

async function* readLines(connection: Deno.TcpConn): AsyncGenerator<string> {
  const bytes = Buffer.alloc(65536);
  let buffer = "";
  for (let length; (length = await connection.read(bytes)) !== null;) {
    buffer += bytes.toString("latin1", 0, length);
    const lines = buffer.split("\r\n");
    buffer = lines.pop() ?? "";
    yield* lines;
  }
}

async function readBody(lines: AsyncGenerator<string>): Promise<string> {
  let data = "";
  while (true) {
    const { value, done } = await lines.next();
    if (done || value === ".") return data;
    data += (value.startsWith(".") ? value.slice(1) : value) + "\r\n";
  }
}
