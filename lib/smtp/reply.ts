/** Answers of an SMTP server: their form on the wire, and every one that we give. */

import type { AuthorFault, AuthorField } from "../mail/author.ts";

/** An answer of an SMTP server (RFC 5321 §4.2), ours or a peer's. */
export interface Reply {
  /** 200 … 599. */
  readonly code: number;
  /** Enhanced status (RFC 3463) such as `5.1.1`; its class equals the class of `code`. Null where none is used. */
  readonly enhanced: string | null;
  /** One text per line, without code, enhanced status or line end. At least one. */
  readonly lines: readonly string[];
}

/** Longest line of a reply that we send, octets with CRLF. RFC 5321 §4.5.3.1.5. */
export const replyLineLengthMax = 512;

/** Longest line of a reply that we read, octets with CRLF. Peers exceed RFC 5321's 512; OpenSMTPD reads 2,047. */
export const peerReplyLineLengthMax = 2048;

/** One line of a reply as it arrives. */
export interface ReplyLine {
  /** 200 … 599. */
  readonly code: number;
  /** False while more lines follow. */
  readonly last: boolean;
  /** What follows the code and its blank or hyphen. */
  readonly text: string;
}

/** Reads one line, given without its CRLF. `250`, `250 text` and `250-text` are well-formed; null otherwise.
 * RFC 5321 §4.2: codes are 200 … 599. */
export function parseReplyLine(line: string): ReplyLine | null {
  if (!/^[2-5][0-9]{2}(?:[ -]|$)/.test(line)) return null;
  return { code: Number(line.slice(0, 3)), last: line[3] !== "-", text: line.slice(4) };
}

/** Makes a Reply of its lines, given in order without CRLF. Null when there is none, one is malformed, codes
 * differ, or the last is not the last. An enhanced status is taken off the texts when the class fits the code
 * (RFC 2034 §4); the status of the first line counts. */
export function parseReply(lines: readonly string[]): Reply | null {
  const texts: string[] = [];
  let code = 0;
  let enhanced: string | null = null;
  for (const [index, raw] of lines.entries()) {
    const line = parseReplyLine(raw);
    if (line === null || line.last !== (index === lines.length - 1)) return null;
    if (index > 0 && line.code !== code) return null;
    code = line.code;
    const status = /^([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)/.exec(line.text)?.[1];
    if (status === undefined || status[0] !== String(code)[0]) {
      texts.push(line.text);
      continue;
    }
    if (index === 0) enhanced = status;
    texts.push(line.text.slice(status.length + 1));
  }
  return texts.length === 0 ? null : { code, enhanced, lines: texts };
}

/** The reply on the wire: `250-2.0.0 text CRLF … 250 2.0.0 text CRLF`. Every line carries the code and the status
 * (RFC 2034 §4). What is not printable ASCII becomes `?`, so that no text of a peer's can end a line; lines are
 * cut to `replyLineLengthMax`. */
export function formatReply(reply: Reply): string {
  let wire = "";
  for (let i = 0; i < reply.lines.length; i++) {
    const mark = i === reply.lines.length - 1 ? " " : "-";
    const line = `${reply.code}${mark}${reply.enhanced === null ? "" : `${reply.enhanced} `}${reply.lines[i]}`;
    wire += line.slice(0, replyLineLengthMax - 2).replace(/[^ -~]/g, "?") + "\r\n";
  }
  return wire;
}

const encoded = new WeakMap<Reply, Uint8Array>();

/** The reply as octets. Those of the catalogue that take no argument are encoded once; the caller must not
 * change the result. */
export function encodeReply(reply: Reply): Uint8Array {
  return encoded.get(reply) ?? asciiOctets(formatReply(reply));
}

function asciiOctets(text: string): Uint8Array {
  const octets = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) octets[at] = text.charCodeAt(at);
  return octets;
}

/** The reply as one line of text for a log: `550 5.1.1 Invalid recipient: <a@b.test>`. */
export function describeReply(reply: Reply): string {
  return `${reply.code}${reply.enhanced === null ? "" : ` ${reply.enhanced}`} ${reply.lines.join(" ")}`;
}

/** True for 2xx: the server did what was asked. */
export function isPositive(reply: Reply): boolean {
  return reply.code >= 200 && reply.code < 300;
}

/** True for 4xx: the client is to try again later (RFC 5321 §4.2.1). */
export function isTransient(reply: Reply): boolean {
  return reply.code >= 400 && reply.code < 500;
}

function fixed(code: number, enhanced: string | null, ...lines: readonly string[]): Reply {
  const reply = Object.freeze({ code, enhanced, lines: Object.freeze(lines) });
  encoded.set(reply, asciiOctets(formatReply(reply)));
  return reply;
}

/** Why a field that is to name the author does not. */
const authorFaults = {
  missing: "this field has to name you, as in Name <user@domain>, and it is missing or empty",
  double: "this field may stand once only",
  unreadable: "this field cannot be read without doubt, write it as Name <user@domain>",
  tooMany: "this field names too many addresses, write with fewer",
} as const satisfies Record<AuthorFault, string>;

/** Every reply that we give. Texts are OpenSMTPD's where they make sense: status, meaning of the status, cause.
 * Addresses are given as `formatMailbox` writes them, without brackets.
 * The greeting, the answers to HELO and EHLO, and 354 carry no status (RFC 2034 §4). */
export const replies = {
  greeting: (hostname: string, protocol: "ESMTP" | "LMTP" = "ESMTP"): Reply => ({
    code: 220,
    enhanced: null,
    lines: [`${hostname} ${protocol} Postern`],
  }),
  hello: (lines: readonly string[]): Reply => ({ code: 250, enhanced: null, lines }),
  ok: fixed(250, "2.0.0", "Ok"),
  reset: fixed(250, "2.0.0", "Reset state"),
  senderOk: fixed(250, "2.1.0", "Ok"),
  recipientOk: fixed(250, "2.1.5", "Destination address valid: Recipient ok"),
  accepted: (id: string): Reply => ({
    code: 250,
    enhanced: "2.0.0",
    lines: [`${id} Message accepted for delivery`],
  }),
  /** RFC 5321 §7.3: a server that does not want to tell says 252, not 250. */
  cannotVerify: fixed(252, "2.5.0", "Cannot VRFY user, but will accept message and attempt delivery"),
  /** RFC 5321 §4.1.1.8. `commands`: those that can be given, with a blank between. */
  help: (commands: string): Reply => ({
    code: 214,
    enhanced: "2.0.0",
    lines: [
      "This is Postern",
      `Commands: ${commands}`,
      "See RFC 5321 for what they do",
      "End of HELP info",
    ],
  }),
  startTls: fixed(220, "2.0.0", "Ready to start TLS"),
  bye: fixed(221, "2.0.0", "Bye"),
  startMail: fixed(354, null, 'Enter mail, end with "." on a line by itself'),

  // The session ends with these.
  earlyTalker: fixed(554, "5.5.1", "Invalid command: You spoke before you were greeted"),
  improperPipelining: fixed(554, "5.5.1", "Invalid command: Input sent before the answer to this command"),
  /** RFC 5321 §3.1: 554 in the place of a greeting. */
  certificateRequired: fixed(554, "5.7.0", "A client certificate is required here, and none was shown"),
  certificateRefused: fixed(554, "5.7.0", "The client certificate is not accepted here"),
  foreignProtocol: fixed(554, "5.5.1", "Invalid command: This is an SMTP server"),
  /** Nobody knows how many octets follow such a BDAT. */
  chunkSyntax: fixed(501, "5.5.4", "Invalid command arguments: Use BDAT size [LAST]"),
  strayControl: fixed(500, "5.5.2", "Syntax error: Lines end with CRLF; bare LF, bare CR and NUL are not accepted"),
  commandTooLong: fixed(500, "5.5.2", "Syntax error: Command line too long"),
  inputOverflow: fixed(421, "4.7.0", "Too much input while a command is being processed"),
  tooManyErrors: fixed(421, "4.7.0", "Too many errors"),
  tooManyJunkCommands: (hostname: string): Reply => ({
    code: 421,
    enhanced: "4.7.0",
    lines: [`${hostname} Too many commands without a message, closing connection`],
  }),
  tooManyUnknown: (hostname: string): Reply => ({
    code: 421,
    enhanced: "4.7.0",
    lines: [`${hostname} Too many unknown recipients, try the others later`],
  }),
  tooSlow: (hostname: string): Reply => ({
    code: 421,
    enhanced: "4.4.2",
    lines: [`${hostname} Message comes too slowly, closing connection`],
  }),
  tooManyFromSource: (hostname: string): Reply => ({
    code: 421,
    enhanced: "4.7.0",
    lines: [`${hostname} Too many connections from your network, try again later`],
  }),
  tooManyNewFromSource: (hostname: string): Reply => ({
    code: 421,
    enhanced: "4.7.0",
    lines: [`${hostname} Too many new connections from your network, try again in a minute`],
  }),
  idle: (hostname: string): Reply => ({
    code: 421,
    enhanced: "4.4.2",
    lines: [`${hostname} Idle timeout, closing connection`],
  }),
  shuttingDown: (hostname: string): Reply => ({
    code: 421,
    enhanced: "4.3.2",
    lines: [`${hostname} System shutting down, try again later`],
  }),
  tooManySessions: (hostname: string): Reply => ({
    code: 421,
    enhanced: "4.3.2",
    lines: [`${hostname} Too many connections, try again later`],
  }),
  paused: (hostname: string): Reply => ({
    code: 421,
    enhanced: "4.3.2",
    lines: [`${hostname} Not accepting mail now, try again later`],
  }),

  // Order and syntax of commands.
  unrecognized: fixed(500, "5.5.1", "Invalid command: Command unrecognized"),
  lhloOnly: fixed(500, "5.5.1", "Invalid command: This is an LMTP server, say LHLO"),
  notImplemented: fixed(502, "5.5.1", "Invalid command: Command not implemented"),
  notAllowed: fixed(503, "5.5.1", "Invalid command: Command not allowed at this point."),
  helloFirst: fixed(503, "5.5.1", "Invalid command: Send HELO or EHLO first"),
  /** RFC 3207 §4. */
  startTlsFirst: fixed(530, "5.7.0", "Must issue a STARTTLS command first"),
  alreadySecured: fixed(503, "5.5.1", "Invalid command: Channel already secured"),
  noRecipient: fixed(503, "5.5.1", "Invalid command: No recipient specified"),
  noValidRecipients: fixed(554, "5.5.1", "Invalid command: No valid recipients"),
  noArgumentAllowed: fixed(501, "5.5.4", "Invalid command arguments: command does not accept arguments."),
  helloNeedsDomain: fixed(501, "5.5.4", "Invalid command arguments: HELO or EHLO requires domain name"),
  invalidDomain: fixed(501, "5.5.4", "Invalid command arguments: Invalid domain name"),
  argumentRequired: fixed(501, "5.5.4", "Invalid command arguments: Argument required"),
  mailSyntax: fixed(501, "5.5.2", "Syntax error: Use MAIL FROM:<address>"),
  rcptSyntax: fixed(501, "5.5.2", "Syntax error: Use RCPT TO:<address>"),
  senderSyntax: fixed(553, "5.1.7", "Sender address syntax error"),
  recipientSyntax: fixed(501, "5.1.3", "Recipient address syntax error"),
  /** RFC 5321 §4.1.1.11. */
  parameterUnknown: (keyword: string): Reply => ({
    code: 555,
    enhanced: "5.5.4",
    lines: [`Invalid command arguments: Unsupported option ${keyword}`],
  }),
  parameterSyntax: (keyword: string): Reply => ({
    code: 501,
    enhanced: "5.5.4",
    lines: [`Invalid command arguments: Bad value of option ${keyword}`],
  }),
  parameterRepeated: (keyword: string): Reply => ({
    code: 501,
    enhanced: "5.5.4",
    lines: [`Invalid command arguments: Option ${keyword} given twice`],
  }),

  /** An extension of submission, and nobody has said who this is. RFC 4865 §4, RFC 6710 §5.1. */
  parameterDenied: (keyword: string): Reply => ({
    code: 550,
    enhanced: "5.7.1",
    lines: [`Option ${keyword} is for authenticated clients`],
  }),
  holdTooLong: (maxMs: number): Reply => ({
    code: 501,
    enhanced: "5.5.4",
    lines: [`Invalid command arguments: Messages are held for at most ${Math.floor(maxMs / 1000)} seconds`],
  }),
  /** RFC 6531 §3.3: octets that are no UTF-8. */
  malformedUtf8: fixed(501, "5.5.4", "Invalid command arguments: Not UTF-8"),
  /** RFC 6531 §3.5. */
  senderNeedsUtf8: fixed(553, "5.6.7", "Sender address is not ASCII: MAIL needs the option SMTPUTF8"),
  /** RFC 6531 §3.5. */
  recipientNeedsUtf8: fixed(553, "5.6.7", "Recipient address is not ASCII: MAIL needs the option SMTPUTF8"),
  // Filters.
  /** In place of a text that is no reply: OpenSMTPD's. */
  filterBroken: fixed(421, "4.3.0", "Internal server error"),
  /** A filter cannot say what becomes of a message's lines, or says what no line can be. */
  filterFailed: fixed(451, "4.3.0", "Message cannot be filtered now, try again later"),
  filterNotRunning: fixed(421, "4.3.2", "Filters are not running, try again later"),
  /** A filter turns peers away by their names, and the DNS does not say now. RFC 7372 §3.3. */
  nameUncertain: fixed(450, "4.7.25", "Your name cannot be looked up now, try again later"),

  // Authentication (RFC 4954 §6).
  challenge: (text: string): Reply => ({ code: 334, enhanced: null, lines: [text] }),
  authenticated: fixed(235, "2.7.0", "Authentication succeeded"),
  authFailed: fixed(535, "5.7.8", "Authentication failed"),
  authUnavailable: fixed(454, "4.7.0", "Temporary authentication failure"),
  /** To who has failed to log in too often. */
  tooManyAuthFailures: fixed(454, "4.7.0", "Too many failed logins, please try again later"),
  authSyntax: fixed(501, "5.5.2", "Syntax error: Cannot decode response"),
  authCancelled: fixed(501, "5.7.0", "Authentication cancelled"),
  authLineTooLong: fixed(500, "5.5.6", "Authentication exchange line is too long"),
  authNeedsMechanism: fixed(501, "5.5.4", "Invalid command arguments: No parameters given"),
  authNeedsEhlo: fixed(503, "5.5.1", "Invalid command: Send EHLO first"),
  alreadyAuthenticated: fixed(503, "5.5.1", "Invalid command: Already authenticated"),
  encryptionRequired: fixed(538, "5.7.11", "Must issue a STARTTLS command first"),
  authRequired: fixed(530, "5.7.0", "Must issue an AUTH command first"),
  mechanismUnknown: (name: string): Reply => ({
    code: 504,
    enhanced: "5.5.4",
    lines: [`AUTH method "${name.slice(0, 64)}" not supported`],
  }),
  senderNotYours: fixed(550, "5.7.1", "Sender rejected: this address is not yours"),
  /** `senders` without an entry for the null sender. */
  nullSenderNotYours: fixed(550, "5.7.1", "Sender rejected: <> is not open to you, send with an address of your own"),
  /** `senders … header-from`. */
  authorNotYours: (field: AuthorField, address: string): Reply => ({
    code: 550,
    enhanced: "5.7.1",
    lines: [`${field} rejected: ${address} is not yours, write with an address that you may send as`],
  }),
  authorUnclear: (field: AuthorField, fault: AuthorFault): Reply => ({
    code: 550,
    enhanced: "5.7.1",
    lines: [`${field} rejected: ${authorFaults[fault]}`],
  }),

  // Senders and recipients.
  tooManyMails: fixed(452, "4.5.3", "Too many messages sent in this session"),
  /** RFC 5321 §4.5.3.1.10: 452, and the client sends the rest later. */
  tooManyRecipients: fixed(452, "4.5.3", "Too many recipients"),
  unavailable: fixed(451, "4.3.0", "Temporary failure"),
  invalidRecipient: (address: string): Reply => ({
    code: 550,
    enhanced: "5.1.1",
    lines: [`Invalid recipient: <${address}>`],
  }),
  temporaryFailure: (address: string): Reply => ({
    code: 451,
    enhanced: "4.3.0",
    lines: [`Temporary failure: <${address}>`],
  }),
  /** A `match … reject` rule, or no rule at all. */
  relayDenied: (address: string): Reply => ({
    code: 550,
    enhanced: "5.7.1",
    lines: [`Delivery not authorized, message refused: <${address}>`],
  }),
  expansionProblem: (address: string): Reply => ({
    code: 550,
    enhanced: "5.2.4",
    lines: [`Mailing list expansion problem: <${address}>`],
  }),
  temporaryExpansionProblem: (address: string): Reply => ({
    code: 451,
    enhanced: "4.2.4",
    lines: [`Mailing list expansion problem: <${address}>`],
  }),

  // The message.
  messageTooBig: fixed(552, "5.3.4", "Message too big for system"),
  controlInMessage: fixed(
    554,
    "5.6.0",
    "Message refused: lines must end with CRLF; bare LF, bare CR and NUL are not accepted",
  ),
  binaryInText: fixed(554, "5.6.0", "Message refused: parts that are not text need Content-Transfer-Encoding: binary"),
  lineTooLong: fixed(554, "5.6.0", "Message refused: line too long"),
  headerTooBig: fixed(552, "5.3.4", "Message header too big for system"),
  tooManyFields: fixed(552, "5.3.4", "Message header has too many fields for system"),
  /** DATA cannot carry what BODY=BINARYMIME announced. RFC 3030 §3. */
  binaryNeedsChunks: fixed(503, "5.5.1", "Invalid command: BODY=BINARYMIME needs BDAT"),
  chunkOk: (length: number): Reply => ({ code: 250, enhanced: "2.0.0", lines: [`${length} octets received`] }),
  routingLoop: fixed(554, "5.4.6", "Routing loop detected: Loop detected"),
  /** OpenSMTPD says 5.7.1, a matter of policy. What is wrong is the message: 5.6.0 (RFC 3463 §3.7). */
  malformedMessage: fixed(550, "5.6.0", "Message is not RFC 5322 compliant"),
  storageFull: fixed(452, "4.3.1", "Insufficient system storage"),
  storageFailed: fixed(451, "4.3.0", "Temporary failure"),
} as const;

/** The reply that a filter's text stands for; `421 Internal server error` where it is none. */
export function filterReply(text: string): Reply {
  const reply = /^[45][0-9]{2} /.test(text) ? parseReply([text]) : null;
  return reply ?? replies.filterBroken;
}
