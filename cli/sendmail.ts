/**
 * NAME
 *   sendmail - hand in a message
 *
 * SYNOPSIS
 *   sendmail [-itv] [-f sender] [-F name] [-N notify] [-R return] [-V envid] [--state dir] [--json] [recipient ...]
 *   sendmail -bp | -bi
 *
 * DESCRIPTION
 *   Reads a message from standard input up to its end and hands it to smtpd for the recipients, all of them or none.
 *   A recipient is an address or a list of addresses with commas between them; one without a domain is of this
 *   machine. When smtpd is down the message is kept in the state directory and taken up when smtpd starts.
 *
 *   From, Date and Message-ID fields are added where they are missing. Bcc and Return-Path fields, and the From line
 *   of mailbox files, are left out. A body with lines of 998 characters and more becomes quoted-printable.
 *   The sender is the one given with -f, else the address in the From field, else the caller.
 *
 *   A message that smtpd refuses is added to the file dead.letter in the caller's home directory.
 *
 * OPTIONS
 *   -f sender    The sender's address; <> for none. Also -r.
 *   -F name      The sender's full name, for a From field that is added.
 *   -t           Take recipients from the To, Cc and Bcc fields as well.
 *   -i, -oi      A line with a single dot does not end the message. It never does.
 *   -v           Show the dialogue with smtpd.
 *   -N notify    When to report on delivery: never, or some of success,failure,delay.
 *   -R return    What a report holds of the message: full or hdrs.
 *   -V envid     A name for the message in reports.
 *   -bm          Hand in a message: the default.
 *   -bp          Show the queue, as mailq does.
 *   -bi          Build the alias table, as newaliases does.
 *   -q           Not supported: smtpd runs its queue itself. Exits with 70.
 *   --state dir  The state directory of smtpd. Default: the variable SMTPD_STATE; else for a user who runs a smtpd
 *                postern in XDG_STATE_HOME (~/.local/state); else /var/spool/smtpd, the system's, where there is one.
 *   --json       Print the result as one JSON object.
 *   --version, --help
 *   -A -B -b -e -L -o -p with an argument, -m -x -E: taken for compatibility, without effect.
 *
 * FILES
 *   submit.sock  In the state directory: where smtpd takes messages.
 *   offline/     In the state directory: messages kept while smtpd is down.
 *   ~/dead.letter, /etc/mailname, /etc/passwd
 *
 * EXIT STATUS
 *   0   The message is in the queue.
 *   1   The command line or an address makes no sense, or smtpd takes no mail now.
 *   68  The name of this machine is not known.
 *   69  The message could not be kept for later.
 *   70  There are no recipients, or the message was refused; also -q.
 *   75  smtpd is down, and the message is kept for later.
 *
 * SEE ALSO
 *   mailq, newaliases, smtpctl, smtpd
 *
 * STANDARDS
 *   The flags are those of OpenSMTPD's sendmail. RFC 5321, RFC 5322, RFC 3461.
 */

// `--offline FILE` is how the daemon takes up what was kept: it hands FILE over, removes it once the message is in
// the queue, and exits with 0, else with 75. It reads neither standard input nor anything about the caller.

import manifest from "../deno.json" with { type: "json" };
import { describeError, Fault } from "../lib/fault.ts";
import { formatMailbox, formatPath } from "../lib/mail/address.ts";
import { formatDate } from "../lib/mail/date.ts";
import { parseDomain } from "../lib/mail/domain.ts";
import { decodeLatin1 } from "../lib/mail/latin1.ts";
import { prepareSubmission, type Submission } from "../lib/mail/submission.ts";
import { decodeUtf8, isAscii } from "../lib/mail/utf8.ts";
import { plainClientHandling } from "../lib/smtp/client_command.ts";
import { describeReply } from "../lib/smtp/reply.ts";
import { failureText } from "./failure.ts";
import { UsageError } from "./getopt.ts";
import { later } from "./later.ts";
import { readManual } from "./manual.ts";
import { outputStatus, print } from "./output.ts";
import { Dialogue, type Step } from "./sendmail_dialogue.ts";
import { isStorable, readOffline, storeDeadLetter, storeOffline } from "./sendmail_offline.ts";
import {
  formatSendmailArguments,
  parseSendmailArguments,
  type SendmailCommand,
  type SubmitOptions,
} from "./sendmail_options.ts";
import { currentUser, localHost, unknownUser, type User } from "./sendmail_user.ts";
import { clientState } from "./state.ts";

/** Longest message that is read, octets. What smtpd takes is less, unless it is told otherwise. */
export const contentLengthMax = 128 * 1024 * 1024;

/** sysexits.h and OpenSMTPD's uses of it. */
const status = { ok: 0, usage: 1, noHost: 68, unavailable: 69, refused: 70, later: 75 } as const;

/** Runs the command with the arguments after its name; gives the exit status. */
export async function sendmail(args: readonly string[]): Promise<number> {
  try {
    const command = parseSendmailArguments(args);
    const { request, json } = command;
    switch (request.kind) {
      case "help":
        print(await readManual(import.meta.url));
        return status.ok;
      case "version":
        print(`Postern ${manifest.version}`);
        return status.ok;
      case "mailq": {
        const { mailq }: typeof import("./mailq.ts") = await import(later("./mailq.ts", import.meta.url));
        return await mailq(sharedArguments(command));
      }
      case "newaliases": {
        const { newaliases }: typeof import("./newaliases.ts") = await import(
          later("./newaliases.ts", import.meta.url)
        );
        return await newaliases(sharedArguments(command));
      }
      case "runQueue":
        return report({ kind: "failed", status: status.refused, message: "-q is not supported" }, json);
      case "offline":
        return report(await resubmit(request.file, command), json);
      case "submit":
        return report(await submitInput(request.options, command), json);
    }
  } catch (error) {
    if (!(error instanceof UsageError)) return outputStatus(error, "sendmail", console.error);
    const usage = "sendmail [-tv] [-f from] [-F name] to ...";
    console.error(failureText("sendmail", error.message, usage, args.includes("--json")));
    return status.usage;
  }
}

/** What a command that sendmail stands in for is told. It is loaded only then. */
function sharedArguments(command: SendmailCommand): readonly string[] {
  return [...(command.state === null ? [] : ["--state", command.state]), ...(command.json ? ["--json"] : [])];
}

/** How a submission ended. */
type Result =
  | { readonly kind: "accepted"; readonly reply: string; readonly envelope: Prepared }
  | { readonly kind: "kept"; readonly file: string; readonly envelope: Prepared }
  | { readonly kind: "failed"; readonly status: number; readonly message: string; readonly deadLetter?: string | null };

type Prepared = Extract<Submission, { kind: "ok" }>;

/** What becomes of one message at the socket. */
type Handover =
  | { readonly kind: "accepted"; readonly reply: string; readonly envelope: Prepared }
  /** The message itself is at fault: nothing is to be kept. */
  | { readonly kind: "bad"; readonly status: number; readonly message: string }
  | { readonly kind: "refused"; readonly status: number; readonly message: string; readonly content: string }
  /** There is no daemon, or it went away. */
  | { readonly kind: "down"; readonly message: string };

/** A message as it was given. */
interface Draft {
  readonly options: SubmitOptions;
  readonly content: string;
  readonly user: User;
}

async function submitInput(options: SubmitOptions, command: SendmailCommand): Promise<Result> {
  const { directory: state, isSystem, submitSocket } = clientState(command.state);
  const content = await readInput();
  if (content === null) {
    return { kind: "failed", status: status.refused, message: `the message is over ${contentLengthMax} octets` };
  }
  const draft = { options, content, user: currentUser() };
  const trace = tracer(options.verbose, command.json);
  const handover = await handOver(draft, submitSocket, trace);
  switch (handover.kind) {
    case "accepted":
      return handover;
    case "bad":
      return { kind: "failed", status: handover.status, message: handover.message };
    case "refused": {
      const { status, message } = handover;
      return { kind: "failed", status, message, deadLetter: storeDeadLetter(draft.user.home, handover.content) };
    }
    case "down":
      return keep(draft, { state, isSystem }, handover.message);
  }
}

/** Hands a draft to the daemon. The daemon's greeting says what our own domain is. */
async function handOver(draft: Draft, socket: string, trace: (line: string) => void): Promise<Handover> {
  let connection: Deno.UnixConn;
  try {
    connection = await Deno.connect({ transport: "unix", path: socket });
  } catch (error) {
    return { kind: "down", message: `cannot connect to ${socket}: ${describeError(error)}` };
  }
  const dialogue = new Dialogue(connection, trace);
  try {
    const greeting = await dialogue.greet();
    if (greeting.kind === "lost") return { kind: "down", message: greeting.why };
    if (greeting.kind !== "ok") {
      const message = `server disallowed submission request: ${explain(greeting)}`;
      return { kind: "refused", status: status.usage, message, content: draft.content };
    }
    const prepared = prepare(draft, greeting.value);
    if (prepared.kind !== "ok") return badDraft(prepared);
    return await say(dialogue, draft.options, prepared);
  } finally {
    await dialogue.quit();
  }
}

async function say(dialogue: Dialogue, options: SubmitOptions, prepared: Prepared): Promise<Handover> {
  const content = prepared.content.replaceAll("\n", "\r\n");
  const message = {
    sender: prepared.sender,
    recipients: prepared.recipients.map((path) => ({ path, notify: options.notify, originalRecipient: null })),
    size: content.length,
    eightBit: /[\u0080-\u00ff]/.test(prepared.content),
    ret: options.ret,
    envId: options.envId,
    handling: { ...plainClientHandling, utf8Header: isUtf8Header(prepared.content) },
  };
  const step = await dialogue.submit(message, content);
  if (step.kind === "ok") return { kind: "accepted", reply: describeReply(step.value), envelope: prepared };
  // After a loss nobody knows whether the message was taken. To keep it may double it; not to may lose it.
  if (step.kind === "lost") return { kind: "down", message: step.why };
  return {
    kind: "refused",
    status: status.refused,
    message: `command failed: ${explain(step)}`,
    content: prepared.content,
  };
}

/** Has the header section UTF-8, and nothing else beyond ASCII? Then it is said to (RFC 6531 §3.4). */
function isUtf8Header(content: string): boolean {
  const end = content.indexOf("\n\n");
  const header = end < 0 ? content : content.slice(0, end);
  return !isAscii(header) && decodeUtf8(header) !== null;
}

function prepare(draft: Draft, hostText: string): Submission | { readonly kind: "noHost"; readonly message: string } {
  const { options, content, user } = draft;
  const host = parseDomain(hostText) ?? localHost();
  if (host === null) return { kind: "noHost", message: "the name of this machine is not known: set /etc/mailname" };
  const now = Date.now();
  const zone = { offsetMinutes: -new Date(now).getTimezoneOffset(), name: null };
  const { sender, fullName, recipients, readRecipients } = options;
  return prepareSubmission({
    ...{ content, recipients, readRecipients, sender, fullName, host },
    login: user.login,
    systemName: user.fullName,
    date: formatDate(now, zone),
    token: crypto.randomUUID().replaceAll("-", ""),
  });
}

function badDraft(
  bad: Exclude<ReturnType<typeof prepare>, { kind: "ok" }>,
): { readonly kind: "bad"; readonly status: number; readonly message: string } {
  const codes = { badAddress: status.usage, noRecipients: status.refused, noHost: status.noHost } as const;
  return { kind: "bad", status: codes[bad.kind], message: bad.message };
}

/** Puts the message where the daemon finds it at its next start. */
function keep(
  draft: Draft,
  place: { readonly state: string; readonly isSystem: boolean },
  why: string,
): Result {
  const prepared = prepare(draft, "");
  if (prepared.kind !== "ok") return { ...badDraft(prepared), kind: "failed" };
  const recipients = prepared.recipients.map(formatMailbox);
  const args = formatSendmailArguments(draft.options, formatPath(prepared.sender), recipients);
  const lose = (code: number, message: string): Result => {
    const deadLetter = storeDeadLetter(draft.user.home, prepared.content);
    return { kind: "failed", status: code, message: `${message} (${why})`, deadLetter };
  };
  if (!isStorable(args)) return lose(status.refused, "illegal character in an address: |");
  try {
    return { kind: "kept", file: storeOffline(place, { args, content: prepared.content }), envelope: prepared };
  } catch (error) {
    return lose(status.unavailable, `cannot keep the message in ${place.state}/offline: ${describeError(error)}`);
  }
}

/** Hands over a file of the offline queue. What its first line may ask for is a submission and nothing else. */
async function resubmit(file: string, command: SendmailCommand): Promise<Result> {
  const failed = (message: string): Result => ({
    kind: "failed",
    status: status.later,
    message: `${file}: ${message}`,
  });
  try {
    const stored = readOffline(file, contentLengthMax);
    const { request, state, json } = parseSendmailArguments(stored.args);
    if (request.kind !== "submit" || state !== null || json) return failed("the first line is no submission");
    const draft = { options: request.options, content: stored.content, user: unknownUser };
    const handover = await handOver(draft, clientState(command.state).submitSocket, () => {});
    if (handover.kind !== "accepted") return failed(handover.message);
    Deno.removeSync(file);
    return handover;
  } catch (error) {
    // A first line that makes no sense, or a file that is not there.
    if (!(error instanceof UsageError || error instanceof Fault || isSystemError(error))) throw error;
    return failed(describeError(error));
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "code" in error;
}

/** All of standard input as latin1; null when it is too long. */
async function readInput(): Promise<string | null> {
  let text = "";
  for await (const piece of Deno.stdin.readable) {
    if (text.length + piece.length > contentLengthMax) return null;
    text += decodeLatin1(piece);
  }
  return text;
}

function explain(step: Exclude<Step<unknown>, { kind: "ok" }>): string {
  switch (step.kind) {
    case "refused":
      return describeReply(step.reply);
    case "tooLarge":
      return `the message is over the ${step.limit} octets that the server takes`;
    case "lost":
      return step.why;
  }
}

function tracer(verbose: boolean, json: boolean): (line: string) => void {
  if (!verbose) return () => {};
  return json ? (line) => console.error(line) : (line) => console.log(line);
}

/** Tells how it went and gives the exit status. */
function report(result: Result, json: boolean): number {
  if (result.kind === "failed") {
    const saved = typeof result.deadLetter === "string" ? `; the message is in ${result.deadLetter}` : "";
    const unsaved = result.deadLetter === null ? "; the message could not be saved" : "";
    console.error(`sendmail: ${result.message}${saved}${unsaved}`);
    if (json) {
      const { message, deadLetter } = result;
      tell({ result: "failed", message, deadLetter: deadLetter ?? null, status: result.status });
    }
    return result.status;
  }
  const { sender, recipients } = result.envelope;
  const envelope = { sender: sender === null ? "" : formatMailbox(sender), recipients: recipients.map(formatMailbox) };
  if (result.kind === "accepted") {
    if (json) tell({ result: "accepted", reply: result.reply, ...envelope });
    return status.ok;
  }
  console.error("sendmail: smtpd is not running; the message is queued offline and will be sent when smtpd starts");
  if (json) tell({ result: "queued offline", file: result.file, ...envelope });
  return status.later;
}

/** Output that cannot be written does not change what became of the message: the exit status tells that. */
function tell(result: unknown): void {
  try {
    print(JSON.stringify(result));
  } catch (error) {
    outputStatus(error, "sendmail", console.error);
  }
}

if (import.meta.main) Deno.exit(await sendmail(Deno.args));
