/**
 * NAME
 *   mailq - list the mail in the queue
 *
 * SYNOPSIS
 *   mailq [-f file] [--state directory] [--json] [msgid]
 *
 * DESCRIPTION
 *   Does what `smtpctl show queue` does; its manual page describes the
 *   output.
 *
 * OPTIONS
 *   -f file             The configuration of the smtpd, as for smtpctl.
 *   --state directory   The state directory of the smtpd to talk to.
 *   --json              Print a JSON array.
 *   -v, -q              Ignored.
 *   --version           Print the version.
 *   -h, --help          Print this page.
 *
 * FILES
 *   As for smtpctl.
 *
 * EXIT STATUS
 *   0 on success, 1 on failure, 255 when the command line makes no sense.
 *
 * SEE ALSO
 *   smtpctl, sendmail, smtpd
 *
 * STANDARDS
 *   The name is sendmail's; the output is that of OpenSMTPD's mailq(8).
 */

import type { ControlTarget } from "../lib/daemon/control.ts";
import manifest from "../deno.json" with { type: "json" };
import { parseMsgId } from "../lib/spool/id.ts";
import { failureText } from "./failure.ts";
import { getopt, type OptionSpec, UsageError } from "./getopt.ts";
import { readManual } from "./manual.ts";
import { outputStatus } from "./output.ts";
import { hostDaemon, hostPrinter } from "./smtpctl_host.ts";
import { runRequest } from "./smtpctl_run.ts";

/** What a command line asks for. */
export type MailqLine =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | {
    readonly kind: "list";
    readonly target: ControlTarget;
    readonly json: boolean;
    /** Value of `--state`, null when it was not given. */
    readonly state: string | null;
    /** Value of `-f`, null when it was not given. */
    readonly config: string | null;
  };

const spec: OptionSpec = {
  flags: "hvq",
  valued: "f",
  optional: "",
  long: { state: "valued", json: "flag", version: "flag", help: "flag" },
};

const usage = "mailq [-f file] [--state directory] [--json] [msgid]";

/** Runs the command with the arguments after its name; returns the exit status. */
export async function mailq(args: readonly string[]): Promise<number> {
  const printer = hostPrinter();
  try {
    const line = parseMailq(args);
    if (line.kind === "version") {
      await printer.write(`Postern ${manifest.version}\n`);
      return 0;
    }
    if (line.kind === "help") {
      await printer.write(`${await readManual(import.meta.url)}\n`);
      return 0;
    }
    const { target, json, state, config } = line;
    const daemon = hostDaemon(state, config);
    return await runRequest({ kind: "showQueue", target }, daemon, printer, { json, name: "mailq" });
  } catch (error) {
    if (!(error instanceof UsageError)) return outputStatus(error, "mailq", printer.complain);
    printer.complain(failureText("mailq", error.message, usage, args.includes("--json")));
    return 255;
  }
}

/** Reads the arguments. Throws `UsageError`. */
export function parseMailq(args: readonly string[]): MailqLine {
  const { options, operands } = getopt(args, spec);
  if (options.some(({ name }) => name === "h" || name === "help")) return { kind: "help" };
  if (options.some(({ name }) => name === "version")) return { kind: "version" };
  const [word, ...others] = operands;
  if (others.length > 0) throw new UsageError("Too many operands");
  const message = word === undefined ? null : parseMsgId(word);
  if (word !== undefined && message === null) throw new UsageError(`${word} is no message id: 8 hexadecimal digits`);
  return {
    kind: "list",
    target: message === null ? { kind: "all" } : { kind: "message", message },
    json: options.some(({ name }) => name === "json"),
    state: options.findLast(({ name }) => name === "state")?.value ?? null,
    config: options.findLast(({ name }) => name === "f")?.value ?? null,
  };
}

if (import.meta.main) Deno.exit(await mailq(Deno.args));
