/** A real daemon in a folder of its own, for tests and for the benchmark. */

import { join } from "@std/path";
import { type Ended, root, runTask, taskArgs } from "../support/command.ts";
import { anyAlive, type ProcessFact, processTree } from "../support/processes.ts";
import { until, within } from "../support/wait.ts";

/** Where Deno and our sources are. */
export interface Place {
  readonly deno: string;
  readonly checkout: string;
  readonly env: Readonly<Record<string, string>>;
}

const here: Place = { deno: Deno.execPath(), checkout: root, env: {} };

/** A running smtpd. */
export class Daemon {
  readonly pid: number;
  /** All that it has logged so far. */
  log = "";
  readonly #child: Deno.ChildProcess;
  readonly #status: Promise<Deno.CommandStatus>;
  readonly #logged: Promise<void>;
  #ended = false;

  /** Starts `smtpd -d` and returns at once. */
  constructor(conf: string, state: string, args: readonly string[] = ["--same-user"], place: Place = here) {
    this.#child = new Deno.Command(place.deno, {
      args: [...taskArgs("smtpd", place.checkout), "-d", "-f", conf, "--state", state, ...args],
      cwd: place.checkout,
      env: { NO_COLOR: "1", ...place.env },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    this.#status = this.#child.status;
    this.#logged = this.#keepLog();
    // Its last words may be read after its end is seen.
    void Promise.all([this.#status, this.#logged]).then(() => this.#ended = true);
  }

  /** Resolves once every listener accepts. */
  async ready(): Promise<void> {
    await this.logs(/\bready\b/);
  }

  /** Resolves once the log has what `pattern` looks for; throws when the daemon ends first. */
  async logs(pattern: RegExp): Promise<void> {
    try {
      await until(`the daemon logs ${pattern}`, () => {
        if (pattern.test(this.log)) return true;
        if (this.#ended) throw new Error("The daemon has ended");
        return false;
      });
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}; its log:\n${this.log}`);
    }
  }

  /** The daemon's processes, itself first. */
  processes(): ProcessFact[] {
    return processTree(this.pid);
  }

  /** The processes of one role. The last word of the command line is its name, with a number (`smtp-in#2`) or whom
   * it works for (`agent-/home/bob`) where there are several. */
  role(name: string): ProcessFact[] {
    const isOf = (word: string) => word === name || [`${name}#`, `${name}-`].some((start) => word.startsWith(start));
    return this.processes().filter(({ argv }) =>
      argv.some((word) => /\/daemon\/main_\w+\.ts$/.test(word)) && isOf(argv.at(-1) ?? "")
    );
  }

  /** Sends SIGTERM and expects what an orderly end looks like: exit 0, nothing left running. */
  async stop(limitMs = 15_000): Promise<void> {
    const pids = this.processes().map((one) => one.pid);
    this.#child.kill("SIGTERM");
    const { code, signal } = await within("the daemon ends", this.#status, limitMs, () => this.killAll());
    await this.#logged;
    if (code !== 0) throw new Error(`smtpd ended with ${signal ?? code}; its log:\n${this.log}`);
    await until("its processes end", () => !anyAlive(pids));
  }

  /** Ends every process at once with SIGKILL, as a power cut would. */
  async killAll(): Promise<void> {
    const pids = this.processes().map((one) => one.pid);
    for (const pid of pids) kill(pid);
    await this.#status;
    await until("its processes end", () => !anyAlive(pids));
    await this.#logged;
  }

  /** Resolves with the exit status. */
  ended(): Promise<Deno.CommandStatus> {
    return within("the daemon ends", this.#status);
  }

  async #keepLog(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) this.log += text;
  }
}

/** SIGKILL; no matter when the process is gone already. */
export function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** A port of loopback that nobody listens on now. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** A folder with a configuration, a state directory and homes; what it started ends with it. */
export class Site {
  readonly dir: string;
  readonly port = freePort();
  /** A port that nobody listens on. */
  readonly deadPort = freePort();
  readonly conf: string;
  readonly state: string;
  readonly #started: Daemon[] = [];

  private constructor(dir: string) {
    this.dir = dir;
    this.conf = join(dir, "smtpd.conf");
    this.state = join(dir, "state");
  }

  /** Makes the folder; `lines` makes the configuration. Homes of `users` are made. */
  static async make(lines: (site: Site) => readonly string[], users: readonly string[] = ["bob"]): Promise<Site> {
    const site = new Site(await Deno.makeTempDir({ prefix: "e2e-" }));
    for (const user of users) await Deno.mkdir(site.home(user), { recursive: true });
    await Deno.writeTextFile(site.conf, lines(site).join("\n") + "\n");
    return site;
  }

  /** The usual configuration: mail for `users` at example.org goes to their Maildirs. */
  static local(users: readonly string[] = ["bob"]): Promise<Site> {
    return Site.make((site) => [...site.localLines(users), ...site.matchLocal()], users);
  }

  /** The same, and mail for elsewhere goes to a server at `port`. */
  static relaying(port: number): Promise<Site> {
    return Site.make((site) => [
      ...site.localLines(),
      `action "out" relay host "smtp://127.0.0.1:${port}"`,
      ...site.matchLocal(),
      `match from any for any action "out"`,
    ]);
  }

  home(user: string): string {
    return join(this.dir, "home", user);
  }

  /** Tables, listener and the action `local`. */
  localLines(users: readonly string[] = ["bob"]): string[] {
    const entries = users.map((user) => `${user} = "${Deno.uid()}:${Deno.gid()}:${this.home(user)}"`);
    return [
      `table users { ${entries.join(", ")} }`,
      `listen on 127.0.0.1 port ${this.port}`,
      `action "local" maildir userbase <users>`,
    ];
  }

  /** Anybody may send to example.org. */
  matchLocal(): string[] {
    return [`match from any for domain "example.org" action "local"`];
  }

  /** Starts the daemon and waits until it is ready. */
  async start(args: readonly string[] = ["--same-user"], place: Place = here): Promise<Daemon> {
    const daemon = new Daemon(this.conf, this.state, args, place);
    this.#started.push(daemon);
    await daemon.ready();
    return daemon;
  }

  /** Runs one of our commands against this daemon's state. */
  run(task: string, args: readonly string[], stdin = ""): Promise<Ended> {
    return runTask(task, args, { stdin, env: { SMTPD_STATE: this.state } });
  }

  /** Contents of the messages in a user's Maildir. */
  mail(user = "bob"): string[] {
    return this.#mailNames(user).map((name) => Deno.readTextFileSync(join(this.home(user), "Maildir/new", name)));
  }

  #mailNames(user: string): string[] {
    try {
      return [...Deno.readDirSync(join(this.home(user), "Maildir/new"))].map((entry) => entry.name);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  /** How many messages are in a user's Maildir. */
  mailCount(user = "bob"): number {
    return this.#mailNames(user).length;
  }

  /** Waits until a user has `count` messages and returns them. */
  async delivered(count: number, user = "bob"): Promise<string[]> {
    await until(`${user} gets ${count} messages`, () => this.mailCount(user) >= count);
    return this.mail(user);
  }

  /** Waits until nothing is left in the queue. */
  async queueEmpties(): Promise<void> {
    await until("the queue empties", async () => {
      const { code, stdout } = await this.run("smtpctl", ["show", "queue"]);
      return code === 0 && stdout === "";
    }, { everyMs: 50 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const daemon of this.#started) await daemon.killAll();
    await Deno.remove(this.dir, { recursive: true });
  }
}
