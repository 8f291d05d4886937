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
import { later } from "./later.ts";
import { readManual } from "./manual.ts";

/** Takes the words after the command's name, gives the exit status. */
type Command = (args: readonly string[]) => Promise<number>;

// Each is loaded when it is called: sendmail has no use for the daemon, nor time to load it.
const modules = {
  smtpd: (): Promise<typeof import("./smtpd.ts")> => load("./smtpd.ts"),
  smtpctl: (): Promise<typeof import("./smtpctl.ts")> => load("./smtpctl.ts"),
  sendmail: (): Promise<typeof import("./sendmail.ts")> => load("./sendmail.ts"),
  mailq: (): Promise<typeof import("./mailq.ts")> => load("./mailq.ts"),
  newaliases: (): Promise<typeof import("./newaliases.ts")> => load("./newaliases.ts"),
  makemap: (): Promise<typeof import("./makemap.ts")> => load("./makemap.ts"),
};
const sendmail = async (): Promise<Command> => (await modules.sendmail()).sendmail;
const commands = new Map<string, () => Promise<Command>>([
  ["smtpd", async () => (await modules.smtpd()).smtpd],
  ["smtpctl", async () => (await modules.smtpctl()).smtpctl],
  ["sendmail", sendmail],
  ["send-mail", sendmail],
  ["mailq", async () => (await modules.mailq()).mailq],
  ["newaliases", async () => (await modules.newaliases()).newaliases],
  ["makemap", async () => (await modules.makemap()).makemap],
]);

function load<Module>(specifier: string): Promise<Module> {
  return import(later(specifier, import.meta.url));
}

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
  const { suggest }: typeof import("../lib/policy/error.ts") = await load("../lib/policy/error.ts");
  const hint = suggest(basename(word), commands.keys(), (name) => name);
  return `there is no command ${word}${hint === null ? "" : `; ${hint}`}`;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
