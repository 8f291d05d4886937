/** The system's users as a table of service `userinfo`, read from passwd(5). Users that only a name service knows
 * (LDAP, NIS) are not in it. */

import { Fault } from "../fault.ts";
import type { Disk } from "../port.ts";
import { formatUserinfo, normalizeKey, parseId } from "./service.ts";
import type { Service, Table } from "./table.ts";
import { type FileStamp, FileWatch } from "./watch.ts";

/** Looks users up in a passwd file; a changed file is read anew within a second. When that fails the old content
 * stays, and `report` is told. Names compare in lower case, so a user with capitals cannot receive mail. */
export class PasswdTable implements Table {
  /** Its entries are whatever the file has when they are asked for. */
  readonly shape = "dynamic";
  /** As the configuration calls it. */
  readonly name: string;
  readonly #disk: Disk;
  readonly #path: string;
  readonly #watch: FileWatch;
  readonly #report: (fault: Fault) => void;
  #users: ReadonlyMap<string, string> = new Map();

  private constructor(
    disk: Disk,
    name: string,
    path: string,
    monotonic: () => number,
    report: (fault: Fault) => void,
  ) {
    this.name = name;
    this.#disk = disk;
    this.#path = path;
    this.#watch = new FileWatch(disk, path, monotonic);
    this.#report = report;
  }

  /** Reads the file. Faults: as `Disk.open` and its file. */
  static async open(
    disk: Disk,
    name: string,
    path: string,
    monotonic: () => number,
    report: (fault: Fault) => void,
  ): Promise<PasswdTable> {
    const table = new PasswdTable(disk, name, path, monotonic, report);
    await table.update();
    return table;
  }

  async check(service: Service, key: string): Promise<boolean> {
    return await this.lookup(service, key) !== null;
  }

  async lookup(service: Service, key: string): Promise<string | null> {
    if (service !== "userinfo") {
      throw new Fault("unavailable", `Cannot look up ${service} in table ${this.name}: it has userinfo only`, {
        blame: "ours",
      });
    }
    const name = normalizeKey(this.name, key);
    if (await this.#watch.isChanged()) await this.#refresh();
    return this.#users.get(name) ?? null;
  }

  fetch(service: Service): Promise<string | null> {
    return Promise.reject(
      new Fault("unavailable", `Cannot fetch ${service} from table ${this.name}`, { blame: "ours" }),
    );
  }

  async update(): Promise<void> {
    const { text, stamp } = await readStamped(this.#disk, this.#path);
    this.#users = parsePasswd(text);
    this.#watch.seen(stamp);
  }

  /** There is nothing to close. */
  close(): void {}

  async #refresh(): Promise<void> {
    try {
      await this.update();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#report(error);
    }
  }
}

/** The users of a passwd(5) file: `uid:gid:home` by name. Lines that are not of seven fields are skipped. Of two
 * lines with one name the first counts, as for getpwnam(3). */
export function parsePasswd(text: string): Map<string, string> {
  const users = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [name, _password, uidText, gidText, _gecos, home, shell] = line.split(":");
    if (name === undefined || name === "" || home === undefined || shell === undefined) continue;
    const uid = parseId(uidText ?? "");
    const gid = parseId(gidText ?? "");
    if (uid === null || gid === null || users.has(name)) continue;
    users.set(name, formatUserinfo({ uid, gid, home }));
  }
  return users;
}

/** Reads a file and the stamp of what was read, from one open file. */
async function readStamped(disk: Disk, path: string): Promise<{ readonly text: string; readonly stamp: FileStamp }> {
  const file = await disk.open(path, { read: true });
  try {
    const stamp = await file.stat();
    const bytes = new Uint8Array(stamp.size);
    const count = file.readAt(0, bytes);
    return { text: new TextDecoder().decode(bytes.subarray(0, count)), stamp };
  } finally {
    file.close();
  }
}
