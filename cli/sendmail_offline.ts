/** Where mail waits while the daemon is down: one file per message in `<state>/offline`. The first line holds the
 * arguments of the command that is to be run again, joined by `|`; the message follows. */

import { Fault } from "../lib/fault.ts";
import { decodeLatin1, encodeLatin1 } from "../lib/mail/latin1.ts";
import { encodeUtf8 } from "../lib/mail/utf8.ts";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

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
  const bytes = encodeLatin1(`${message.args.map((arg) => encodeUtf8(arg)).join("|")}\n${message.content}`);
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
export function readOffline(path: string, lengthMax: number): OfflineMessage {
  const file = openInPlace(path, { read: true });
  try {
    const stat = file.statSync();
    if (stat.nlink !== 1) throw new Fault("malformed", `Cannot take ${path}: it has more than one name`);
    if (stat.size > lengthMax) throw new Fault("malformed", `Cannot take ${path}: it is too big`);
    const bytes = readAll(file, stat.size);
    const lf = bytes.indexOf(10);
    if (lf < 0) throw new Fault("malformed", `Cannot take ${path}: it has no first line`);
    return { args: utf8.decode(bytes.subarray(0, lf)).split("|"), content: decodeLatin1(bytes.subarray(lf + 1)) };
  } finally {
    file.close();
  }
}

/** Adds a message that nobody would take to `dead.letter` in the user's home directory, in mailbox form. Gives the
 * path; null when there is no home or it cannot be written. */
export function storeDeadLetter(home: string | null, content: string): string | null {
  if (home === null) return null;
  const path = `${home}/dead.letter`;
  try {
    const file = openDeadLetter(path);
    try {
      const quoted = content.replace(/^(?=>*From )/gm, ">");
      writeAll(file, encodeLatin1(`From MAILER-DAEMON ${asctime(new Date())}\n${quoted}\n`));
      file.syncSync();
    } finally {
      file.close();
    }
    return path;
  } catch {
    return null;
  }
}

/** Root may run with somebody else's HOME: a link in it leads nowhere. */
function openDeadLetter(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { append: true, createNew: true, mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    return openInPlace(path, { append: true });
  }
}

/** Opens a regular file that stands at the path itself. With limited rights Deno follows links before it opens, so
 * that O_NOFOLLOW would do nothing: what was opened is compared with what the name stands for. */
function openInPlace(path: string, options: Deno.OpenOptions): Deno.FsFile {
  const named = Deno.lstatSync(path);
  if (!named.isFile) throw new Fault("malformed", `Cannot take ${path}: it is not a regular file`);
  const file = Deno.openSync(path, options);
  const opened = file.statSync();
  if (opened.isFile && opened.ino === named.ino && opened.dev === named.dev) return file;
  file.close();
  throw new Fault("malformed", `Cannot take ${path}: it was replaced while it was opened`);
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

function readAll(file: Deno.FsFile, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let length = 0;
  while (length < size) {
    const more = file.readSync(bytes.subarray(length));
    if (more === null) break;
    length += more;
  }
  return bytes.subarray(0, length);
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}

function randomName(): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  return Array.from(crypto.getRandomValues(new Uint8Array(10)), (octet) => letters[octet % letters.length]).join("");
}
