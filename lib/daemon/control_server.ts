/** The daemon's end of the control socket: lines in, answers out. What a request does is queue_control.ts's matter. */

import { Buffer } from "node:buffer";
import type { Listener, Stream } from "../port.ts";
import { describeError, Fault } from "../fault.ts";
import type { ControlAnswer, ControlItem, ControlRequest } from "./control.ts";
import { controlLineMax } from "./control.ts";
import { ControlLines, formatControlAnswer, parseControlHello, parseControlRequest } from "./control_parse.ts";

/** Connections served at once. OpenSMTPD's limit per user. */
export const controlConnectionsMax = 32;

/** Requests of a connection that may wait for their turn. */
const requestsMax = 64;

/** Octets of answers that may wait for a slow reader before more are made. */
const answerMark = 256 * 1024;

/** Carries out a request. `emit` resolves when the reader keeps up; it rejects when the reader is gone. */
export type Controller = (
  request: ControlRequest,
  emit: (item: ControlItem) => Promise<void>,
) => Promise<ControlAnswer> | ControlAnswer;

/** Serves control connections. */
export class ControlServer {
  readonly #controller: Controller;
  readonly #connections = new Set<Stream>();
  #listener: Listener | null = null;

  /** `controller` answers all requests of all connections. */
  constructor(controller: Controller) {
    this.#controller = controller;
  }

  /** Begins to accept. */
  serve(listener: Listener): void {
    this.#listener = listener;
    listener.accept((stream) => {
      if (this.#connections.size >= controlConnectionsMax) return stream.destroy();
      this.#connections.add(stream);
      new ControlConnection(stream, this.#controller, () => this.#connections.delete(stream));
    });
  }

  /** Stops listening, and lets answers under way go out. */
  close(): void {
    this.#listener?.close();
    for (const stream of this.#connections) stream.end();
  }
}

/** One connection: requests are answered one after the other. */
class ControlConnection {
  readonly #stream: Stream;
  readonly #controller: Controller;
  readonly #lines = new ControlLines(controlLineMax);
  #greeted = false;
  readonly #requests: string[] = [];
  #isBusy = false;
  /** The last answer closes our side: no more requests are taken. */
  #isEnding = false;
  #isClosed = false;
  #drained: (() => void)[] = [];

  constructor(stream: Stream, controller: Controller, closed: () => void) {
    this.#stream = stream;
    this.#controller = controller;
    stream.attach({
      data: (bytes) => this.#receive(bytes),
      drain: () => this.#wake(),
      end: () => this.#finish(),
      close: () => {
        this.#isClosed = true;
        this.#wake();
        closed();
      },
    });
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isEnding) return;
    const lines = this.#lines.push(bytes);
    this.#requests.push(...lines ?? []);
    if (lines === null || this.#requests.length > requestsMax) {
      this.#requests.splice(0);
      return this.#refuse({ kind: "error", code: "badRequest", message: "The request is too long" });
    }
    if (!this.#isBusy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    for (let line = this.#requests.shift(); line !== undefined && !this.#isClosed; line = this.#requests.shift()) {
      if (this.#greeted) await this.#request(line);
      else this.#greet(line);
    }
    this.#isBusy = false;
    if (this.#isEnding) this.#stream.end();
  }

  #greet(line: string): void {
    const refusal = parseControlHello(line);
    this.#greeted = refusal === null;
    if (refusal === null) return;
    this.#requests.splice(0);
    this.#refuse(refusal);
  }

  /** The last answer of this connection. */
  #refuse(answer: ControlAnswer): void {
    this.#answer(answer);
    this.#finish();
  }

  async #request(line: string): Promise<void> {
    const request = parseControlRequest(line);
    if (request.kind === "error") return this.#answer(request);
    try {
      this.#answer(await this.#controller(request, (item) => this.#emit(item)));
    } catch (error) {
      this.#answer({ kind: "error", code: "failed", message: describeError(error) });
    }
  }

  #emit(item: ControlItem): Promise<void> {
    // Nobody is left to read the rest of a long list.
    if (this.#isClosed) return Promise.reject(new Fault("closed", "Cannot answer: the reader is gone"));
    this.#answer({ kind: "item", item });
    if (this.#stream.buffered < answerMark) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  #answer(answer: ControlAnswer): void {
    if (!this.#isClosed) this.#stream.write(Buffer.from(formatControlAnswer(answer), "utf8"));
  }

  #wake(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  /** The peer asks no more; it still gets the answers to what it asked. */
  #finish(): void {
    this.#isEnding = true;
    if (!this.#isBusy) this.#stream.end();
  }
}
