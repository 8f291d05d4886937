/** Names of peers, for rules that ask for them: smtp-in, which talks with peers, may not ask anybody. */

import type { Clock, Dns } from "../port.ts";
import { parseDomain } from "../mail/domain.ts";
import { type Ip, parseIp } from "../mail/ip.ts";

/** How long the name of a peer is waited for, ms. Mail does not wait longer for a rule that may not even match. */
export const reverseDeadlineMs = 5_000;

/** Looks names of peers up. What has been found out is kept by `dns`, for as long as the DNS allows. */
export class ReverseNames {
  readonly #dns: () => Promise<Dns>;
  readonly #clock: Pick<Clock, "after">;
  /** Questions that were not answered in time and still are not: nobody waits for one twice. */
  readonly #late = new Set<string>();

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
    const question = reverseQuestion(address);
    if (question === null || this.#late.has(question)) return null;
    const deadline = Promise.withResolvers<null>();
    const timer = this.#clock.after(reverseDeadlineMs, () => {
      this.#late.add(question);
      deadline.resolve(null);
    });
    const answer = this.#ask(question).finally(() => {
      timer.cancel();
      this.#late.delete(question);
    });
    return await Promise.race([answer, deadline.promise]);
  }

  async #ask(question: string): Promise<string | null> {
    const answer = await (await this.#dns()).query(question, "PTR");
    if (answer.kind !== "records") return null;
    for (const record of answer.records) {
      // RFC 1035 §3.3.12 allows any name; one that is no host's would only do harm in a log.
      const name = record.type === "PTR" ? parseDomain(record.name) : null;
      if (name !== null && !name.startsWith("[")) return name;
    }
    return null;
  }
}

/** Where the DNS has the name of an address: RFC 1035 §3.5, RFC 3596 §2.5. Null for what is no address. */
export function reverseQuestion(address: string): string | null {
  const ip = parseIp(address);
  return ip === null ? null : `${[...labelsOf(ip)].reverse().join(".")}.${ip.version === 4 ? "in-addr" : "ip6"}.arpa`;
}

function labelsOf({ version, octets }: Ip): readonly string[] {
  return version === 4
    ? [...octets].map(String)
    : [...octets].flatMap((octet) => [(octet >> 4).toString(16), (octet & 15).toString(16)]);
}
