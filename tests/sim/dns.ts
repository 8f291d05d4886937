/** A DNS in memory: records by name and type, and failures on demand. */

import type { Dns, DnsAnswer, DnsRecord, DnsType } from "../../lib/port.ts";

/** Names are lower case. A name without any record does not exist. */
export class FakeDns implements Dns {
  readonly #answers = new Map<string, DnsAnswer>();
  readonly #names = new Set<string>();
  /** Every question, as `type name`, in order. */
  readonly asked: string[] = [];

  query(name: string, type: DnsType): Promise<DnsAnswer> {
    this.asked.push(`${type} ${name}`);
    const known = this.#answers.get(`${type} ${name}`);
    if (known !== undefined) return Promise.resolve(known);
    return Promise.resolve({ kind: this.#names.has(name) ? "noData" : "noName", ttlMs: 60_000, secure: false });
  }

  /** The mail servers of a domain, as `preference host`. */
  mx(domain: string, ...hosts: readonly string[]): this {
    const records = hosts.map((text): DnsRecord => {
      const [preference = "0", exchange = ""] = text.split(" ");
      return { type: "MX", preference: Number(preference), exchange, ttlMs: 60_000 };
    });
    return this.set(domain, "MX", { kind: "records", records, secure: false });
  }

  /** The addresses of a host, IPv4 and IPv6. */
  host(name: string, ...addresses: readonly string[]): this {
    for (const type of ["A", "AAAA"] as const) {
      const own = addresses.filter((address) => address.includes(":") === (type === "AAAA"));
      const records = own.map((address): DnsRecord => ({ type, address, ttlMs: 60_000 }));
      if (records.length > 0) this.set(name, type, { kind: "records", records, secure: false });
    }
    this.#names.add(name);
    return this;
  }

  /** The servers fail for this question. */
  fail(name: string, type: DnsType, reason: "servfail" | "timeout" | "refused" | "malformed" = "servfail"): this {
    return this.set(name, type, { kind: "failed", reason, detail: reason });
  }

  /** Any answer. */
  set(name: string, type: DnsType, answer: DnsAnswer): this {
    this.#names.add(name);
    this.#answers.set(`${type} ${name}`, answer);
    return this;
  }
}
