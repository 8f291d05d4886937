/**
 * NAME
 *   postern - all of Postern's commands in one
 *
 * SYNOPSIS
 *   postern command [argument ...]
 *
 * DESCRIPTION
 *   Does what the command of that name does. It may be given as a path, so
 *   that one script serves under many names:
 *
 *       #!/bin/sh
 *       exec deno run ... cli/main.ts "$0" "$@"
 *
 *   smtpd         the mail daemon
 *   smtpctl       look at the queue of a running smtpd and control it
 *   sendmail      hand in a message; send-mail is another name for it
 *   mailq         list the mail in the queue
 *   newaliases    build the alias table
 *   makemap       build a table for smtpd
 *
 * OPTIONS
 *   -h, --help    Print this page. After a command: print the command's.
 *   --version     Print the version.
 *
 * FILES
 *   Those of the commands.
 *
 * EXIT STATUS
 *   The command's; 64 when there is no such command.
 *
 * SEE ALSO
 *   smtpd, smtpctl, sendmail, mailq, newaliases, makemap
 *
 * STANDARDS
 *   64 is EX_USAGE of sysexits(3). The names are those that mailer.conf(5)
 *   knows.
 */

import { basename } from "@std/path";
import manifest from "../deno.json" with { type: "json" };
import { readManual } from "./manual.ts";

/** Takes the words after the command's name, gives the exit status. */
type Command = (args: readonly string[]) => Promise<number>;

// Each is loaded when it is called: sendmail has no use for the daemon, nor time to load it.
const sendmail = async (): Promise<Command> => (await import("./sendmail.ts")).sendmail;
const commands = new Map<string, () => Promise<Command>>([
  ["smtpd", async () => (await import("./smtpd.ts")).smtpd],
  ["smtpctl", async () => (await import("./smtpctl.ts")).smtpctl],
  ["sendmail", sendmail],
  ["send-mail", sendmail],
  ["mailq", async () => (await import("./mailq.ts")).mailq],
  ["newaliases", async () => (await import("./newaliases.ts")).newaliases],
  ["makemap", async () => (await import("./makemap.ts")).makemap],
]);

/** EX_USAGE. */
const statusUsage = 64;

/** Runs the command that the first word names; gives its exit status. */
export async function main(args: readonly string[]): Promise<number> {
  const [word = "", ...rest] = args;
  if (word === "-h" || word === "--help") {
    console.log(await readManual(import.meta.url));
    return 0;
  }
  if (word === "--version") {
    console.log(`Postern ${manifest.version}`);
    return 0;
  }
  const load = commands.get(basename(word));
  if (load !== undefined) return await (await load())(rest);
  console.error(word === "" ? "postern: which command?" : `postern: ${await unknown(word)}`);
  console.error(`usage: postern ${[...commands.keys()].filter((name) => name !== "send-mail").join("|")} ...`);
  return statusUsage;
}

async function unknown(word: string): Promise<string> {
  const { suggest } = await import("../lib/policy/error.ts");
  const hint = suggest(basename(word), commands.keys(), (name) => name);
  return `there is no command ${word}${hint === null ? "" : `; ${hint}`}`;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
