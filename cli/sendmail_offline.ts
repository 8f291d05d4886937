/** Where mail waits while the daemon is down: one file per message in `<state>/offline`. The first line holds the
 * arguments of the command that is to be run again, joined by `|`; the message follows. */

import { Buffer } from "node:buffer";
import { Fault } from "../lib/fault.ts";

/** A message of the offline queue. */
export interface OfflineMessage {
  readonly args: readonly string[];
  /** latin1, one character per octet. */
  readonly content: string;
}

/** Can the arguments stand on the first line of a file? */
export function isStorable(args: readonly string[]): boolean {
  return args.every((arg) => !/[|\n\0]/.test(arg));
}

/** Stores a message. It is on the disk, under its final name, when this returns the path. Makes the directory when
 * it is missing: everybody may put mail into the system's, none but its owner sees another. Throws what the
 * operating system says. */
export function storeOffline(
  place: { readonly state: string; readonly isSystem: boolean },
  message: OfflineMessage,
): string {
  const directory = `${place.state}/offline`;
  makeDirectory(directory, place.isSystem);
  const name = `${Math.floor(Date.now() / 1000)}.${randomName()}`;
  const temporary = `${directory}/.${name}`;
  const bytes = Buffer.from(`${message.args.map((arg) => latin1Of(arg)).join("|")}\n${message.content}`, "latin1");
  const file = Deno.openSync(temporary, { write: true, createNew: true, mode: 0o600 });
  try {
    writeAll(file, bytes);
    file.syncSync();
    Deno.renameSync(temporary, `${directory}/${name}`);
  } catch (error) {
    Deno.removeSync(temporary);
    throw error;
  } finally {
    file.close();
  }
  syncDirectory(directory);
  return `${directory}/${name}`;
}

/** Reads a stored message. It must be a regular file of one name, and not a link: others may put what they like into
 * the directory. Throws a `Fault` or what the operating system says. */
export async function readOffline(path: string, lengthMax: number): Promise<OfflineMessage> {
  // Deno.open follows links; node:fs is slow to load and needed only here.
  const { closeSync, constants, fstatSync, openSync, readFileSync } = await import("node:fs");
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.nlink !== 1) {
      throw new Fault("malformed", `Cannot take ${path}: it is not a file of one name`);
    }
    if (stat.size > lengthMax) throw new Fault("malformed", `Cannot take ${path}: it is too big`);
    const bytes = readFileSync(fd);
    const lf = bytes.indexOf(10);
    if (lf < 0) throw new Fault("malformed", `Cannot take ${path}: it has no first line`);
    return { args: bytes.toString("utf8", 0, lf).split("|"), content: bytes.toString("latin1", lf + 1) };
  } finally {
    closeSync(fd);
  }
}

/** Adds a message that nobody would take to `dead.letter` in the user's home directory, in mailbox form. Gives the
 * path; null when there is no home or it cannot be written. */
export async function storeDeadLetter(home: string | null, content: string): Promise<string | null> {
  if (home === null) return null;
  const path = `${home}/dead.letter`;
  const { closeSync, constants, fsyncSync, openSync, writeFileSync } = await import("node:fs");
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
  try {
    // Root may run with somebody else's HOME: a link in it leads nowhere.
    const fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    try {
      const quoted = content.replace(/^(?=>*From )/gm, ">");
      writeFileSync(fd, Buffer.from(`From MAILER-DAEMON ${asctime(new Date())}\n${quoted}\n`, "latin1"));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    return path;
  } catch {
    return null;
  }
}

/** `Tue Mar  3 10:04:05 2026`, UTC: the form of dates in mailbox files. RFC 4155. */
function asctime(date: Date): string {
  const [day = "", dayOfMonth = "", month = "", year = "", time = ""] = date.toUTCString().split(/,? /);
  return `${day} ${month} ${String(Number(dayOfMonth)).padStart(2)} ${time} ${year}`;
}

function makeDirectory(directory: string, isSystem: boolean): void {
  try {
    if (Deno.lstatSync(directory).isDirectory) return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  Deno.mkdirSync(directory, { recursive: true, mode: isSystem ? 0o711 : 0o700 });
  // The mode given to mkdir is cut by the umask.
  if (isSystem) Deno.chmodSync(directory, 0o1733);
}

function syncDirectory(directory: string): void {
  let handle: Deno.FsFile;
  try {
    handle = Deno.openSync(directory);
  } catch (error) {
    // The system's offline directory is not ours to read. The daemon's own disk does what it can.
    if (error instanceof Deno.errors.PermissionDenied) return;
    throw error;
  }
  try {
    handle.syncSync();
  } finally {
    handle.close();
  }
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}

/** Text as one character per octet of its UTF-8. */
function latin1Of(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

function randomName(): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  return Array.from(crypto.getRandomValues(new Uint8Array(10)), (octet) => letters[octet % letters.length]).join("");
}
