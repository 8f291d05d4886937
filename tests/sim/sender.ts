/** A client that submits one message over SMTP, one command at a time, and remembers how it was answered. */

import { Buffer } from "node:buffer";
import type { FakeStream } from "./net.ts";

/** One message. CRLF line ends; no line begins with a dot. */
export interface SubmittedMessage {
  readonly from: string;
  readonly to: readonly string[];
  readonly content: string;
}

/** The client. It goes on as long as one recipient is taken. */
export class Sender {
  /** `accepted`: the message was answered 250. `lost`: the connection went first; nobody knows. */
  state: "open" | "accepted" | "refused" | "lost" = "open";
  /** Reply codes in order. */
  readonly codes: number[] = [];
  /** Recipients that were answered 250. */
  readonly taken: string[] = [];
  readonly #to: readonly string[];
  readonly #stream: FakeStream;
  /** What is said after each reply; `final` is the one that decides. */
  readonly #script: { readonly say: string; readonly step: "hello" | "mail" | "rcpt" | "data" | "dot" | "quit" }[];
  #text = "";
  #rcpts = 0;
  #asked: "greeting" | "hello" | "mail" | "rcpt" | "data" | "dot" | "quit" = "greeting";

  constructor(stream: FakeStream, message: SubmittedMessage) {
    this.#stream = stream;
    this.#to = message.to;
    this.#script = [
      { say: "EHLO client.test", step: "hello" },
      { say: `MAIL FROM:<${message.from}>`, step: "mail" },
      ...message.to.map((rcpt) => ({ say: `RCPT TO:<${rcpt}>`, step: "rcpt" as const })),
      { say: "DATA", step: "data" },
      { say: `${message.content}.`, step: "dot" },
      { say: "QUIT", step: "quit" },
    ];
    stream.attach({
      data: (bytes) => this.#receive(Buffer.from(bytes).toString("latin1")),
      drain: () => {},
      end: () => stream.end(),
      close: () => this.state = this.state === "open" ? "lost" : this.state,
    });
  }

  #receive(text: string): void {
    this.#text += text;
    for (let end = this.#text.indexOf("\r\n"); end >= 0; end = this.#text.indexOf("\r\n")) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 2);
      if (line.charAt(3) !== "-") this.#reply(Number(line.slice(0, 3)));
    }
  }

  #reply(code: number): void {
    this.codes.push(code);
    const isTaken = code < 400;
    if (this.#asked === "rcpt") {
      const rcpt = this.#to[this.#rcpts++];
      if (rcpt !== undefined && isTaken) this.taken.push(rcpt);
    }
    if (this.#asked === "dot" && isTaken) this.state = "accepted";
    const isOver = this.#asked === "rcpt" ? this.#script[0]?.step !== "rcpt" && this.taken.length === 0 : !isTaken;
    if (isOver) {
      if (this.state === "open") this.state = "refused";
      this.#script.splice(0);
      this.#stream.end();
    }
    const next = this.#script.shift();
    if (next === undefined) return;
    this.#asked = next.step;
    this.#stream.write(Buffer.from(`${next.say}\r\n`, "latin1"));
  }
}
