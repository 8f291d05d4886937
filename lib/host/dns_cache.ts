/** Remembers answers of the DNS for as long as they say, within bounds. */

import type { DnsAnswer } from "../port.ts";

/** Answers kept. */
export const dnsCacheMax = 10_000;

/** How long an answer is kept at most, ms: records a day, "no such" an hour (RFC 2308 §5), failures 5 s. */
export const dnsKeepMaxMs = { records: 86_400_000, negative: 3_600_000, failed: 5_000 } as const;

interface Entry {
  readonly answer: DnsAnswer;
  readonly until: number;
}

/** A bounded map from questions to answers. Times in ms, all on one clock. */
export class DnsCache {
  readonly #entries = new Map<string, Entry>();
  readonly #max: number;

  /** Keeps at most `max` answers. */
  constructor(max: number = dnsCacheMax) {
    this.#max = max;
  }

  /** Answers kept, those that are out of date included. */
  get size(): number {
    return this.#entries.size;
  }

  /** The answer, if it is still good. */
  get(key: string, now: number): DnsAnswer | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    if (now < entry.until) return entry.answer;
    this.#entries.delete(key);
    return null;
  }

  /** Keeps an answer; the oldest makes room. */
  set(key: string, answer: DnsAnswer, now: number): void {
    const keepMs = keepMsOf(answer);
    this.#entries.delete(key);
    if (keepMs <= 0) return;
    if (this.#entries.size >= this.#max) {
      const oldest = this.#entries.keys().next();
      if (oldest.done !== true) this.#entries.delete(oldest.value);
    }
    this.#entries.set(key, { answer, until: now + keepMs });
  }
}

function keepMsOf(answer: DnsAnswer): number {
  switch (answer.kind) {
    case "records":
      return Math.min(dnsKeepMaxMs.records, ...answer.records.map((record) => record.ttlMs));
    case "noName":
    case "noData":
      return Math.min(dnsKeepMaxMs.negative, answer.ttlMs);
    case "failed":
      return dnsKeepMaxMs.failed;
  }
}
