/** What became of one attempt at one envelope, and the only place that decides it. (An envelope that is not attempted any
 * more because it is too old is the business of spool/schedule.ts.)
 *
 * Everything that can go wrong with mail comes here as a fact - a server's reply, a lost connection, an answer of
 * the DNS, an error of a mailbox - and leaves as one of four words. Two mistakes are possible and they are not
 * alike: to try again what will never work costs some days and then says so; to give up what would have worked
 * loses mail. So `failed` needs a clear statement by somebody who is entitled to make it:
 *
 * - a server's 5xx about this sender, this recipient or this message (RFC 5321 §4.2.1);
 * - the DNS saying that the domain does not exist, or that it takes no mail (RFC 5321 §5.1, RFC 7505);
 * - ourselves, when the message cannot be carried, or loops.
 *
 * All else is `delayed`: 4xx, codes that do not exist or make no sense where they came, a refusal in the greeting
 * or of EHLO (it is about us or that host, not about this mail), DNS servers that fail, connections that break,
 * disks that are full, mailboxes that we may not write to (somebody can repair that). A connection lost after the
 * final dot may have delivered the message: it is tried again, because twice is better than never. That is the
 * only way to a second copy. */

import { scrub } from "../event_log.ts";
import { assertNever, type Fault, type FaultKind } from "../fault.ts";
import type { DnsAnswer } from "../port.ts";
import type { ClientStage, ClientVerdict, LossCause } from "../smtp/client_face.ts";
import { describeReply, type Reply } from "../smtp/reply.ts";

/** In the words of RFC 3464 §2.3.3. `enhanced` is a status of the class that fits; `text` is one printable line. */
export type Outcome =
  /** In its mailbox, or taken by a server that promises to report. `by` says who: `mail.test [192.0.2.1]:25`. */
  | { readonly kind: "delivered"; readonly enhanced: string; readonly text: string; readonly by: string }
  /** Taken by a server that will not report (no DSN). */
  | { readonly kind: "relayed"; readonly enhanced: string; readonly text: string; readonly by: string }
  | { readonly kind: "delayed"; readonly enhanced: string; readonly text: string; readonly by: string }
  | { readonly kind: "failed"; readonly enhanced: string; readonly text: string; readonly by: string };

/** Longest `text`, octets of UTF-8. */
export const outcomeTextMax = 2047;

/** Where an attempt was when it met a fault: `connect`, or in a session. */
export type OutcomeStage = "connect" | ClientStage;

/** What became of a recipient in a client session. `by` names the server: `mail.test [192.0.2.1]:25`. */
export function classifyVerdict(verdict: ClientVerdict, by: string): Outcome {
  switch (verdict.kind) {
    case "reply":
      return classifyReply(verdict.reply, verdict.stage, by, verdict.reports ? "delivered" : "relayed");
    case "lost":
      return delayed(lossStatus(verdict.cause, verdict.stage), lossText(verdict.stage, verdict.detail), by);
    case "tooLarge":
      // RFC 1870 §6.1, with RFC 3463 §3.4: message too big for system.
      return failed("5.3.4", `message too large for peer: it takes ${verdict.limit} octets`, by);
    case "notAscii":
      // RFC 6531 §3.5 calls this 5.6.7: the address needs an extension that is not there.
      return failed("5.6.7", "Address has characters that the server cannot take", by);
    case "unsupported":
      return unsupported(verdict.need, by);
    case "tooManyRefused":
      return delayed("4.5.3", "Too many consecutive errors, closing connection", by);
    case "noContent":
      return delayed("4.3.0", "Message content cannot be read from the queue", "");
    default:
      assertNever(verdict);
  }
}

/** The server lacks what the message cannot do without. */
function unsupported(need: Extract<ClientVerdict, { kind: "unsupported" }>["need"], by: string): Outcome {
  switch (need) {
    case "utf8Header":
      // RFC 6531 §3.5 and its registry: 5.6.9.
      return failed("5.6.9", "Header has UTF-8, which the server cannot take", by);
    case "deliverBy":
      // RFC 3463 §3.4: system not capable of selected features.
      return failed("5.3.3", "The server does not return mail in time (DELIVERBY)", by);
    default:
      assertNever(need);
  }
}

/** The message is to travel under TLS, and there is none on the way. RFC 8689 §4.2.1: 5.7.30. */
export function tlsRequired(): Outcome {
  return failed("5.7.30", "REQUIRETLS support required: there is no way on with TLS", "");
}

/** What a server's reply means for a recipient it is about. `taken` is the word for a message that the server has
 * accepted. RFC 5321 §4.2. */
export function classifyReply(
  reply: Reply,
  stage: ClientStage,
  by: string,
  taken: "delivered" | "relayed" = "relayed",
): Outcome {
  const text = describeReply(reply);
  if (stage === "dot" && reply.code >= 200 && reply.code <= 299) {
    return outcome(taken, statusOf(reply, 2), text, by);
  }
  // RFC 5321 §4.5.3.1.10: 552 to RCPT means too many recipients, and is taken for 452.
  if (stage === "rcpt" && reply.code === 552) return delayed(statusOf(reply, 4, "4.5.3"), text, by);
  const aboutMail = stage === "mail" || stage === "rcpt" || stage === "data" || stage === "dot";
  if (aboutMail && reply.code >= 500 && reply.code <= 599) return failed(statusOf(reply, 5), text, by);
  return delayed(statusOf(reply, 4), text, by);
}

/** What a fault of the network or of this machine means: never the end of the mail. */
export function classifyFault(fault: Fault, stage: OutcomeStage, by: string): Outcome {
  return delayed(lossStatus(fault.kind, stage), lossText(stage, fault.message), by);
}

/** What an answer of the DNS without records means for `name`: the `mail` domain's MX, or addresses of a `host`. */
export function classifyDns(answer: Exclude<DnsAnswer, { kind: "records" }>, what: "mail" | "host"): Outcome {
  switch (answer.kind) {
    case "noName":
      // A smart host's name is the administrator's mistake, not the recipient's: it can be repaired.
      if (what === "host") return delayed("4.4.4", "Host not found", "");
      return failed("5.1.2", "Domain does not exist", "");
    case "noData":
      return what === "host" ? delayed("4.4.4", "Host not found", "") : noRoute("No MX found for domain");
    case "failed":
      // RFC 3463 §3.5: directory server failure.
      return delayed(
        "4.4.3",
        `Temporary failure in ${what === "mail" ? "MX" : "address"} lookup: ${answer.reason}`,
        "",
      );
    default:
      assertNever(answer);
  }
}

/** Why an agent could not store a message. */
export type StoreFailure = "noSpace" | "io" | "denied" | "malformed";

/** What an agent's failure means. Full disks and refused permissions are for people to put right, and mail waits for
 * it; a message or folder name that cannot be stored at all never will be. */
export function classifyStoreFailure(cause: StoreFailure, text: string): Outcome {
  switch (cause) {
    case "noSpace":
      return delayed("4.3.1", text, "");
    case "io":
      return delayed("4.3.0", text, "");
    case "denied":
      return delayed("4.3.5", text, "");
    case "malformed":
      return failed("5.6.0", text, "");
    default:
      assertNever(cause);
  }
}

/** How a command that took a message ended. */
export interface CommandEnd {
  /** Its exit status; meaningless with `signal`. */
  readonly status: number;
  /** Set when one ended it. */
  readonly signal: string | null;
  /** We ended it, because it took too long. */
  readonly timedOut: boolean;
  /** It ended before it had read the message, or what a wrapper gives back did not come to its end. */
  readonly premature: boolean;
  /** Last line of what it printed. */
  readonly text: string;
}

/** Longest line of a command's output that is kept, characters. */
export const commandTextMax = 255;

/** What a command's end means: 0 is delivered, 71 and 75 (sysexits(3)) are for now, any other status is for good. What
 * killed it, or kept it from reading, can be put right. */
export function classifyCommandEnd(end: CommandEnd): Outcome {
  if (end.timedOut) return delayed("4.3.0", "Error (terminated; timeout)", "");
  if (end.signal !== null) return delayed("4.3.0", `Error (terminated; signal ${end.signal})`, "");
  if (end.status === 0) {
    return end.premature ? delayed("4.3.0", "Error (mda exited prematurely)", "") : storedLocally("");
  }
  const words = sysexits[end.status];
  const said = end.text === "" ? "exited abnormally" : `"${end.text.slice(0, commandTextMax)}"`;
  const text = `Error (${words === undefined ? "" : `${words}: `}${said})`;
  if (end.status === 71 || end.status === 75) return delayed("4.3.0", text, "");
  // RFC 3463 §3.2: bad mailbox address, bad system address.
  return failed({ 67: "5.1.1", 68: "5.1.2" }[end.status] ?? "5.3.0", text, "");
}

/** Words for exit statuses. */
const sysexits: Readonly<Record<number, string>> = {
  64: "command line usage error",
  65: "data format error",
  66: "cannot open input",
  67: "user unknown",
  68: "host name unknown",
  69: "service unavailable",
  70: "internal software error",
  71: "system resource problem",
  72: "critical OS file missing",
  73: "can't create user output file",
  74: "input/output error",
  75: "temporary failure",
  76: "remote error in protocol",
  77: "permission denied",
  78: "local configuration error",
};

/** The message has been here before, or has come too far. RFC 5321 §6.3, RFC 3463 §3.5. */
export function loopDetected(): Outcome {
  return failed("5.4.6", "Loop detected", "");
}

/** Nobody of that name is here (any more). RFC 3463 §3.2: bad destination mailbox address. */
export function unknownUser(): Outcome {
  return failed("5.1.1", "User unknown", "");
}

/** The account that an action names is none of this system. OpenSMTPD gives up at once, too. RFC 3463 §3.4: system
 * incorrectly configured. */
export function unknownAccount(name: string): Outcome {
  return failed("5.3.5", `delivery user '${name}' does not exist`, "");
}

/** The domain says that it takes no mail. RFC 7505 §4.1: 5.1.10. */
export function nullMx(): Outcome {
  return failed("5.1.10", "Domain does not accept mail", "");
}

/** The domain's mail is to come to us, and we do not take it. RFC 5321 §5.1. */
export function selfRoute(): Outcome {
  return failed("5.4.6", "Mail for this domain loops back to this server", "");
}

/** There is nowhere to send to now. RFC 3463 §3.5: unable to route. */
export function noRoute(text: string): Outcome {
  return delayed("4.4.4", text, "");
}

/** A command whose format specifiers cannot be expanded for this envelope. */
export function badCommand(action: string, text: string): Outcome {
  return failed("5.3.5", `Command of action "${action}": ${text}`, "");
}

/** Nothing is delivered with root's rights. */
export function rootRefused(user: string): Outcome {
  return failed("5.3.0", `delivery as root is not allowed: ${user}`, "");
}

/** Our configuration or a backend of it is at fault: mail waits until somebody has looked. RFC 3463 §3.4. */
export function misconfigured(text: string): Outcome {
  return delayed("4.3.5", text, "");
}

/** We are too busy, or about to stop. RFC 3463 §3.4: system not accepting messages. */
export function notNow(text: string): Outcome {
  return delayed("4.3.2", text, "");
}

/** A local delivery that is done. */
export function storedLocally(by: string): Outcome {
  return outcome("delivered", "2.0.0", "Delivered", by);
}

/** The word for it in log lines, as OpenSMTPD has it. */
export function resultOf({ kind }: Pick<Outcome, "kind">): "Ok" | "TempFail" | "PermFail" {
  if (kind === "delayed") return "TempFail";
  return kind === "failed" ? "PermFail" : "Ok";
}

function delayed(enhanced: string, text: string, by: string): Outcome {
  return outcome("delayed", enhanced, text, by);
}

function failed(enhanced: string, text: string, by: string): Outcome {
  return outcome("failed", enhanced, text, by);
}

function outcome(kind: Outcome["kind"], enhanced: string, text: string, by: string): Outcome {
  return { kind, enhanced, text: clip(scrub(text)), by: scrub(by) };
}

/** The reply's own status, in class `wanted` where we read the reply more mildly than it was meant (5.7.1 of a
 * greeting becomes 4.7.1); `otherwise` when it has none. */
function statusOf(reply: Reply, wanted: 2 | 4 | 5, otherwise = `${wanted}.0.0`): string {
  return reply.enhanced === null ? otherwise : `${wanted}${reply.enhanced.slice(1)}`;
}

/** RFC 3463 §3.4 and §3.5. */
function lossStatus(cause: LossCause, stage: OutcomeStage): string {
  const network: Readonly<Record<FaultKind | "protocol", string | null>> = {
    timeout: null,
    refused: null,
    reset: null,
    unreachable: null,
    closed: null,
    noSpace: "4.3.1",
    io: null,
    notFound: "4.3.0",
    exists: "4.3.0",
    denied: "4.3.5",
    malformed: "4.3.0",
    unavailable: "4.3.2",
    unsupported: "4.3.0",
    protocol: "4.5.0",
  };
  // 4.4.1: no answer from host; 4.4.2: bad connection.
  return network[cause] ?? (stage === "connect" ? "4.4.1" : "4.4.2");
}

function lossText(stage: OutcomeStage, detail: string): string {
  if (stage === "connect") return detail;
  if (stage === "dot") return `Connection lost after the end of the message: ${detail}`;
  const where: Readonly<Record<Exclude<OutcomeStage, "connect" | "dot">, string>> = {
    greeting: "before the greeting",
    hello: "in EHLO",
    mail: "in MAIL",
    rcpt: "in RCPT",
    data: "in DATA",
    content: "in the message",
    reset: "in RSET",
    idle: "between messages",
    quit: "in QUIT",
  };
  return `Connection lost ${where[stage]}: ${detail}`;
}

/** At most `outcomeTextMax` octets, no half characters. */
function clip(text: string): string {
  if (text.length * 3 <= outcomeTextMax) return text;
  let octets = 0;
  let end = 0;
  for (const char of text) {
    const point = char.codePointAt(0) ?? 0;
    octets += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (octets > outcomeTextMax) break;
    end += char.length;
  }
  return text.slice(0, end);
}
