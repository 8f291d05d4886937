import { deepEqual, equal, match, throws } from "node:assert/strict";
import { UsageError } from "../../cli/getopt.ts";
import { parseMailq } from "../../cli/mailq.ts";
import { msgIdOf } from "../../lib/spool/id.ts";
import { root, runProgram } from "../support/command.ts";

const all = { kind: "all" } as const;

Deno.test("parseMailq() takes options and a message", () => {
  for (
    const [line, want] of [
      ["", { kind: "list", target: all, json: false, state: null, config: null }],
      ["-v --json", { kind: "list", target: all, json: true, state: null, config: null }],
      ["--state /a --state=/b", { kind: "list", target: all, json: false, state: "/b", config: null }],
      ["-f /c", { kind: "list", target: all, json: false, state: null, config: "/c" }],
      ["5F3A9C01", {
        kind: "list",
        target: { kind: "message", message: msgIdOf(0x5f3a9c01) },
        json: false,
        state: null,
        config: null,
      }],
      ["--help", { kind: "help" }],
      ["-h x y", { kind: "help" }],
      ["--version", { kind: "version" }],
    ] as const
  ) deepEqual(parseMailq(line.split(" ").filter((word) => word !== "")), want, line);
  for (const line of ["5f3a", "5f3a9c01 5f3a9c02", "-Z", "--frob"]) {
    throws(() => parseMailq(line.split(" ")), UsageError, line);
  }
});

Deno.test("mailq prints its manual, and what is wrong", async () => {
  const flags = ["run", "--no-prompt", "--cached-only", "--allow-read", "--allow-write", "--allow-net", "--allow-env"];
  const run = (...args: string[]) =>
    runProgram(Deno.execPath(), [...flags, "--allow-sys", `${root}/cli/mailq.ts`, ...args]);
  const help = await run("-h");
  equal(help.code, 0);
  match(help.stdout, /^NAME\n {2}mailq - /);
  const wrong = await run("zz");
  equal(wrong.code, 255);
  match(wrong.stderr, /^mailq: zz is no message id.*\nusage: mailq /);
  deepEqual(JSON.parse((await run("--json", "zz")).stderr), {
    error: "zz is no message id: 8 hexadecimal digits",
    hint: "see mailq --help",
  });
  const directory = await Deno.makeTempDir();
  const down = await run("--state", directory);
  await Deno.remove(directory);
  equal(down.code, 1);
  match(down.stderr, /^mailq: smtpd doesn't seem to be running\n/);
});
