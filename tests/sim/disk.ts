/** A disk in memory that can fail and crash. It keeps two truths: what programs see, and what would be found after a
 * loss of power. Content becomes durable by `DiskFile.sync`, names by `syncDir` of the directory that holds them. */

import { Fault, type FaultKind } from "../../lib/fault.ts";
import type { AppendFile, Disk, DiskFile, DiskOpen, DiskStat } from "../../lib/port.ts";

/** What a disk is asked to do; `path` is the file or directory concerned, for `rename` the old name. */
export interface DiskOperation {
  readonly op:
    | "open"
    | "read"
    | "write"
    | "truncate"
    | "lock"
    | "sync"
    | "stat"
    | "makeDir"
    | "rename"
    | "remove"
    | "syncDir";
  readonly path: string;
}

/** Decides the fate of an operation: a fault kind, or null to let it happen. */
export type DiskFaults = (operation: DiskOperation) => FaultKind | null;

interface FileNode {
  readonly kind: "file";
  readonly inode: number;
  readonly mode: number;
  bytes: Uint8Array;
  durable: Uint8Array;
}

interface DirNode {
  readonly kind: "directory";
  readonly inode: number;
  readonly mode: number;
  names: Map<string, Node>;
  durable: Map<string, Node>;
}

type Node = FileNode | DirNode;

/** The fake. `log` holds every operation in order, for tests that count them. */
export class FakeDisk implements Disk {
  readonly log: DiskOperation[] = [];
  /** Set to make operations fail. */
  faults: DiskFaults = () => null;
  /** Owner of every file. */
  owner = 0;
  /** Octets that all files together may hold. */
  capacity = Infinity;
  /** Files that are locked. */
  readonly #locks = new Set<FileNode>();
  #inodes = 1;
  readonly #root: DirNode = this.#newDir(0o755);
  /** Counts crashes: a file opened before one is dead after it. */
  #life = 0;

  /** Loss of power: what was not synced is gone, open files are dead. */
  crash(): void {
    this.#life++;
    this.#revert(this.#root);
  }

  /** Content of a file as text, null when there is none. */
  textOf(path: string): string | null {
    const node = this.#find(path);
    return node?.kind === "file" ? new TextDecoder().decode(node.bytes) : null;
  }

  /** Names in a directory, sorted; null when there is none. */
  namesIn(path: string): readonly string[] | null {
    const node = this.#find(path);
    return node?.kind === "directory" ? [...node.names.keys()].sort() : null;
  }

  /** Puts a file there, durably, with its directories. */
  plant(path: string, text: string): void {
    const bytes = new TextEncoder().encode(text);
    const { dir, name } = this.#plantDirs(path);
    const node: FileNode = { kind: "file", inode: this.#inodes++, mode: 0o600, bytes, durable: bytes };
    dir.names.set(name, node);
    dir.durable.set(name, node);
  }

  /** Puts an empty directory there, durably. */
  plantDir(path: string): void {
    this.#plantDirs(path + "/x");
  }

  /** How often an operation happened, on paths that end with `suffix`. */
  count(op: DiskOperation["op"], suffix = ""): number {
    return this.log.filter((one) => one.op === op && one.path.endsWith(suffix)).length;
  }

  open(path: string, options: DiskOpen): Promise<DiskFile> {
    return this.#run("open", path, () => {
      const { dir, name } = this.#place("open", path);
      let node = dir.names.get(name);
      if (node && options.createNew) throw this.#fault("exists", "open", path);
      if (!node) {
        if (!options.create && !options.createNew) throw this.#fault("notFound", "open", path);
        const empty = new Uint8Array(0);
        node = { kind: "file", inode: this.#inodes++, mode: options.mode ?? 0o666, bytes: empty, durable: empty };
        dir.names.set(name, node);
      }
      if (node.kind !== "file") throw this.#fault("io", "open", path);
      return this.#handle(path, node, options);
    });
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.#run("read", path, () => this.#file("read", path).bytes.slice());
  }

  stat(path: string): Promise<DiskStat | null> {
    return this.#run("stat", path, () => {
      const node = this.#find(path);
      return node === null ? null : statOf(node);
    });
  }

  makeDir(path: string, options: { readonly parents: boolean; readonly mode: number }): Promise<void> {
    return this.#run("makeDir", path, () => {
      const segments = segmentsOf(path);
      let dir = this.#root;
      for (const [index, segment] of segments.entries()) {
        const last = index === segments.length - 1;
        const next = dir.names.get(segment);
        if (next && next.kind === "file") throw this.#fault(last ? "exists" : "notFound", "make directory", path);
        if (next && last && !options.parents) throw this.#fault("exists", "make directory", path);
        if (!next && !last && !options.parents) throw this.#fault("notFound", "make directory", path);
        const made = next ?? this.#newDir(options.mode);
        dir.names.set(segment, made);
        if (made.kind === "directory") dir = made;
      }
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#run("rename", from, () => {
      const source = this.#place("rename", from);
      const target = this.#place("rename", to);
      const node = source.dir.names.get(source.name);
      if (!node) throw this.#fault("notFound", "rename", from);
      source.dir.names.delete(source.name);
      target.dir.names.set(target.name, node);
    });
  }

  openAppend(path: string, options: { readonly mode: number }): Promise<AppendFile> {
    return this.#run("open", path, () => {
      const { dir, name } = this.#place("open", path);
      const empty = new Uint8Array(0);
      const node = dir.names.get(name) ??
        { kind: "file", inode: this.#inodes++, mode: options.mode, bytes: empty, durable: empty };
      if (node.kind !== "file") throw this.#fault("denied", "append to", path);
      dir.names.set(name, node);
      return this.#appendHandle(path, node);
    });
  }

  remove(path: string): Promise<void> {
    return this.#run("remove", path, () => {
      const { dir, name } = this.#place("remove", path);
      const node = dir.names.get(name);
      if (!node) throw this.#fault("notFound", "remove", path);
      if (node.kind === "directory" && node.names.size > 0) throw this.#fault("io", "remove", path);
      dir.names.delete(name);
    });
  }

  syncDir(path: string): Promise<void> {
    return this.#run("syncDir", path, () => {
      const dir = this.#directory("sync directory", path);
      dir.durable = new Map(dir.names);
    });
  }

  /** Runs after a turn, as real I/O does, unless a fault is due. */
  async #run<T>(op: DiskOperation["op"], path: string, run: () => T): Promise<T> {
    const operation = { op, path };
    this.log.push(operation);
    const life = this.#life;
    await Promise.resolve();
    if (life !== this.#life) throw this.#fault("io", op, path);
    const kind = this.faults(operation);
    if (kind !== null) throw this.#fault(kind, op, path);
    return run();
  }

  #handle(path: string, node: FileNode, options: DiskOpen): DiskFile {
    const life = this.#life;
    let closed = false;
    let at = 0;
    const alive = () => {
      if (closed || life !== this.#life) throw this.#fault("closed", "use", path);
    };
    return {
      readAt: (offset, into) => {
        alive();
        if (!options.read) throw this.#fault("io", "read", path);
        const part = node.bytes.subarray(offset, offset + into.length);
        into.set(part);
        return part.length;
      },
      write: (bytes) => {
        const copy = bytes.slice();
        return this.#run("write", path, () => {
          alive();
          if (!options.write) throw this.#fault("io", "write", path);
          const room = Math.max(0, this.capacity - this.#used(this.#root));
          const taken = copy.subarray(0, room);
          node.bytes = overwrite(node.bytes, at, taken);
          at += taken.length;
          // A full disk takes what fits: the torn write stays for the caller to clean up.
          if (taken.length < copy.length) throw this.#fault("noSpace", "write", path);
        });
      },
      sync: () =>
        this.#run("sync", path, () => {
          alive();
          node.durable = node.bytes;
        }),
      stat: () => this.#run("stat", path, () => statOf(node)),
      close: () => {
        closed = true;
      },
    };
  }

  #appendHandle(path: string, node: FileNode): AppendFile {
    let holds = false;
    return {
      tryLock: () =>
        this.#run("lock", path, () => {
          if (this.#locks.has(node) && !holds) return false;
          this.#locks.add(node);
          holds = true;
          return true;
        }),
      lastOctet: () => this.#run("read", path, () => node.bytes.at(-1) ?? null),
      size: () => this.#run("stat", path, () => node.bytes.length),
      owner: () => this.#run("stat", path, () => this.owner),
      write: (bytes) => {
        const copy = bytes.slice();
        return this.#run("write", path, () => {
          const room = Math.max(0, this.capacity - this.#used(this.#root));
          const taken = copy.subarray(0, room);
          node.bytes = overwrite(node.bytes, node.bytes.length, taken);
          if (taken.length < copy.length) throw this.#fault("noSpace", "write", path);
        });
      },
      truncate: (size) =>
        this.#run("truncate", path, () => {
          node.bytes = node.bytes.slice(0, size);
        }),
      sync: () =>
        this.#run("sync", path, () => {
          node.durable = node.bytes;
        }),
      close: () => {
        if (holds) this.#locks.delete(node);
        holds = false;
      },
    };
  }

  #used(node: Node): number {
    if (node.kind === "file") return node.bytes.length;
    let sum = 0;
    for (const child of node.names.values()) sum += this.#used(child);
    return sum;
  }

  #revert(node: Node): void {
    if (node.kind === "file") {
      node.bytes = node.durable;
    } else {
      node.names = new Map(node.durable);
      for (const child of node.names.values()) this.#revert(child);
    }
  }

  #newDir(mode: number): DirNode {
    return { kind: "directory", inode: this.#inodes++, mode, names: new Map(), durable: new Map() };
  }

  #plantDirs(path: string): { dir: DirNode; name: string } {
    const segments = segmentsOf(path);
    const name = segments.pop() ?? "";
    let dir = this.#root;
    for (const segment of segments) {
      const next = dir.names.get(segment) ?? this.#newDir(0o755);
      if (next.kind === "file") throw this.#fault("io", "plant", path);
      dir.names.set(segment, next);
      dir.durable.set(segment, next);
      dir = next;
    }
    return { dir, name };
  }

  #find(path: string): Node | null {
    let node: Node = this.#root;
    for (const segment of segmentsOf(path)) {
      const next: Node | undefined = node.kind === "directory" ? node.names.get(segment) : undefined;
      if (!next) return null;
      node = next;
    }
    return node;
  }

  #file(action: string, path: string): FileNode {
    const node = this.#find(path);
    if (node?.kind === "file") return node;
    throw this.#fault(node ? "io" : "notFound", action, path);
  }

  #directory(action: string, path: string): DirNode {
    const node = this.#find(path);
    if (node?.kind === "directory") return node;
    throw this.#fault("notFound", action, path);
  }

  #place(action: string, path: string): { dir: DirNode; name: string } {
    const cut = path.lastIndexOf("/");
    return { dir: this.#directory(action, path.slice(0, cut) || "/"), name: path.slice(cut + 1) };
  }

  #fault(kind: FaultKind, action: string, path: string): Fault {
    return new Fault(kind, `Cannot ${action} ${path}: fake disk says ${kind}`);
  }
}

function segmentsOf(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "");
}

function overwrite(bytes: Uint8Array, at: number, piece: Uint8Array): Uint8Array {
  const all = new Uint8Array(Math.max(bytes.length, at + piece.length));
  all.set(bytes);
  all.set(piece, at);
  return all;
}

function statOf(node: Node): DiskStat {
  return {
    kind: node.kind,
    size: node.kind === "file" ? node.bytes.length : 0,
    mode: node.mode,
    uid: 0,
    gid: 0,
    links: 1,
    modifiedAt: 0,
    inode: node.inode,
  };
}
