/** Tables in the form of passwd(5): the system's users (`getpwnam`), and files of an administrator's own (`passwd`). */

import { Fault } from "../fault.ts";
import type { Disk } from "../port.ts";
import { formatUserinfo, lowerAscii, normalizeKey, parseId } from "./service.ts";
import type { Service, Table } from "./table.ts";
import { type FileStamp, FileWatch, isSameStamp, readStamped, type WatchClock } from "./watch.ts";

/** Where the file is and how it is read. */
export interface PasswdOptions {
  /** `getpwnam`: the system's file. Lines that are not of seven fields are skipped, of two lines with one name the first
   * counts, as for getpwnam(3), and names keep their case: a user with capitals cannot receive mail. Users that only a
   * name service knows (LDAP, NIS) are not in it. Service userinfo only.
   *
   * `passwd`: what OpenSMTPD's table-passwd(5) reads. What follows a `#` is a comment, six fields are enough and more
   * than seven are fine (Dovecot's passwd-file), a line that is none makes the file fail, of two lines with one name the
   * last counts. Services credentials, userinfo and string. */
  readonly kind: "getpwnam" | "passwd";
  /** As the configuration calls the table. */
  readonly name: string;
  /** Absolute path. */
  readonly path: string;
  /** Times the looks at the file. */
  readonly clock: WatchClock;
  /** Told once when a changed file cannot be read, while its old content stays in use. */
  readonly report: (fault: Fault) => void;
}

/** Looks users up in a passwd file; a changed file is read anew once it has settled (watch.ts). Until then, and
 * when that fails, the old content stays. */
export class PasswdTable implements Table {
  /** Its entries are whatever the file has when they are asked for. */
  readonly shape = "dynamic";
  readonly #disk: Disk;
  readonly #options: PasswdOptions;
  readonly #watch: FileWatch;
  /** Lines by name, in the form in which keys are compared. */
  #lines: ReadonlyMap<string, string> = new Map();

  private constructor(disk: Disk, options: PasswdOptions) {
    this.#disk = disk;
    this.#options = options;
    this.#watch = new FileWatch(disk, options.path, options.clock);
  }

  /** Reads the file. Faults: as `Disk.open` and its file; `malformed` with the line. */
  static async open(disk: Disk, options: PasswdOptions): Promise<PasswdTable> {
    const table = new PasswdTable(disk, options);
    await table.update();
    return table;
  }

  /** As the configuration calls it. */
  get name(): string {
    return this.#options.name;
  }

  async check(service: Service, key: string): Promise<boolean> {
    if (service !== "string") return await this.lookup(service, key) !== null;
    this.#demand(service, ["string"]);
    return await this.#find(key) !== undefined;
  }

  async lookup(service: Service, key: string): Promise<string | null> {
    this.#demand(service, ["credentials", "userinfo"]);
    const line = await this.#find(key);
    if (line === undefined) return null;
    const [name = "", password = "", uid = "", gid = "", , home = ""] = line.split(":");
    // Without a password there is nothing that a login could be held against.
    if (service === "credentials") return password === "" ? null : `${name}:${password}`;
    const ids = [parseId(uid), parseId(gid)] as const;
    if (ids[0] !== null && ids[1] !== null && home.startsWith("/")) {
      return formatUserinfo({ uid: ids[0], gid: ids[1], home });
    }
    throw new Fault("malformed", `Cannot look up ${key} in table ${this.name}: its line has no uid, gid and home`);
  }

  fetch(service: Service): Promise<string | null> {
    return Promise.reject(
      new Fault("unavailable", `Cannot fetch ${service} from table ${this.name}`, { blame: "ours" }),
    );
  }

  update(): Promise<void> {
    return this.#take(null);
  }

  /** There is nothing to close. */
  close(): void {}

  /** Reads the file, and takes it when it is what has settled; null for whatever it is. */
  async #take(settled: FileStamp | null): Promise<void> {
    const { path, kind } = this.#options;
    const { bytes, stamp } = await readStamped(this.#disk, path);
    if (settled !== null && !isSameStamp(stamp, settled)) return;
    const text = new TextDecoder().decode(bytes);
    this.#lines = kind === "getpwnam" ? parseSystemPasswd(text) : parsePasswd(path, text);
    this.#watch.seen(stamp);
  }

  async #find(key: string): Promise<string | undefined> {
    const name = normalizeKey(this.name, key);
    await this.#watch.refresh((settled) => this.#take(settled), this.#options.report);
    return this.#lines.get(name);
  }

  #demand(service: Service, served: readonly Service[]): void {
    const has = this.#options.kind === "getpwnam" ? ["userinfo"] : served;
    if (has.includes(service)) return;
    throw new Fault(
      "unavailable",
      `Cannot look up ${service} in table ${this.name}: it has ${has.join(" and ")} only`,
      {
        blame: "ours",
      },
    );
  }
}

/** Lines of the system's users by name. Lines that are not of seven fields, or have no ids, are skipped. Of two lines
 * with one name the first counts. */
export function parseSystemPasswd(text: string): Map<string, string> {
  const users = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [name, _password, uid, gid, _gecos, home, shell] = line.split(":");
    if (name === undefined || name === "" || home === undefined || shell === undefined) continue;
    if (parseId(uid ?? "") === null || parseId(gid ?? "") === null || users.has(name)) continue;
    users.set(name, line);
  }
  return users;
}

/** Lines of a file of users by name in lower case. Throws a Fault `malformed` that names the line. */
export function parsePasswd(path: string, text: string): Map<string, string> {
  const users = new Map<string, string>();
  for (const [index, whole] of text.split("\n").entries()) {
    const comment = whole.indexOf("#");
    const line = (comment < 0 ? whole : whole.slice(0, comment)).trim();
    if (line === "") continue;
    const [name = "", ...others] = line.split(":");
    if (name === "" || others.length < 5) {
      throw new Fault("malformed", `${path}:${index + 1}: not name:password:uid:gid:gecos:home:shell`);
    }
    users.set(lowerAscii(name), line);
  }
  return users;
}
