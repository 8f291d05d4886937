/**
 * NAME
 *   smtpctl - look at the queue of a running smtpd and control it
 *
 * SYNOPSIS
 *   smtpctl [-f file] [--state directory] [--json] command
 *
 * DESCRIPTION
 *   A command is one or more words. The beginning of a word is enough where
 *   it fits one word only: `smtpctl sh q` is `smtpctl show queue`. A msgid
 *   has 8 hexadecimal digits and names a message, an evpid has 16 and names
 *   an envelope: one message on its way to one recipient. Its first 8 digits
 *   are the message's.
 *
 *   show queue [msgid]
 *       List the envelopes in the queue, or those of one message. On a
 *       terminal this is a table. Otherwise it is one line for each envelope,
 *       nothing when there is none:
 *       evpid|source|agent|flags|sender|rcpt|dest|created|expires|last try
 *       |tries|state|delay|error
 *       Times are seconds since 1970. The state is pending, with the seconds
 *       until the next attempt (negative when it is due), inflight, with the
 *       seconds since it began, or offline. Flags are bounce, auth and
 *       suspend. The null sender is @. A | in an address is written \174, a
 *       control character in the same manner.
 *   show envelope evpid
 *       Show all of one envelope; not on a terminal, in the form of
 *       OpenSMTPD's envelope files.
 *   show message msgid|evpid
 *       Print a message with its header, line ends LF. A terminal gets no
 *       control characters.
 *   show stats
 *       Print smtpd's counters, key=value, in order of key.
 *   show status
 *       Say of local delivery (MDA), relaying (MTA) and the taking of mail
 *       (SMTP) whether it is running or paused, which configuration is in
 *       force since when, and why the last reload failed, if it did.
 *   schedule evpid|msgid|all
 *       Try to deliver now, also to servers that are left alone for a while
 *       because they failed.
 *   remove evpid|msgid|all
 *       Take out of the queue. The sender is not told.
 *   pause mda|mta|smtp
 *   resume mda|mta|smtp
 *       Stop one part of the work, and go on. It is an error when it is
 *       paused or running already. A pause ends with smtpd, at the latest.
 *   pause envelope evpid|msgid|all
 *   resume envelope evpid|msgid|all
 *       Hold envelopes back, and let them go.
 *   update table name
 *       Read a table anew that smtpd.conf names.
 *   encrypt [--method method] [password]
 *       Print what a table of users stores of a password. Without one on the
 *       command line, where others on this machine can see it, it is asked
 *       for; when standard input is no terminal, each line of it is one.
 *       Methods are bcrypt (the default), argon2id, sha512, sha256, scrypt,
 *       and scram: a verifier for SCRAM-SHA-256, with which PLAIN and LOGIN
 *       work, too. No smtpd has to run.
 *   spf walk [-4] [-6] [--server address]
 *       Print the networks that may send for the domains on standard input, as
 *       their SPF records name them: one a line, each once, in the order in
 *       which they are found. A line has a domain, or an address or a network,
 *       which is passed on; blank lines and what stands behind a # are read
 *       over. Followed are ip4, ip6, a, mx, exists, include and redirect; not
 *       what - or ~ stands before, nor what stands behind all. The addresses
 *       of a host have the bits that its mechanism gives, and a network is
 *       written in one form: 192.0.2.7/24 is 192.0.2.0/24. Macros and ptr
 *       depend on each message: they are told on standard error and left out.
 *       So is what cannot be looked up; all else is printed nevertheless.
 *       With -4 or -6 only networks of IPv4 or of IPv6 are printed. --server
 *       asks that server instead of those of /etc/resolv.conf, as before a
 *       record is published. No smtpd has to run.
 *   explain --from address --rcpt address [--src IP] [--rdns name]
 *           [--helo name] [--auth user] [--tls] [--tag tag]
 *           [--listener listener]
 *       Say what would become of such mail, and why: every rule that is
 *       tried, with the test that it fails; the look-ups in tables; what each
 *       alias and .forward leads to; the envelopes, with the servers that
 *       those for other machines would be brought to. It is the running smtpd
 *       that decides, as it does for mail; nothing is sent. Smart hosts of a
 *       table are taken in turn, and this takes a turn.
 *       Without --src the mail is from this machine. A listener is named by
 *       its address, with or without port, by its interface or its tag, or
 *       it is socket. The exit status is 2 when the recipient is refused.
 *   trace rules|expand|lookup|filters|all
 *   untrace rules|expand|lookup|filters|all
 *       Log the rules that are tried, the steps of expansions, the look-ups
 *       in tables, the filters that are tried; and no more. It lasts until
 *       smtpd ends. Other words of OpenSMTPD have no effect.
 *   reload [-n|--check]
 *       Read smtpd.conf anew, as SIGHUP does, and show what is different:
 *       + is new, - is gone, ~ is changed. When this ends it is in force;
 *       sessions that were open go on under what they began with. Nothing is
 *       changed when there is an error, a table cannot be opened or an
 *       address cannot be listened on. With -n only show what would change.
 *   stop
 *       Stop smtpd. It finishes what it has in hand.
 *
 *   When no smtpd is running, show queue, show envelope and show message read
 *   its queue from disk: in the directory that its configuration names, else
 *   in its state directory.
 *
 *   With --json everything is printed as JSON: show queue an array of
 *   objects, show envelope such an object, show message an object with the
 *   content as it is stored in `base64`, show stats, show status and reload
 *   an object each, encrypt an array of objects with `method` and `stored`,
 *   spf walk an array with an object for each line: `line`, `input`, all of its
 *   `networks`, and `problems` with `severity` and `text`; the other commands
 *   an object that says how many envelopes were touched or that they
 *   succeeded. Times are ISO 8601 in UTC. What there is none of is null.
 *
 *   Other commands of OpenSMTPD's smtpctl are not supported yet and say so.
 *
 * OPTIONS
 *   -f file             The configuration of the smtpd, for the queue on disk;
 *                       default /etc/mail/smtpd.conf, else /etc/smtpd.conf.
 *   --state directory   The state directory of the smtpd to talk to.
 *   --json              Print JSON.
 *   --version           Print the version.
 *   -h, --help          Print this page; after a command, how to use that.
 *
 * ENVIRONMENT
 *   SMTPD_STATE   The state directory where --state is not given.
 *   NO_COLOR      Use no colours.
 *
 * FILES
 *   $XDG_STATE_HOME/postern, ~/.local/state/postern
 *                          The state directory of a user who runs a smtpd.
 *   /var/spool/smtpd       The state directory of the system's smtpd, for root
 *                          and for users who run none.
 *   DIR/smtpd.sock         The control socket in the state directory DIR;
 *                          /var/run/smtpd.sock for root's.
 *   /etc/resolv.conf       The DNS servers that spf walk asks.
 *   DIR/spool/spool.sqlite The queue that is read when no smtpd is running,
 *                          unless the configuration has `queue directory`.
 *
 * EXIT STATUS
 *   0 on success; 2 when what explain asks for would be refused; 1 when the
 *   command failed, spf walk could not read or look up all, no smtpd is
 *   running or it may not be talked to; 255 when there is no such command.
 *
 * SEE ALSO
 *   mailq, sendmail, smtpd, smtpd.conf(5)
 *
 * STANDARDS
 *   Commands, their output when it is not on a terminal, and exit statuses
 *   are those of OpenSMTPD's smtpctl(8). The time of expiry is the real one.
 */

import manifest from "../deno.json" with { type: "json" };
import { failureJson, failureText } from "./failure.ts";
import { UsageError } from "./getopt.ts";
import { later } from "./later.ts";
import { readManual } from "./manual.ts";
import { outputStatus } from "./output.ts";
import { hostDaemon, hostPrinter } from "./smtpctl_host.ts";
import { parseSmtpctl } from "./smtpctl_parse.ts";
import { runRequest } from "./smtpctl_run.ts";

/** Runs the command with the arguments after its name; returns the exit status. */
export async function smtpctl(args: readonly string[]): Promise<number> {
  const printer = hostPrinter();
  const line = parseSmtpctl(args);
  try {
    switch (line.kind) {
      case "manual":
        await printer.write(`${await readManual(import.meta.url)}\n`);
        return 0;
      case "version":
        await printer.write(`Postern ${manifest.version}\n`);
        return 0;
      case "help":
        await printer.write(line.text);
        return 0;
      case "noted":
        printer.complain(`smtpctl: ${line.text}`);
        return 0;
      case "wrong":
        printer.complain(args.includes("--json") ? failureJson(line.text.trim(), "") : `smtpctl: ${line.text}`);
        return line.status;
      case "encrypt": {
        // Seldom needed, and it costs time to load.
        const [{ encrypt }, { hostEncrypt }] = await Promise.all([
          import("./smtpctl_encrypt.ts"),
          import("./smtpctl_encrypt_host.ts"),
        ]);
        return await encrypt(line, hostEncrypt(), printer);
      }
      case "spfWalk": {
        const { hostWalk }: typeof import("./smtpctl_walk_host.ts") = await import(
          later("./smtpctl_walk_host.ts", import.meta.url)
        );
        const { walkLines }: typeof import("./smtpctl_walk.ts") = await import(
          later("./smtpctl_walk.ts", import.meta.url)
        );
        return await walkLines(line, await hostWalk(line.server), printer);
      }
      case "request":
        return await runRequest(line.request, hostDaemon(line.state, line.config), printer, {
          json: line.json,
          name: "smtpctl",
        });
    }
  } catch (error) {
    if (!(error instanceof UsageError)) return outputStatus(error, "smtpctl", printer.complain);
    printer.complain(failureText("smtpctl", error.message, null, args.includes("--json")));
    return 1;
  }
}

if (import.meta.main) Deno.exit(await smtpctl(Deno.args));
