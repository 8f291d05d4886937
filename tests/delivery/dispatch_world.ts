/** A dispatcher in a world of its own: clock, network, DNS and servers in memory. */

import { plainHandling } from "../../lib/smtp/handling.ts";
import { Buffer } from "node:buffer";
import type { Log, LogEvent } from "../../lib/event_log.ts";
import type { Domain, Mailbox } from "../../lib/mail/address.ts";
import { Dispatcher, type DispatcherOptions } from "../../lib/delivery/dispatch.ts";
import { type MtaLimits, mtaLimits } from "../../lib/delivery/limits.ts";
import type { Outcome } from "../../lib/delivery/outcome.ts";
import { plainManner, type Relay, type RelayManner, relayOfUrl } from "../../lib/delivery/relay.ts";
import type { ContentSource, RelayTask } from "../../lib/delivery/task.ts";
import { type EvpId, evpIdOf, type MsgId, msgIdOf } from "../../lib/spool/id.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeDns } from "../sim/dns.ts";
import { FakeNet } from "../sim/net.ts";
import { FakePeer, type PeerScript, type TakenMessage } from "../sim/peer.ts";
import { SeededRandom } from "../sim/random.ts";

/** What a test may want to be different. */
export interface WorldChange {
  readonly limits?: Partial<MtaLimits>;
  readonly options?: Partial<DispatcherOptions>;
}

/** The world. */
export class World {
  readonly clock = new FakeClock();
  readonly dns = new FakeDns();
  readonly net = new FakeNet(this.clock);
  readonly limits: MtaLimits;
  readonly dispatcher: Dispatcher;
  /** Connections that servers have had, in order. */
  readonly peers: FakePeer[] = [];
  readonly log: LogEvent[] = [];
  /** Outcomes as they were reported, as `envelope kind enhanced`; the envelope counts from 1. */
  readonly reports: string[] = [];
  readonly outcomes = new Map<EvpId, Outcome>();
  /** Of the messages that are submitted from now on. */
  senderIfSpfFails: Mailbox | null = null;
  #envelopes = 0;

  constructor({ limits = {}, options = {} }: WorldChange = {}) {
    this.limits = { ...mtaLimits, ...limits };
    this.dispatcher = new Dispatcher({
      clock: this.clock,
      dns: this.dns,
      dialer: this.net,
      random: new SeededRandom(1),
      log: ((event) => void this.log.push(event)) satisfies Log,
      helo: "us.test" as Domain,
      selfNames: new Set(["us.test"]),
      selfAddresses: new Set(["198.51.100.1"]),
      allowPrivate: false,
      limits: this.limits,
      limitsOf: new Map(),
      ...options,
    });
  }

  /** A server at an address. Its connections come to `peers`. */
  serve(ip: string, script: PeerScript = {}, port = 25): void {
    this.net.listen(ip, port, (stream) => void this.peers.push(new FakePeer(stream, script)));
  }

  /** Gives the dispatcher a message, to `b@…` unless told otherwise, and lets things happen. */
  async send(to: string, locals: readonly string[] = ["b"], content: ContentSource = text("hi\r\n")): Promise<void> {
    this.submit(to, locals, content);
    await this.clock.settle();
  }

  /** The same in a manner of its own. */
  async sendAs(to: string, manner: Partial<RelayManner>): Promise<void> {
    this.submit(to, ["b"], text("hi\r\n"), false, { ...plainManner, ...manner });
    await this.clock.settle();
  }

  /** The same for a message that an administrator wants tried now. */
  async insist(to: string): Promise<void> {
    this.submit(to, ["b"], text("hi\r\n"), true);
    await this.clock.settle();
  }

  /** The same, without letting anything happen. `to` is a domain, or the URL of a smart host. */
  submit(
    to: string,
    locals: readonly string[] = ["b"],
    content = text("hi\r\n"),
    pardon = false,
    manner: RelayManner = plainManner,
  ): void {
    const relay = relayOf(to);
    const domain = (relay.kind === "domain" ? relay.domain : "b.test") as Domain;
    const message = msgIdOf(0xfeed);
    const task: RelayTask = {
      relay,
      manner,
      message,
      sender: { localPart: "a", domain: "a.test" as Domain },
      senderIfSpfFails: this.senderIfSpfFails,
      recipients: locals.map((localPart) => ({
        envelope: this.#nextEnvelope(message),
        dest: { localPart, domain },
        rcpt: { localPart, domain },
        notify: [],
        originalRecipient: null,
        createdAt: this.clock.now(),
      })),
      size: content.inline?.length ?? 4,
      eightBit: null,
      handling: plainHandling,
      ret: null,
      envId: null,
      pardon,
      content,
      report: (envelope, outcome) => {
        this.reports.push(`${Number.parseInt(envelope.slice(8), 16)} ${outcome.kind} ${outcome.enhanced}`);
        this.outcomes.set(envelope, outcome);
      },
    };
    this.dispatcher.submit(task);
  }

  /** Messages that servers have taken. */
  get taken(): TakenMessage[] {
    return this.peers.flatMap((peer) => peer.taken);
  }

  /** The last report's words, and who said them. */
  get lastWords(): string {
    const last = [...this.outcomes.values()].at(-1);
    return last === undefined ? "" : `${last.text} | ${last.by}`;
  }

  #nextEnvelope(message: MsgId): EvpId {
    return evpIdOf(message, ++this.#envelopes);
  }
}

/** Content at hand. */
export function text(content: string): ContentSource {
  return { inline: Buffer.from(content), read: () => Promise.resolve(null) };
}

function relayOf(to: string): Relay {
  if (!to.includes("://")) return { kind: "domain", domain: to as Domain };
  // No URL asks for LMTP yet.
  const [scheme] = to.split(":");
  const parsed = relayOfUrl(to.replace("lmtp:", "smtp:"));
  if (parsed.kind === "error") throw new Error(parsed.message);
  return scheme === "lmtp" && parsed.relay.kind === "host" ? { ...parsed.relay, protocol: "lmtp" } : parsed.relay;
}
