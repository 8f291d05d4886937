import { deepEqual, equal, match, throws } from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { startProgram } from "../../lib/host/program.ts";
import type { Program } from "../../lib/port.ts";
import { within } from "../support/wait.ts";

/** All that a program said, and how it ended. */
async function outcome(program: Program): Promise<{ out: string; err: string; how: string }> {
  let [out, err] = ["", ""];
  program.onOutput((bytes) => out += new TextDecoder().decode(bytes));
  program.onErrorOutput((bytes) => err += new TextDecoder().decode(bytes));
  const how = await within("the program's end", new Promise<string>((resolve) => program.onExit(resolve)));
  // What it said last is read after its end is seen.
  await new Promise((resolve) => setImmediate(resolve));
  return { out, err, how };
}

Deno.test("startProgram() speaks with a program and tells how it ended", async () => {
  const program = startProgram("/bin/sh", ["-c", 'read line; echo "got $line"; echo oops >&2; exit 3']);
  program.write(new TextEncoder().encode("hello\n"));
  deepEqual(await outcome(program), { out: "got hello\n", err: "oops\n", how: "code 3" });
});

Deno.test("startProgram() gives a program a path and nothing else of ours", async () => {
  const { out } = await outcome(startProgram("/usr/bin/env", []));
  match(out, /^PATH=[^\n]*\n$/);
});

Deno.test("startProgram() hands arguments over without a shell", async () => {
  const { out } = await outcome(startProgram("/bin/echo", ["$HOME; true", "*"]));
  equal(out, "$HOME; true *\n");
});

Deno.test("a program can be killed, and takes nothing afterwards", async () => {
  const program = startProgram("/bin/cat", []);
  program.kill();
  equal((await outcome(program)).how, "SIGKILL");
  program.write(new TextEncoder().encode("x"));
  program.kill();
});

Deno.test("startProgram() says why it cannot start one", () => {
  const isFault = (kind: string) => (error: unknown) =>
    error instanceof Fault && error.kind === kind && /Cannot start \/\S+: /.test(error.message);
  throws(() => startProgram("/none/at/all", []), isFault("notFound"));
  throws(() => startProgram("/etc/passwd", []), isFault("denied"));
});
