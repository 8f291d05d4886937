/** agent: delivers mail with the rights of one account: into Maildirs below one directory, into one file, or to one
 * command. What it is for the supervisor has told it; delivery hands it messages. */

import type { Channel, Shell } from "../port.ts";
import { type MaildirWorld, MaildirWriter, storeFailure } from "../delivery/maildir.ts";
import { LmtpSink, type LmtpWorld, openLmtp } from "../delivery/lmtp.ts";
import type { Domain } from "../mail/address.ts";
import { openMbox } from "../delivery/mbox.ts";
import { commandEnvironment, CommandSink, mailboxCommand } from "../delivery/pipe.ts";
import type { MessageSink } from "../delivery/sink.ts";
import { type CommandResult, shellCommand, wrappedCommand } from "../policy/command.ts";
import { expandFormat, type FormatValues } from "../policy/format.ts";
import type { AgentTarget, AgentWork } from "./agent_work.ts";
import type { AgentToDelivery, DeliveryToAgent } from "./imsg.ts";

/** An agent's end of its channel to delivery. */
export type DeliveryChannel = Channel<AgentToDelivery, DeliveryToAgent>;

/** What an agent works with. */
export interface AgentWorld extends MaildirWorld, LmtpWorld {
  /** Our name, in names of files and to mail stores. */
  readonly hostname: Domain;
  /** Runs its command. */
  readonly shell: Shell;
  /** The account that it runs as; null when that is the caller's. */
  readonly uid: number | null;
  /** What it is for. */
  readonly work: Extract<AgentWork, { kind: "deliver" }>;
}

type Store = Extract<DeliveryToAgent, { kind: "store" }>;

/** A message under way; what is wrong with the command for it. */
type Opened = MessageSink | { readonly badCommand: string };

/** The role: serves one channel, and is done when that closes. */
export class Agent {
  readonly #world: AgentWorld;
  readonly #writer: MaildirWriter;
  readonly #open = new Map<number, Promise<Opened>>();
  /** Writes under way, commits among them. */
  readonly #writing = new Set<Promise<void>>();

  /** `world` is where messages go, and what for. */
  constructor(world: AgentWorld) {
    this.#world = world;
    this.#writer = new MaildirWriter(world);
  }

  /** Takes work from delivery. `done` is called when delivery has let go and everything begun has ended. */
  serve(channel: DeliveryChannel, done: () => void): void {
    channel.onMessage((message, body) => this.#received(channel, message, body));
    channel.onClose(() => {
      const left = [...this.#open.values()].map(abandon);
      this.#open.clear();
      void Promise.allSettled([...left, ...this.#writing]).then(done);
    });
  }

  #received(channel: DeliveryChannel, message: DeliveryToAgent, body: Uint8Array | null): void {
    const { request } = message;
    if (message.kind === "abandon") {
      const opened = this.#open.get(request);
      this.#open.delete(request);
      if (opened !== undefined) void abandon(opened);
      return;
    }
    const opened = message.kind === "store" ? this.#begin(message) : this.#open.get(request);
    // A piece that follows a failure: delivery has been told, or is about to be.
    if (opened === undefined) return;
    if (message.last) this.#open.delete(request);
    else this.#open.set(request, opened);
    const writing = this.#write(opened, request, body, message.last).then(
      (answer) => {
        if (answer.kind === "badCommand") this.#open.delete(request);
        channel.send(answer);
      },
      (error) => {
        this.#open.delete(request);
        channel.send({ kind: "notStored", request, ...storeFailure(error) });
      },
    ).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }

  async #write(
    opening: Promise<Opened>,
    request: number,
    body: Uint8Array | null,
    last: boolean,
  ): Promise<AgentToDelivery> {
    const sink = await opening;
    if ("badCommand" in sink) return { kind: "badCommand", request, text: sink.badCommand };
    if (body !== null) await sink.write(body);
    if (!last) return { kind: "more", request };
    await sink.commit();
    const end = sink instanceof CommandSink ? sink.end : null;
    const store = sink instanceof CommandSink ? sink.behind : sink;
    // A wrapper that failed is what there is to tell; the store has got nothing then.
    if (store instanceof LmtpSink && store.verdict !== null) {
      return { kind: "answered", request, verdict: store.verdict };
    }
    return end === null ? { kind: "stored", request } : { kind: "ended", request, end };
  }

  async #begin(message: Store): Promise<Opened> {
    const { target, wrapper } = this.#world.work;
    if (target.kind !== "command" && wrapper === null) {
      return await this.#openMailbox(target, message, message.prefix, message.size);
    }
    const values = this.#valuesOf(message);
    const command = commandOf(target, wrapper, values);
    if (command.kind === "error") return { badCommand: command.message };
    const { owner: { account, accountHome } } = this.#world.work;
    const env = commandEnvironment(message.facts, { name: account, home: accountHome });
    // A wrapper gets the message with our fields, and what it makes of it has them.
    const mailbox = target.kind === "command" ? null : await this.#openMailbox(target, message, "", null);
    return new CommandSink(this.#world, command.command, env, message.prefix, mailbox);
  }

  #openMailbox(
    target: Exclude<AgentTarget, { kind: "command" }>,
    message: Store,
    prefix: string,
    size: number | null,
  ): Promise<MessageSink> {
    if (target.kind === "lmtp") {
      const { sender, dest } = message.facts;
      const rcpt = target.rcptTo ? dest : { localPart: this.#world.work.owner.user, domain: "" as Domain };
      return openLmtp(this.#world, { to: target.to, sender, rcpt, size, prefix });
    }
    if (target.kind === "file") {
      const from = expandFormat("%{mbox.from:raw}", this.#valuesOf(message));
      // Other files than mailboxes are where the user, or the configuration, wants them.
      const owner = target.dotLock ? this.#world.uid : null;
      return openMbox(this.#world, { ...target, from: from.kind === "ok" ? from.text : "", prefix, owner });
    }
    const { path, subAddress, junk } = message.maildir ?? { path: target.directory, subAddress: "", junk: false };
    return this.#writer.open({ maildir: path, subAddress, junk, prefix });
  }

  #valuesOf({ facts }: Store): FormatValues {
    const { owner, subAddressDelimiter } = this.#world.work;
    return { ...facts, username: owner.user, directory: owner.home, subAddressDelimiter };
  }
}

function commandOf(target: AgentTarget, wrapper: string | null, values: FormatValues): CommandResult {
  const inner = target.kind === "command"
    ? { kind: "template" as const, template: target.template }
    : { kind: "text" as const, text: mailboxCommand };
  if (wrapper !== null) return wrappedCommand(wrapper, inner, values);
  return inner.kind === "template"
    ? shellCommand(inner.template, values)
    : { kind: "error", message: "a mailbox needs no command" };
}

async function abandon(opening: Promise<Opened>): Promise<void> {
  const sink = await opening.catch(() => null);
  if (sink !== null && !("badCommand" in sink)) await sink.abandon();
}
