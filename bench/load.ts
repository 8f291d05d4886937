/** Clients and sinks: Postfix's smtp-source and smtp-sink, and idle sessions. */

import { join } from "@std/path";
import { until } from "../tests/support/wait.ts";
import type { PostfixPackage } from "../tests/support/programs.ts";

/** How mail is sent. */
export interface Load {
  readonly sessions: number;
  /** Octets of a message. */
  readonly length: number;
  /** Many messages in a session, or one. */
  readonly keep: boolean;
  readonly to: string;
}

/** Sends `count` messages; resolves once the last is accepted. Throws when one is not. */
export async function send(files: PostfixPackage, port: number, load: Load, count: number): Promise<void> {
  const args = ["-s", load.sessions, "-l", load.length, "-m", count, "-f", "ann@client.test", "-t", load.to];
  const child = new Deno.Command(join(files.programs, "smtp-source"), {
    args: [...(load.keep ? ["-d"] : []), ...args.map(String), `127.0.0.1:${port}`],
    env: { LD_LIBRARY_PATH: files.libraries },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stderr } = await child.output();
  const said = new TextDecoder().decode(stderr);
  if (!success || said !== "") throw new Error(`smtp-source: ${said}`);
}

/** A server that takes mail and throws it away. */
export interface Sink {
  /** Messages taken so far. */
  readonly count: number;
  stop(): Promise<void>;
}

/** Starts smtp-sink. */
export async function startSink(files: PostfixPackage, port: number): Promise<Sink> {
  const child = new Deno.Command(join(files.programs, "smtp-sink"), {
    // smtp-sink refuses to work as root.
    args: [...(Deno.uid() === 0 ? ["-u", "nobody"] : []), "-c", `127.0.0.1:${port}`, "1000"],
    env: { LD_LIBRARY_PATH: files.libraries },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let count = 0;
  const counting = (async () => {
    let rest = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      rest = (rest + text).slice(-400);
      const last = [...rest.matchAll(/mesg=(\d+)\s/g)].at(-1);
      if (last) count = Number(last[1]);
    }
  })();
  await until("smtp-sink listens", () => greets(port));
  return {
    get count() {
      return count;
    },
    stop: async () => {
      child.kill("SIGTERM");
      await child.status;
      await counting;
    },
  };
}

/** Connects, waits for the greeting, and stays. */
export async function openIdle(port: number, count: number): Promise<Deno.TcpConn[]> {
  const open: Deno.TcpConn[] = [];
  for (let i = 0; i < count; i++) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    if (await connection.read(new Uint8Array(512)) === null) throw new Error(`Session ${i + 1} was not greeted`);
    open.push(connection);
  }
  return open;
}

/** True when a server answers 220. */
export async function greets(port: number): Promise<boolean> {
  try {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const bytes = new Uint8Array(512);
    const length = await connection.read(bytes);
    return length !== null && new TextDecoder().decode(bytes.subarray(0, length)).startsWith("220");
  } catch {
    return false;
  }
}

/** How many messages are in a Maildir. */
export async function countMaildir(path: string): Promise<number> {
  let count = 0;
  try {
    for await (const _ of Deno.readDir(join(path, "new"))) count++;
  } catch {
    return 0;
  }
  return count;
}
