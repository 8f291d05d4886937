/** A mail server at the other end of a stream in memory. It does what it is told to, and keeps what it takes. */

import { Buffer } from "node:buffer";
import type { FakeStream } from "./net.ts";

/** A message that was taken: unstuffed, with the recipients that were. */
export interface TakenMessage {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly content: string;
}

/** What a server waits for, or has just got. */
export type PeerStep = "greeting" | "hello" | "mail" | "rcpt" | "data" | "dot" | "rset" | "quit";

/** Answers to a step: text without line ends, several lines for several; null for silence. It may also break the
 * stream. `n` counts the occurrences of the step on this connection, from 1. */
export type PeerScript = Partial<Record<PeerStep, (peer: FakePeer, argument: string, n: number) => string | null>>;

const defaults: Readonly<Record<PeerStep, string>> = {
  greeting: "220 peer.test ESMTP",
  hello: "250-peer.test\n250-PIPELINING\n250-8BITMIME\n250 SIZE 1000000",
  mail: "250 2.1.0 Ok",
  rcpt: "250 2.1.5 Ok",
  data: "354 Go",
  dot: "250 2.0.0 Taken",
  rset: "250 2.0.0 Reset",
  quit: "221 2.0.0 Bye",
};

/** One connection of the server. */
export class FakePeer {
  readonly stream: FakeStream;
  /** Messages taken on this connection. */
  readonly taken: TakenMessage[] = [];
  /** Commands as they came. */
  readonly commands: string[] = [];
  /** How the client went: `open` while it has not. */
  state: "open" | "quit" | "gone" = "open";
  readonly #script: PeerScript;
  readonly #counts = new Map<PeerStep, number>();
  #text = "";
  #inData = false;
  #sender = "";
  #recipients: string[] = [];

  constructor(stream: FakeStream, script: PeerScript = {}) {
    this.stream = stream;
    this.#script = script;
    stream.attach({
      data: (bytes) => this.#receive(Buffer.from(bytes).toString("latin1")),
      drain: () => {},
      end: () => stream.end(),
      close: () => this.state = this.state === "open" ? "gone" : this.state,
    });
    this.#answer("greeting", "");
  }

  /** Says something unasked. */
  say(text: string): void {
    this.stream.write(Buffer.from(text.split("\n").map((line) => `${line}\r\n`).join("")));
  }

  #receive(text: string): void {
    this.#text += text;
    while (this.#inData ? this.#takeData() : this.#takeCommand());
  }

  #takeData(): boolean {
    const end = this.#text.startsWith(".\r\n") ? 0 : this.#text.indexOf("\r\n.\r\n") + 2;
    if (end === 1) return false;
    const content = this.#text.slice(0, end).replace(/^\./gm, "");
    this.#text = this.#text.slice(end + 3);
    this.#inData = false;
    const code = this.#answer("dot", content);
    if (code === 2) this.taken.push({ sender: this.#sender, recipients: this.#recipients, content });
    this.#recipients = [];
    return true;
  }

  #takeCommand(): boolean {
    const end = this.#text.indexOf("\r\n");
    if (end < 0) return false;
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 2);
    this.commands.push(line);
    const argument = /<(.*?)>/.exec(line)?.[1] ?? "";
    switch (line.split(" ")[0]) {
      case "EHLO":
      case "HELO":
      case "LHLO":
        this.#answer("hello", line);
        break;
      case "MAIL":
        this.#sender = argument;
        this.#answer("mail", argument);
        break;
      case "RCPT":
        if (this.#answer("rcpt", argument) === 2) this.#recipients.push(argument);
        break;
      case "DATA":
        this.#inData = this.#answer("data", "") === 3;
        break;
      case "RSET":
        this.#answer("rset", "");
        break;
      case "QUIT":
        this.state = "quit";
        this.#answer("quit", "");
        this.stream.end();
    }
    return true;
  }

  /** Answers, and tells the first digit of it; 0 for silence. */
  #answer(step: PeerStep, argument: string): number {
    const n = (this.#counts.get(step) ?? 0) + 1;
    this.#counts.set(step, n);
    const scripted = this.#script[step];
    const text = scripted === undefined ? defaults[step] : scripted(this, argument, n);
    if (text === null) return 0;
    this.say(text);
    return Number(text.charAt(0));
  }
}
