/** What is measured, and how. */

import { join } from "@std/path";
import { Drip, openMany } from "./crowd.ts";
import { countMaildir, greets, type Load, openIdle, send, startSink } from "./load.ts";
import { median, peakOf, timeOf } from "./measure.ts";
import type { PostfixPackage } from "../tests/support/programs.ts";
import { freePort } from "../tests/e2e/daemon.ts";
import { processTree, pssOf } from "../tests/support/processes.ts";
import { until } from "../tests/support/wait.ts";
import { secureSessions } from "./secure.ts";
import type { Kind, Server } from "./server.ts";
import { writeAliases } from "./tables.ts";
import { agentIdleMs } from "../lib/daemon/agent_pool.ts";

/** An agent that has nothing to do is looked at this often, and ended the second time. */
const agentsLastMs = 2 * agentIdleMs + 1000;

/** A figure with its unit; `more` says which way is better. */
export interface Figure {
  readonly unit: "msg/s" | "sessions/s" | "per CPU s" | "lookups/s" | "MB" | "B/entry" | "ms" | "s";
  readonly value: number;
}

/** What a scenario works with. */
export interface Bench {
  readonly files: PostfixPackage;
  /** How long a load should last. */
  readonly seconds: number;
  /** Makes an empty folder. */
  folder(): Promise<string>;
  /** Removes what earlier runs have left and lets the disk come to rest: what one server wrote is not to be written
   * out at the expense of the other. */
  settle(): Promise<void>;
}

/** One row of the table, or several of one preparation. */
export interface Scenario {
  readonly name: string;
  readonly what: string;
  /** Figures by the name of their row. */
  run(kind: Kind, bench: Bench): Promise<Readonly<Record<string, Figure>>>;
}

/** All of them, in the order of the table. */
export const scenarios: readonly Scenario[] = [
  ...[5, 50].flatMap((kilobytes) =>
    [1, 10, 100].flatMap((sessions) =>
      [true, false].map((keep): Scenario => {
        const name = `accept-${kilobytes}k-${sessions}-${keep ? "keep" : "one"}`;
        const load = { sessions, keep, length: kilobytes * 1024, to: "bob@maildir.test" };
        return {
          name,
          what: `accept to durable, ${kilobytes} kB, ${sessions} sessions, ${
            keep ? "many messages" : "one message"
          } each`,
          run: async (kind, bench) => ({ [name]: await accept(kind, bench, load) }),
        };
      })
    )
  ),
  ...[10, 100].map((sessions): Scenario => ({
    name: `maildir-${sessions}`,
    what: `accept and deliver to a Maildir, 5 kB, ${sessions} sessions`,
    run: async (kind, bench) => ({ [`maildir-${sessions}`]: await maildir(kind, bench, sessions) }),
  })),
  ...[10, 100].map((sessions): Scenario => ({
    name: `relay-${sessions}`,
    what: `accept and relay to smtp-sink, 5 kB, ${sessions} sessions`,
    run: async (kind, bench) => ({ [`relay-${sessions}`]: await relay(kind, bench, sessions) }),
  })),
  {
    name: "memory",
    what: "memory of all processes: a second after a delivery, once agents have ended, and with 500 idle sessions",
    run: memory,
  },
  {
    name: "idle-10k",
    what: "memory of all processes with 10,000 idle sessions; ours only, Postfix has a process for each",
    run: (kind, bench) => kind.name === "Postern" ? idleCrowd(kind, bench) : Promise.resolve({}),
  },
  {
    name: "drip",
    what: "accept to durable, 5 kB, 10 sessions, beside 1,000 clients that send an octet a second; ours only",
    run: (kind, bench) => kind.name === "Postern" ? drip(kind, bench) : Promise.resolve({}),
  },
  {
    name: "starttls",
    what: "sessions that begin TLS, each with a handshake of its own, 10 at once",
    run: (kind, bench) => secureSessions(kind, bench, "starttls"),
  },
  {
    name: "submit",
    what: "authenticated submissions, 5 kB, a session with TLS each, 10 at once",
    run: (kind, bench) => secureSessions(kind, bench, "submit"),
  },
  { name: "start", what: "from start until the port answers 220", run: startTime },
  { name: "makemap-1m", what: "1,000,000 aliases from text to CDB", run: makemap },
  {
    name: "table-1m",
    what: "a table of 1,000,000 aliases: look-ups, memory, and opening it next to one of 1,000",
    run: async (kind, bench) => await kind.tables(await bench.folder()),
  },
];

/** Runs `use` with a server of its own. */
async function withServer<T>(
  kind: Kind,
  bench: Bench,
  sinkPort: number,
  use: (server: Server) => Promise<T>,
): Promise<T> {
  const server = await kind.start(await bench.folder(), sinkPort);
  try {
    await until(`${kind.name} answers`, () => greets(server.port));
    return await use(server);
  } finally {
    await server.stop();
  }
}

/** Sends small lots to learn the speed, one of about `bench.seconds` to warm up, since a server runs for weeks and its
 * first seconds say little, then one of that length that counts.
 * `arrived` tells how many messages have got where they should. */
async function rate(
  bench: Bench,
  port: number,
  load: Load,
  arrived: ((sent: number) => boolean | Promise<boolean>) | null,
): Promise<Figure> {
  let sent = 0;
  const once = async (count: number): Promise<number> => {
    const start = performance.now();
    await send(bench.files, port, load, count);
    sent += count;
    if (arrived) await until(`${sent} messages arrive`, () => arrived(sent), { limitMs: 120_000 });
    return count / (performance.now() - start) * 1000;
  };
  await once(Math.max(200, load.sessions * 4));
  const lot = (speed: number) => once(Math.max(300, load.sessions * 4, Math.round(speed * bench.seconds)));
  return { unit: "msg/s", value: await lot(await lot(await once(Math.max(300, load.sessions * 4)))) };
}

function accept(kind: Kind, bench: Bench, load: Load): Promise<Figure> {
  return withServer(kind, bench, 0, async (server) => await rate(bench, await server.hold(), load, null));
}

function maildir(kind: Kind, bench: Bench, sessions: number): Promise<Figure> {
  const load = { sessions, keep: true, length: 5 * 1024, to: "bob@maildir.test" };
  return withServer(
    kind,
    bench,
    0,
    (server) => rate(bench, server.port, load, async (sent) => await countMaildir(server.maildir) >= sent),
  );
}

async function relay(kind: Kind, bench: Bench, sessions: number): Promise<Figure> {
  const load = { sessions, keep: true, length: 5 * 1024, to: "bob@relay.test" };
  const sinkPort = freePort();
  const sink = await startSink(bench.files, sinkPort);
  try {
    return await withServer(
      kind,
      bench,
      sinkPort,
      (server) => rate(bench, server.port, load, (sent) => sink.count >= sent),
    );
  } finally {
    await sink.stop();
  }
}

function memory(kind: Kind, bench: Bench): Promise<Record<string, Figure>> {
  return withServer(kind, bench, 0, async (server) => {
    const figure = (): Figure => ({ unit: "MB", value: pssOf(processTree(server.pid).map((one) => one.pid)) / 1e6 });
    await send(bench.files, server.port, { sessions: 1, keep: true, length: 5 * 1024, to: "bob@maildir.test" }, 1);
    await until("one message arrives", async () => await countMaildir(server.maildir) === 1);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const delivered = figure();
    await new Promise((resolve) => setTimeout(resolve, agentsLastMs));
    const idle = figure();
    const open = await openIdle(server.port, 500);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const crowded = figure();
    for (const connection of open) connection.close();
    return { "memory-delivered": delivered, "memory-idle": idle, "memory-500-sessions": crowded };
  });
}

function idleCrowd(kind: Kind, bench: Bench): Promise<Record<string, Figure>> {
  return withServer(kind, bench, 0, async (server) => {
    const open = await openMany(server.port, 10_000);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const value = pssOf(processTree(server.pid).map((one) => one.pid)) / 1e6;
    for (const connection of open) connection.close();
    return { "idle-10k": { unit: "MB", value } };
  });
}

/** The same load without the crowd and with it, on one server. */
function drip(kind: Kind, bench: Bench): Promise<Record<string, Figure>> {
  const load = { sessions: 10, keep: true, length: 5 * 1024, to: "bob@maildir.test" };
  return withServer(kind, bench, 0, async (server) => {
    const port = await server.hold();
    const alone = await rate(bench, port, load, null);
    const crowd = await Drip.start(port, 1000);
    const beside = await rate(bench, port, load, null);
    crowd.stop();
    return { "drip-none": alone, "drip-1000": beside };
  });
}

async function startTime(kind: Kind, bench: Bench): Promise<Record<string, Figure>> {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const scratch = await bench.folder();
    const start = performance.now();
    const server = await kind.start(scratch, 0);
    await until(`${kind.name} answers`, () => greets(server.port), { everyMs: 2 });
    times.push(performance.now() - start);
    await server.stop();
  }
  return { start: { unit: "ms", value: median(times) } };
}

async function makemap(kind: Kind, bench: Bench): Promise<Record<string, Figure>> {
  const scratch = await bench.folder();
  const source = join(scratch, "aliases");
  await writeAliases(source, 1_000_000);
  const run = await kind.makemap(await bench.folder(), source);
  return {
    "makemap-1m": { unit: "s", value: await timeOf(run) / 1000 },
    "makemap-1m-memory": { unit: "MB", value: await peakOf(run) / 1e6 },
  };
}
