/** Every effect the system may ask of the world. host/ implements these for real; tests and the
 * simulator implement them for a fake world. All failures are `Fault`s (lib/fault.ts). */

/** Wall clock and timers. Times are ms since the Unix epoch. */
export interface Clock {
  /** Wall-clock time, ms since the epoch. It may jump. */
  now(): number;
  /** Monotonic time, ms from an arbitrary start. It never goes back. */
  monotonic(): number;
  /** Minutes that local time is ahead of UTC at `time`, and the zone's short name if known. */
  zone(time: number): { readonly offsetMinutes: number; readonly name: string | null };
  /** Calls `run` once, `delayMs` ms from now. */
  after(delayMs: number, run: () => void): Timer;
  /** Calls `run` after the I/O that is ready now has been handled. This is what batches work. */
  soon(run: () => void): void;
}

/** A pending call of `Clock.after`. */
export interface Timer {
  /** Prevents the call. No effect once it has happened. */
  cancel(): void;
}

/** Unpredictable numbers. */
export interface Random {
  /** Uniform in 0 … 2^32-1, fit for identifiers. */
  u32(): number;
  /** `length` unpredictable bytes. */
  bytes(length: number): Uint8Array;
}

/** SHA-1 (FIPS 180-4): 20 octets, for formats that call for it. No good where somebody gains by two texts with the
 * same digest. */
export type Sha1 = (octets: Uint8Array) => Uint8Array;

/** SHA-256 and what is made of it (FIPS 180-4, RFC 2104). Quick. */
export interface Digests {
  /** 32 octets. */
  sha256(octets: Uint8Array): Uint8Array;
  /** HMAC, 32 octets. */
  hmacSha256(key: Uint8Array, octets: Uint8Array): Uint8Array;
}

/** Functions that make a password into something that it cannot be told from. They are slow by intent, and may hold up
 * everything else of their process. Bounds are the caller's. */
export interface PasswordFunctions {
  /** bcrypt: the 31 characters of the digest. `cost` is 4 … 31, `salt` has 16 octets, `password` at most 72. */
  bcrypt(password: Uint8Array, salt: Uint8Array, cost: number): Promise<string>;
  /** Argon2id, version 0x13 (RFC 9106): `length` octets. `memoryKib` KiB, `passes` over it, in `lanes`. */
  argon2id(
    password: Uint8Array,
    salt: Uint8Array,
    cost: { readonly memoryKib: number; readonly passes: number; readonly lanes: number; readonly length: number },
  ): Promise<Uint8Array>;
  /** SHA-crypt, `$5$` or `$6$`: the characters of the digest. `setting` is all before it, as `$6$rounds=5000$salt`. */
  shaCrypt(password: string, setting: string): Promise<string>;
  /** scrypt (RFC 7914): `length` octets. `n` is a power of two. */
  scrypt(
    password: Uint8Array,
    salt: Uint8Array,
    cost: { readonly n: number; readonly r: number; readonly p: number; readonly length: number },
  ): Promise<Uint8Array>;
  /** PBKDF2 with HMAC-SHA-256 (RFC 8018): 32 octets. */
  pbkdf2(password: Uint8Array, salt: Uint8Array, iterations: number): Promise<Uint8Array>;
}

/** Where log lines go. */
export interface LogSink {
  /** Writes one line; `line` has no line end. Never throws. */
  write(priority: LogPriority, line: string): void;
}

/** syslog(3) priorities in use. */
export type LogPriority = "crit" | "err" | "warning" | "notice" | "info" | "debug";

/** One end of a connection, or where it is to be made. */
export type Address =
  | { readonly kind: "inet"; readonly ip: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** What happens on a stream, told to the one handler attached to it. */
export interface StreamHandler {
  /** Bytes arrived. The array is the receiver's to keep. */
  data(bytes: Uint8Array): void;
  /** All that was written has left our buffer, after a `write` returned false. */
  drain(): void;
  /** The peer will send no more. */
  end(): void;
  /** The stream is gone; called exactly once, last. */
  close(fault: import("./fault.ts").Fault | null): void;
}

/** A connected byte stream. It delivers nothing before a handler is attached. */
export interface Stream {
  /** The peer's end. */
  readonly remote: Address;
  /** Our end. */
  readonly local: Address;
  /** Bytes written and not yet taken by the operating system. */
  readonly buffered: number;
  /** Sets the one handler; delivery of `data` begins. */
  attach(handler: StreamHandler): void;
  /** Queues bytes. Returns false when the buffer is over its mark: wait for `drain`.
   * The caller must not change `bytes` afterwards. */
  write(bytes: Uint8Array): boolean;
  /** Stops and restarts delivery of `data`. */
  pause(): void;
  /** Goes on with delivery of `data`. */
  resume(): void;
  /** Sends what is queued, then closes our side. */
  end(): void;
  /** Sends what is queued, then drops the connection without waiting for the peer to close its side. */
  finish(): void;
  /** Drops the connection and everything queued. */
  destroy(): void;
}

/** A bound, listening socket. */
export interface Listener {
  /** Starts to hand over connections. */
  accept(take: (stream: Stream) => void): void;
  /** Stops listening. Streams already handed over live on. */
  close(): void;
}

/** Where a connection goes: an address, or a name that the system looks up, and whose addresses are tried in turn. */
export type DialTarget = Address | { readonly kind: "host"; readonly name: string; readonly port: number };

/** Makes connections. */
export interface Dialer {
  /** Faults: `refused`, `unreachable`, `timeout`, `denied`, `notFound` for a name without addresses. `source` binds the
   * local address. */
  dial(to: DialTarget, options: { readonly timeoutMs: number; readonly source?: string }): Promise<Stream>;
}

/** A typed message channel between two roles. Bodies travel as binary beside the message. */
export interface Channel<Out, In> {
  /** Queues one message. Returns false when the peer is slow: wait for `onDrain`. */
  send(message: Out, body?: Uint8Array): boolean;
  /** Bytes queued and not yet taken by the operating system. */
  readonly buffered: number;
  /** Sets the one receiver. `body` is null for a message without one, and is the receiver's to keep. */
  onMessage(take: (message: In, body: Uint8Array | null) => void): void;
  /** Sets what runs when the peer has caught up. */
  onDrain(run: () => void): void;
  /** The other side is gone. Called once. */
  onClose(run: () => void): void;
  /** Sends what is queued, then closes our side. */
  close(): void;
}

/** What a directory entry is. */
export interface DiskStat {
  /** A symlink is what it is, not what it points to. */
  readonly kind: "file" | "directory" | "symlink" | "other";
  /** Bytes. */
  readonly size: number;
  /** Permission bits, such as 0o600. */
  readonly mode: number;
  /** Owner. */
  readonly uid: number;
  /** Group. */
  readonly gid: number;
  /** Hard links. */
  readonly links: number;
  /** Last change of content, ms since the epoch. */
  readonly modifiedAt: number;
  /** Identifies the file on its device, to see a replacement. */
  readonly inode: number;
}

/** How to open a file. */
export interface DiskOpen {
  /** For reading. */
  readonly read?: boolean;
  /** For writing. */
  readonly write?: boolean;
  /** Make the file when there is none. */
  readonly create?: boolean;
  /** Fail with `exists` when the name is taken. */
  readonly createNew?: boolean;
  /** Permission bits for a new file. */
  readonly mode?: number;
}

/** An open file. */
export interface DiskFile {
  /** Reads at `offset` into `into`; returns the number of bytes, 0 at the end. Synchronous: meant for small
   * reads of files that live in the page cache (maps). */
  readAt(offset: number, into: Uint8Array): number;
  /** Writes all of it where the last write ended, the first one at the beginning. */
  write(bytes: Uint8Array): Promise<void>;
  /** Content and size are on the disk when it resolves. */
  sync(): Promise<void>;
  /** What the file is now. */
  stat(): Promise<DiskStat>;
  /** Gives the descriptor back. What was written is not synced by it. */
  close(): void;
}

/** A file that is added to. */
export interface AppendFile {
  /** Locks the file (flock(2)) until `close`; false while somebody else has it. Rejects with `denied` when the name
   * has come to stand for another file. */
  tryLock(): Promise<boolean>;
  /** The last octet; null when the file is empty. */
  lastOctet(): Promise<number | null>;
  /** Where the file ends now, octets. */
  size(): Promise<number>;
  /** User id of the file's owner. */
  owner(): Promise<number>;
  /** Writes all of it at the end. */
  write(bytes: Uint8Array): Promise<void>;
  /** Cuts off what lies behind `size` octets. */
  truncate(size: number): Promise<void>;
  /** Content and size are on the disk when it resolves. */
  sync(): Promise<void>;
  /** Gives descriptor and lock back. */
  close(): void;
}

/** Files. Faults: `notFound`, `exists`, `denied`, `noSpace`, `io`. Paths are absolute. */
export interface Disk {
  /** Opens a file; symlinks are followed. */
  open(path: string, options: DiskOpen): Promise<DiskFile>;
  /** All of a file. */
  readFile(path: string): Promise<Uint8Array>;
  /** Null when nothing has that name. A symlink is reported as such, not followed. */
  stat(path: string): Promise<DiskStat | null>;
  /** Makes one directory, or with `parents` all that are missing, each with `mode`. Existing is fine with `parents`. */
  makeDir(path: string, options: { readonly parents: boolean; readonly mode: number }): Promise<void>;
  /** Gives a file another name, in one step; a file of that name is replaced. */
  rename(from: string, to: string): Promise<void>;
  /** Opens a file for reading and writing at its end, and makes it when there is none. A symlink, or anything but a
   * regular file of one name, is `denied`. */
  openAppend(path: string, options: { readonly mode: number }): Promise<AppendFile>;
  /** Takes a file's name away. Directories stay. */
  remove(path: string): Promise<void>;
  /** The names in the directory are on the disk when it resolves. */
  syncDir(path: string): Promise<void>;
}

/** DNS record types that the toolkit asks for. */
export type DnsType = "A" | "AAAA" | "MX" | "TXT" | "PTR" | "CNAME" | "TLSA";

/** One record of an answer; `ttlMs` as received. */
export type DnsRecord =
  | { readonly type: "A" | "AAAA"; readonly address: string; readonly ttlMs: number }
  | { readonly type: "MX"; readonly preference: number; readonly exchange: string; readonly ttlMs: number }
  | { readonly type: "TXT"; readonly text: string; readonly ttlMs: number }
  | { readonly type: "PTR" | "CNAME"; readonly name: string; readonly ttlMs: number }
  | {
    readonly type: "TLSA";
    readonly usage: number;
    readonly selector: number;
    readonly matching: number;
    readonly data: Uint8Array;
    readonly ttlMs: number;
  };

/** The four answers that mail must tell apart (RFC 5321 §5.1): records; no such name; the name
 * exists without such records; no answer to be had now. `secure` is the AD bit. */
export type DnsAnswer =
  | { readonly kind: "records"; readonly records: readonly DnsRecord[]; readonly secure: boolean }
  | { readonly kind: "noName"; readonly ttlMs: number; readonly secure: boolean }
  | { readonly kind: "noData"; readonly ttlMs: number; readonly secure: boolean }
  | {
    readonly kind: "failed";
    readonly reason: "servfail" | "timeout" | "refused" | "malformed";
    readonly detail: string;
  };

/** A stub resolver. CNAMEs are followed; names are given and returned without the final dot. */
export interface Dns {
  /** Never rejects: failure is an answer. */
  query(name: string, type: DnsType): Promise<DnsAnswer>;
}

/** A child process, as the supervisor sees it. */
export interface Child {
  /** Its process id. */
  readonly pid: number;
  /** Sends a JSON value, and with it one end of a connection. `unsent` is called when the child cannot get it. */
  send(message: unknown, handle: unknown, unsent: () => void): void;
  /** Sets the one receiver of what the child sends. */
  onMessage(take: (message: unknown) => void): void;
  /** Called once. `signal` is set when one ended it. */
  onExit(run: (status: { readonly code: number | null; readonly signal: string | null }) => void): void;
  /** Sends a signal. No effect once it has ended. */
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

/** A program of an administrator's that works for us, spoken to over its standard input and output. */
export interface Program {
  /** Its process id. */
  readonly pid: number;
  /** Queues bytes for its standard input. */
  write(bytes: Uint8Array): void;
  /** Sets the one receiver of its standard output. */
  onOutput(take: (bytes: Uint8Array) => void): void;
  /** Sets the one receiver of its standard error. */
  onErrorOutput(take: (bytes: Uint8Array) => void): void;
  /** Called once. `how` is `code 1`, or the name of the signal that ended it. */
  onExit(run: (how: string) => void): void;
  /** Ends it at once. No effect when it has ended. */
  kill(): void;
}

/** A right that a process may hold, in Deno's terms. */
export interface Right {
  /** The kind. Without any of the members below: all of its kind. */
  readonly name: "read" | "write" | "net" | "run" | "env" | "sys" | "ffi" | "import";
  /** For `read` and `write`: an absolute path. */
  readonly path?: string;
  /** For `net`: an address and a port. */
  readonly host?: string;
  /** For `run`: a program. */
  readonly command?: string;
  /** For `sys`: a fact of the system. */
  readonly kind?: "hostname" | "statfs";
}

/** A column's value. Integers are exact up to 2^53. */
export type SqlValue = null | number | string | Uint8Array;

/** A prepared statement of a `SqlDatabase`. Calls are synchronous. Faults: `noSpace`, `io`, `malformed`,
 * `unavailable` (another process holds the lock), `denied`. Anything else it throws is our own mistake. */
export interface SqlStatement {
  /** Runs it to its end; returns how many rows it changed. */
  run(...values: SqlValue[]): number;
  /** The first row's columns, or null. */
  first(...values: SqlValue[]): readonly SqlValue[] | null;
  /** All rows' columns. */
  all(...values: SqlValue[]): readonly (readonly SqlValue[])[];
}

/** An embedded SQL database (SQLite), owned by this process alone. Faults as those of its statements. */
export interface SqlDatabase {
  /** Runs statements that give no rows. */
  exec(sql: string): void;
  /** Compiles one statement. It lives as long as the database. */
  prepare(sql: string): SqlStatement;
  /** No statement may be run afterwards. */
  close(): void;
}

/** A command for the shell. */
export interface ShellCommandLine {
  /** What /bin/sh reads. */
  readonly script: string;
  /** `$1` and so on. */
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Takes what it prints, standard error included. */
  readonly output: (bytes: Uint8Array) => void;
  /** Takes what it writes to descriptor 3, which is closed to it when this is null. More is read when it has resolved. */
  readonly side: ((bytes: Uint8Array) => Promise<void>) | null;
}

/** How a command ended. */
export interface ShellEnd {
  /** Its exit status; meaningless with `signal`. */
  readonly code: number;
  /** Set when one ended it. */
  readonly signal: string | null;
  /** All that was written to descriptor 3 has been taken; true as well where nobody listens there. */
  readonly isSideWhole: boolean;
}

/** A command under way, in a session and process group of its own. */
export interface ShellRun {
  /** Writes to its standard input. False: it reads no more. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Ends its standard input. */
  end(): Promise<void>;
  /** How it ended, when all that it printed has been taken. Output that children hold open is waited for briefly; what
   * comes on descriptor 3 of a command that ends well is waited for until its end, or until `kill`. Never rejects. */
  readonly ended: Promise<ShellEnd>;
  /** Kills it with all its children that are still in its process group. */
  kill(): void;
}

/** Runs commands, through /bin/sh. */
export interface Shell {
  /** Faults: `denied`, `notFound`, `io`. */
  run(command: ShellCommandLine): ShellRun;
}
