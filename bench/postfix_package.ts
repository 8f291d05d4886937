/** Gets Postfix's Debian package, unpacked into a folder and not installed: its test programs drive both servers,
 * and it is the server to compare with. */

import { dirname, join } from "@std/path";
import { findPostfix, postfixFolder, type PostfixPackage } from "../tests/support/programs.ts";

/** Finds the package or fetches it with apt-get. Throws when there is none to be had. */
export async function postfixPackage(): Promise<PostfixPackage> {
  const folder = postfixFolder();
  const downloads = join(dirname(folder), "deb");
  if (findPostfix() === null) {
    await Deno.mkdir(downloads, { recursive: true });
    await run("apt-get", ["download", "postfix", "postfix-cdb"], downloads);
    for (const { name } of Deno.readDirSync(downloads)) {
      if (name.endsWith(".deb")) await run("dpkg", ["-x", join(downloads, name), folder], downloads);
    }
  }
  const found = findPostfix();
  if (found === null) throw new Error(`Postfix's package has no usr/sbin/smtp-source below ${folder}`);
  return found;
}

async function run(program: string, args: string[], cwd: string): Promise<void> {
  const done = await new Deno.Command(program, { args, cwd, stdin: "null", stdout: "null", stderr: "piped" }).output();
  if (!done.success) throw new Error(`${program} ${args[0]}: ${new TextDecoder().decode(done.stderr).trim()}`);
}
