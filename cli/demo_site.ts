/** What the demo plays in: a directory, a port, a smtpd, and the commands that are run against it. */

import { dirname, join } from "@std/path";
import manifest from "../deno.json" with { type: "json" };

/** The demo cannot go on. The message says what failed. */
export class DemoFailure extends Error {
  override readonly name = "DemoFailure";
}

/** A task of deno.json. */
export type DemoTask = "smtpd" | "smtpctl" | "sendmail" | "makemap";

/** The port that is used unless it is taken. */
const usualPort = 2525;

/** Longest time that a command or the daemon may take over one step, ms. */
const stepMs = 15_000;

/** How often a condition is looked at, ms. */
const pollMs = 20;

/** The directory and all that runs in it. */
export class DemoSite {
  /** Absolute path. */
  readonly folder: string;
  /** Of 127.0.0.1; nobody listened on it just now. */
  readonly port: number;
  #daemon: Deno.ChildProcess | null = null;
  #hasEnded = false;
  #log = "";
  #logged: Promise<void> = Promise.resolve();

  /** Makes the directory and chooses the port. Throws `DemoFailure` when there is no place for them. */
  constructor() {
    this.port = freePort();
    try {
      this.folder = Deno.makeTempDirSync({ prefix: "postern-demo-" });
    } catch (error) {
      throw new DemoFailure("no directory for temporary files; set TMPDIR to one", { cause: error });
    }
  }

  /** Is it another port than people are told of? */
  get isUsualPort(): boolean {
    return this.port === usualPort;
  }

  /** Absolute path of a file of the directory. */
  path(name: string): string {
    return join(this.folder, name);
  }

  /** Where smtpd keeps its state. */
  get state(): string {
    return this.path("state");
  }

  /** All that smtpd has logged so far. */
  get log(): string {
    return this.#log;
  }

  /** Writes a text into the directory. */
  write(name: string, text: string): void {
    Deno.mkdirSync(dirname(this.path(name)), { recursive: true });
    Deno.writeTextFileSync(this.path(name), text);
  }

  /** Texts of the files in a directory of the directory; none when there is no such directory. */
  texts(name: string): readonly { readonly path: string; readonly text: string }[] {
    try {
      const names = [...Deno.readDirSync(this.path(name))].map((entry) => entry.name).sort();
      return names.map((file) => join(this.path(name), file)).map((path) => ({
        path,
        text: Deno.readTextFileSync(path),
      }));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  /** Runs a task to its end, its output to ours. Throws `DemoFailure` unless it exits with 0. */
  async run(task: DemoTask, args: readonly string[], stdin = ""): Promise<void> {
    const child = this.#spawn(task, args, { stdin: "piped", stdout: "inherit", stderr: "inherit" });
    const timer = setTimeout(() => signal(child, "SIGKILL"), stepMs);
    try {
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(stdin));
      await writer.close();
    } catch {
      // It ended before it had read all: its exit status says why.
    }
    const { code } = await child.status;
    clearTimeout(timer);
    if (code !== 0) throw new DemoFailure(`${task} ${args.join(" ")} ended with ${code}`);
  }

  /** Starts smtpd and waits until it takes mail. */
  async start(): Promise<void> {
    const args = ["-d", "--same-user", "-f", this.path("smtpd.conf")];
    const daemon = this.#spawn("smtpd", args, { stdin: "null", stdout: "null", stderr: "piped" });
    this.#daemon = daemon;
    void daemon.status.then(() => this.#hasEnded = true);
    this.#logged = this.#keepLog(daemon.stderr);
    const isReady = () => /^smtpd: ready\b/m.test(this.#log);
    await this.until("smtpd is ready", () => this.#hasEnded || isReady());
    if (isReady()) return;
    await this.#logged;
    throw new DemoFailure("smtpd ended at once");
  }

  /** Ends smtpd, if it runs, and waits for it. */
  async stop(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === null) return;
    signal(daemon, "SIGTERM");
    const timer = setTimeout(() => signal(daemon, "SIGKILL"), stepMs);
    const { code } = await daemon.status;
    clearTimeout(timer);
    await this.#logged;
    this.#daemon = null;
    if (code !== 0) throw new DemoFailure(`smtpd ended with ${code}`);
  }

  /** Waits until smtpd has ended by itself. */
  async ended(): Promise<void> {
    await this.until("smtpd ends", () => this.#hasEnded);
    await this.stop();
  }

  /** Asks again and again until `done` says yes. */
  async until(what: string, done: () => boolean): Promise<void> {
    for (const end = performance.now() + stepMs; !done();) {
      if (performance.now() > end) throw new DemoFailure(`${what}: not within ${stepMs / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  /** Removes the directory. */
  remove(): void {
    Deno.removeSync(this.folder, { recursive: true });
  }

  #spawn<T extends Deno.CommandOptions>(task: DemoTask, args: readonly string[], stdio: T): Deno.ChildProcess {
    const env = { SMTPD_STATE: this.state };
    return new Deno.Command(Deno.execPath(), { args: [...taskArguments(task), ...args], env, ...stdio }).spawn();
  }

  async #keepLog(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) this.#log += decoder.decode(bytes, { stream: true });
  }
}

/** Did npx fetch the Deno that runs us? Then the person may have no other. */
export function isFromNpx(): boolean {
  return Deno.execPath().includes("/_npx/");
}

/** What follows `deno` in the last command of a task: the same rights as a person's. */
function taskArguments(task: DemoTask): readonly string[] {
  const [, ...words] = manifest.tasks[task].command.split("&&").at(-1)?.trim().split(" ") ?? [];
  const checkout = join(import.meta.dirname ?? "", "..");
  return words.map((word) => word.endsWith(".ts") ? join(checkout, word) : word);
}

/** The usual port, or another one when somebody listens on it. */
function freePort(): number {
  for (const port of [usualPort, 0]) {
    try {
      using listener = Deno.listen({ hostname: "127.0.0.1", port });
      return listener.addr.port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new DemoFailure("127.0.0.1 has no free port");
}

function signal(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    child.kill(name);
  } catch {
    // It has ended.
  }
}
