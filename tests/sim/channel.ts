/** Channels between roles, in memory. Messages arrive in a later turn, in order, as copies that have been through JSON
 * as those of real channels have. */

import type { Channel, Clock } from "../../lib/port.ts";

interface Parcel {
  readonly message: unknown;
  readonly body: Uint8Array | null;
}

/** One end of a pair. */
export class FakeChannel<Out, In> implements Channel<Out, In> {
  /** Everything that was sent from here, for tests that look. */
  readonly sent: Out[] = [];
  /** Makes `send` return false, as when the other side does not read. */
  isSlow = false;
  /** Nothing arrives here meanwhile: the other side's messages wait on the way. */
  isHeld = false;
  readonly #clock: Pick<Clock, "soon">;
  #peer: FakeChannel<In, Out> | null = null;
  #take: ((message: In, body: Uint8Array | null) => void) | null = null;
  #drain: (() => void) | null = null;
  #onClose: (() => void) | null = null;
  #inbox: Parcel[] = [];
  #isPumping = false;
  /** No more will come: the other side has closed or died. */
  #isEnding = false;
  #isClosed = false;

  constructor(clock: Pick<Clock, "soon">) {
    this.#clock = clock;
  }

  /** Joins two ends. */
  static join<A, B>(a: FakeChannel<A, B>, b: FakeChannel<B, A>): void {
    a.#peer = b;
    b.#peer = a;
  }

  get buffered(): number {
    return this.#peer === null ? 0 : this.#peer.#inbox.reduce((sum, { body }) => sum + (body?.length ?? 0), 0);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(message: Out, body?: Uint8Array): boolean {
    if (this.#isClosed || this.#isEnding) return true;
    this.sent.push(message);
    const peer = this.#peer;
    if (peer === null || peer.#isClosed) return true;
    // An empty body is no body: a frame cannot tell them apart.
    const copy = body === undefined || body.length === 0 ? null : body.slice();
    peer.#inbox.push({ message: JSON.parse(JSON.stringify(message)), body: copy });
    peer.#schedule();
    return !this.isSlow;
  }

  onMessage(take: (message: In, body: Uint8Array | null) => void): void {
    this.#take = take;
    this.#schedule();
  }

  onDrain(run: () => void): void {
    this.#drain = run;
  }

  onClose(run: () => void): void {
    this.#onClose = run;
    if (this.#isClosed) run();
  }

  /** What was sent arrives; then both sides are told. */
  close(): void {
    if (this.#isClosed || this.#isEnding) return;
    this.#isEnding = true;
    this.#inbox = [];
    this.#schedule();
    if (this.#peer !== null) this.#peer.#end();
  }

  /** The process at this end is killed: it is told nothing more. What it had sent arrives, less the last `lost`. */
  die(lost = 0): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#inbox = [];
    const peer = this.#peer;
    if (peer === null) return;
    peer.#inbox.splice(Math.max(0, peer.#inbox.length - lost));
    peer.#end();
  }

  /** The other side reads again. */
  relax(): void {
    this.isSlow = false;
    this.#drain?.();
  }

  /** Lets through what was held. */
  release(): void {
    this.isHeld = false;
    this.#schedule();
  }

  #end(): void {
    this.#isEnding = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isPumping || this.#isClosed) return;
    this.#isPumping = true;
    this.#clock.soon(() => this.#pump());
  }

  /** All that has come is handed over in one turn, as a real channel does with what one read gave. */
  #pump(): void {
    this.#isPumping = false;
    const take = this.#take;
    if (this.isHeld || take === null || this.#isClosed) return;
    for (const { message, body } of this.#inbox.splice(0)) {
      if (this.#isClosed) return;
      // The other end is typed to send nothing else.
      take(message as In, body);
    }
    if (this.#inbox.length > 0) return this.#schedule();
    if (!this.#isEnding) return;
    this.#isClosed = true;
    this.#onClose?.();
  }
}

/** Two joined ends. */
export function channelPair<A, B>(clock: Pick<Clock, "soon">): [FakeChannel<A, B>, FakeChannel<B, A>] {
  const near = new FakeChannel<A, B>(clock);
  const far = new FakeChannel<B, A>(clock);
  FakeChannel.join(near, far);
  return [near, far];
}
