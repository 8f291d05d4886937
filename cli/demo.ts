/**
 * NAME
 *   demo - show Postern at work
 *
 * SYNOPSIS
 *   deno task demo [--keep]
 *
 * DESCRIPTION
 *   Starts a smtpd of its own on 127.0.0.1 port 2525, or on another port
 *   where that is taken, with all that it has in a temporary directory. Sends
 *   it one message with sendmail and one by SMTP, shows both in the queue and
 *   then in a Maildir, and stops it. Each step shows the command that does
 *   the same by hand. Nothing is left running.
 *
 * OPTIONS
 *   --keep       Keep the directory, for trials of your own.
 *   -h, --help   Print this page.
 *
 * ENVIRONMENT
 *   NO_COLOR     Use no colours.
 *   TMPDIR       Where the directory is made. Programs must be allowed to
 *                run there.
 *
 * FILES
 *   smtpd.conf   In the directory: the configuration.
 *   aliases, aliases.db
 *                In the directory: the alias table, and the map made from it.
 *   state/       In the directory: queue and sockets.
 *   ann/Maildir/ In the directory: where the messages arrive.
 *
 * EXIT STATUS
 *   0 when both messages arrived, 1 when something went wrong, 64 when the
 *   command line makes no sense, 130 when it was interrupted.
 *
 * SEE ALSO
 *   smtpd, smtpctl, sendmail, makemap; README.md
 *
 * STANDARDS
 *   None.
 */

import { getopt, UsageError } from "./getopt.ts";
import { DemoSite, isFromNpx } from "./demo_site.ts";
import { readManual } from "./manual.ts";
import { formatPath, parseMailbox } from "../lib/mail/address.ts";
import { formatDate } from "../lib/mail/date.ts";
import { Dialogue } from "./sendmail_dialogue.ts";
import { paint } from "./terminal_table.ts";

const usage = "usage: deno task demo [--keep]";

/** Runs the demo; gives its exit status. */
export async function demo(args: readonly string[]): Promise<number> {
  try {
    const { options, operands } = getopt(args, {
      flags: "h",
      valued: "",
      optional: "",
      long: { keep: "flag", help: "flag" },
    });
    if (options.some(({ name }) => name === "h" || name === "help")) {
      console.log(await readManual(import.meta.url));
      return 0;
    }
    if (operands.length > 0) throw new UsageError(`Unexpected operand ${operands[0]}`);
    return await play(options.some(({ name }) => name === "keep"));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`demo: ${error.message}\n${usage}`);
    return 64;
  }
}

async function play(keep: boolean): Promise<number> {
  let site: DemoSite;
  try {
    site = new DemoSite();
  } catch (error) {
    console.error(`demo: cannot begin: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
  const interrupted = Promise.withResolvers<number>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => interrupted.resolve(130));
  }
  try {
    return await Promise.race([tour(site, keep), interrupted.promise]);
  } catch (error) {
    console.error(`demo: ${error instanceof Error ? error.message : error}`);
    if (site.log !== "") console.error(`smtpd's log:\n${site.log}`);
    return 1;
  } finally {
    await site.stop().catch(() => {});
    if (!keep) site.remove();
  }
}

/** All steps, in order. */
async function tour(site: DemoSite, keep: boolean): Promise<number> {
  heading("Postern: a mail server of its own, and two messages through it");
  say(`All of it is in ${site.folder}${keep ? "" : ", which is removed at the end"}.`);
  if (!site.isUsualPort) say(`Port 2525 is taken on this machine, so smtpd gets port ${site.port}.`);
  if (isFromNpx()) {
    say("Lines with a $ are what you would type. If you have no deno but npx's, begin with:");
    shell(`alias deno='npx -y deno@${Deno.version.deno}'`);
  } else say("Lines with a $ are what you would type.");
  await prepare(site);
  await sendBoth(site);
  await deliver(site);
  heading("Stop");
  typed("smtpctl stop");
  await site.run("smtpctl", ["stop"]);
  await site.ended();
  say("This is what smtpd logged:");
  console.log(site.log.trimEnd());
  goOn(site, keep);
  return 0;
}

/** Tables, configuration, daemon. */
async function prepare(site: DemoSite): Promise<void> {
  heading("An alias table");
  site.write("aliases", "postmaster: ann\nhello: ann\n");
  show(site, "aliases");
  typed(`makemap -t aliases ${site.path("aliases")}`);
  await site.run("makemap", ["-t", "aliases", site.path("aliases")]);
  typed(`makemap -U ${site.path("aliases.db")}`);
  await site.run("makemap", ["-U", site.path("aliases.db")]);

  heading("The configuration, in the words of smtpd.conf(5)");
  site.write("smtpd.conf", configuration(site));
  Deno.mkdirSync(site.path("ann"));
  show(site, "smtpd.conf");

  heading("The daemon");
  shell(`export SMTPD_STATE=${site.state}`);
  typed(`smtpd -d --same-user -f ${site.path("smtpd.conf")} &`);
  await site.start();
  console.log(site.log.trimEnd());
  say("Local delivery is held for a while, so that there is a queue to look at.");
  typed("smtpctl pause mda");
  await site.run("smtpctl", ["pause", "mda"]);
}

function configuration(site: DemoSite): string {
  return `table aliases db:${site.path("aliases.db")}
table users { "ann" = "${Deno.uid()}:${Deno.gid()}:${site.path("ann")}" }
listen on 127.0.0.1 port ${site.port}
action "inbox" maildir alias <aliases> userbase <users>
match from any for domain "example.org" action "inbox"
# For mail to the rest of the world, from this machine only:
# action "out" relay
# match from local for any action "out"
`;
}

async function sendBoth(site: DemoSite): Promise<void> {
  heading("One message with sendmail");
  const text = "Subject: Hello by sendmail\n\nThis one was handed in on this machine.\n";
  const command = "deno task sendmail -f ann@example.org postmaster@example.org";
  shell(`printf '${text.replaceAll("\n", "\\n")}' | ${command}`);
  await site.run("sendmail", ["-f", "ann@example.org", "postmaster@example.org"], text);

  heading(`One message by SMTP, to 127.0.0.1 port ${site.port}`);
  await sendBySmtp(site.port);

  heading("Both are in the queue, on disk");
  typed("smtpctl show queue");
  await site.run("smtpctl", ["show", "queue"]);
}

/** Speaks SMTP to the daemon and shows every line. */
async function sendBySmtp(port: number): Promise<void> {
  const lines = [
    "From: Friend <friend@example.net>",
    "To: hello@example.org",
    `Date: ${formatDate(Date.now(), { offsetMinutes: 0, name: null })}`,
    "Subject: Hello by SMTP",
    "",
    "This one came over the network.",
  ];
  const sender = parseMailbox("friend@example.net", null);
  const path = parseMailbox("hello@example.org", null);
  if (sender === null || path === null) throw new Error("The demo's own addresses make no sense");
  const dialogue = new Dialogue(await Deno.connect({ hostname: "127.0.0.1", port }), (line) => {
    if (line === ">>> .") { for (const one of lines) console.log(dim(`    ${one}`)); }
    console.log(line.startsWith(">") ? paint(line, "cyan", screen) : line);
  });
  const content = lines.map((line) => `${line}\r\n`).join("");
  const greeted = await dialogue.greet();
  const step = greeted.kind !== "ok" ? greeted : await dialogue.submit({
    sender,
    recipients: [{ path, notify: [], originalRecipient: null }],
    size: content.length,
    eightBit: false,
    ret: null,
    envId: null,
  }, content);
  await dialogue.quit();
  if (step.kind !== "ok") throw new Error(`smtpd did not take the message from ${formatPath(sender)}`);
}

async function deliver(site: DemoSite): Promise<void> {
  heading("Delivery goes on");
  typed("smtpctl resume mda");
  await site.run("smtpctl", ["resume", "mda"]);
  const inbox = "ann/Maildir/new";
  await site.until("both messages arrive", () => site.texts(inbox).length >= 2);
  for (const { path, text } of site.texts(inbox)) {
    shell(`cat ${path}`);
    console.log(text.trimEnd());
    console.log();
  }
  typed("smtpctl show queue");
  await site.run("smtpctl", ["show", "queue"]);
  say("Delivered messages leave nothing behind in the queue.");
}

function goOn(site: DemoSite, keep: boolean): void {
  const conf = keep ? site.path("smtpd.conf") : "smtpd.conf";
  const state = keep ? site.state : "DIR/state";
  heading("How to go on from here");
  if (!keep) {
    typed("demo --keep");
    say("does the same and keeps the directory. With the smtpd.conf and the DIR that it leaves:");
  }
  typed(`smtpd -n -v --same-user -f ${conf}`);
  say("checks the configuration and prints what each process of smtpd may do.");
  typed(`smtpd -d --same-user -f ${conf} --state ${state}`);
  say("runs smtpd until you press Ctrl-C. Then, in another terminal:");
  typed(`smtpctl --state ${state} show status`);
  typed("smtpctl --help");
  say("prints the manual of smtpctl; the other commands have theirs. README.md says how to serve a real domain.");
}

const screen = { color: Deno.stdout.isTerminal() && !Deno.noColor };

function heading(text: string): void {
  console.log(`\n${paint(text, "bold", screen)}`);
}

function say(text: string): void {
  console.log(text);
}

function dim(text: string): string {
  return paint(text, "dim", screen);
}

/** A command of ours as a person types it. */
function typed(command: string): void {
  shell(`deno task ${command}`);
}

/** A command for the shell. */
function shell(command: string): void {
  console.log(paint(`$ ${command}`, "cyan", screen));
}

/** A file as `cat` shows it. */
function show(site: DemoSite, name: string): void {
  shell(`cat ${site.path(name)}`);
  console.log(Deno.readTextFileSync(site.path(name)).trimEnd());
}

if (import.meta.main) Deno.exit(await demo(Deno.args));
