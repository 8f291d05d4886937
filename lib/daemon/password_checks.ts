/** lookup's side of the verifiers: checks wait here until one of them is free, so that nothing else of lookup's waits. */

import { Buffer } from "node:buffer";
import type { Channel, Clock, Timer } from "../port.ts";
import type { LookupToVerifier, VerifierToLookup } from "./imsg.ts";
import type { VerifierPool } from "./verifier_grant.ts";

/** How long a check may wait and take together, ms. */
export const checkBudgetMs = 20_000;

/** The channel to one verifier, as lookup sees it. */
export type VerifierChannel = Channel<LookupToVerifier, VerifierToLookup>;

/** What a check came to. `problem` is why what is stored cannot be used, for people; null for nothing. */
export interface CheckResult {
  /** `failed`: nobody can say now. */
  readonly result: "right" | "wrong" | "failed";
  /** See there. */
  readonly problem: string | null;
}

/** Something to check; its number is given here. */
export type Check = LookupToVerifier extends infer One ? One extends unknown ? Omit<One, "request"> : never : never;

interface Waiting {
  readonly check: Check;
  readonly pool: VerifierPool;
  readonly done: (answer: VerifierToLookup | null) => void;
  readonly timer: Timer;
}

/** The checks that wait and those under way. */
export class PasswordChecks {
  readonly #clock: Clock;
  readonly #queueMax: number;
  readonly #verifiers: { readonly pool: VerifierPool; readonly channel: VerifierChannel; busy: number | null }[] = [];
  readonly #waiting = new Map<number, Waiting>();
  readonly #running = new Map<number, Waiting>();
  #requests = 0;

  /** At most `queueMax` checks wait; further ones are not begun. */
  constructor(clock: Clock, queueMax: number) {
    this.#clock = clock;
    this.#queueMax = queueMax;
  }

  /** Takes the channel to a verifier. What it was at when it ends is failed. */
  attach(pool: VerifierPool, channel: VerifierChannel): void {
    const verifier = { pool, channel, busy: null as number | null };
    this.#verifiers.push(verifier);
    channel.onMessage((answer) => {
      // Whatever it answers, it is free.
      verifier.busy = null;
      this.#finish(answer.request, answer);
      this.#next();
    });
    channel.onClose(() => {
      this.#verifiers.splice(this.#verifiers.indexOf(verifier), 1);
      if (verifier.busy !== null) this.#finish(verifier.busy, null);
    });
    this.#next();
  }

  /** Is this the password? Never rejects. */
  async check(check: Exclude<Check, { readonly kind: "salt" }>): Promise<CheckResult> {
    const answer = await this.#ask(check, check.kind === "system" ? "system" : "tables");
    if (answer?.kind === "checked") return { result: answer.result, problem: answer.problem };
    return { result: "failed", problem: "nobody can check passwords now" };
  }

  /** PBKDF2 of a password; null when nobody can make it now. */
  async salted(password: string, salt: Uint8Array, iterations: number): Promise<Uint8Array | null> {
    const text = Buffer.from(salt).toString("base64");
    const answer = await this.#ask({ kind: "salt", password, salt: text, iterations }, "tables");
    return answer?.kind === "salted" ? Buffer.from(answer.octets, "base64") : null;
  }

  #ask(check: Check, pool: VerifierPool): Promise<VerifierToLookup | null> {
    return new Promise((done) => {
      if (this.#waiting.size >= this.#queueMax) return done(null);
      const request = ++this.#requests;
      const timer = this.#clock.after(checkBudgetMs, () => this.#finish(request, null));
      this.#waiting.set(request, { check, pool, done, timer });
      this.#next();
    });
  }

  #next(): void {
    for (const verifier of this.#verifiers) {
      if (verifier.busy !== null) continue;
      const next = [...this.#waiting].find(([, { pool }]) => pool === verifier.pool);
      if (next === undefined) continue;
      const [request, waiting] = next;
      this.#waiting.delete(request);
      this.#running.set(request, waiting);
      verifier.busy = request;
      verifier.channel.send({ ...waiting.check, request });
    }
  }

  #finish(request: number, answer: VerifierToLookup | null): void {
    const one = this.#running.get(request) ?? this.#waiting.get(request);
    this.#running.delete(request);
    this.#waiting.delete(request);
    one?.timer.cancel();
    one?.done(answer);
  }
}
