import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "@std/path";
import type { ControlAnswer, ControlRequest } from "../../lib/daemon/control.ts";
import {
  ControlLines,
  formatControlAnswer,
  parseControlHello,
  parseControlRequest,
} from "../../lib/daemon/control_parse.ts";
import { evpIdOf, msgIdOf } from "../../lib/spool/id.ts";
import { root, runProgram, runTask } from "../support/command.ts";
import { exampleEnvelope } from "../support/envelope.ts";

type Answers = (request: ControlRequest) => readonly ControlAnswer[];

/** Runs `work` with a daemon that answers each request by `answers`. */
async function withDaemon(answers: Answers, work: (state: string) => Promise<void>): Promise<void> {
  const state = await Deno.makeTempDir();
  const listener = Deno.listen({ transport: "unix", path: join(state, "smtpd.sock") });
  const serving = serve(listener, answers);
  try {
    await work(state);
  } finally {
    listener.close();
    await serving;
    await Deno.remove(state, { recursive: true });
  }
}

async function serve(listener: Deno.Listener, answers: Answers): Promise<void> {
  for await (const connection of listener) {
    const reader = new ControlLines(4096);
    const buffer = new Uint8Array(4096);
    const lines: string[] = [];
    try {
      while (lines.length < 2) lines.push(...reader.push(buffer.subarray(0, await connection.read(buffer) ?? 0)) ?? []);
      equal(parseControlHello(lines[0] ?? ""), null);
      const request = parseControlRequest(lines[1] ?? "");
      const text = request.kind === "error"
        ? formatControlAnswer(request)
        : answers(request).map(formatControlAnswer).join("");
      for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
        rest = rest.subarray(await connection.write(rest));
      }
    } catch (error) {
      // The client may leave early.
      if (!(error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset)) throw error;
    }
    connection.close();
  }
}

const envelopes = (count: number): readonly ControlAnswer[] => [
  ...Array.from({ length: count }, (_, n): ControlAnswer => ({
    kind: "item",
    item: {
      kind: "envelope",
      envelope: { ...exampleEnvelope, id: evpIdOf(msgIdOf(n + 1), 1) },
      state: { kind: "pending", inMs: 5_000 },
    },
  })),
  { kind: "done", count },
];

Deno.test("smtpctl shows the queue of the daemon that --state or SMTPD_STATE names", async () => {
  await withDaemon(() => envelopes(2), async (state) => {
    const byFlag = await runTask("smtpctl", ["--state", state, "sh", "q"]);
    deepEqual([byFlag.code, byFlag.stderr], [0, ""]);
    deepEqual(byFlag.stdout.split("\n").map((line) => line.split("|")[0]), [
      "0000000100000001",
      "0000000200000001",
      "",
    ]);
    const byVariable = await runTask("smtpctl", ["show", "queue", "--json"], { env: { SMTPD_STATE: state } });
    equal(JSON.parse(byVariable.stdout).length, 2);
  });
});

Deno.test("smtpctl fails with the daemon's reason", async () => {
  await withDaemon(() => [{ kind: "error", code: "already", message: "mta is already paused" }], async (state) => {
    const { code, stdout, stderr } = await runTask("smtpctl", ["--state", state, "pause", "mta"]);
    deepEqual([code, stdout, stderr], [1, "", "smtpctl: mta is already paused\n"]);
  });
});

Deno.test("smtpctl ends quietly when nobody reads on", async () => {
  await withDaemon(() => envelopes(20_000), async (state) => {
    const command =
      `deno run --no-prompt --cached-only --allow-read --allow-write --allow-net --allow-env --allow-sys ` +
      `'${root}/cli/smtpctl.ts' --state '${state}' show queue`;
    const { stdout, stderr } = await runProgram("sh", ["-c", `{ ${command}; echo "status $?" >&2; } | head -n 1`]);
    match(stdout, /^0000000100000001\|[^\n]*\n$/);
    equal(stderr, "status 0\n");
  });
});

Deno.test("smtpctl without a daemon says so", async () => {
  const state = await Deno.makeTempDir();
  const { code, stderr } = await runTask("smtpctl", ["--state", state, "show", "status"]);
  await Deno.remove(state);
  equal(code, 1);
  match(stderr, /^smtpctl: smtpd doesn't seem to be running\n/);
});

Deno.test("smtpctl explains itself", async () => {
  const help = await runTask("smtpctl", ["--help"]);
  deepEqual([help.code, help.stderr], [0, ""]);
  match(help.stdout, /^NAME\n {2}smtpctl - [^]*\nSTANDARDS\n/);
  const one = await runTask("smtpctl", ["show", "queue", "--help"]);
  equal(one.code, 0);
  match(one.stdout, /^Usage: smtpctl show queue /);
  const wrong = await runTask("smtpctl", ["shwo"]);
  deepEqual([wrong.code, wrong.stdout], [255, ""]);
  match(wrong.stderr, /^smtpctl: unknown command "shwo"; did you mean show\?\npossibilities are:\n/);
  const later = await runTask("smtpctl", ["monitor"]);
  deepEqual([later.code, later.stderr], [1, 'smtpctl: "monitor" is not supported yet\n']);
});
