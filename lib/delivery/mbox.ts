/** Appends messages to files in mbox form: a `From ` line, the message with its own `From ` lines quoted, an empty line.
 * The agent runs this as the user. A message that cannot be written whole is cut off again. */

import { Buffer } from "node:buffer";
import { Fault } from "../fault.ts";
import { latin1Octets } from "../mail/octets.ts";
import type { AppendFile, Clock, Disk } from "../port.ts";
import { LfText } from "./lf.ts";
import type { MessageSink } from "./sink.ts";

/** Longest wait for a lock that somebody else has, ms. */
export const mboxLockWaitMs = 60_000;

/** Age at which a lock file is taken to be left over, ms. */
export const mboxLockStaleMs = 300_000;

/** Between two attempts at a lock, ms. */
const lockRetryMs = 250;

/** Octets gathered before they are written. */
const flushLength = 256 * 1024;

/** Where one message goes. */
export interface MboxRequest {
  /** Absolute path of the file. Made with mode 0600 when it is missing. */
  readonly path: string;
  /** Also takes `path.lock`, as programs that read mail spools do, where the directory lets us. */
  readonly dotLock: boolean;
  /** Who the message is from, for its `From ` line. */
  readonly from: string;
  /** Fields to put before the content, CRLF line ends. */
  readonly prefix: string;
  /** User id that the file has to belong to; null for any. */
  readonly owner: number | null;
}

/** What the writer works with. */
export interface MboxWorld {
  /** Where the file is. */
  readonly disk: Disk;
  /** Dates the `From ` line and times the waiting for locks. */
  readonly clock: Clock;
}

/** Begins a message. Waits for the locks; nothing is written before the first `write` or `commit` that has to. */
export async function openMbox(world: MboxWorld, request: MboxRequest): Promise<MessageSink> {
  const release = request.dotLock ? await takeDotLock(world, `${request.path}.lock`) : null;
  const giveBack = async () => {
    if (release !== null) await release();
  };
  try {
    const file = await world.disk.openAppend(request.path, { mode: 0o600 });
    try {
      await checkOwner(file, request);
      await waitFor(world.clock, request.path, () => file.tryLock());
      const size = await file.size();
      const last = await file.lastOctet();
      return new MboxSink(file, size, last, giveBack, request, world.clock);
    } catch (error) {
      file.close();
      throw error;
    }
  } catch (error) {
    await giveBack();
    throw error;
  }
}

/** Who may make names in the mail spool could have made somebody else's mailbox, and would read his mail. */
async function checkOwner(file: AppendFile, { path, owner }: MboxRequest): Promise<void> {
  if (owner === null || await file.owner() === owner) return;
  throw new Fault("denied", `Cannot append to ${path}: it belongs to somebody else than the user; run chown`);
}

/** `Tue Mar  3 09:04:05 2026`, local time: asctime(3) as mbox files have it. */
export function formatMboxDate(clock: Pick<Clock, "now" | "zone">): string {
  const now = clock.now();
  const local = new Date(now + clock.zone(now).offsetMinutes * 60_000);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][local.getUTCDay()];
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const date = `${day} ${months[local.getUTCMonth()]} ${String(local.getUTCDate()).padStart(2)}`;
  const time = [local.getUTCHours(), local.getUTCMinutes(), local.getUTCSeconds()].map(two).join(":");
  return `${date} ${time} ${local.getUTCFullYear()}`;
}

/** Puts `>` before each line that begins with `From `, however the text is cut. */
export class FromQuoter {
  /** The beginning of a line that may become `From `. */
  #held = "";
  #isLineStart = true;

  /** The text so far as it can be told. */
  push(piece: string): string {
    const text = this.#held + piece;
    this.#held = "";
    let body = text;
    const lineStart = text.lastIndexOf("\n") + 1;
    const tail = text.slice(lineStart);
    const isStart = lineStart > 0 || this.#isLineStart;
    if (isStart && tail.length < fromWord.length && fromWord.startsWith(tail)) {
      this.#held = tail;
      body = text.slice(0, lineStart);
    }
    const quoted = (this.#isLineStart && body.startsWith(fromWord) ? ">" : "") + body.replaceAll("\nFrom ", "\n>From ");
    this.#isLineStart = body === "" ? this.#isLineStart : body.endsWith("\n");
    return quoted;
  }

  /** What was held back. */
  finish(): string {
    return this.#held;
  }
}

const fromWord = "From ";

class MboxSink implements MessageSink {
  readonly #file: AppendFile;
  readonly #size: number;
  readonly #release: () => Promise<void>;
  readonly #lines = new LfText();
  readonly #quoter = new FromQuoter();
  /** Not written yet; one character per octet. */
  #text: string;
  #lastChar = "\n";
  #isDone = false;
  #tail: Promise<void> = Promise.resolve();

  constructor(
    file: AppendFile,
    size: number,
    last: number | null,
    release: () => Promise<void>,
    request: MboxRequest,
    clock: Clock,
  ) {
    this.#file = file;
    this.#size = size;
    this.#release = release;
    // A message that was cut short by a crash must not swallow this one.
    const gap = last === null || last === 0x0a ? "" : "\n\n";
    // An address with a line end or blank in it would be another From line.
    const from = request.from.replace(/\s/g, "_") || "MAILER-DAEMON";
    this.#text = `${gap}From ${Buffer.from(from).toString("latin1")} ${formatMboxDate(clock)}\n`;
    this.#add(Buffer.from(request.prefix).toString("latin1").replaceAll("\r\n", "\n"));
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#isDone) return this.#tail;
    this.#add(this.#lines.push(bytes));
    return this.#text.length < flushLength ? this.#tail : this.#then(() => this.#flush());
  }

  commit(): Promise<void> {
    this.#isDone = true;
    return this.#then(async () => {
      this.#add(this.#lines.finish());
      this.#append(this.#quoter.finish());
      this.#text += this.#lastChar === "\n" ? "\n" : "\n\n";
      await this.#flush();
      // A new file's name gets to the disk with its content, on the file systems in use.
      await this.#file.sync();
      this.#file.close();
      await this.#release();
    });
  }

  async abandon(): Promise<void> {
    if (this.#isDone) return;
    this.#isDone = true;
    await this.#tail.then(() => this.#undo(), () => {});
  }

  #add(text: string): void {
    this.#append(this.#quoter.push(text));
  }

  #append(text: string): void {
    this.#text += text;
    this.#lastChar = text.at(-1) ?? this.#lastChar;
  }

  async #flush(): Promise<void> {
    const bytes = latin1Octets(this.#text);
    this.#text = "";
    await this.#file.write(bytes);
  }

  #then(work: () => Promise<void>): Promise<void> {
    this.#tail = this.#tail.then(async () => {
      try {
        await work();
      } catch (error) {
        await this.#undo();
        throw error;
      }
    });
    // Who does not wait for a piece learns of its failure from `commit`.
    this.#tail.catch(() => {});
    return this.#tail;
  }

  /** Takes the message out again. Readers wait for the lock, so nobody has seen it. */
  async #undo(): Promise<void> {
    await this.#file.truncate(this.#size).catch(() => {});
    this.#file.close();
    await this.#release();
  }
}

/** Makes the lock file; returns what removes it, null where the directory is not ours to write: then flock(2) is all. */
async function takeDotLock({ disk, clock }: MboxWorld, path: string): Promise<(() => Promise<void>) | null> {
  let isDenied = false;
  await waitFor(clock, path, async () => {
    try {
      const file = await disk.open(path, { write: true, createNew: true, mode: 0o600 });
      file.close();
      return true;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (error.kind === "denied") {
        isDenied = true;
        return true;
      }
      if (error.kind !== "exists") throw error;
    }
    const stat = await disk.stat(path);
    if (stat !== null && clock.now() - stat.modifiedAt > mboxLockStaleMs) await disk.remove(path).catch(() => {});
    return false;
  });
  return isDenied ? null : () => disk.remove(path).catch(() => {});
}

async function waitFor(clock: Clock, path: string, attempt: () => Promise<boolean>): Promise<void> {
  const until = clock.monotonic() + mboxLockWaitMs;
  while (!(await attempt())) {
    if (clock.monotonic() >= until) throw new Fault("unavailable", `Cannot lock ${path}: somebody else has it`);
    await new Promise<void>((resolve) => clock.after(lockRetryMs, resolve));
  }
}
