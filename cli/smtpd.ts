/**
 * NAME
 *   smtpd - the mail daemon
 *
 * SYNOPSIS
 *   smtpd [-dFhnv] [-D macro=value] [-f file] [-P system] [--state DIR]
 *         [--same-user] [--json]
 *   smtpd --lsp [-D macro=value]
 *
 * DESCRIPTION
 *   smtpd accepts mail by SMTP and from sendmail(1), keeps it in a durable
 *   queue, and delivers it to Maildirs or relays it to other servers, as
 *   smtpd.conf says. Each part of it is a process of its own that holds
 *   only the rights it needs: smtpd -n -v prints them.
 *
 * OPTIONS
 *   -D macro=value   Define a macro; wins over the file's definition.
 *   -d               Stay in the foreground, log to standard error.
 *   -F               As -d.
 *   -f file          Configuration file; default /etc/mail/smtpd.conf, else
 *                    /etc/smtpd.conf.
 *   -h, --help       Print this page.
 *   -n               Check the configuration, warn of what is not active yet,
 *                    then exit.
 *   -P system        Start with mda, mta or smtp paused. Repeatable.
 *   -T subsystem     Tracing: not supported yet, an error. -v logs more.
 *   -v               Log more. With -n, also print what each role may do.
 *   --json           Log lines, errors and tables as JSON.
 *   --lsp            Serve an editor: speak the language server protocol on
 *                    standard input and output. It shows problems while
 *                    one types, completes words and names, explains words,
 *                    and finds declarations.
 *   --same-user      All roles keep the caller's account; accounts of user
 *                    tables are not applied. Always so when not root.
 *   --state DIR      Directory of queue and sockets; default
 *                    /var/spool/smtpd for root, else
 *                    $XDG_STATE_HOME/postern. SMTPD_STATE does the same.
 *   --version        Print the version.
 *
 *   Without -d or -F smtpd goes to the background once it is ready, and logs
 *   through logger(1) to syslog, facility mail, or to DIR/smtpd.log where
 *   there is no syslog.
 *
 * FILES
 *   /etc/mail/smtpd.conf    configuration
 *   DIR/spool/spool.sqlite  the queue
 *   DIR/offline/            messages that sendmail left while smtpd was down
 *   DIR/smtpd.log           the log, in the background and without syslog
 *   DIR/submit.sock         where sendmail hands in mail
 *   DIR/smtpd.sock          where smtpctl asks; /var/run/smtpd.sock when DIR
 *                           is root's default
 *
 * EXIT STATUS
 *   0    Ended by SIGTERM, SIGINT or smtpctl stop; or -n found no error.
 *   1    The configuration has errors, or the daemon cannot start.
 *
 * SEE ALSO
 *   smtpctl(8), sendmail(8), makemap(8), smtpd.conf(5)
 *
 * STANDARDS
 *   RFC 5321, RFC 5322, RFC 2920, RFC 1870, RFC 6152, RFC 2034, RFC 3464.
 */

import { join } from "@std/path";
import { isSubsystem, type Subsystem } from "../lib/daemon/control.ts";
import { Fault } from "../lib/fault.ts";
import { type ConfigError, printError } from "../lib/policy/error.ts";
import { inactiveNotices, noticeError } from "../lib/policy/inactive.ts";
import type { Policy } from "../lib/policy/policy.ts";
import { getopt, type Option, type OptionSpec, UsageError } from "./getopt.ts";
import manifest from "../deno.json" with { type: "json" };
import { readManual } from "./manual.ts";
import { defaultConfigPath, loadConfiguration } from "./smtpd_config.ts";
import { goToBackground, runDaemon } from "./smtpd_run.ts";
import { premisesOf, type SmtpdOptions } from "./smtpd_premises.ts";
import { printGrants } from "./smtpd_grants.ts";
import { serveEditor } from "./smtpd_lsp.ts";

const spec: OptionSpec = {
  flags: "dFhnv",
  valued: "DfPT",
  optional: "",
  long: {
    help: "flag",
    json: "flag",
    lsp: "flag",
    "same-user": "flag",
    state: "valued",
    version: "flag",
  },
};

/** Runs the command; resolves to its exit status, or never while the daemon runs. */
export async function smtpd(args: readonly string[]): Promise<number> {
  try {
    const { options, operands } = getopt(args, spec);
    if (has(options, "help") || has(options, "h")) return print(await readManual(import.meta.url));
    if (has(options, "version")) return print(`Postern ${manifest.version}`);
    if (has(options, "T")) throw new UsageError("-T: tracing is not supported yet; -v shows more of what smtpd does");
    if (has(options, "lsp")) return await serveEditor(readOptions(options).macros);
    if (operands.length > 0) throw new UsageError(`Unexpected argument ${operands[0]}`);
    return await run(readOptions(options));
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(
        `smtpd: ${error.message}\nusage: smtpd [-dFhnv] [-D macro=value] [-f file] [-P system] [--state DIR]`,
      );
      return 1;
    }
    if (!(error instanceof Fault)) throw error;
    console.error(`smtpd: ${error.message}`);
    return 1;
  }
}

async function run(options: SmtpdOptions): Promise<number> {
  const loaded = await loadConfiguration(options.config, options.macros);
  reportProblems(
    loaded.kind === "errors" ? loaded.errors : [...loaded.warnings, ...notices(loaded.policy, options)],
    options.json,
  );
  if (loaded.kind === "errors") {
    if (isAbsent(options.config) && !options.json) console.error(configHint);
    return 1;
  }
  if (options.check) return check(loaded.policy, options);
  if (!options.foreground) return await goToBackground(loaded.policy, options);
  return await runDaemon(loaded.policy, options);
}

/** What is not active, for `-n`; the daemon logs it itself. */
function notices(policy: Policy, { check, config }: SmtpdOptions): readonly ConfigError[] {
  if (!check) return [];
  return inactiveNotices(policy).map((notice) => noticeError(notice, config));
}

const configHint =
  `  Write one there, or name one with -f FILE. Three lines deliver the mail of this machine's users to Maildirs:
    listen on localhost
    action "local" maildir
    match for local action "local"
  smtpd -n -f FILE checks one.`;

function isAbsent(path: string): boolean {
  try {
    Deno.statSync(path);
    return false;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}

function check(policy: Policy, options: SmtpdOptions): number {
  if (options.verbose) {
    console.log(printGrants(policy, premisesOf(policy, options, "check").premises, options.json));
  }
  if (!options.json) console.error("configuration OK");
  return 0;
}

function reportProblems(problems: readonly ConfigError[], json: boolean): void {
  if (json) {
    if (problems.length > 0) console.error(JSON.stringify(problems));
    return;
  }
  const colour = !Deno.noColor && Deno.stderr.isTerminal();
  const width = Deno.stderr.isTerminal() ? Deno.consoleSize().columns : 120;
  for (const problem of problems) console.error(printError(problem, { colour, width }));
}

function readOptions(options: readonly Option[]): SmtpdOptions {
  const macros = new Map<string, string>();
  for (const { value } of options.filter((one) => one.name === "D")) {
    // OpenSMTPD splits at the last `=`.
    const at = value?.lastIndexOf("=") ?? -1;
    if (value === null || at <= 0) throw new UsageError(`-D needs macro=value, not ${value}`);
    macros.set(value.slice(0, at), value.slice(at + 1));
  }
  return {
    foreground: has(options, "d") || has(options, "F"),
    check: has(options, "n"),
    verbose: has(options, "v"),
    config: absolute(last(options, "f") ?? defaultConfigPath()),
    macros,
    paused: options.filter((one) => one.name === "P").map(({ value }) => subsystem(value ?? "")),
    state: last(options, "state"),
    sameUser: has(options, "same-user"),
    json: has(options, "json"),
  };
}

function subsystem(word: string): Subsystem {
  if (isSubsystem(word)) return word;
  throw new UsageError(`-P takes mda, mta or smtp, not ${word}`);
}

function has(options: readonly Option[], name: string): boolean {
  return options.some((one) => one.name === name);
}

function last(options: readonly Option[], name: string): string | null {
  return options.findLast((one) => one.name === name)?.value ?? null;
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : join(Deno.cwd(), path);
}

function print(text: string): number {
  console.log(text);
  return 0;
}

if (import.meta.main) Deno.exit(await smtpd(Deno.args));
