/** What sendmail's command line asks for. */

import { envIdLengthMax, parseRcptParameters } from "../lib/smtp/parameter.ts";
import { encodeXtext } from "../lib/mail/xtext.ts";
import { getopt, type OptionSpec, UsageError } from "./getopt.ts";

/** How to submit a message. */
export interface SubmitOptions {
  /** `-f` or `-r`, null for neither. */
  readonly sender: string | null;
  /** `-F`. */
  readonly fullName: string | null;
  /** `-t`. */
  readonly readRecipients: boolean;
  /** `-N`. */
  readonly notify: readonly ("success" | "failure" | "delay" | "never")[];
  /** `-R`. */
  readonly ret: "full" | "hdrs" | null;
  /** `-V`. */
  readonly envId: string | null;
  /** `-v`. */
  readonly verbose: boolean;
  readonly recipients: readonly string[];
}

/** What the command is to do. */
export type SendmailRequest =
  | { readonly kind: "submit"; readonly options: SubmitOptions }
  /** Hand over a file of the offline queue. */
  | { readonly kind: "offline"; readonly file: string }
  | { readonly kind: "mailq" | "newaliases" | "runQueue" | "help" | "version" };

/** A request with the options that all kinds share. */
export interface SendmailCommand {
  readonly request: SendmailRequest;
  /** `--state`. */
  readonly state: string | null;
  /** `--json`. */
  readonly json: boolean;
}

const spec: OptionSpec = {
  flags: "itvmxS",
  valued: "fFrNRVAbBeLop",
  optional: "Eq",
  long: { state: "valued", offline: "valued", json: "flag", help: "flag", version: "flag" },
};

/** Reads the command line. Throws `UsageError` for one that makes no sense. The last of several options counts. */
export function parseSendmailArguments(args: readonly string[]): SendmailCommand {
  const { options, operands } = getopt(args, spec);
  /** The value of the last of these options, null when there is none. */
  const last = (...names: readonly string[]) =>
    options.findLast((option) => names.includes(option.name))?.value ?? null;
  const has = (name: string) => options.some((option) => option.name === name);
  const shared = { state: last("state"), json: has("json") };
  if (has("help")) return { request: { kind: "help" }, ...shared };
  if (has("version")) return { request: { kind: "version" }, ...shared };
  const [notify, ret, envId, mode] = [last("N"), last("R"), last("V"), last("b")];
  const submit: SubmitOptions = {
    sender: last("f", "r"),
    fullName: last("F"),
    readRecipients: has("t"),
    notify: notify === null ? [] : parseNotify(notify),
    ret: ret === null ? null : parseRet(ret),
    envId: envId === null ? null : parseEnvId(envId),
    verbose: has("v"),
    recipients: operands,
  };
  const file = last("offline");
  if (file !== null) return { request: { kind: "offline", file }, ...shared };
  if (has("q")) return { request: { kind: "runQueue" }, ...shared };
  const kind = mode === null ? "submit" : parseMode(mode);
  return { request: kind === "submit" ? { kind, options: submit } : { kind }, ...shared };
}

/** The arguments by which the submission is repeated later, its envelope being known. They give the same options
 * when they are read back. */
export function formatSendmailArguments(
  options: Pick<SubmitOptions, "notify" | "ret" | "envId">,
  sender: string,
  recipients: readonly string[],
): readonly string[] {
  const args = ["-f", sender];
  if (options.notify.length > 0) args.push("-N", options.notify.join(","));
  if (options.ret !== null) args.push("-R", options.ret);
  if (options.envId !== null) args.push("-V", options.envId);
  return [...args, "--", ...recipients];
}

/** Other modes of old are servers and tests of their own. OpenSMTPD ignores them, and so do we. */
function parseMode(text: string): "submit" | "mailq" | "newaliases" {
  if (text.startsWith("p")) return "mailq";
  return text.startsWith("i") ? "newaliases" : "submit";
}

function parseNotify(text: string): SubmitOptions["notify"] {
  const parsed = /\s/.test(text) ? null : parseRcptParameters(`NOTIFY=${text}`, { dsn: true }, false);
  if (parsed?.kind === "ok") return parsed.value.notify;
  throw new UsageError(`Option -N takes never, or some of success,failure,delay; not "${text}"`);
}

function parseRet(text: string): SubmitOptions["ret"] {
  const word = text.toLowerCase();
  if (word === "full" || word === "hdrs") return word;
  throw new UsageError(`Option -R takes full or hdrs, not "${text}"`);
}

function parseEnvId(text: string): string {
  if (/^[ -~]+$/.test(text) && encodeXtext(text).length <= envIdLengthMax) return text;
  throw new UsageError(`Option -V takes at most ${envIdLengthMax} printable characters`);
}
