/** How often one source may fail to log in. A pure machine: the time is given. */

import { formatIp, netContains, parseIp, parseNet } from "../mail/ip.ts";

/** What failures to log in are allowed. */
export interface FailureLimits {
  /** `smtp limit max-auth-failures`: failures of one source that are allowed at once. Default 20. */
  readonly maxAuthFailures: number;
  /** `smtp limit auth-failure-window`: after how long they are forgotten, ms. Default 600,000. */
  readonly authFailureWindowMs: number;
}

/** `smtp limit`: logging in. */
export interface AuthLimits extends FailureLimits {
  /** `max-auth-checks`: passwords that are checked at once, each in a process of its own. Default 1. */
  readonly maxAuthChecks: number;
  /** `max-auth-queue`: passwords that wait to be checked; of more, clients are told to come again. Default 100. */
  readonly maxAuthQueue: number;
}

/** What holds without an `smtp limit` line. */
export const defaultAuthLimits: AuthLimits = {
  maxAuthFailures: 20,
  authFailureWindowMs: 600_000,
  maxAuthChecks: 1,
  maxAuthQueue: 100,
};

/** Sources that are remembered; of more, those that failed longest ago are forgotten. */
export const authSourcesMax = 50_000;

/** Sources that are handed on at a reload. */
export const authSourcesHandedMax = 10_000;

/** How often a source has failed: it sinks with time. */
export type AuthLevel = readonly [source: string, level: number];

/** Least wait after the first failure of a source, ms; twice as long after each further one. */
export const authDelayMinMs = 500;

/** Longest wait after a failure, ms. */
export const authDelayMaxMs = 8000;

/** Failures of each source, as a level that sinks: it counts a whole `maxAuthFailures` down in the window. Attempts under
 * way count as failures, so that many at once gain nothing. */
export class AuthFailures {
  readonly #limits: FailureLimits;
  /** Least recently changed first. */
  readonly #sources = new Map<string, { readonly level: number; readonly at: number }>();

  /** Nobody has failed yet. */
  constructor(limits: FailureLimits) {
    this.#limits = limits;
  }

  /** Sources that are remembered. */
  get size(): number {
    return this.#sources.size;
  }

  /** An attempt begins: counts as a failure until `forgive`. False when the source has failed too often: no attempt is
   * to be made, and none is counted. `at` is in ms and never goes back. */
  begin(source: string, at: number): boolean {
    const level = this.#levelOf(source, at);
    if (level + 1 > this.#limits.maxAuthFailures) return false;
    this.#set(source, level + 1, at);
    return true;
  }

  /** What `begin` counted was none: the login was right, or nobody could say. */
  forgive(source: string, at: number): void {
    this.#set(source, Math.max(0, this.#levelOf(source, at) - 1), at);
  }

  /** What is remembered now, for another one to go on with: at most `authSourcesHandedMax`, the worst ones. */
  levels(at: number): readonly AuthLevel[] {
    const levels = [...this.#sources.keys()].map((source): AuthLevel => [source, this.#levelOf(source, at)]);
    return levels.filter(([, level]) => level > 0).sort(([, a], [, b]) => b - a).slice(0, authSourcesHandedMax);
  }

  /** Adds what another one has counted before. */
  inherit(levels: readonly AuthLevel[], at: number): void {
    for (const [source, level] of levels) {
      this.#set(source, Math.min(this.#limits.maxAuthFailures, this.#levelOf(source, at) + level), at);
    }
  }

  /** How long the answer to a failure that `begin` has counted is held back, ms. `chance` is 0 … 1 and keeps answers from
   * telling how long the check took. */
  delayMs(source: string, at: number, chance: number): number {
    const level = Math.max(1, this.#levelOf(source, at));
    const least = Math.min(authDelayMinMs * 2 ** Math.min(level - 1, 10), authDelayMaxMs);
    return Math.round(least * (1 + chance / 2));
  }

  #levelOf(source: string, at: number): number {
    const known = this.#sources.get(source);
    if (known === undefined) return 0;
    const { maxAuthFailures, authFailureWindowMs } = this.#limits;
    return Math.max(0, known.level - (at - known.at) * maxAuthFailures / authFailureWindowMs);
  }

  #set(source: string, level: number, at: number): void {
    this.#sources.delete(source);
    if (level > 0) this.#sources.set(source, { level, at });
    for (const oldest of this.#sources.keys()) {
      if (this.#sources.size <= authSourcesMax) break;
      this.#sources.delete(oldest);
    }
  }
}

/** What failures of an address are counted under: the address itself, of an IPv6 address the /64 that one customer has
 * all of (RFC 6177). Null for what is not shut out: this machine, whose programs speak for many users, and `exempt`
 * networks. `address` is as in `Origin`. */
export function authSourceOf(address: string, exempt: readonly string[]): string | null {
  const ip = parseIp(address);
  if (ip === null || [...ownNetworks, ...exempt].some((text) => isWithin(text, ip))) return null;
  if (ip.version === 4) return formatIp(ip);
  return `${formatIp({ version: 6, octets: ip.octets.map((octet, at) => at < 8 ? octet : 0) })}/64`;
}

const ownNetworks: readonly string[] = ["127.0.0.0/8", "::1"];

function isWithin(text: string, ip: NonNullable<ReturnType<typeof parseIp>>): boolean {
  const net = parseNet(text);
  return net !== null && netContains(net, ip);
}
