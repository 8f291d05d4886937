/** What the tests of queue_intake.ts work with. */

import { ok } from "node:assert/strict";
import type { QueueToSmtpIn, SmtpInToQueue } from "../../lib/daemon/imsg.ts";
import { Intake } from "../../lib/daemon/queue_intake.ts";
import type { Random } from "../../lib/port.ts";
import type { Envelope } from "../../lib/spool/envelope.ts";
import { GroupCommit } from "../../lib/spool/group.ts";
import type { MsgId } from "../../lib/spool/id.ts";
import { MemoryStore } from "../../lib/spool/memory.ts";
import { channelPair, type FakeChannel } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";
import { SeededRandom } from "../sim/random.ts";
import { FakeStore } from "../sim/store.ts";
import { bytesOf, type draftTo, KeptLog } from "./rig.ts";

/** One smtp-in, as far as the queue can tell. */
export class Client {
  readonly ids: MsgId[] = [];
  readonly heard: QueueToSmtpIn[] = [];
  readonly channel: FakeChannel<SmtpInToQueue, QueueToSmtpIn>;

  constructor(rig: Rig, name: string) {
    const [near, far] = channelPair<SmtpInToQueue, QueueToSmtpIn>(rig.clock);
    this.channel = near;
    near.onMessage((message) => {
      if (message.kind === "dealt") this.ids.push(...message.messages);
      else this.heard.push(message);
    });
    rig.intake.add(name, far);
  }

  take(): MsgId {
    const id = this.ids.pop();
    ok(id, "there are ids in the hand");
    return id;
  }

  /** Commits a message to the recipients of `requests`; `body` is its last piece. */
  commit(message: MsgId, requests: readonly number[], body: Uint8Array | null, size = body?.length ?? 0): void {
    const commit = { kind: "commit", message, size, requests } as const;
    if (body === null) this.channel.send(commit);
    else this.channel.send(commit, body);
  }
}

export class Rig {
  readonly clock = new FakeClock();
  readonly store: FakeStore;
  readonly kept = new KeptLog();
  readonly committed: { readonly envelopes: readonly Envelope[]; readonly content: Uint8Array | null }[] = [];
  readonly intake: Intake;
  #requests = 0;

  constructor(
    capacity = Infinity,
    seed = 1,
    readonly memory = new MemoryStore(capacity),
    random: Random = new SeededRandom(seed),
  ) {
    this.store = new FakeStore(this.clock, this.memory);
    this.intake = new Intake({
      room: () => null,
      clock: this.clock,
      random,
      log: this.kept.log,
      store: this.store,
      group: new GroupCommit(this.store, (run) => this.clock.soon(run)),
      committed: (envelopes, content) => void this.committed.push({ envelopes, content }),
    });
  }

  async client(name: string): Promise<Client> {
    const client = new Client(this, name);
    await this.clock.settle();
    return client;
  }

  /** What lookup says of one more recipient. Returns the request that smtp-in knows it by. */
  offer(asker: string, message: MsgId, ...drafts: ReturnType<typeof draftTo>[]): number {
    const request = ++this.#requests;
    this.answer(asker, message, request, ...drafts);
    return request;
  }

  /** The same, for a request that the test has numbered. */
  answer(asker: string, message: MsgId, request: number, ...drafts: ReturnType<typeof draftTo>[]): void {
    this.intake.offered({ kind: "offer", asker, request, message, drafts });
  }
}

export const hello = bytesOf("Subject: hello\r\n\r\nHello.\r\n");
