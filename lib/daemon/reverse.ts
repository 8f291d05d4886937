/** Names of peers, for rules and filters that ask for them, and for Received fields: smtp-in, which talks with peers,
 * may not ask anybody. */

import type { Clock, Dns } from "../port.ts";
import { parseDomain } from "../mail/domain.ts";
import { formatIp, type Ip, parseIp, reverseName } from "../mail/ip.ts";
import type { PeerName } from "../policy/filter_run.ts";

/** How long the name of a peer is waited for, ms. Mail does not wait longer for a rule that may not even match. */
export const reverseDeadlineMs = 5_000;

/** Looks names of peers up. What has been found out is kept by `dns`, for as long as the DNS allows. */
export class ReverseNames {
  readonly #dns: () => Promise<Dns>;
  readonly #clock: Pick<Clock, "after">;
  /** Addresses of which the answer did not come in time and still has not: nobody waits for one twice. */
  readonly #late = new Set<string>();
  /** Look-ups under way: who asks the same gets the same answer. */
  readonly #asking = new Map<string, Promise<PeerName>>();

  /** `dns` is called when the first name is wanted. */
  constructor(dns: () => Promise<Dns>, clock: Pick<Clock, "after">) {
    let made: Promise<Dns> | null = null;
    this.#dns = () => made ??= dns();
    this.#clock = clock;
  }

  /** The name that the DNS has for an address, in lower case; `address` may stand in brackets. The first one where there
   * are several. Null when there is none, when it is no host name, and when the DNS does not say within
   * `reverseDeadlineMs`. Never rejects. */
  async nameOf(address: string): Promise<string | null> {
    return (await this.#inTime(address, "PTR", (ip) => this.#pointer(ip))).name;
  }

  /** The same name, and whether it leads back to the address (RFC 8601 §3, iprev). The name is waited for so long, and
   * its addresses as long again; what is not known by then is an error. Never rejects. */
  async peerName(address: string): Promise<PeerName> {
    const found = await this.#inTime(address, "PTR", (ip) => this.#pointer(ip));
    const { name } = found;
    if (name === null || found.forward === "pass") return found;
    const { forward } = await this.#inTime(address, name, (ip) => this.#leadsBack(name, ip));
    return { name, forward };
  }

  /** Waits for an answer until the deadline. Who asks the same meanwhile gets the same answer. */
  async #inTime(address: string, what: string, ask: (ip: Ip) => Promise<PeerName>): Promise<PeerName> {
    const ip = parseIp(address);
    if (ip === null) return { name: null, forward: "fail" };
    const own = nameOfLoopback(ip);
    if (own !== null) return { name: own, forward: "pass" };
    const key = `${what} ${formatIp(ip)}`;
    if (this.#late.has(key)) return unsaid;
    let asking = this.#asking.get(key);
    if (asking === undefined) {
      const deadline = Promise.withResolvers<PeerName>();
      const timer = this.#clock.after(reverseDeadlineMs, () => {
        this.#late.add(key);
        deadline.resolve(unsaid);
      });
      const answer = ask(ip).finally(() => {
        timer.cancel();
        this.#late.delete(key);
      });
      asking = Promise.race([answer, deadline.promise]).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    return await asking;
  }

  /** The name; `fail` stands for none, until it is known whether it leads back. */
  async #pointer(ip: Ip): Promise<PeerName> {
    const answer = await (await this.#dns()).query(reverseName(ip), "PTR");
    if (answer.kind === "failed") return unsaid;
    if (answer.kind !== "records") return { name: null, forward: "fail" };
    for (const record of answer.records) {
      // RFC 1035 §3.3.12 allows any name; one that is no host's would only do harm in a log.
      const name = record.type === "PTR" ? parseDomain(record.name) : null;
      if (name !== null && !name.startsWith("[")) return { name, forward: "fail" };
    }
    return { name: null, forward: "fail" };
  }

  /** Asks for the addresses of the name, of the same family. */
  async #leadsBack(name: string, ip: Ip): Promise<PeerName> {
    const answer = await (await this.#dns()).query(name, ip.version === 4 ? "A" : "AAAA");
    if (answer.kind === "failed") return unsaid;
    const records = answer.kind === "records" ? answer.records : [];
    const isConfirmed = records.some((one) => "address" in one && isSame(one.address, ip));
    return { name, forward: isConfirmed ? "pass" : "fail" };
  }
}

/** The DNS has not said. */
const unsaid: PeerName = { name: null, forward: "error" };

/** The name of an address that nobody is asked about: RFC 6761 §6.3 has localhost for two of them. Null for all others;
 * the address may stand in brackets. */
export function loopbackName(address: string): string | null {
  return address === "127.0.0.1" || address === "::1" || address === "[::1]" ? "localhost" : null;
}

function nameOfLoopback(ip: Ip): string | null {
  return loopbackName(formatIp(ip));
}

function isSame(address: string, ip: Ip): boolean {
  const other = parseIp(address);
  return other !== null && formatIp(other) === formatIp(ip);
}
