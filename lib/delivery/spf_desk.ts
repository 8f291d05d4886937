/** For whom SPF lets us send: asked before mail that is forwarded goes out under the sender that it came with. */

import type { Domain, ReversePath } from "../mail/address.ts";
import { isLinkLocal, isLoopback, parseIp } from "../mail/ip.ts";
import type { Clock, Dns } from "../port.ts";
import type { RelayManner } from "./relay.ts";
import { checkSpf, type SpfVerdict } from "../trust/spf.ts";
import { type SpfFinding, spfFindingsMax } from "../trust/spf_result.ts";

/** What an SPF check may take, and how long it is remembered. Times in ms. */
export interface SpfLimits {
  /** How long a check may take; then it is `temperror`. RFC 7208 §4.6.4: at least 20 s. */
  readonly deadlineMs: number;
  /** Results that are remembered. */
  readonly verdictsMax: number;
  /** How long a result is remembered at most; less where an answer of the DNS says so. */
  readonly keepMaxMs: number;
  /** How long a check may take that is made for an explanation: somebody waits for it. */
  readonly foreseeMs: number;
  /** How long a `temperror` is remembered: the DNS that has held up one message holds up no other meanwhile. */
  readonly failedKeepMs: number;
}

/** The limits. */
export const spfLimits: SpfLimits = {
  deadlineMs: 20_000,
  verdictsMax: 10_000,
  keepMaxMs: 3_600_000,
  foreseeMs: 10_000,
  failedKeepMs: 60_000,
};

/** What came out, and why. */
export type SpfAnswer = Pick<SpfVerdict, "result" | "reason">;

/** What a desk works with. */
export interface SpfDeskOptions {
  /** Times deadlines, and what is remembered. */
  readonly clock: Pick<Clock, "after" | "monotonic">;
  /** Is asked. */
  readonly dns: Dns;
  /** Default `spfLimits`. */
  readonly limits?: SpfLimits;
}

/** Makes SPF checks, and remembers what they come to by domain, address and EHLO. */
export class SpfDesk {
  readonly #clock: SpfDeskOptions["clock"];
  readonly #dns: Dns;
  readonly #limits: SpfLimits;
  /** The oldest first. */
  readonly #known = new Map<string, { readonly answer: SpfAnswer; readonly until: number }>();

  /** Asks nothing before the first question. */
  constructor({ clock, dns, limits = spfLimits }: SpfDeskOptions) {
    this.#clock = clock;
    this.#dns = dns;
    this.#limits = limits;
  }

  /** Results that are remembered, those that are out of date included. */
  get size(): number {
    return this.#known.size;
  }

  /** Checks `sender` (RFC 7208 §4) as the server would that we connect to from `address`. What is no address is `permerror`:
   * nobody can tell what the server sees. Answers in time, and never rejects. */
  ask(sender: ReversePath, address: string, helo: Domain): Promise<SpfAnswer> {
    return this.#ask(sender, address, helo, this.#limits.deadlineMs);
  }

  async #ask(sender: ReversePath, address: string, helo: Domain, deadlineMs: number): Promise<SpfAnswer> {
    const ip = parseIp(address);
    if (ip === null) return { result: "permerror", reason: "our own address is not known" };
    const key = `${sender?.domain ?? ""} ${address} ${helo}`;
    const known = this.#known.get(key);
    if (known !== undefined && this.#clock.monotonic() < known.until) return known.answer;
    const { verdict, isInTime } = await this.#check(checkSpf({ ip, sender, helo }), deadlineMs);
    const answer = { result: verdict.result, reason: verdict.reason };
    const { failedKeepMs, keepMaxMs } = this.#limits;
    const isLasting = isInTime ? !verdict.isForUser : deadlineMs === this.#limits.deadlineMs;
    if (isLasting) {
      this.#keep(key, answer, answer.result === "temperror" ? failedKeepMs : Math.min(verdict.ttlMs, keepMaxMs));
    }
    return answer;
  }

  /** What `ask` would come to when mail leaves in this manner, for each address that others may see. `own` are the
   * addresses and the name of this machine, where the manner has none. Nothing for the null path. */
  foresee(
    sender: ReversePath,
    { source, helo }: Pick<RelayManner, "source" | "helo">,
    own: { readonly addresses: Iterable<string>; readonly helo: Domain },
  ): Promise<readonly SpfFinding[]> {
    if (sender === null) return Promise.resolve([]);
    const seen = [...source === null ? own.addresses : [source]].filter((address) => {
      const ip = parseIp(address);
      return !isLoopback(ip) && !isLinkLocal(ip);
    });
    return Promise.all(
      seen.slice(0, spfFindingsMax).map(async (address) => ({
        address,
        result: (await this.#ask(sender, address, helo ?? own.helo, this.#limits.foreseeMs)).result,
      })),
    );
  }

  async #check(check: ReturnType<typeof checkSpf>, deadlineMs: number): Promise<Checked> {
    const late = Promise.withResolvers<Checked>();
    let isLate = false;
    const timer = this.#clock.after(deadlineMs, () => {
      isLate = true;
      const reason = `the DNS has not answered in ${deadlineMs / 1_000} s`;
      late.resolve({ verdict: { result: "temperror", reason, ttlMs: 0, isForUser: false }, isInTime: false });
    });
    const run = async (): Promise<Checked> => {
      let step = check.next();
      while (step.done !== true) {
        const answer = await this.#dns.query(step.value.name, step.value.type);
        // Nobody waits for the rest.
        if (isLate) return late.promise;
        step = check.next(answer);
      }
      return { verdict: step.value, isInTime: true };
    };
    const checked = await Promise.race([run(), late.promise]);
    timer.cancel();
    return checked;
  }

  #keep(key: string, answer: SpfAnswer, keepMs: number): void {
    this.#known.delete(key);
    if (keepMs <= 0) return;
    if (this.#known.size >= this.#limits.verdictsMax) {
      const oldest = this.#known.keys().next();
      if (oldest.done !== true) this.#known.delete(oldest.value);
    }
    this.#known.set(key, { answer, until: this.#clock.monotonic() + keepMs });
  }
}

interface Checked {
  readonly verdict: SpfVerdict;
  readonly isInTime: boolean;
}
