/**
 * NAME
 *   smtpd - the mail daemon
 *
 * SYNOPSIS
 *   smtpd [-dFhnv] [-D macro=value] [-f file] [-P system] [--state DIR]
 *         [-T subsystem] [--same-user] [--json]
 *   smtpd --print [--secrets] [-D macro=value] [-f file] [--json]
 *   smtpd -n --explain --from address --rcpt address [--src IP] [--rdns name]
 *         [--helo name] [--auth user] [--tls] [--tag tag]
 *         [--listener listener] [--dns] [-f file] [--json]
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
 *   -n               Check the configuration, then exit. Beside errors it
 *                    tells of what is not active yet, of rules that can
 *                    never match, open relays,
 *                    domains that nobody outside can write to, names that
 *                    nothing uses, and what is wrong with tables,
 *                    certificates and keys: it opens all of them. A start
 *                    logs the same, but leaves tables alone.
 *   -P system        Start with mda, mta or smtp paused. Repeatable.
 *   -T subsystem     Log decisions: rules that are tried, expand for the steps
 *                    of expansions, lookup for look-ups in tables, filters
 *                    that are tried, or all. Repeatable, or with commas. Other subsystems of
 *                    OpenSMTPD have no effect. smtpctl trace does the same
 *                    while smtpd runs.
 *   -v               Log more. With -n, also print what each role may do.
 *   --explain        With -n: say what would become of mail from --from to
 *                    --rcpt, and why, without a daemon. The tables are opened
 *                    by the caller, who may not be allowed to read all of
 *                    them. smtpctl(8) describes the options; --dns looks up
 *                    names and routes.
 *   --json           Log lines, errors and tables as JSON.
 *   --lsp            Serve an editor: speak the language server protocol on
 *                    standard input and output. It shows problems while
 *                    one types, completes words and names, explains words,
 *                    and finds declarations.
 *   --print          Print the configuration as it is in effect, then exit:
 *                    macros and included files in their places, defaults
 *                    left out. It loads again as the same. Keys, and
 *                    passwords of inline tables, are *** unless --secrets
 *                    is given: then it does not load, so that no daemon
 *                    runs with a wrong key. With --json print the policy.
 *   --same-user      All roles keep the caller's account; accounts of user
 *                    tables are not applied. Always so when not root.
 *   --secrets        With --print, show keys and passwords.
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
 *   0    Ended by SIGTERM, SIGINT or smtpctl stop; or -n found no error;
 *        warnings are none.
 *   1    The configuration has errors, or the daemon cannot start.
 *   2    With --explain: the recipient would be refused.
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
import type { Policy } from "../lib/policy/policy.ts";
import { failureText } from "./failure.ts";
import { getopt, type Option, type OptionSpec, UsageError } from "./getopt.ts";
import manifest from "../deno.json" with { type: "json" };
import { later } from "./later.ts";
import type { Loaded } from "./smtpd_check.ts";
import type { Beginning } from "./smtpd_launch.ts";
import { defaultConfigPath } from "./config_path.ts";
import type { ExplainQuestion } from "../lib/policy/explain.ts";
import type { SmtpdOptions } from "./smtpd_premises.ts";
import { outputStatus, print as writeLine, terminalColumns } from "./output.ts";
import { readTraceWords, traceWords } from "./trace_words.ts";
import { wrapLines } from "./wrap.ts";

const spec: OptionSpec = {
  flags: "dFhnv",
  valued: "DfPT",
  optional: "",
  long: {
    auth: "valued",
    dns: "flag",
    explain: "flag",
    from: "valued",
    helo: "valued",
    help: "flag",
    json: "flag",
    listener: "valued",
    lsp: "flag",
    print: "flag",
    rcpt: "valued",
    rdns: "valued",
    "same-user": "flag",
    secrets: "flag",
    src: "valued",
    state: "valued",
    tag: "valued",
    tls: "flag",
    version: "flag",
  },
};

const usage = "smtpd [-dFhnv] [-D macro=value] [-f file] [-P system] [--state DIR]";

/** Runs the command; resolves to its exit status, or never while the daemon runs. */
export async function smtpd(args: readonly string[]): Promise<number> {
  try {
    const { options, operands } = getopt(args, spec);
    if (has(options, "help") || has(options, "h")) return await printManual();
    if (has(options, "version")) return print(`Postern ${manifest.version}`);
    if (has(options, "lsp")) {
      const { serveEditor }: typeof import("./smtpd_lsp.ts") = await load("./smtpd_lsp.ts");
      return await serveEditor((await readOptions(options)).macros);
    }
    if (operands.length > 0) throw new UsageError(`Unexpected argument ${operands[0]}`);
    const show = !has(options, "print") ? "nothing" : has(options, "secrets") ? "secrets" : "policy";
    return await run(await readOptions(options), show);
  } catch (error) {
    const isUsage = error instanceof UsageError;
    if (!isUsage && !(error instanceof Fault)) return outputStatus(error, "smtpd", console.error);
    console.error(failureText("smtpd", error.message, isUsage ? usage : null, args.includes("--json")));
    return 1;
  }
}

/** A daemon has no use for an editor's server nor for printers, and none for the checks once it runs. */
function load<Module>(specifier: string): Promise<Module> {
  return import(later(specifier, import.meta.url));
}

async function printManual(): Promise<number> {
  const { readManual }: typeof import("./manual.ts") = await load("./manual.ts");
  return print(await readManual(import.meta.url));
}

async function run(options: SmtpdOptions, show: Show): Promise<number> {
  const isStart = show === "nothing" && options.explain === null && !options.check;
  if (!isStart || !options.foreground) return await read(options, show, null);
  const { launchAhead }: typeof import("./smtpd_launch.ts") = await load("./smtpd_launch.ts");
  const beginning = launchAhead(options);
  try {
    return await read(options, show, beginning);
  } finally {
    beginning.launcher.discard();
  }
}

/** Reads the configuration, then does what is asked for. Only a start in the foreground has a beginning. */
async function read(options: SmtpdOptions, show: Show, beginning: Beginning | null): Promise<number> {
  const { loadConfiguration }: typeof import("./smtpd_config.ts") = await load("./smtpd_config.ts");
  const loaded = await loadConfiguration(options.config, options.macros);
  if (loaded.kind === "errors") {
    reportProblems(loaded.errors, options.json);
    if (isAbsent(options.config) && !options.json) console.error(configHint);
    return 1;
  }
  if (show !== "nothing") {
    reportProblems(loaded.warnings, options.json);
    return await printConfiguration(loaded.policy, show, options.json);
  }
  if (options.explain !== null) return await explain(loaded.policy, options.explain, options);
  if (options.check) return await check(loaded, options);
  const { checkQuickly, logProblems }: typeof import("./smtpd_check.ts") = await load("./smtpd_check.ts");
  const { goToBackground, logStyle, runDaemon }: typeof import("./smtpd_run.ts") = await load("./smtpd_run.ts");
  const { keepsUser }: typeof import("./smtpd_accounts.ts") = await load("./smtpd_accounts.ts");
  const problems = await checkQuickly(loaded, keepsUser(options));
  // In the background it looks once more, and logs what it finds.
  if (beginning === null) {
    reportProblems(problems, options.json);
    return await goToBackground(loaded.policy, options);
  }
  logProblems(problems, logStyle(await beginning.machine, options));
  return await runDaemon(loaded.policy, options, problems, beginning);
}

/** What `--print` shows. */
type Show = "nothing" | "policy" | "secrets";

async function printConfiguration(policy: Policy, show: Show, json: boolean): Promise<number> {
  const { hideSecrets }: typeof import("../lib/policy/secret.ts") = await load("../lib/policy/secret.ts");
  const { printPolicy }: typeof import("../lib/policy/print.ts") = await load("../lib/policy/print.ts");
  const shown = show === "secrets" ? policy : hideSecrets(policy);
  if (json) return print(JSON.stringify(shown, null, 2));
  return print(printPolicy(policy, show === "secrets" ? "shown" : "hidden").trimEnd());
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

async function explain(policy: Policy, question: ExplainQuestion, options: SmtpdOptions): Promise<number> {
  const { explainOffline, hostPorts }: typeof import("./smtpd_explain.ts") = await load("./smtpd_explain.ts");
  const { premisesOf }: typeof import("./smtpd_premises.ts") = await load("./smtpd_premises.ts");
  const { hostPrinter }: typeof import("./smtpctl_host.ts") = await load("./smtpctl_host.ts");
  const { resolver } = premisesOf(policy, options, "check");
  return await explainOffline(policy, question, hostPorts(resolver, options.dns), hostPrinter(), options.json);
}

async function check(loaded: Loaded, options: SmtpdOptions): Promise<number> {
  const { checkConfiguration }: typeof import("./smtpd_check.ts") = await load("./smtpd_check.ts");
  const { keepsUser, tableReader }: typeof import("./smtpd_accounts.ts") = await load("./smtpd_accounts.ts");
  const { premisesOf }: typeof import("./smtpd_premises.ts") = await load("./smtpd_premises.ts");
  const problems = await checkConfiguration(loaded, options.config, keepsUser(options), tableReader(options));
  reportProblems(problems, options.json);
  if (problems.some((one) => one.severity === "error")) return 1;
  const { policy } = loaded;
  if (options.verbose) {
    const { printGrants }: typeof import("./smtpd_grants.ts") = await load("./smtpd_grants.ts");
    const text = printGrants(policy, premisesOf(policy, options, "check").premises, options.json);
    const isWrapped = !options.json && Deno.stdout.isTerminal();
    writeLine(isWrapped ? wrapLines(text, terminalColumns()) : text);
  }
  const count = problems.length === 0 ? "" : problems.length === 1 ? ", 1 warning" : `, ${problems.length} warnings`;
  if (!options.json) console.error(`configuration OK${count}`);
  return 0;
}

function reportProblems(problems: readonly ConfigError[], json: boolean): void {
  if (json) {
    if (problems.length > 0) console.error(JSON.stringify(problems));
    return;
  }
  const colour = !Deno.noColor && Deno.stderr.isTerminal();
  const width = Deno.stderr.isTerminal() ? terminalColumns() : 120;
  for (const problem of problems) {
    const text = printError(problem, { colour, width });
    console.error(Deno.stderr.isTerminal() ? wrapLines(text, width) : text);
  }
}

async function readOptions(options: readonly Option[]): Promise<SmtpdOptions> {
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
    traced: traced(options),
    explain: has(options, "explain") ? await explainQuestion(options) : null,
    dns: has(options, "dns"),
    sameUser: has(options, "same-user"),
    json: has(options, "json"),
  };
}

/** `-T`: words without effect, and unknown ones as in OpenSMTPD, are only warned of. */
function traced(options: readonly Option[]): SmtpdOptions["traced"] {
  const words = options.filter((one) => one.name === "T").map(({ value }) => value ?? "");
  const { subjects, warnings, unknown } = readTraceWords(words);
  for (const warning of warnings) console.error(`smtpd: ${warning}`);
  for (const word of unknown) {
    console.error(`smtpd: unknown trace flag "${word}"; there are ${traceWords}`);
  }
  return subjects;
}

async function explainQuestion(options: readonly Option[]): Promise<ExplainQuestion> {
  if (!has(options, "n")) {
    throw new UsageError("--explain goes with -n; of a running smtpd smtpctl explain asks the same");
  }
  const [from, rcpt, src] = [last(options, "from"), last(options, "rcpt"), last(options, "src")];
  const [rdns, helo, auth] = [last(options, "rdns"), last(options, "helo"), last(options, "auth")];
  const [tag, listener, tls] = [last(options, "tag"), last(options, "listener"), has(options, "tls")];
  const { readQuestion }: typeof import("./explain_question.ts") = await load("./explain_question.ts");
  return readQuestion({ from, rcpt, src, rdns, helo, auth, tag, listener, tls });
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
  writeLine(text);
  return 0;
}

if (import.meta.main) Deno.exit(await smtpd(Deno.args));
