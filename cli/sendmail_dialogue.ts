/** SMTP as sendmail speaks it to the daemon: one message, for all of its recipients or for none. The sessions of
 * lib/smtp/client.ts would deliver to those that the server takes; a command that then fails would be run again and
 * reach them twice. */

import { encodeLatin1 } from "../lib/mail/latin1.ts";
import {
  type ClientMessage,
  formatMail,
  formatRcpt,
  noExtensions,
  parseExtensions,
  type PeerExtensions,
  usesSmtpUtf8,
} from "../lib/smtp/client_command.ts";
import { ReplyReader } from "../lib/smtp/client_reply.ts";
import { dataText } from "../lib/smtp/data_text.ts";
import { isPositive, type Reply } from "../lib/smtp/reply.ts";

/** A connection, as `Deno.Conn` is one. */
export interface DialogueStream {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** How a step ended. */
export type Step<T> =
  | { readonly kind: "ok"; readonly value: T }
  /** The server said no. */
  | { readonly kind: "refused"; readonly reply: Reply }
  /** The server would not take a message of this size, octets. */
  | { readonly kind: "tooLarge"; readonly limit: number }
  /** The connection is of no use any more; `why` is a clause for people. */
  | { readonly kind: "lost"; readonly why: string };

/** Longest wait for a reply, ms: RFC 5321 §4.5.3.2 with a margin below ten minutes for the last one. */
const replyWaitMs = 300_000;
const finalReplyWaitMs = 600_000;
/** Commands sent at once with PIPELINING. */
const groupMax = 100;
/** Octets of content in one write. */
const pieceLength = 128 * 1024;

/** A dialogue over one connection. `trace` is given each line, with `>>> ` or `<<< ` before it. */
export class Dialogue {
  readonly #stream: DialogueStream;
  readonly #trace: (line: string) => void;
  readonly #reader = new ReplyReader();
  readonly #buffer = new Uint8Array(4096);
  #offered: PeerExtensions = noExtensions;

  constructor(stream: DialogueStream, trace: (line: string) => void) {
    this.#stream = stream;
    this.#trace = trace;
  }

  /** Awaits the greeting and says EHLO. Gives the server's own name. */
  async greet(): Promise<Step<string>> {
    const greeting = await this.#reply(replyWaitMs, 220);
    if (greeting.kind !== "ok") return greeting;
    const hello = await this.#command("EHLO localhost\r\n", 250);
    if (hello.kind !== "ok") return hello;
    this.#offered = parseExtensions(hello.value);
    return { kind: "ok", value: greeting.value.lines[0]?.split(" ")[0] ?? "" };
  }

  /** Hands over one message. `content` is latin1 with CRLF line ends. Gives the last reply. */
  async submit(message: ClientMessage, content: string): Promise<Step<Reply>> {
    const limit = this.#offered.size ?? 0;
    if (limit > 0 && (message.size ?? 0) > limit) return { kind: "tooLarge", limit };
    const smtpUtf8 = usesSmtpUtf8(message, this.#offered);
    const commands = [
      formatMail(message, this.#offered),
      ...message.recipients.map((recipient) => formatRcpt(recipient, this.#offered, smtpUtf8)),
    ];
    const envelope = await this.#group(commands);
    if (envelope.kind !== "ok") return envelope;
    const data = await this.#command("DATA\r\n", 354);
    return data.kind === "ok" ? await this.#content(content) : data;
  }

  /** Says goodbye, waits for no answer that may not come, and closes the connection. */
  async quit(): Promise<void> {
    await this.#command("QUIT\r\n", 221, 1000);
    this.close();
  }

  close(): void {
    try {
      this.#stream.close();
    } catch {
      // Closed already, by a wait that was too long.
    }
  }

  /** Sends commands, as many at once as the server allows, and reads their replies. RFC 2920 §3.1. */
  async #group(commands: readonly string[]): Promise<Step<null>> {
    const size = this.#offered.pipelining ? groupMax : 1;
    for (let at = 0; at < commands.length; at += size) {
      const group = commands.slice(at, at + size);
      const sent = await this.#send(group.join(""));
      if (sent !== null) return sent;
      let refusal: Step<null> | null = null;
      for (const _ of group) {
        const step = await this.#reply(replyWaitMs);
        if (step.kind === "lost") return step;
        if (step.kind !== "ok") refusal ??= step;
      }
      if (refusal !== null) return refusal;
    }
    return { kind: "ok", value: null };
  }

  async #content(content: string): Promise<Step<Reply>> {
    const text = dataText(content);
    this.#trace(">>> .");
    for (let at = 0; at < text.length; at += pieceLength) {
      const lost = await this.#write(encodeLatin1(text.slice(at, at + pieceLength)));
      // A server that closes early may have said why.
      if (lost !== null) return await this.#lastWords(lost);
    }
    return await this.#reply(finalReplyWaitMs);
  }

  async #lastWords(lost: Step<never>): Promise<Step<Reply>> {
    const step = await this.#reply(1000);
    return step.kind === "refused" ? step : lost;
  }

  async #command(line: string, code: number, waitMs = replyWaitMs): Promise<Step<Reply>> {
    const lost = await this.#send(line);
    return lost ?? await this.#reply(waitMs, code);
  }

  async #send(lines: string): Promise<Step<never> | null> {
    for (const line of lines.split("\r\n").slice(0, -1)) this.#trace(`>>> ${line}`);
    return await this.#write(new TextEncoder().encode(lines));
  }

  async #write(bytes: Uint8Array): Promise<Step<never> | null> {
    try {
      for (let at = 0; at < bytes.length;) at += await this.#stream.write(bytes.subarray(at));
      return null;
    } catch (error) {
      return { kind: "lost", why: `the connection was lost: ${error instanceof Error ? error.message : error}` };
    }
  }

  /** The next reply: fine when it has the code, or any positive one when none is asked for. */
  async #reply(waitMs: number, code: number | null = null): Promise<Step<Reply>> {
    for (;;) {
      const item = this.#reader.next();
      if (item.kind === "bad") return { kind: "lost", why: item.why };
      if (item.kind === "reply") {
        for (const line of linesOf(item.reply)) this.#trace(`<<< ${line}`);
        const isGood = code === null ? isPositive(item.reply) : item.reply.code === code;
        return isGood ? { kind: "ok", value: item.reply } : { kind: "refused", reply: item.reply };
      }
      const lost = await this.#read(waitMs);
      if (lost !== null) return lost;
    }
  }

  async #read(waitMs: number): Promise<Step<never> | null> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.close();
    }, waitMs);
    try {
      const length = await this.#stream.read(this.#buffer);
      if (length === null) return { kind: "lost", why: "the server closed the connection" };
      this.#reader.push(this.#buffer.subarray(0, length));
      return null;
    } catch (error) {
      const why = isLate ? "the server did not answer in time" : `${error instanceof Error ? error.message : error}`;
      return { kind: "lost", why };
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A reply as it stood on the wire. */
function linesOf(reply: Reply): readonly string[] {
  const status = reply.enhanced === null ? "" : `${reply.enhanced} `;
  return reply.lines.map((text, i) => `${reply.code}${i === reply.lines.length - 1 ? " " : "-"}${status}${text}`);
}
