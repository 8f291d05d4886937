import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { callControl } from "../../cli/control_client.ts";
import type { ControlItem } from "../../lib/daemon/control.ts";
import { ControlLines, formatControlAnswer, formatControlHello } from "../../lib/daemon/control_parse.ts";

/** A daemon that gives `answers`, octets as they are, once it has read a hello and a request; then it does `last`. */
async function withDaemon(
  answers: readonly string[],
  last: "close" | "wait",
  work: (path: string, lines: string[]) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/smtpd.sock`;
  const listener = Deno.listen({ transport: "unix", path });
  const lines: string[] = [];
  const held: Deno.UnixConn[] = [];
  const serve = async () => {
    const connection = await listener.accept();
    held.push(connection);
    const reader = new ControlLines(4096);
    const buffer = new Uint8Array(4096);
    while (lines.length < 2) lines.push(...reader.push(buffer.subarray(0, await connection.read(buffer) ?? 0)) ?? []);
    for (const answer of answers) await writeAll(connection, answer);
    if (last === "close") connection.close();
  };
  const served = serve();
  try {
    await work(path, lines);
    await served;
  } finally {
    listener.close();
    if (last === "wait") { for (const connection of held) connection.close(); }
    await Deno.remove(directory, { recursive: true });
  }
}

/** Writes what the client still takes. */
async function writeAll(connection: Deno.UnixConn, text: string): Promise<void> {
  try {
    let rest = new TextEncoder().encode(text);
    while (rest.length > 0) rest = rest.subarray(await connection.write(rest));
  } catch (error) {
    ok(error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset, String(error));
  }
}

const stat = (key: string): ControlItem => ({ kind: "stat", key, value: 1 });
const item = (key: string) => formatControlAnswer({ kind: "item", item: stat(key) });
const done = formatControlAnswer({ kind: "done", count: 2 });

Deno.test("callControl() says hello, asks, and gives items in order before the answer", async () => {
  await withDaemon([item("a") + item("b").slice(0, 10), item("b").slice(10), done], "wait", async (path, lines) => {
    const seen: ControlItem[] = [];
    const end = await callControl(path, { kind: "showStats" }, (one) => void seen.push(one));
    deepEqual(end, { kind: "done", count: 2 });
    deepEqual(seen, [stat("a"), stat("b")]);
    deepEqual(lines, [formatControlHello().trimEnd(), '{"kind":"showStats"}']);
  });
});

Deno.test("callControl() waits for the taker of an item before it gives the next", async () => {
  await withDaemon([item("a") + item("b") + done], "wait", async (path) => {
    const log: string[] = [];
    await callControl(path, { kind: "showStats" }, async (one) => {
      const key = one.kind === "stat" ? one.key : "?";
      log.push(`+${key}`);
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`-${key}`);
    });
    deepEqual(log, ["+a", "-a", "+b", "-b"]);
  });
});

Deno.test("callControl() returns an error of the daemon", async () => {
  const error = { kind: "error", code: "incompatible", message: "incompatible smtpctl and smtpd" } as const;
  await withDaemon([formatControlAnswer(error)], "close", async (path) => {
    deepEqual(await callControl(path, { kind: "stop" }), error);
  });
});

Deno.test("callControl() tells who hangs up, talks nonsense or too much from who answers", async () => {
  for (
    const [answers, last, kind] of [
      [[], "close", "closed"],
      [[item("a"), '{"kind":"do'], "close", "closed"],
      [["220 mx.test ESMTP\r\n"], "wait", "malformed"],
      [["x".repeat(600_000), "x".repeat(600_000)], "wait", "malformed"],
    ] as const
  ) {
    await withDaemon(answers, last, async (path) => {
      await rejects(callControl(path, { kind: "stop" }), { name: "Fault", kind }, kind);
    });
  }
});

Deno.test("callControl() does not wait for ever", async () => {
  await withDaemon([item("a")], "wait", async (path) => {
    let items = 0;
    await rejects(callControl(path, { kind: "stop" }, () => void items++, 50), { name: "Fault", kind: "timeout" });
    equal(items, 1);
  });
});

Deno.test("callControl() passes on what the taker of items throws", async () => {
  await withDaemon([item("a") + done], "wait", async (path) => {
    const taker = () => {
      throw new RangeError("enough");
    };
    await rejects(callControl(path, { kind: "stop" }, taker), RangeError);
  });
});

Deno.test("callControl() finds no daemon where there is no socket, and where nobody listens any more", async () => {
  const directory = await Deno.makeTempDir();
  const unavailable = { name: "Fault", kind: "unavailable", message: "smtpd doesn't seem to be running" };
  await rejects(callControl(`${directory}/none`, { kind: "stop" }), unavailable);
  const path = `${directory}/smtpd.sock`;
  Deno.listen({ transport: "unix", path }).close();
  await rejects(callControl(path, { kind: "stop" }), { name: "Fault", kind: "unavailable" });
  await Deno.writeTextFile(`${directory}/file`, "");
  await rejects(callControl(`${directory}/file/x`, { kind: "stop" }), { name: "Fault", kind: "unavailable" });
  ok((await Deno.stat(directory)).isDirectory);
  await Deno.remove(directory, { recursive: true });
});

Deno.test({
  name: "callControl() tells when it may not talk to the daemon",
  permissions: { net: false },
  async fn() {
    await rejects(callControl("/tmp/none", { kind: "stop" }), { name: "Fault", kind: "denied" });
  },
});
