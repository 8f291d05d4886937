import { deepEqual, throws } from "node:assert/strict";
import { join } from "@std/path";
import { findSpool } from "../../cli/smtpctl_spool.ts";
import { defaultConfigPath } from "../../cli/config_path.ts";
import { inFolder } from "../support/folder.ts";
import { root, runProgram } from "../support/command.ts";

/** What findSpool() makes of a configuration with this text. */
async function found(text: string): Promise<readonly [path: string, why: string, isGuess: boolean]> {
  let place = { path: "", why: "", isGuess: false };
  await inFolder(async (folder) => {
    const conf = join(folder, "smtpd.conf");
    await Deno.writeTextFile(conf, text);
    const { path, why, isGuess } = findSpool("/state/spool", conf);
    place = { path, why: why.replaceAll(conf, "CONF"), isGuess };
  });
  return [place.path, place.why, place.isGuess];
}

Deno.test("findSpool() goes where the configuration says, the last line that does", async () => {
  const lines = 'queue directory "/a"\nlisten on nowhere0\nqueue directory "/b"\n';
  deepEqual(await found(lines), ["/b/spool.sqlite", "as CONF says", false]);
});

Deno.test("findSpool() goes to the state directory when the configuration says nothing", async () => {
  deepEqual(await found("queue ttl 4d\n"), ["/state/spool/spool.sqlite", "CONF names no other place", false]);
});

Deno.test("findSpool() reads that line though another has an error, as one who looks for mail does", async () => {
  deepEqual(await found('lsten on lo\nqueue directory "/a"\n'), ["/a/spool.sqlite", "as CONF says", false]);
});

Deno.test("findSpool() fails when the configuration that was named cannot tell", async () => {
  const none = "/nonexistent/smtpd.conf";
  const absent = {
    name: "Fault",
    message: `Cannot tell from ${none} where the queue is: cannot read the configuration: no such file`,
  };
  throws(() => findSpool("/state/spool", none), absent);
  await inFolder(async (folder) => {
    const conf = join(folder, "smtpd.conf");
    await Deno.writeTextFile(conf, "\nqueue directory 7\n");
    throws(() => findSpool("/state/spool", conf), (error: Error) => error.message.includes(`: ${conf}:2: `));
    await Deno.writeTextFile(conf, 'queue directory "a"\n');
    throws(() => findSpool("/state/spool", conf), { message: /: invalid queue directory: a$/ });
  });
});

Deno.test("findSpool() without -f takes smtpd's own configuration, and guesses where it may not read it", async () => {
  const path = defaultConfigPath();
  const script = `import { findSpool } from "${root}/cli/smtpctl_spool.ts";
console.log(JSON.stringify(findSpool("/state/spool", null)));`;
  const run = async (...rights: readonly string[]) => {
    const args = ["run", "--no-prompt", "--cached-only", "--no-lock", ...rights, "--ext=ts", "-"];
    const { stdout, stderr } = await runProgram(Deno.execPath(), args, { stdin: script });
    return JSON.parse(stdout === "" ? JSON.stringify(stderr) : stdout);
  };
  const guess = await run(`--allow-read=${root}`);
  const reason = "cannot read the configuration: permission denied";
  deepEqual(guess, {
    path: "/state/spool/spool.sqlite",
    why: `what /etc/mail/smtpd.conf says is not known: ${reason}`,
    isGuess: true,
  });
  const known = await run("--allow-read");
  deepEqual(known.why.includes(path), true);
});
