/** Hands a message to a command. The agent runs this as the user. */

import { Buffer } from "node:buffer";
import { Fault } from "../fault.ts";
import type { Clock, Shell, ShellRun, Timer } from "../port.ts";
import type { Mailbox, ReversePath } from "../mail/address.ts";
import type { ShellCommand } from "../policy/command.ts";
import { LfText } from "./lf.ts";
import { type CommandEnd, commandTextMax } from "./outcome.ts";
import type { MessageSink } from "./sink.ts";

/** How long a command may take, ms. */
export const commandTimeoutMs = 300_000;

/** What a pipe holds, octets. A command that ends well without having read a message of this length has had it all in
 * its pipe, or could have: that does not depend on which of us was faster. */
export const pipeLength = 65_536;

/** What is remembered of a command's output: the end of it, octets. */
const outputKept = 4096;

/** `%{mda}` of a wrapper around a mailbox: what comes in goes to us on descriptor 3, behind a mark that says that it
 * was run at all. A simple command, so that `exec` and `timeout 10` can stand before it. */
export const mailboxCommand = "/bin/sh -c 'printf .; cat' >&3";

/** Whose mail it is and from whom: what a command finds in its environment. */
export interface CommandFacts {
  /** Null for the null path. */
  readonly sender: ReversePath;
  /** The argument of RCPT TO. */
  readonly rcpt: Mailbox;
  /** The address after expansion. */
  readonly dest: Mailbox;
  /** The tag without its delimiter, empty for none. */
  readonly subAddress: string;
}

/** What a command runs with. */
export interface PipeWorld {
  /** Runs it. */
  readonly shell: Shell;
  /** Ends it when it takes too long. */
  readonly clock: Clock;
}

/** The whole environment of a command, as OpenSMTPD has it. `user` is the account that it runs as. */
export function commandEnvironment(
  facts: CommandFacts,
  user: { readonly name: string; readonly home: string },
): Readonly<Record<string, string>> {
  const { sender, rcpt, dest, subAddress } = facts;
  const env: Record<string, string> = {
    PATH: "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin",
    DOMAIN: rcpt.domain,
    HOME: user.home,
    ORIGINAL_RECIPIENT: addressText(rcpt),
    RECIPIENT: addressText(dest),
    SHELL: "/bin/sh",
    LOCAL: rcpt.localPart,
    LOGNAME: user.name,
    USER: user.name,
    SENDER: sender === null ? "" : addressText(sender),
  };
  if (subAddress !== "") env["EXTENSION"] = subAddress;
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replaceAll("\0", "")]));
}

/** A command that takes a message. `commit` resolves when it has ended, however: `end` says what that means. */
export class CommandSink implements MessageSink {
  readonly #run: ShellRun;
  readonly #timer: Timer;
  readonly #mailbox: MailboxBehind | null;
  readonly #lines = new LfText();
  #output = "";
  #tail: Promise<void>;
  #reads = true;
  /** Octets handed over, or that would have been. */
  #length = 0;
  #isTimedOut = false;
  #isDone = false;
  #end: CommandEnd | null = null;

  /** Starts it. With `mailbox` the command is a wrapper, and what comes out of its `mailboxCommand` goes there. */
  constructor(
    world: PipeWorld,
    command: ShellCommand,
    env: Readonly<Record<string, string>>,
    prefix: string,
    mailbox: MessageSink | null,
  ) {
    const behind = mailbox === null ? null : new MailboxBehind(mailbox);
    this.#mailbox = behind;
    this.#run = world.shell.run({
      ...command,
      env,
      output: (bytes) => {
        this.#output = (this.#output + Buffer.from(bytes).toString("latin1")).slice(-outputKept);
      },
      side: behind === null ? null : (bytes) => behind.take(bytes),
    });
    this.#timer = world.clock.after(commandTimeoutMs, () => {
      this.#isTimedOut = true;
      this.#run.kill();
    });
    this.#tail = this.#give(prefix.replaceAll("\r\n", "\n"), "utf8");
  }

  /** How it ended; null before that. */
  get end(): CommandEnd | null {
    return this.#end;
  }

  /** What is behind it when it is a wrapper. */
  get behind(): MessageSink | null {
    return this.#mailbox?.sink ?? null;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#isDone) return this.#tail;
    const text = this.#lines.push(bytes);
    return this.#tail = this.#tail.then(() => this.#give(text, "latin1"));
  }

  async commit(): Promise<void> {
    this.#isDone = true;
    await this.#tail;
    await this.#give(this.#lines.finish(), "latin1");
    await this.#run.end();
    const { code, signal, isSideWhole } = await this.#run.ended;
    this.#timer.cancel();
    const premature = (!this.#reads && this.#length > pipeLength) || !isSideWhole;
    const end = {
      status: code,
      signal,
      timedOut: this.#isTimedOut,
      premature,
      text: lastLine(this.#output),
    };
    const isGood = code === 0 && signal === null && !premature && !this.#isTimedOut;
    if (this.#mailbox !== null) await this.#mailbox.finish(isGood);
    this.#end = end;
  }

  async abandon(): Promise<void> {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#timer.cancel();
    this.#run.kill();
    await this.#run.ended;
    await this.#mailbox?.finish(false).catch(() => {});
  }

  async #give(text: string, encoding: "latin1" | "utf8"): Promise<void> {
    this.#length += text.length;
    if (text === "" || !this.#reads) return;
    this.#reads = await this.#run.write(Buffer.from(text, encoding));
  }
}

/** The mailbox behind a wrapper. */
class MailboxBehind {
  /** Takes what comes out of the wrapper. */
  readonly sink: MessageSink;
  #isRun = false;
  #fault: Fault | null = null;

  constructor(sink: MessageSink) {
    this.sink = sink;
  }

  async take(bytes: Uint8Array): Promise<void> {
    const content = this.#isRun ? bytes : bytes.subarray(1);
    this.#isRun = true;
    await this.sink.write(content).catch((error: unknown) => this.#failed(error));
  }

  /** Rejects when the mailbox failed. A wrapper that is content without having run the command keeps the message from
   * the mailbox: that is its right. */
  async finish(isGood: boolean): Promise<void> {
    if (isGood && this.#fault !== null) throw this.#fault;
    if (isGood && this.#isRun) await this.sink.commit();
    else await this.sink.abandon();
  }

  #failed(error: unknown): void {
    if (!(error instanceof Fault)) throw error;
    this.#fault = error;
  }
}

function lastLine(output: string): string {
  const lines = Buffer.from(output, "latin1").toString("utf8").split("\n").filter((line) => line.trim() !== "");
  return (lines.at(-1) ?? "").trim().slice(0, commandTextMax);
}

/** Decoded, unlike in a header field. */
function addressText({ localPart, domain }: Mailbox): string {
  return `${localPart}@${domain}`;
}
