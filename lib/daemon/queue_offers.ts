/** What lookup has said of the recipients of one message on its way in, and the commit that waits for it. */

import type { Clock, Timer } from "../port.ts";
import { parseExec } from "../policy/exec.ts";
import { type EnvelopeDraft, envelopesPerMessageMax } from "./imsg.ts";

/** How long a commit waits for what lookup says of its recipients, ms. It says so before smtp-in can know of it, so
 * it comes at once, or lookup has died. */
export const offerWaitMs = 5_000;

/** Says whether queue takes these from lookup: what they have run or written to has to be what it says it is. */
export function areSound(drafts: readonly EnvelopeDraft[]): boolean {
  return drafts.every(({ local }) => local === null || local.exec === null || parseExec(local.exec) !== null);
}

/** The recipients of a message, by the numbers that smtp-in asked with. */
export class Offers {
  readonly #clock: Pick<Clock, "after">;
  readonly #drafts = new Map<number, readonly EnvelopeDraft[]>();
  #envelopes = 0;
  #missing = new Set<number>();
  #timer: Timer | null = null;
  #run: (missing: number) => void = () => {};

  /** None has come yet. */
  constructor(clock: Pick<Clock, "after">) {
    this.#clock = clock;
  }

  /** Somebody waits for offers. */
  get isAwaited(): boolean {
    return this.#timer !== null;
  }

  /** Takes what a recipient came to. More than a message may have is not kept: smtp-in counts as well, and refuses
   * that recipient. */
  add(request: number, drafts: readonly EnvelopeDraft[]): void {
    if (this.#envelopes + drafts.length > envelopesPerMessageMax) return;
    this.#drafts.set(request, drafts);
    this.#envelopes += drafts.length;
    if (this.#missing.delete(request) && this.#missing.size === 0) this.#tell();
  }

  /** Calls `run` once: with 0 when all of these are there, perhaps at once; after `offerWaitMs` with the number of those
   * that are not. To be called again only when it has run. */
  when(requests: readonly number[], run: (missing: number) => void): void {
    const missing = requests.filter((request) => !this.#drafts.has(request));
    if (missing.length === 0) return run(0);
    this.#missing = new Set(missing);
    this.#run = run;
    this.#timer = this.#clock.after(offerWaitMs, () => this.#tell());
  }

  /** Nobody waits any more. */
  cancel(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#missing.clear();
  }

  /** What these recipients came to. The offers of others are those that were refused after all. */
  of(requests: readonly number[]): readonly EnvelopeDraft[] {
    return requests.flatMap((request) => this.#drafts.get(request) ?? []);
  }

  #tell(): void {
    const missing = this.#missing.size;
    this.cancel();
    this.#run(missing);
  }
}
