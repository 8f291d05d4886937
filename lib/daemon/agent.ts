/** agent: writes mail into the Maildirs of one account. It runs as that account and may write below one directory. */

import type { Channel } from "../port.ts";
import { type MaildirSink, type MaildirWorld, MaildirWriter, storeFailure } from "../delivery/maildir.ts";
import type { AgentToDelivery, DeliveryToAgent } from "./imsg.ts";

/** An agent's end of its channel to delivery. */
export type DeliveryChannel = Channel<AgentToDelivery, DeliveryToAgent>;

/** The role: serves one channel, and is done when that closes. */
export class Agent {
  readonly #writer: MaildirWriter;
  readonly #open = new Map<number, Promise<MaildirSink>>();
  /** Writes under way, commits among them. */
  readonly #writing = new Set<Promise<void>>();

  /** `world` is where Maildirs are: a disk, a clock, and the host's name for file names. */
  constructor(world: MaildirWorld) {
    this.#writer = new MaildirWriter(world);
  }

  /** Takes work from delivery. `done` is called when delivery has let go and everything begun has ended. */
  serve(channel: DeliveryChannel, done: () => void): void {
    channel.onMessage((message, body) => this.#received(channel, message, body));
    channel.onClose(() => {
      const left = [...this.#open.values()].map(async (sink) => (await sink).abandon());
      this.#open.clear();
      void Promise.allSettled([...left, ...this.#writing]).then(done);
    });
  }

  #received(channel: DeliveryChannel, message: DeliveryToAgent, body: Uint8Array | null): void {
    const { request } = message;
    if (message.kind === "abandon") {
      const sink = this.#open.get(request);
      this.#open.delete(request);
      void sink?.then((one) => one.abandon(), () => {});
      return;
    }
    const sink = message.kind === "store" ? this.#writer.open(message) : this.#open.get(request);
    // A piece that follows a failure: delivery has been told, or is about to be.
    if (sink === undefined) return;
    if (message.last) this.#open.delete(request);
    else this.#open.set(request, sink);
    const writing = this.#write(sink, body, message.last).then(
      () => {
        if (message.last) channel.send({ kind: "stored", request });
        else channel.send({ kind: "more", request });
      },
      (error) => {
        this.#open.delete(request);
        channel.send({ kind: "notStored", request, ...storeFailure(error) });
      },
    ).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }

  async #write(opening: Promise<MaildirSink>, body: Uint8Array | null, last: boolean): Promise<void> {
    const sink = await opening;
    if (body !== null) await sink.write(body);
    if (last) await sink.commit();
  }
}
