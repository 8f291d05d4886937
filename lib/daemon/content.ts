/** A message's content, as delivery reads it: sent along by the queue when it is short, else asked for in pieces. */

import type { Channel } from "../port.ts";
import { Fault } from "../fault.ts";
import type { ContentSource } from "../delivery/task.ts";
import type { MsgId } from "../spool/id.ts";
import type { DeliveryToQueue, QueueToDelivery } from "./imsg.ts";

interface Waiting {
  readonly resolve: (bytes: Uint8Array | null) => void;
  readonly reject: (fault: Fault) => void;
}

/** Asks the queue for pieces, over one channel. */
export class ContentReader {
  readonly #channel: Channel<DeliveryToQueue, QueueToDelivery>;
  readonly #waiting = new Map<number, Waiting>();
  #requests = 0;
  #isClosed = false;

  /** Its owner hands over what comes in with `received`. */
  constructor(channel: Channel<DeliveryToQueue, QueueToDelivery>) {
    this.#channel = channel;
  }

  /** The content of a message; `inline` is what came with it. Once the queue is gone it is not to be had either: the
   * next queue gives the message again, and what has not been begun is not to be done twice. */
  content(message: MsgId, inline: Uint8Array | null): ContentSource {
    const isClosed = () => this.#isClosed;
    return {
      get inline() {
        return isClosed() ? null : inline;
      },
      read: (seq) => isClosed() ? Promise.reject(gone()) : this.#read(message, seq, inline),
    };
  }

  /** A piece has come, or there is none of that number. */
  received(message: Extract<QueueToDelivery, { kind: "chunk" }>, body: Uint8Array | null): void {
    const waiting = this.#waiting.get(message.request);
    this.#waiting.delete(message.request);
    if (waiting === undefined) return;
    if (message.state === "failed") {
      waiting.reject(new Fault("unavailable", "Cannot read the message: the queue failed"));
    } else waiting.resolve(message.state === "end" ? null : body ?? new Uint8Array(0));
  }

  /** The channel is gone. */
  closed(): void {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.values()) reject(gone());
    this.#waiting.clear();
  }

  #read(message: MsgId, seq: number, inline: Uint8Array | null): Promise<Uint8Array | null> {
    if (inline !== null) return Promise.resolve(seq === 0 ? inline : null);
    const request = ++this.#requests;
    return new Promise((resolve, reject) => {
      this.#waiting.set(request, { resolve, reject });
      this.#channel.send({ kind: "needChunk", request, message, seq });
    });
  }
}

function gone(): Fault {
  return new Fault("unavailable", "Cannot read the message: the queue is gone");
}
