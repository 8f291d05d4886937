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

Deno.test("main knows every command by its names, and no other", async () => {
  for (
    const [name, page] of [
      ["smtpd", "smtpd"],
      ["smtpctl", "smtpctl"],
      ["sendmail", "sendmail"],
      ["send-mail", "sendmail"],
      ["mailq", "mailq"],
      ["newaliases", "newaliases"],
      ["makemap", "makemap"],
    ] as const
  ) {
    const { code, stdout } = await postern(`/opt/bin/${name}`, "--help");
    equal(code, 0, name);
    match(stdout, new RegExp(`^NAME\n  ${page} - `), name);
  }
  const usage = "usage: postern smtpd|smtpctl|sendmail|mailq|newaliases|makemap ...\n";
  for (
    const [args, message] of [
      [[], "which command?"],
      [[""], "which command?"],
      [["/bin/"], "there is no command /bin/"],
      [["frobnicate", "-v"], "there is no command frobnicate"],
      [["/usr/sbin/mailqq"], "there is no command /usr/sbin/mailqq; did you mean mailq?"],
      [["toString"], "there is no command toString"],
    ] as const
  ) {
    const { code, stdout, stderr } = await postern(...args);
    equal(stderr, `postern: ${message}\n${usage}`);
    equal(stdout, "");
    equal(code, 64);
  }
  match((await postern("--version")).stdout, /^Postern \d+\.\d+\.\d+\n$/);
});
