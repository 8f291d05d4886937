import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { join } from "@std/path";
import { checkGrant } from "../../lib/daemon/grant_check.ts";
import { denoFlags } from "../../lib/daemon/grant_flags.ts";
import { agentGrant, type Grant } from "../../lib/daemon/privilege.ts";
import { launchCommand } from "../../lib/host/launch.ts";
import { holdSocket, hostDialer, socketPair } from "../../lib/host/net.ts";
import { SocketStream } from "../../lib/host/socket.ts";
import { spawnChild } from "../../lib/host/process.ts";
import type { Address, Child, Stream } from "../../lib/port.ts";
import { within } from "../support/wait.ts";
import type { FromChild, ToChild } from "./child.ts";
import { maildirWork } from "../support/agent_work.ts";

/** The child of child.ts, started as roles are. */
function startChild(grant: Grant): Child {
  const module = new URL("./child.ts", import.meta.url).href;
  const { argv, env } = launchCommand({ flags: denoFlags(grant), account: null, module, args: [] });
  return spawnChild(argv, env);
}

/** Tells a child one thing and waits for its answer. */
function tell(child: Child, message: ToChild, handle?: unknown): Promise<FromChild> {
  const answer = new Promise<FromChild>((resolve) => child.onMessage((one) => resolve(one as FromChild)));
  child.send(message, handle, () => {});
  return within(`an answer to ${message.kind}`, answer);
}

async function ended(child: Child): Promise<unknown> {
  return await within("the child's end", new Promise((resolve) => child.onExit(resolve)));
}

/** Sends a line and reads it back. */
async function echoed(stream: Stream): Promise<string> {
  const answer = new Promise<string>((resolve, reject) =>
    stream.attach({
      data: (bytes) => resolve(new TextDecoder().decode(bytes)),
      drain: () => {},
      end: () => reject(new Error("ended")),
      close: (fault) => reject(fault ?? new Error("closed")),
    })
  );
  stream.write(new TextEncoder().encode("hello"));
  const text = await within("an echo", answer);
  stream.destroy();
  return text;
}

const nothing: Grant = { ...agentGrant(null, maildirWork("/")), read: [], write: [] };

Deno.test("spawnChild() refuses a command that names Deno itself", () => {
  throws(() => spawnChild([Deno.execPath(), "run"], {}), /would hold every permission/);
  throws(() => spawnChild(["/bin/sh", "-c", `exec ${Deno.execPath()}`], {}), /would hold every permission/);
});

Deno.test("spawnChild() tells how a child ended, and that one which is gone gets no message", async () => {
  const child = spawnChild(["/bin/sh", "-c", "exit 7"], { PATH: "/bin" });
  const status = await new Promise((resolve) => child.onExit(resolve));
  deepEqual(status, { code: 7, signal: null });
  const unsent = await new Promise((resolve) => child.send({ a: 1 }, undefined, () => resolve(true)));
  equal(unsent, true);
});

Deno.test("spawnChild() gives a child exactly the environment it is told", async () => {
  const file = await Deno.makeTempFile();
  const child = spawnChild(["/bin/sh", "-c", `env >${file}`], { ONLY: "this", PATH: "/usr/bin:/bin" });
  await new Promise((resolve) => child.onExit(resolve));
  const names = (await Deno.readTextFile(file)).split("\n").map((line) => line.split("=")[0] ?? "");
  const own = ["", "PWD", "SHLVL", "_", "OLDPWD"];
  const given = names.filter((name) => !own.includes(name) && !name.startsWith("NODE_"));
  deepEqual(given.sort(), ["ONLY", "PATH"]);
  equal(names.includes("HOME"), false);
});

Deno.test("a child without any right serves a socket that its parent holds, and so does the next one", async () => {
  const path = join(await Deno.makeTempDir(), "s.sock");
  const held = [await holdSocket({ kind: "inet", ip: "127.0.0.1", port: 0 }), await holdSocket({ kind: "unix", path })];
  const dial = (to: Address) => hostDialer.dial(to, { timeoutMs: 5000 });
  for (let life = 1; life <= 2; life++) {
    // Between two lives connections wait.
    const waiting = await Promise.all(held.map(({ local }) => dial(local)));
    const child = startChild(nothing);
    for (const socket of held) await tell(child, { kind: "serve" }, socket.share());
    for (const stream of waiting) equal(await echoed(stream), "hello");
    for (const { local } of held) equal(await echoed(await dial(local)), "hello");
    const end = ended(child);
    child.send({ kind: "end", status: life } satisfies ToChild, undefined, () => {});
    deepEqual(await end, { code: life, signal: null });
  }
});

Deno.test("a child without any right talks over one end of a pair that is handed to it", async () => {
  const child = startChild(nothing);
  const [near, far] = await socketPair(join(await Deno.makeTempDir(), "p"));
  await tell(child, { kind: "echo" }, far);
  equal(await echoed(new SocketStream(near)), "hello");
  const end = ended(child);
  // A terminal's signals are its parent's business.
  Deno.kill(child.pid, "SIGTERM");
  equal((await tell(child, { kind: "rights", rights: [] })).kind, "rights");
  child.kill("SIGKILL");
  deepEqual(await end, { code: null, signal: "SIGKILL" });
});

Deno.test("a child holds its row and nothing more, as Deno sees it, denied ranges with exceptions among it", async () => {
  const out = (deny: readonly { range: string; except: readonly string[] }[]): Grant => ({
    ...nothing,
    role: "delivery",
    net: { kind: "out", deny },
  });
  const folder = await Deno.makeTempDir();
  const rows: readonly Grant[] = [
    nothing,
    agentGrant(null, maildirWork(join(folder, "a b"))),
    agentGrant(null, { ...maildirWork(folder), wrapper: "filter | %{mda}" }),
    out([{ range: "10.0.0.0/8", except: [] }, { range: "::1/128", except: [] }]),
    out([{ range: "10.0.0.0/8", except: ["10.0.0.25", "10.200.0.1"] }, { range: "::1/128", except: ["::1"] }]),
  ];
  for (const row of rows) {
    const child = startChild(row);
    // checkGrant asks one at a time; here all its questions go to the child first.
    const asked: Parameters<Parameters<typeof checkGrant>[1]>[0][] = [];
    checkGrant(row, (query) => asked.push(query) > 0);
    const hosts = ["10.0.0.24", "10.0.0.25", "10.0.0.26", "10.200.0.1", "10.255.255.255", "11.0.0.0", "[::1]"];
    const more = hosts.map((ip) => ({ name: "net", host: `${ip}:25` } as const));
    const answer = await tell(child, { kind: "rights", rights: [...asked, ...more] });
    child.kill("SIGKILL");
    await ended(child);
    ok(answer.kind === "rights");
    const held = new Map(asked.map((query, index) => [JSON.stringify(query), answer.held[index] ?? false]));
    deepEqual(checkGrant(row, (query) => held.get(JSON.stringify(query)) ?? false), [], JSON.stringify(row.net));
    const reached = hosts.filter((_, index) => answer.held[asked.length + index]);
    const except = row.net.kind === "out" && row.net.deny.some((one) => one.except.length > 0);
    const want = row.net.kind === "none"
      ? []
      : except
      ? ["10.0.0.25", "10.200.0.1", "11.0.0.0", "[::1]"]
      : ["11.0.0.0"];
    deepEqual(reached, want, JSON.stringify(row.net));
  }
});

Deno.test("a child whose row has a path with a comma does not start", async () => {
  const folder = await Deno.makeTempDir();
  const child = startChild(agentGrant(null, maildirWork(`${folder},/etc`)));
  deepEqual(await ended(child), { code: 1, signal: null });
});
