/** Messages between two roles, over a byte stream.
 *
 * A frame is: length of all that follows its first 4 octets (u32, big-endian), length of the JSON text (u32),
 * the JSON text (UTF-8), the binary part. Frames queued in one turn of the event loop leave in one write. */

import { Buffer } from "node:buffer";
import type { Channel, Clock, Stream } from "../port.ts";
import { assert } from "../fault.ts";

/** Longest frame accepted, octets. A role that sends more is broken and is cut off. */
export const frameLengthMax = 16 * 1024 * 1024;

const headLength = 8;
/** What is made for frames that wait, if they need no more. */
const roomMin = 16 * 1024;
/** Binary parts up to this size are copied behind their JSON; longer ones are written by themselves. Measured: messages of
 * 50 kB pass a tenth faster than when they are copied. */
const copyMax = 16 * 1024;

/** A channel over `stream`. `soon` batches: see `Clock.soon`. */
export class StreamChannel<Out, In> implements Channel<Out, In> {
  readonly #stream: Stream;
  readonly #soon: (run: () => void) => void;
  #out: Buffer = Buffer.alloc(0);
  #outLength = 0;
  #flushing = false;
  readonly #parser = new FrameParser<In>();
  #take: ((message: In, body: Uint8Array | null) => void) | null = null;
  #early: { readonly message: In; readonly body: Uint8Array | null }[] = [];
  #drain: (() => void) | null = null;
  #closed = false;
  #onClose: (() => void) | null = null;

  /** Attaches to `stream`. `soon` is `Clock.soon`: what is sent until then leaves in one write. */
  constructor(stream: Stream, soon: (run: () => void) => void) {
    this.#stream = stream;
    this.#soon = soon;
    stream.attach({
      data: (bytes) => this.#receive(bytes),
      drain: () => this.#drain?.(),
      end: () => stream.destroy(),
      close: () => this.#lost(),
    });
  }

  get buffered(): number {
    return this.#stream.buffered + this.#outLength;
  }

  send(message: Out, body?: Uint8Array): boolean {
    if (this.#closed) return true;
    const json = JSON.stringify(message);
    const bodyLength = body?.length ?? 0;
    const copied = bodyLength <= copyMax ? bodyLength : 0;
    const start = this.#outLength;
    // A UTF-16 unit takes at most 3 octets in UTF-8.
    this.#reserve(headLength + json.length * 3 + copied);
    const jsonLength = this.#out.write(json, start + headLength, "utf8");
    this.#out.writeUInt32BE(4 + jsonLength + bodyLength, start);
    this.#out.writeUInt32BE(jsonLength, start + 4);
    this.#outLength = start + headLength + jsonLength;
    if (body !== undefined) this.#append(body, copied > 0);
    if (!this.#flushing) {
      this.#flushing = true;
      this.#soon(() => this.#flush());
    }
    return this.buffered < 1024 * 1024;
  }

  onMessage(take: (message: In, body: Uint8Array | null) => void): void {
    this.#take = take;
    const early = this.#early;
    this.#early = [];
    for (const { message, body } of early) take(message, body);
  }

  /** Sets what runs when what waited has gone out. */
  onDrain(run: () => void): void {
    this.#drain = run;
  }

  onClose(run: () => void): void {
    this.#onClose = run;
    if (this.#closed) run();
  }

  /** Sends what waits, then closes our side. */
  close(): void {
    this.#flush();
    this.#stream.end();
  }

  #append(body: Uint8Array, copy: boolean): void {
    if (copy) {
      this.#out.set(body, this.#outLength);
      this.#outLength += body.length;
    } else if (body.length > 0) {
      this.#flush();
      this.#stream.write(body);
    }
  }

  #reserve(length: number): void {
    const need = this.#outLength + length;
    if (need <= this.#out.length) return;
    const grown = Buffer.allocUnsafe(Math.max(need, this.#out.length * 2, roomMin));
    grown.set(this.#out.subarray(0, this.#outLength));
    this.#out = grown;
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#outLength === 0 || this.#closed) return;
    const bytes = this.#out.subarray(0, this.#outLength);
    // The stream keeps the bytes until they are sent; a large buffer is handed over, a small one is copied.
    if (bytes.length > 8192) {
      this.#out = Buffer.alloc(0);
      this.#stream.write(bytes);
    } else this.#stream.write(Buffer.from(bytes));
    this.#outLength = 0;
  }

  #receive(bytes: Uint8Array): void {
    const ok = this.#parser.push(bytes, (message, body) => {
      if (this.#take === null) this.#early.push({ message, body });
      else this.#take(message, body);
    });
    if (!ok) this.#stream.destroy();
  }

  #lost(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose?.();
  }
}

/** Longest wait for the other side to have read the last words of a role that ends, ms. */
export const farewellMs = 5000;

/** Closes a channel and resolves when the other side has read all that was sent, or after `farewellMs`: what a process
 * has not sent when it ends is lost. */
export function sayFarewell(
  channel: Pick<Channel<never, never>, "onClose" | "close">,
  clock: Pick<Clock, "after">,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.after(farewellMs, resolve);
  channel.onClose(() => {
    timer.cancel();
    resolve();
  });
  channel.close();
  return promise;
}

/** Cuts a byte stream into frames. */
class FrameParser<In> {
  #parts: Uint8Array[] = [];
  #length = 0;
  #need = 4;
  #isBroken = false;

  /** Calls `take` for each whole frame. False when the stream breaks the format, now or before: a role that sends
   * garbage is cut off, and does not take the receiver down with it. */
  push(bytes: Uint8Array, take: (message: In, body: Uint8Array | null) => void): boolean {
    if (!this.#isBroken) this.#isBroken = !this.#cut(bytes, take);
    return !this.#isBroken;
  }

  #cut(bytes: Uint8Array, take: (message: In, body: Uint8Array | null) => void): boolean {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    if (this.#length < this.#need) return true;
    const all = this.#join();
    let at = 0;
    while (all.length - at >= 4) {
      const length = all.readUInt32BE(at);
      if (length < 4 || length > frameLengthMax) return false;
      if (all.length - at < 4 + length) {
        this.#need = 4 + length;
        break;
      }
      const jsonLength = all.readUInt32BE(at + 4);
      if (jsonLength > length - 4) return false;
      const jsonEnd = at + headLength + jsonLength;
      const end = at + 4 + length;
      const message = parseJson(all.toString("utf8", at + headLength, jsonEnd));
      if (message === undefined) return false;
      take(message as In, end > jsonEnd ? all.subarray(jsonEnd, end) : null);
      at = end;
      this.#need = 4;
    }
    const rest = all.subarray(at);
    this.#parts = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    return true;
  }

  #join(): Buffer {
    const [first] = this.#parts;
    assert(first !== undefined, "a frame has bytes");
    const whole = this.#parts.length === 1 ? first : Buffer.concat(this.#parts);
    return Buffer.from(whole.buffer, whole.byteOffset, whole.length);
  }
}

/** A JSON object; undefined for anything else, since every message is an object. */
function parseJson(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
