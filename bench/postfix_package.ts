/** Postfix's Debian package, unpacked into a folder and not installed: its test programs drive both servers, and it
 * is the server to compare with. */

import { join } from "@std/path";

/** Where the parts of an unpacked package are. */
export interface PostfixPackage {
  /** postconf, postalias, smtp-source, smtp-sink. */
  readonly programs: string;
  /** master and the daemons. */
  readonly daemons: string;
  /** For LD_LIBRARY_PATH. */
  readonly libraries: string;
}

/** Finds the package below `POSTERN_POSTFIX` or below `cache`, or fetches it there with apt-get.
 * Null, with a reason on stderr, when there is none to be had. */
export async function postfixPackage(cache: string): Promise<PostfixPackage | null> {
  const folder = Deno.env.get("POSTERN_POSTFIX") ?? join(cache, "postfix");
  if (!await exists(join(folder, "usr/sbin/smtp-source"))) {
    const problem = await fetchPackage(cache, folder);
    if (problem !== null) {
      console.error(`No Postfix to compare with: ${problem}`);
      return null;
    }
  }
  return {
    programs: join(folder, "usr/sbin"),
    daemons: join(folder, "usr/lib/postfix/sbin"),
    libraries: join(folder, "usr/lib/postfix"),
  };
}

async function fetchPackage(cache: string, folder: string): Promise<string | null> {
  const downloads = join(cache, "deb");
  await Deno.mkdir(downloads, { recursive: true });
  const fetched = await run("apt-get", ["download", "postfix", "postfix-cdb"], downloads);
  if (fetched !== null) return fetched;
  for (const entry of Deno.readDirSync(downloads)) {
    if (!entry.name.endsWith(".deb")) continue;
    const unpacked = await run("dpkg", ["-x", join(downloads, entry.name), folder], downloads);
    if (unpacked !== null) return unpacked;
  }
  return null;
}

/** Runs a program; null when it went well, else what it said. */
async function run(program: string, args: string[], cwd: string): Promise<string | null> {
  try {
    const done = await new Deno.Command(program, { args, cwd, stdin: "null", stdout: "null", stderr: "piped" })
      .output();
    return done.success ? null : `${program} ${args[0]}: ${new TextDecoder().decode(done.stderr).trim()}`;
  } catch (error) {
    return `${program}: ${error instanceof Error ? error.message : error}`;
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
