/** What the tests of delivery_local.ts work with. */

import { AgentPool } from "../../lib/daemon/agent_pool.ts";
import type { ContentSource } from "../../lib/delivery/task.ts";
import { LocalDelivery, type UserAnswer } from "../../lib/daemon/delivery_local.ts";
import type { AgentToDelivery, DeliveryToAgent } from "../../lib/daemon/imsg.ts";
import type { AgentRequest } from "../../lib/daemon/supervision.ts";
import type { Outcome } from "../../lib/delivery/outcome.ts";
import { Fault } from "../../lib/fault.ts";
import type { Envelope } from "../../lib/spool/envelope.ts";
import { evpIdOf } from "../../lib/spool/id.ts";
import { channelPair, type FakeChannel } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";
import { exampleEnvelope } from "../support/envelope.ts";
import { bytesOf, draftTo, KeptLog, msg, policyOf, textOf } from "./rig.ts";

export type Store = Extract<DeliveryToAgent, { kind: "store" }>;

/** An agent that does what the test says: by default it takes everything. */
export class FakeAgent {
  readonly got: { readonly message: DeliveryToAgent; readonly body: string }[] = [];
  readonly channel: FakeChannel<AgentToDelivery, DeliveryToAgent>;

  constructor(rig: Rig, readonly request: AgentRequest) {
    const [near, far] = channelPair<AgentToDelivery, DeliveryToAgent>(rig.clock);
    this.channel = near;
    near.onMessage((message, body) => {
      this.got.push({ message, body: textOf(body) });
      const answer = rig.answerOf(message);
      if (answer !== null) near.send(answer);
    });
    rig.pool.arrived(request.key, far);
  }

  get stores(): readonly Store[] {
    return this.got.flatMap(({ message }) => (message.kind === "store" ? [message] : []));
  }
}

/** Takes what it is given. */
export function obliging(message: DeliveryToAgent): AgentToDelivery | null {
  if (message.kind === "abandon") return null;
  return { kind: message.last ? "stored" : "more", request: message.request };
}

export class Rig {
  readonly clock = new FakeClock();
  readonly kept = new KeptLog();
  readonly agents: FakeAgent[] = [];
  readonly asked: string[] = [];
  readonly reports: string[] = [];
  readonly outcomes: Outcome[] = [];
  readonly pool: AgentPool;
  readonly local: LocalDelivery;
  answerOf: (message: DeliveryToAgent) => AgentToDelivery | null = obliging;
  findUser: (user: string) => Promise<UserAnswer> = (user) =>
    Promise.resolve({ kind: "found", uid: 1001, gid: 1002, home: `/home/${user}`, accountHome: `/home/${user}` });
  needs = 0;

  constructor({ sameUser = false, text }: { readonly sameUser?: boolean; readonly text?: string } = {}) {
    this.pool = new AgentPool(this.clock, (request) => {
      this.needs++;
      this.clock.soon(() => this.agents.push(new FakeAgent(this, request)));
    });
    this.local = new LocalDelivery({
      clock: this.clock,
      log: this.kept.log,
      policy: policyOf(text),
      sameUser,
      agents: this.pool,
      findUser: (table, user, account) => {
        this.asked.push(`${table} ${user}${account === null ? "" : ` as ${account}`}`);
        return this.findUser(user);
      },
    });
  }

  submit(envelope: Envelope, content: ContentSource | string = "Subject: x\r\n\r\nHello.\r\n"): void {
    const source = typeof content === "string" ? contentOf(content) : content;
    this.local.submit(envelope, source, source.inline?.length ?? 0, (id, outcome) => {
      this.reports.push(`${id.slice(8)} ${outcome.kind} ${outcome.enhanced}`);
      this.outcomes.push(outcome);
    });
  }

  async settle(): Promise<void> {
    for (let n = 0; n < 3; n++) await this.clock.settle();
  }
}

/** Content that came along, or in these pieces; a null is one that cannot be read. */
export function contentOf(...pieces: readonly (string | null)[]): ContentSource {
  const [first] = pieces;
  return {
    inline: pieces.length === 1 && typeof first === "string" ? bytesOf(first) : null,
    read: (seq) => {
      const piece = pieces[seq];
      if (piece === null) return Promise.reject(new Fault("unavailable", "Cannot read the message: the queue is gone"));
      return Promise.resolve(piece === undefined ? null : bytesOf(piece));
    },
  };
}

/** Envelope `n`, for a user of ours. */
export function envelopeTo(user: string, n = 1, change: Partial<Envelope> = {}): Envelope {
  const { ttlMs: _, ...draft } = draftTo(`${user}@example.org`);
  const createdAt = Date.UTC(2026, 2, 3, 9, 4, 0);
  return { ...exampleEnvelope, ...draft, id: evpIdOf(msg(1), n), message: msg(1), createdAt, last: null, ...change };
}
