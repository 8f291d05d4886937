import { equal, match } from "node:assert/strict";
import { join } from "@std/path";
import { root, runProgram } from "../support/command.ts";

function postern(...args: readonly string[]) {
  const rights = ["--no-prompt", "--cached-only", "--allow-read", "--allow-env", "--allow-sys=uid,hostname"];
  return runProgram(Deno.execPath(), ["run", ...rights, join(root, "cli/main.ts"), ...args]);
}

Deno.test("main prints its manual, and a command's", async () => {
  match((await postern("--help")).stdout, /^NAME\n/);
  match((await postern("makemap", "--help")).stdout, /makemap - build a table for smtpd/);
});

Deno.test("main takes the name that it was called by, with its path", async () => {
  match((await postern("/usr/sbin/sendmail", "--help")).stdout, /sendmail - /);
});

Deno.test("main says what was probably meant", async () => {
  const { code, stderr } = await postern("sendmial", "x@y.test");
  equal(code, 64);
  match(stderr, /sendmail/);
});
