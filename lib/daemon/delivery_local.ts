/** delivery's local half: finds whose mailbox it is, plans the delivery, has an agent write it. */

import type { Clock } from "../port.ts";
import { describeError, Fault } from "../fault.ts";
import { formatSpan, type Log } from "../event_log.ts";
import { formatMailbox, formatPath } from "../mail/address.ts";
import { HeaderScanner } from "../mail/message.ts";
import type { LocalAction, Policy } from "../policy/policy.ts";
import type { Envelope } from "../spool/envelope.ts";
import type { EvpId } from "../spool/id.ts";
import { MdaLimits, planMaildir } from "../delivery/mda.ts";
import type { MaildirRequest } from "../delivery/maildir.ts";
import {
  classifyStoreFailure,
  loopDetected,
  misconfigured,
  notNow,
  type Outcome,
  resultOf,
  storedLocally,
  unknownUser,
} from "../delivery/outcome.ts";
import type { ContentSource } from "../delivery/task.ts";
import { agentDirectory } from "./agent_directory.ts";
import type { AgentLink, AgentPool } from "./agent_pool.ts";
import type { LookupToDelivery } from "./imsg.ts";

/** Longest that an answer about a user is believed, ms: a burst for one mailbox asks once. */
const userCacheMs = 2_000;
const userCacheMax = 10_000;

/** What lookup says of a user. */
export type UserAnswer = Extract<LookupToDelivery, { kind: "user" }>["answer"];

/** What local delivery is given. */
export interface LocalPorts {
  /** Says how long an answer of lookup is good for. */
  readonly clock: Clock;
  /** One line for each attempt. */
  readonly log: Log;
  /** Its actions say where mail is written. */
  readonly policy: Policy;
  /** Every role keeps the caller's uid. */
  readonly sameUser: boolean;
  /** Who writes it. */
  readonly agents: AgentPool;
  /** Asks lookup. Rejects with a Fault when lookup is gone. */
  readonly findUser: (table: string, user: string, account: string | null) => Promise<UserAnswer>;
}

/** Tells the queue that gave an envelope what became of it. */
export type Report = (envelope: EvpId, outcome: Outcome) => void;

interface Job {
  readonly envelope: Envelope;
  readonly content: ContentSource;
  readonly report: Report;
}

/** Local deliveries. What is over the limits waits here; the queue bounds how much that can be. */
export class LocalDelivery {
  readonly #ports: LocalPorts;
  readonly #limits: MdaLimits;
  readonly #waiting = new Map<string, Job[]>();
  readonly #users = new Map<string, { readonly answer: Promise<UserAnswer>; readonly until: number }>();

  /** Nothing is under way at first. */
  constructor(ports: LocalPorts) {
    this.#ports = ports;
    const { maxSession, maxSessionPerUser } = ports.policy.mda.limits;
    this.#limits = new MdaLimits({ sessions: maxSession, perUser: maxSessionPerUser });
  }

  /** Deliveries under way, those that wait left out. */
  get running(): number {
    return this.#limits.running;
  }

  /** Delivers, or waits for its turn; `report` is called once. */
  submit(envelope: Envelope, content: ContentSource, report: Report): void {
    const user = envelope.local?.user ?? "";
    const job = { envelope, content, report };
    if (this.#limits.enter(user)) return void this.#run(user, job);
    const queue = this.#waiting.get(user);
    if (queue === undefined) this.#waiting.set(user, [job]);
    else queue.push(job);
  }

  /** What lookup has said of users is not to be believed any more. */
  forgetUsers(): void {
    this.#users.clear();
  }

  /** Gives back what waits, untried. */
  abandon(): void {
    for (const jobs of this.#waiting.values()) {
      for (const { envelope, report } of jobs) report(envelope.id, notNow("the daemon is stopping"));
    }
    this.#waiting.clear();
  }

  async #run(user: string, job: Job): Promise<void> {
    const outcome = await this.#deliver(job.envelope, job.content).catch((error: unknown): Outcome => {
      if (error instanceof Fault) return notNow(describeError(error));
      throw error;
    });
    this.#log(user, job.envelope, outcome);
    job.report(job.envelope.id, outcome);
    this.#limits.leave(user);
    this.#next(user);
  }

  /** The same user's next message first: its agent is warm. */
  #next(user: string): void {
    for (const key of [user, ...this.#waiting.keys()]) {
      const queue = this.#waiting.get(key);
      if (queue === undefined) continue;
      if (!this.#limits.enter(key)) continue;
      const job = queue.shift();
      if (queue.length === 0) this.#waiting.delete(key);
      if (job !== undefined) void this.#run(key, job);
      return;
    }
  }

  async #deliver(envelope: Envelope, content: ContentSource): Promise<Outcome> {
    const action = this.#ports.policy.actions[envelope.action];
    if (action === undefined || action.kind !== "local") {
      return misconfigured(`action "${envelope.action}" is not a local one in the configuration any more`);
    }
    const name = envelope.local?.user ?? "";
    const user = await this.#user(action, name);
    if (user.kind === "absent") return unknownUser();
    if (user.kind === "failed") return notNow("Temporary failure in user lookup");
    const uid = this.#ports.sameUser ? null : user.uid;
    const delimiter = this.#ports.policy.smtp.subAddressDelimiter;
    const plan = planMaildir(envelope, action, { ...user, name }, { uid, subAddressDelimiter: delimiter });
    if (plan.kind === "refuse") return plan.outcome;
    const directory = agentDirectory(action, { user: name, home: user.home });
    if (directory === null) return misconfigured(`the path of action "${action.name}" has no fixed directory`);
    const key = this.#ports.sameUser ? directory : `${user.uid}:${user.gid}:${directory}`;
    const { home, gid } = user;
    const request = { key, action: action.name, user: name, uid: user.uid, gid, home };
    return await this.#ports.agents.use(request, (agent) => this.#write(agent, envelope, plan.request, content));
  }

  async #write(
    agent: AgentLink,
    envelope: Envelope,
    maildir: MaildirRequest,
    content: ContentSource,
  ): Promise<Outcome> {
    const scanner = new HeaderScanner(envelope.rcpt);
    const request = agent.nextRequest();
    let piece = await content.read(0);
    for (let seq = 0;; seq++) {
      const next = piece === null || content.inline !== null ? null : await this.#read(agent, request, content, seq);
      const last = next === null;
      if (piece !== null) scanner.push(piece);
      if ((last || scanner.isDone) && scanner.finish().wasDelivered) {
        if (seq > 0) agent.abandon(request);
        return loopDetected();
      }
      const answer = seq === 0
        ? await agent.send({ kind: "store", request, ...maildir, last }, piece)
        : await agent.send({ kind: "more", request, last }, piece);
      if (answer.kind === "notStored") return classifyStoreFailure(answer.cause, answer.text);
      if (answer.kind === "stored") return storedLocally("");
      piece = next;
    }
  }

  /** The piece after `seq`; a message that cannot be read to its end leaves nothing with the agent. */
  async #read(agent: AgentLink, request: number, content: ContentSource, seq: number): Promise<Uint8Array | null> {
    try {
      return await content.read(seq + 1);
    } catch (error) {
      agent.abandon(request);
      throw error;
    }
  }

  #user(action: LocalAction, name: string): Promise<UserAnswer> {
    const account = this.#ports.sameUser ? null : action.user;
    const key = `${action.userbase}\0${name}\0${account ?? ""}`;
    const now = this.#ports.clock.monotonic();
    const known = this.#users.get(key);
    if (known !== undefined && known.until > now) return known.answer;
    if (this.#users.size >= userCacheMax) this.#users.clear();
    const answer = this.#ports.findUser(action.userbase, name, account);
    this.#users.set(key, { answer, until: now + userCacheMs });
    answer.then((found) => found.kind !== "found" && this.#users.delete(key), () => this.#users.delete(key));
    return answer;
  }

  #log(user: string, envelope: Envelope, outcome: Outcome): void {
    this.#ports.log({
      priority: "info",
      session: "",
      from: "mda",
      what: "delivery",
      fields: {
        evpid: envelope.id,
        from: formatPath(envelope.sender),
        to: `<${formatMailbox(envelope.dest)}>`,
        rcpt: `<${formatMailbox(envelope.rcpt)}>`,
        user,
        delay: formatSpan(this.#ports.clock.now() - envelope.createdAt),
        result: resultOf(outcome),
        stat: outcome.text,
      },
    });
  }
}
