/** Who may begin a session: how many each source has at once, and how fast it begins new ones. Pure; time comes in.
 *
 * A source is an IPv4 address, or the /64 network of an IPv6 address: one customer has at least that many (RFC 6177).
 * What is remembered of sources is bounded whatever they are. */

import { formatIp, type Ip, isLoopback, type Net, netContains, parseIp, parseNet } from "../mail/ip.ts";

/** Sources whose new connections are counted in one minute. When there are more, the count of the minute before is
 * dropped early: that may let a source in too often, never too seldom. */
export const countedSourcesMax = 65_536;

/** For how long new connections are counted, ms. */
export const ratePeriodMs = 60_000;

/** What a source may have. */
export interface AdmissionLimits {
  /** Sessions at once. */
  readonly maxSessionPerSource: number;
  /** New connections within `ratePeriodMs`, those that are refused for it left out. */
  readonly maxConnPerMinute: number;
}

/** Why a source gets no session: the key of `smtp limit` that says so. */
export type Refusal = "max-session-per-source" | "max-conn-per-minute";

/** The part of a limit that one of several processes may give out. All parts together are at least the limit, and less
 * than `processes` above it. */
export function shareOf(limit: number, processes: number): number {
  return Math.max(1, Math.ceil(limit / Math.max(1, processes)));
}

/** Counts sessions and new connections of sources. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #exempt: readonly Net[];
  readonly #sessions = new Map<string, number>();
  /** New connections of this period and of the one before. */
  #young = new Map<string, number>();
  #old = new Map<string, number>();
  #begunAt = -Infinity;

  /** `exempt` are networks that are never refused: `192.0.2.0/24`, `2001:db8::/32`, an address. This machine never is
   * either. */
  constructor(limits: AdmissionLimits, exempt: readonly string[]) {
    this.#limits = limits;
    this.#exempt = exempt.flatMap((text) => parseNet(text) ?? []);
  }

  /** Sources that are remembered. */
  get size(): number {
    return this.#sessions.size + this.#young.size + this.#old.size;
  }

  /** Asks for a session for an address, as `formatIp` writes it, at a time of `Clock.monotonic`. Null: it may begin, and
   * `leave` follows when it has ended. */
  enter(address: string, at: number): Refusal | null {
    const source = this.#sourceOf(address);
    if (source === null) return null;
    this.#turn(at);
    const sessions = this.#sessions.get(source) ?? 0;
    if (sessions >= this.#limits.maxSessionPerSource) return "max-session-per-source";
    const young = this.#young.get(source) ?? 0;
    // The count of the last minute, as if those of the period before had come evenly.
    const before = (this.#old.get(source) ?? 0) * (1 - (at - this.#begunAt) / ratePeriodMs);
    if (young + before + 1 > this.#limits.maxConnPerMinute) return "max-conn-per-minute";
    if (young === 0 && this.#young.size >= countedSourcesMax) this.#shift(at);
    this.#young.set(source, (this.#young.get(source) ?? 0) + 1);
    this.#sessions.set(source, sessions + 1);
    return null;
  }

  /** A session that was let in has ended. */
  leave(address: string): void {
    const source = this.#sourceOf(address);
    if (source === null) return;
    const sessions = (this.#sessions.get(source) ?? 0) - 1;
    if (sessions > 0) this.#sessions.set(source, sessions);
    else this.#sessions.delete(source);
  }

  #turn(at: number): void {
    const passed = at - this.#begunAt;
    if (passed < ratePeriodMs) return;
    if (passed >= 2 * ratePeriodMs) {
      this.#young.clear();
      this.#old.clear();
      this.#begunAt = at;
      return;
    }
    this.#shift(this.#begunAt + ratePeriodMs);
  }

  #shift(at: number): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#begunAt = at;
  }

  /** Null for who is never refused. */
  #sourceOf(address: string): string | null {
    // A unix socket has no address: its permissions say who may use it.
    if (address === "" || address.startsWith("127.")) return null;
    if (this.#exempt.length === 0 && !address.includes(":")) return address;
    const ip = parseIp(address);
    if (ip === null || isLoopback(ip) || this.#exempt.some((net) => netContains(net, ip))) return null;
    return ip.version === 4 ? address : `${formatIp({ version: 6, octets: networkOf(ip) })}/64`;
  }
}

function networkOf(ip: Ip): readonly number[] {
  return ip.octets.map((octet, at) => at < 8 ? octet : 0);
}
