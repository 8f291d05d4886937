/** lookup's side of the tables that helpers answer for: one channel to each table's host. */

import type { Channel, Clock, Timer } from "../port.ts";
import type { ProcAnswer, ProcLink } from "../table/proc.ts";
import { procBudgetMs } from "../table/proc_machine.ts";
import type { LookupToTableHost, TableHostToLookup } from "./imsg.ts";

/** How long lookup waits for an answer, ms: a host that lives has answered before. */
export const hostBudgetMs: number = procBudgetMs + 1000;
/** How long a question waits for a host that is being started, ms. */
export const hostWaitMs = 3000;
/** Most questions of one table that wait at once. */
export const hostQuestionsMax = 2000;

/** The channel to one host, as lookup sees it. */
export type HostChannel = Channel<LookupToTableHost, TableHostToLookup>;

interface Question {
  readonly message: LookupToTableHost;
  readonly done: (answer: ProcAnswer) => void;
  timer: Timer;
}

/** The hosts of all tables. */
export class TableLinks {
  readonly #clock: Clock;
  readonly #hosts = new Map<string, HostLink>();

  /** Times questions by `clock`. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The way to a table's helper; there may be no host yet. */
  link(table: string): ProcLink {
    let host = this.#hosts.get(table);
    if (host === undefined) this.#hosts.set(table, host = new HostLink(this.#clock));
    return host;
  }

  /** Takes the channel to the host of a table. One of a table that nobody asks is closed. */
  attach(table: string, channel: HostChannel): void {
    const host = this.#hosts.get(table);
    if (host === undefined) channel.close();
    else host.attach(channel);
  }
}

class HostLink implements ProcLink {
  readonly #clock: Clock;
  readonly #asked = new Map<number, Question>();
  /** Those that no host has been there for. */
  readonly #unsent = new Map<number, Question>();
  #channel: HostChannel | null = null;
  #requests = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ask(ask: LookupToTableHost["ask"]): Promise<ProcAnswer> {
    return new Promise((done) => {
      if (this.#asked.size + this.#unsent.size >= hostQuestionsMax) {
        return done({ kind: "failed", reason: `${hostQuestionsMax} questions wait` });
      }
      const request = ++this.#requests;
      const channel = this.#channel;
      const waitMs = channel === null ? hostWaitMs : hostBudgetMs;
      const timer = this.#clock.after(waitMs, () => this.#end(request, "its host does not answer"));
      const question: Question = { message: { kind: "ask", request, ask }, done, timer };
      if (channel === null) this.#unsent.set(request, question);
      else this.#send(channel, question);
    });
  }

  close(): void {
    this.#channel?.close();
    this.#lost("the table is closed");
  }

  attach(channel: HostChannel): void {
    this.#channel = channel;
    channel.onMessage(({ request, answer }) => this.#finish(request, answer));
    channel.onClose(() => {
      if (this.#channel !== channel) return;
      this.#channel = null;
      this.#lost("its host has ended, and is started again");
    });
    for (const [request, question] of [...this.#unsent]) {
      this.#unsent.delete(request);
      question.timer.cancel();
      question.timer = this.#clock.after(hostBudgetMs, () => this.#end(request, "its host does not answer"));
      this.#send(channel, question);
    }
  }

  #send(channel: HostChannel, question: Question): void {
    this.#asked.set(question.message.request, question);
    channel.send(question.message);
  }

  #lost(reason: string): void {
    for (const request of [...this.#asked.keys(), ...this.#unsent.keys()]) this.#end(request, reason);
  }

  #end(request: number, reason: string): void {
    this.#finish(request, { kind: "failed", reason });
  }

  #finish(request: number, answer: ProcAnswer): void {
    const question = this.#asked.get(request) ?? this.#unsent.get(request);
    if (question === undefined) return;
    this.#asked.delete(request);
    this.#unsent.delete(request);
    question.timer.cancel();
    question.done(answer);
  }
}
