/** Real database servers of Debian packages, each in a folder of its own, on loopback and a unix socket. */

import { join } from "@std/path";
import { findProgram } from "./programs.ts";
import { allStopped, processTree } from "./processes.ts";
import { until, within } from "./wait.ts";

/** A server program that a test starts, kills and starts again. */
export class RealServer implements AsyncDisposable {
  readonly #argv: readonly string[];
  readonly #ready: RegExp;
  readonly #folder: string;
  readonly #endSignal: Deno.Signal;
  readonly #socket: string;
  #child: Deno.ChildProcess | null = null;
  #drained: Promise<void> = Promise.resolve();

  /** `ready` is in its standard output or error once it serves, on the unix socket `socket` among others. `folder` is
   * removed in the end. */
  constructor(
    argv: readonly string[],
    ready: RegExp,
    folder: string,
    socket: string,
    endSignal: Deno.Signal = "SIGKILL",
  ) {
    this.#socket = socket;
    this.#argv = argv;
    this.#ready = ready;
    this.#folder = folder;
    this.#endSignal = endSignal;
  }

  /** Starts it and waits until it serves. */
  async start(): Promise<void> {
    const [program = "", ...args] = this.#argv;
    const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "piped", cwd: "/" })
      .spawn();
    this.#child = child;
    let log = "";
    const isReady = Promise.withResolvers<void>();
    const read = async (stream: ReadableStream<Uint8Array>) => {
      const text = new TextDecoder();
      for await (const bytes of stream) {
        log = (log + text.decode(bytes, { stream: true })).slice(-20_000);
        if (this.#ready.test(log)) isReady.resolve();
      }
      isReady.reject(new Error(`${program} ended: ${log}`));
    };
    isReady.promise.catch(() => {});
    this.#drained = Promise.all([read(child.stdout), read(child.stderr)]).then(() => {});
    await within(`${this.#argv.join(" ")} serves`, isReady.promise, 30_000, () => child.kill("SIGKILL"));
    // Some say so a moment before they listen.
    const knock = async () => (await Deno.connect({ transport: "unix", path: this.#socket })).close();
    await until(`${this.#socket} is open`, () => knock().then(() => true, () => false));
  }

  /** Ends it without a word to its clients. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    child.kill(this.#endSignal);
    await child.status;
    await this.#drained;
  }

  /** Makes it deaf until `wake`; its sessions stay. */
  async freeze(): Promise<void> {
    const pids = this.#signalAll("SIGSTOP");
    // Each thread goes on until it next looks.
    await until("it is stopped", () => allStopped(pids));
  }

  /** Lets it go on. */
  wake(): void {
    this.#signalAll("SIGCONT");
  }

  #signalAll(signal: Deno.Signal): readonly number[] {
    if (this.#child === null) return [];
    const pids = processTree(this.#child.pid).map(({ pid }) => pid);
    for (const pid of pids) Deno.kill(pid, signal);
    return pids;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** A port of loopback that nobody listens on. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** A folder that other accounts may use: some servers refuse to run as root. */
export async function openFolder(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "d" });
  await Deno.chmod(folder, 0o777);
  return folder;
}

/** Words that run a program as an account without rights, when we are root. */
export function asNobody(argv: readonly string[]): readonly string[] {
  const setpriv = findProgram("setpriv");
  if (Deno.uid() !== 0 || setpriv === null) return argv;
  return [setpriv, "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--", ...argv];
}

/** Runs a program to its end; throws with what it said when it fails. */
export async function run(argv: readonly string[], input = ""): Promise<string> {
  const [program = "", ...args] = argv;
  const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "piped", cwd: "/" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}: ${text.decode(stdout)}${text.decode(stderr)}`);
  return text.decode(stdout);
}

/** Where Debian puts PostgreSQL's programs; null when it is not installed. */
export function findPostgres(): string | null {
  const base = "/usr/lib/postgresql";
  try {
    const versions = [...Deno.readDirSync(base)].map(({ name }) => name).sort((a, b) => Number(b) - Number(a));
    return versions.map((name) => join(base, name, "bin")).find((bin) => exists(join(bin, "initdb"))) ?? null;
  } catch {
    return null;
  }
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** A certificate for `localhost`, and one of an authority that signed it: paths of PEM files in `folder`. */
export async function makeCertificate(folder: string): Promise<{ ca: string; cert: string; key: string }> {
  const openssl = findProgram("openssl") ?? "openssl";
  const [ca, caKey, cert, key, request] = ["ca.pem", "ca.key", "cert.pem", "key.pem", "request.pem"].map((name) =>
    join(folder, name)
  ) as [string, string, string, string, string];
  const fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await run([
    openssl,
    "req",
    "-x509",
    ...fresh,
    "-keyout",
    caKey,
    "-out",
    ca,
    "-subj",
    "/CN=Test authority",
    "-days",
    "2",
  ]);
  await run([openssl, "req", ...fresh, "-keyout", key, "-out", request, "-subj", "/CN=localhost"]);
  await Deno.writeTextFile(join(folder, "names"), "subjectAltName=DNS:localhost\n");
  const sign = ["x509", "-req", "-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-days", "2"];
  await run([openssl, ...sign, "-in", request, "-out", cert, "-extfile", join(folder, "names")]);
  for (const path of [ca, cert]) await Deno.chmod(path, 0o644);
  return { ca, cert, key };
}
