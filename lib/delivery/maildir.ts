/** Writes messages into Maildirs: tmp, fsync, rename to new, fsync of the directory. What `commit` has promised
 * survives a loss of power. The agent runs this as the recipient's user. */

import { Buffer } from "node:buffer";
import { dirname } from "@std/path";
import { assert, Fault } from "../fault.ts";
import { latin1Octets } from "../mail/octets.ts";
import { defuse } from "../policy/format.ts";
import type { Clock, Disk, DiskFile, Random } from "../port.ts";
import { DirSync } from "./dir_sync.ts";
import { JunkScanner } from "./junk.ts";
import type { StoreFailure } from "./outcome.ts";
import type { MessageSink } from "./sink.ts";

/** Where one message goes. */
export interface MaildirRequest {
  /** Absolute, normalised path. Made on first use. */
  readonly maildir: string;
  /** Names a folder that is used only if it exists; empty for none. */
  readonly subAddress: string;
  /** Mail that its header marks as spam goes to the folder Junk, whatever the sub-address. */
  readonly junk: boolean;
  /** Fields to put before the content, CRLF line ends. */
  readonly prefix: string;
}

/** Why a message could not be stored, in the words of the agent's answer. */
export interface NotStored {
  /** What kind of failure it was. */
  readonly cause: StoreFailure;
  /** One line for the log. */
  readonly text: string;
}

/** Where `junk` puts what is marked as spam. */
const junkFolder = ".Junk";

/** Octets gathered before they are written to the file: most messages need one write. */
const flushLength = 256 * 1024;

/** Mailboxes remembered as complete. */
const knownMax = 1024;

/** Attempts at an unused file name. */
const nameAttempts = 8;

/** Octets of a file name, on all file systems in use. */
const nameLengthMax = 255;

/** Delivers into any number of Maildirs. Faults of the disk pass through as they are. */
export class MaildirWriter {
  readonly #boxes: Boxes;

  /** `hostname` becomes part of file names. */
  constructor(world: MaildirWorld) {
    this.#boxes = new Boxes(world);
  }

  /** Begins a message. Makes the Maildir when it is missing, with its parents, all with mode 0700. */
  async open(request: MaildirRequest): Promise<MessageSink> {
    return new Sink(this.#boxes, request, await this.#boxes.prepare(request));
  }
}

/** What the writer works with. */
export interface MaildirWorld {
  /** Where Maildirs are. */
  readonly disk: Disk;
  /** Gives file names their time. */
  readonly clock: Clock;
  /** Makes file names differ. */
  readonly random: Random;
  /** Our name, as part of file names. */
  readonly hostname: string;
}

/** The Maildirs in use, and the files in them. */
class Boxes {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #host: string;
  readonly #dirs: DirSync;
  /** Directories that have their tmp, new and cur; the promise while they are made. */
  readonly #known = new Map<string, Promise<void>>();
  /** Names given out in this second. */
  readonly #names = new Set<string>();
  #namesSecond = 0;

  constructor(world: MaildirWorld) {
    this.#disk = world.disk;
    this.#clock = world.clock;
    this.#random = world.random;
    this.#host = hostPart(world.hostname);
    this.#dirs = new DirSync(world.disk);
  }

  /** The directory that the message goes to: a folder of the sub-address, else the Maildir itself. */
  async prepare(request: MaildirRequest): Promise<string> {
    const folder = folderOf(request.subAddress);
    if (folder !== null) {
      const path = `${request.maildir}/${folder}`;
      if (this.#known.has(path) || (await this.#isDirectory(path))) {
        await this.#ensure(path);
        return path;
      }
    }
    await this.#ensure(request.maildir);
    return request.maildir;
  }

  async #isDirectory(path: string): Promise<boolean> {
    const kind = (await this.#disk.stat(path))?.kind;
    // A link is taken on trust: that it leads nowhere shows when it is used.
    return kind === "directory" || kind === "symlink";
  }

  #ensure(box: string): Promise<void> {
    const known = this.#known.get(box);
    if (known) return known;
    const making = makeMaildir(this.#disk, this.#dirs, box);
    if (this.#known.size >= knownMax) this.#forget(this.#known.keys().next().value ?? "");
    this.#known.set(box, making);
    making.catch(() => this.#forget(box));
    return making;
  }

  /** Makes the mailbox be looked at again: something in it was missing. */
  #forget(box: string): void {
    this.#known.delete(box);
  }

  /** Opens a new file in tmp. When the mailbox has gone since it was prepared it is made again. */
  async create(request: MaildirRequest, prepared: string): Promise<{ box: string; name: string; file: DiskFile }> {
    let box = prepared;
    for (let attempt = 1;; attempt++) {
      const name = this.#newName();
      try {
        const file = await this.#disk.open(`${box}/tmp/${name}`, { write: true, createNew: true, mode: 0o600 });
        return { box, name, file };
      } catch (error) {
        const kind = error instanceof Fault ? error.kind : null;
        if (attempt >= nameAttempts || (kind !== "exists" && !(kind === "notFound" && attempt === 1))) throw error;
        if (kind === "notFound") {
          this.#forget(box);
          box = await this.prepare(request);
        }
      }
    }
  }

  /** Makes a complete, synced file in tmp a message in the folder's new. On failure neither is left. */
  async deliver(box: string, name: string, folder: string): Promise<void> {
    const target = `${folder}/new/${name}`;
    try {
      if (folder !== box) await this.#ensure(folder);
      await this.#disk.rename(`${box}/tmp/${name}`, target);
    } catch (error) {
      if (error instanceof Fault && error.kind === "notFound") {
        this.#forget(box);
        this.#forget(folder);
      }
      await this.remove(`${box}/tmp/${name}`);
      throw error;
    }
    try {
      await this.#dirs.sync(`${folder}/new`);
    } catch (error) {
      // It would be delivered again: better that this copy goes than that there are two.
      await this.remove(target);
      throw error;
    }
  }

  /** Removes a file as well as it can be done: a leftover in tmp harms nobody, and readers of Maildirs clear them. */
  async remove(path: string): Promise<void> {
    await this.#disk.remove(path).catch(() => undefined);
  }

  /** `<epoch>.<8 hex digits>.<host>`, never the same twice: two messages of one second must not meet in `new`,
   * where a rename would replace the first. */
  #newName(): string {
    const second = Math.floor(this.#clock.now() / 1000);
    if (second !== this.#namesSecond) this.#names.clear();
    this.#namesSecond = second;
    for (;;) {
      const name = `${second}.${this.#random.u32().toString(16).padStart(8, "0")}.${this.#host}`;
      if (this.#names.has(name)) continue;
      this.#names.add(name);
      return name;
    }
  }
}

/** The folder of a sub-address: `.news`; characters that a shell or a path could take for its own become `:`.
 * Null when it has none: no sub-address, one that begins with a dot (it would leave the Maildir), one too long. */
export function folderOf(subAddress: string): string | null {
  if (subAddress === "" || subAddress.startsWith(".")) return null;
  // deno-lint-ignore no-control-regex -- they must not get into file names
  const folder = "." + defuse(subAddress).replace(/[/^\u0000-\u001f\u007f]/g, ":");
  return Buffer.byteLength(folder) > nameLengthMax ? null : folder;
}

/** The host name as part of a file name: `/` and `:` in octal, as Maildir has it, and nothing else that is odd. */
export function hostPart(hostname: string): string {
  const part = hostname.replace(/\//g, "\\057").replace(/:/g, "\\072").replace(/[^A-Za-z0-9._\\-]/g, "_");
  return part.slice(0, 200) || "localhost";
}

/** What to tell the delivery role about an error of `open`, `write` or `commit`. What is no Fault is our bug and is
 * thrown on. */
export function storeFailure(error: unknown): NotStored {
  if (!(error instanceof Fault)) throw error;
  switch (error.kind) {
    case "noSpace":
    case "denied":
    case "malformed":
      return { cause: error.kind, text: error.message };
    default:
      return { cause: "io", text: error.message };
  }
}

/** Makes what is missing of a Maildir, and sees to it that the names are on the disk. */
async function makeMaildir(disk: Disk, dirs: DirSync, box: string): Promise<void> {
  let made = false;
  if ((await disk.stat(box)) === null) await makeParents(disk, dirs, box);
  for (const part of ["tmp", "new", "cur"]) {
    const path = `${box}/${part}`;
    if ((await disk.stat(path)) !== null) continue;
    await disk.makeDir(path, { parents: true, mode: 0o700 });
    made = true;
  }
  if (made) await dirs.sync(box);
}

/** Makes `box` and the directories above it that are missing. */
async function makeParents(disk: Disk, dirs: DirSync, box: string): Promise<void> {
  const gaining: string[] = [];
  for (let parent = dirname(box);; parent = dirname(parent)) {
    gaining.push(parent);
    if (parent === "/" || (await isThere(disk, parent))) break;
  }
  await disk.makeDir(box, { parents: true, mode: 0o700 });
  for (const parent of gaining) await unlessDenied(dirs.sync(parent), undefined);
}

/** What this process may not look at was there before it. */
async function isThere(disk: Disk, path: string): Promise<boolean> {
  return (await unlessDenied(disk.stat(path), "hidden")) !== null;
}

/** An agent has rights from its Maildir downwards; what lies above is left as it is. */
async function unlessDenied<T, U>(work: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Fault && error.kind === "denied") return otherwise;
    throw error;
  }
}

/** One message on its way into one Maildir. */
class Sink implements MessageSink {
  readonly #boxes: Boxes;
  readonly #request: MaildirRequest;
  #box: string;
  #name = "";
  #file: DiskFile | null = null;
  /** Not written yet; one character per octet. */
  #text: string;
  /** A CR ended the last piece: the next one says whether it belongs to a line end. */
  #heldCr = false;
  readonly #junk: JunkScanner | null;
  #done = false;
  /** All that was asked so far. It stays rejected once something failed. */
  #tail: Promise<void> = Promise.resolve();

  constructor(boxes: Boxes, request: MaildirRequest, box: string) {
    this.#boxes = boxes;
    this.#request = request;
    this.#box = box;
    this.#text = withLf(Buffer.from(request.prefix).toString("latin1"));
    this.#junk = request.junk ? new JunkScanner() : null;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#done) return this.#tail;
    // A search in a string is much faster than one in bytes, and so is a copy without a loop of ours.
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
    const text = this.#heldCr ? "\r" + piece : piece;
    this.#heldCr = text.endsWith("\r");
    const added = withLf(this.#heldCr ? text.slice(0, -1) : text);
    this.#junk?.push(added);
    this.#text += added;
    return this.#text.length < flushLength ? this.#tail : this.#then(() => this.#flush());
  }

  commit(): Promise<void> {
    assert(!this.#done, "a message is committed or abandoned once");
    this.#done = true;
    if (this.#heldCr) this.#text += "\r";
    return this.#then(async () => {
      const file = await this.#flush();
      await file.sync();
      file.close();
      this.#file = null;
      const folder = this.#junk?.isJunk === true ? `${this.#request.maildir}/${junkFolder}` : this.#box;
      await this.#boxes.deliver(this.#box, this.#name, folder);
    });
  }

  async abandon(): Promise<void> {
    if (this.#done) return;
    this.#done = true;
    this.#text = "";
    await this.#tail.catch(() => undefined);
    await this.#drop();
  }

  #then(work: () => Promise<unknown>): Promise<void> {
    this.#tail = this.#tail.then(async () => {
      try {
        await work();
      } catch (error) {
        await this.#drop();
        throw error;
      }
    });
    // Who does not wait for a piece learns of its failure from `commit`.
    this.#tail.catch(() => undefined);
    return this.#tail;
  }

  async #flush(): Promise<DiskFile> {
    const bytes = latin1Octets(this.#text);
    this.#text = "";
    if (this.#file === null) {
      const made = await this.#boxes.create(this.#request, this.#box);
      this.#box = made.box;
      this.#name = made.name;
      this.#file = made.file;
    }
    if (bytes.length > 0) await this.#file.write(bytes);
    return this.#file;
  }

  async #drop(): Promise<void> {
    if (this.#file === null) return;
    this.#file.close();
    this.#file = null;
    await this.#boxes.remove(`${this.#box}/tmp/${this.#name}`);
  }
}

function withLf(text: string): string {
  return text.replaceAll("\r\n", "\n");
}
