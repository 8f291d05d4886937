/** delivery's local half: finds whose mailbox it is, plans the delivery, has an agent write it. */

import type { Clock } from "../port.ts";
import { describeError, Fault } from "../fault.ts";
import { formatSpan, type Log } from "../event_log.ts";
import { formatMailbox, formatPath } from "../mail/address.ts";
import { HeaderScanner } from "../mail/message.ts";
import type { LocalAction, Policy } from "../policy/policy.ts";
import type { Envelope } from "../spool/envelope.ts";
import type { EvpId } from "../spool/id.ts";
import type { LocalExec } from "../policy/exec.ts";
import { deliveryFields, type MailUser, MdaLimits, planMaildir } from "../delivery/mda.ts";
import {
  badCommand,
  classifyCommandEnd,
  classifyStoreFailure,
  classifyVerdict,
  loopDetected,
  misconfigured,
  notNow,
  type Outcome,
  resultOf,
  rootRefused,
  storedLocally,
  unknownAccount,
  unknownUser,
} from "../delivery/outcome.ts";
import type { ContentSource } from "../delivery/task.ts";
import type { AgentLink, AgentPool } from "./agent_pool.ts";
import { type AgentWork, isShared, planAgent } from "./agent_work.ts";
import type { LookupToDelivery, MaildirBox } from "./imsg.ts";

/** Longest that an answer about a user is believed, ms: a burst for one mailbox asks once. */
const userCacheMs = 2_000;
const userCacheMax = 10_000;
/** Commands and files that have a number. */
const worksMax = 10_000;

/** What lookup says of a user. */
export type UserAnswer = Extract<LookupToDelivery, { kind: "user" }>["answer"];

type FoundUser = Extract<UserAnswer, { kind: "found" }>;
type DeliverWork = Extract<AgentWork, { kind: "deliver" }>;

/** Stands for the account of aliases; its ids count for nothing. */
const aliasAnswer: FoundUser = { kind: "found", uid: 1, gid: 1, home: "/", accountHome: "/" };

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
  /** Octets of the content. */
  readonly size: number;
  readonly report: Report;
}

/** Local deliveries. What is over the limits waits here; the queue bounds how much that can be. */
export class LocalDelivery {
  readonly #ports: LocalPorts;
  readonly #limits: MdaLimits;
  readonly #waiting = new Map<string, Job[]>();
  readonly #works = new Map<string, number>();
  #workCount = 0;
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
  submit(envelope: Envelope, content: ContentSource, size: number, report: Report): void {
    const user = envelope.local?.user ?? "";
    const job = { envelope, content, size, report };
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
    const outcome = await this.#deliver(job).catch((error: unknown): Outcome => {
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

  async #deliver({ envelope, content, size }: Job): Promise<Outcome> {
    const action = this.#ports.policy.actions[envelope.action];
    if (action === undefined || action.kind !== "local") {
      return misconfigured(`action "${envelope.action}" is not a local one in the configuration any more`);
    }
    const exec = envelope.local?.exec ?? null;
    // A name of long standing for mail that nobody wants.
    if (exec?.kind === "file" && exec.text === "/dev/null") return storedLocally("");
    // The account of aliases is the supervisor's to know; it is in no userbase.
    const user = exec?.from === "table" ? aliasAnswer : await this.#user(action, envelope.local?.user ?? "");
    if (user.kind === "absent") return unknownUser();
    if (user.kind === "noAccount") return unknownAccount(action.user ?? "");
    if (user.kind === "failed") return notNow("Temporary failure in user lookup");
    const name = envelope.local?.user ?? "";
    const account = exec === null || exec.from === "forward" ? action.user ?? name : name;
    const box = this.#boxOf(envelope, action, { ...user, name }, exec);
    if (box !== null && "kind" in box) return box;
    const work = planAgent(this.#ports.policy, action, exec, {
      user: name,
      home: user.home,
      account,
      accountHome: user.accountHome,
    });
    if (typeof work === "string") return misconfigured(`action "${action.name}": ${work}`);
    const isPlainMbox = work.target.kind === "file" && work.target.dotLock && work.wrapper === null;
    // What strangers send is never run or written with root's rights, but for root's own mail.
    if (user.uid === 0 && !this.#ports.sameUser && !isPlainMbox) return rootRefused(name);
    const { uid, gid, home, accountHome } = user;
    const request = { key: this.#keyOf(user, work, action), action: action.name, user: name, uid, gid, home };
    return await this.#ports.agents.use(
      { ...request, accountHome, exec },
      (agent) => this.#write(agent, envelope, box, content, size),
    );
  }

  /** The Maildir that the message goes to, or why it cannot; null when it goes elsewhere. */
  #boxOf(
    envelope: Envelope,
    action: LocalAction,
    user: MailUser,
    exec: LocalExec | null,
  ): MaildirBox | Outcome | null {
    if ((exec?.kind ?? action.method.kind) !== "maildir") return null;
    if (exec !== null) {
      const path = exec.text.replace(/\/+/g, "/").replace(/(?<=.)\/$/, "");
      return { path, subAddress: "", junk: false };
    }
    const delimiter = this.#ports.policy.smtp.subAddressDelimiter;
    const plan = planMaildir(envelope, action, user, delimiter);
    if (plan.kind === "refuse") return plan.outcome;
    const { maildir: path, subAddress, junk } = plan.request;
    return { path, subAddress, junk };
  }

  /** Agents that may be shared are named by what they may write, all others by a number. */
  #keyOf(user: FoundUser, work: DeliverWork, action: LocalAction): string {
    const account = this.#ports.sameUser ? "" : `${user.uid}:${user.gid}:`;
    if (isShared(work) && work.target.kind === "maildir") return account + work.target.directory;
    const identity = JSON.stringify([account, action.name, work]);
    let number = this.#works.get(identity);
    if (number === undefined) {
      number = ++this.#workCount;
      // A work that comes again under another number has two agents for a moment; that harms nobody.
      if (this.#works.size >= worksMax) this.#works.clear();
      this.#works.set(identity, number);
    }
    return `${account}work${number}`;
  }

  async #write(
    agent: AgentLink,
    envelope: Envelope,
    maildir: MaildirBox | null,
    content: ContentSource,
    size: number,
  ): Promise<Outcome> {
    const { sender, rcpt, dest, local } = envelope;
    const facts = { sender, rcpt, dest, subAddress: local?.subAddress ?? "" };
    const prefix = deliveryFields(envelope);
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
        ? await agent.send({ kind: "store", request, maildir, size, facts, prefix, last }, piece)
        : await agent.send({ kind: "more", request, last }, piece);
      if (answer.kind === "notStored") return classifyStoreFailure(answer.cause, answer.text);
      if (answer.kind === "ended") return classifyCommandEnd(answer.end);
      if (answer.kind === "answered") return classifyVerdict(answer.verdict, "lmtp");
      if (answer.kind === "badCommand") return badCommand(envelope.action, answer.text);
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
