/** A stub resolver. Deno's own cannot tell a name that does not exist from a server that is down, and mail must:
 * the one is bounced, the other waits. */

import type { Clock, Dns, DnsAnswer, DnsType, Random } from "../port.ts";
import { DnsCache } from "./dns_cache.ts";
import { askTcp, askUdp, type Exchanged } from "./dns_exchange.ts";
import { aliasesMax, type DnsQuestion, type DnsReading, encodeQuery, readAnswer } from "./dns_wire.ts";
import type { DnsServer, ResolverConfig } from "./resolv_conf.ts";

/** What a resolver works with. */
export interface ResolverOptions {
  /** `parseResolvConf` makes one. */
  readonly config: ResolverConfig;
  /** Times what the cache keeps. */
  readonly clock: Pick<Clock, "monotonic">;
  /** Makes the ids of queries. */
  readonly random: Random;
  /** Names that need no DNS: `parseHosts` makes them. Default none. */
  readonly hosts?: ReadonlyMap<string, readonly string[]>;
}

/** Questions under way at once; more wait for their turn. */
export const dnsQueriesMax = 200;

type Failure = Extract<DnsAnswer, { kind: "failed" }>;

/** Asks recursive name servers. Needs `net` rights to each of them, and to bind 0.0.0.0 or [::] port 0, or
 * for a server on a loopback address that address. */
export class StubResolver implements Dns {
  readonly #options: ResolverOptions;
  readonly #cache = new DnsCache();
  /** Questions under way: who asks the same gets the same answer. */
  readonly #asking = new Map<string, Promise<DnsAnswer>>();
  #active = 0;
  readonly #turns: (() => void)[] = [];
  /** The server that answered last; the first to be asked. */
  #preferred = 0;
  /** Servers that do not know EDNS. */
  readonly #plain = new Set<DnsServer>();

  /** Asks nothing before the first query. */
  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  query(name: string, type: DnsType): Promise<DnsAnswer> {
    const question = { name: name.toLowerCase().replace(/\.$/, ""), type };
    const local = this.#local(question);
    if (local !== null) return Promise.resolve(local);
    const key = `${type} ${question.name}`;
    const known = this.#cache.get(key, this.#options.clock.monotonic());
    if (known !== null) return Promise.resolve(known);
    const asking = this.#asking.get(key);
    if (asking !== undefined) return asking;
    const fresh = this.#inTurn(question).then((answer) => {
      this.#asking.delete(key);
      this.#cache.set(key, answer, this.#options.clock.monotonic());
      return answer;
    });
    this.#asking.set(key, fresh);
    return fresh;
  }

  /** Names that are never asked for: those of the hosts file, and localhost (RFC 6761 §6.3). */
  #local({ name, type }: DnsQuestion): DnsAnswer | null {
    if (type !== "A" && type !== "AAAA") return null;
    const isLocalhost = name === "localhost" || name.endsWith(".localhost");
    const addresses = isLocalhost ? ["127.0.0.1", "::1"] : this.#options.hosts?.get(name);
    if (addresses === undefined) return null;
    const records = addresses.filter((address) => address.includes(":") === (type === "AAAA"))
      .map((address) => ({ type, address, ttlMs: 0 }));
    if (records.length === 0) return { kind: "noData", ttlMs: 0, secure: false };
    return { kind: "records", records, secure: false };
  }

  async #inTurn(question: DnsQuestion): Promise<DnsAnswer> {
    if (this.#active >= dnsQueriesMax) await new Promise<void>((resolve) => this.#turns.push(resolve));
    else this.#active++;
    try {
      return await this.#resolve(question);
    } finally {
      const next = this.#turns.shift();
      if (next === undefined) this.#active--;
      else next();
    }
  }

  /** Asks, and follows aliases that the server leaves to us. */
  async #resolve(question: DnsQuestion): Promise<DnsAnswer> {
    let name = question.name;
    let ttlMs = Infinity;
    let secure = true;
    for (let i = 0; i < aliasesMax; i++) {
      const reading = await this.#ask({ name, type: question.type });
      if (reading.kind === "alias") {
        name = reading.name;
        ttlMs = Math.min(ttlMs, reading.ttlMs);
        secure &&= reading.secure;
        continue;
      }
      return i === 0 ? reading.answer : limit(reading.answer, ttlMs, secure);
    }
    return { kind: "failed", reason: "malformed", detail: "the aliases of the name form a loop" };
  }

  /** Asks each server in turn, and all of them again if one has been silent. */
  async #ask(question: DnsQuestion): Promise<Extract<DnsReading, { kind: "answer" | "alias" }>> {
    const { servers, attempts } = this.#options.config;
    let failure: Failure = { kind: "failed", reason: "timeout", detail: "no server" };
    for (let attempt = 0; attempt < attempts; attempt++) {
      let isSilent = false;
      for (let i = 0; i < servers.length; i++) {
        const index = (this.#preferred + i) % servers.length;
        const server = servers[index];
        if (server === undefined) continue;
        const reply = await this.#askServer(server, question);
        if (reply.kind === "silent") {
          isSilent = true;
          if (failure.reason === "timeout") failure = { kind: "failed", reason: "timeout", detail: reply.detail };
          continue;
        }
        const { reading } = reply;
        if (reading.kind === "alias" || (reading.kind === "answer" && reading.answer.kind !== "failed")) {
          this.#preferred = index;
          return reading;
        }
        // A server that fails has at least been reached; another may know better.
        if (reading.kind === "answer" && reading.answer.kind === "failed") failure = reading.answer;
      }
      if (!isSilent) break;
    }
    return { kind: "answer", answer: failure };
  }

  async #askServer(server: DnsServer, question: DnsQuestion): Promise<Exchanged> {
    const edns = !this.#plain.has(server);
    const id = this.#options.random.u32() & 0xffff;
    const query = encodeQuery(id, question, edns);
    if (query === null) return failed("malformed", "the name cannot be asked for");
    const read = (octets: Uint8Array) => readAnswer(octets, id, question, edns);
    const { timeoutMs } = this.#options.config;
    const first = await askUdp(server, query, timeoutMs, read);
    if (first.kind === "silent" || first.reading.kind === "answer" || first.reading.kind === "alias") return first;
    if (first.reading.kind === "plainOnly") {
      this.#plain.add(server);
      return await this.#askServer(server, question);
    }
    const second = await askTcp(server, query, timeoutMs, read);
    if (second.kind === "silent" || second.reading.kind === "answer" || second.reading.kind === "alias") return second;
    return failed("malformed", `${server.ip}: the answer over TCP makes no sense`);
  }
}

function failed(reason: Failure["reason"], detail: string): Exchanged {
  return { kind: "reading", reading: { kind: "answer", answer: { kind: "failed", reason, detail } } };
}

/** The answer at the end of a chain is as short-lived and as doubtful as the chain. */
function limit(answer: DnsAnswer, ttlMs: number, secure: boolean): DnsAnswer {
  if (answer.kind === "failed") return answer;
  if (answer.kind !== "records") {
    return { ...answer, ttlMs: Math.min(answer.ttlMs, ttlMs), secure: answer.secure && secure };
  }
  const records = answer.records.map((record) => ({ ...record, ttlMs: Math.min(record.ttlMs, ttlMs) }));
  return { kind: "records", records, secure: answer.secure && secure };
}
