/** What the server offers with EHLO (RFC 5321 §4.1.1.1), and what MAIL and RCPT may therefore ask for. */

import type { ParameterOffer } from "./parameter.ts";
import { authBar, offeredMechanisms } from "./session_auth.ts";
import type { SessionState } from "./session_state.ts";

/** What decides on the offer. */
export type OfferingState = Pick<SessionState, "config" | "tls" | "username" | "now">;

/** The lines of the answer to EHLO after the first: what this listener, in this state, really does. */
export function offeredExtensions(state: OfferingState): readonly string[] {
  const { config, tls } = state;
  const { limits } = config;
  const [offer, mechanisms] = [parameterOffer(state), offeredMechanisms(state)];
  const isSubmission = offer.submission === "allowed";
  return [
    "PIPELINING", // RFC 2920
    "8BITMIME", // RFC 6152
    "ENHANCEDSTATUSCODES", // RFC 2034
    "CHUNKING", // RFC 3030
    "BINARYMIME", // RFC 3030
    `SIZE ${limits.maxMessageSize}`, // RFC 1870
    "SMTPUTF8", // RFC 6531
    ...(offer.dsn ? ["DSN"] : []), // RFC 3461
    ...(offersStartTls(config) && tls === null ? ["STARTTLS"] : []), // RFC 3207
    ...(mechanisms.length > 0 ? [`AUTH ${mechanisms.join(" ")}`] : []), // RFC 4954
    ...(offer.requireTls ? ["REQUIRETLS"] : []), // RFC 8689 §2: only under TLS
    `LIMITS MAILMAX=${limits.maxMails} RCPTMAX=${limits.maxRecipients}`, // RFC 9422
    ...(isSubmission && offer.holdMaxMs > 0 ? [futureRelease(offer)] : []), // RFC 4865
    ...(isSubmission ? ["MT-PRIORITY", "DELIVERBY"] : []), // RFC 6710, RFC 2852
    "HELP", // RFC 5321 §4.1.1.8
  ];
}

/** The commands that can be given, for HELP (RFC 5321 §4.1.1.8): what this listener, in this state, really takes. */
export function offeredCommands(state: OfferingState): readonly string[] {
  const { config, tls } = state;
  const isBarred = needsTls(state) || authBar(state) !== null;
  return [
    ...(config.lmtp ? ["LHLO"] : ["HELO", "EHLO"]),
    ...(offersStartTls(config) && tls === null ? ["STARTTLS"] : []),
    ...(offeredMechanisms(state).length > 0 ? ["AUTH"] : []),
    ...(isBarred ? [] : ["MAIL", "RCPT", "DATA", "BDAT"]),
    ...["RSET", "NOOP", "VRFY", "HELP", "QUIT"],
  ];
}

/** Mail is refused for want of TLS (RFC 3207 §4). */
export function needsTls({ config, tls }: Pick<SessionState, "config" | "tls">): boolean {
  return config.tls === "required" && tls === null;
}

/** What a command may ask for here and now. Held mail, priorities and deadlines are for those who hand in their own
 * mail: on the local socket and where clients can log in, once they have. */
export function parameterOffer({ config, tls, username, now }: OfferingState): ParameterOffer {
  const { dsn = false, local, limits } = config;
  const isKnown = local || username !== "";
  const isSubmission = isKnown || (config.auth ?? null) !== null;
  return {
    dsn,
    binaryMime: true,
    requireTls: tls !== null,
    submission: isKnown ? "allowed" : isSubmission ? "offered" : "none",
    holdMaxMs: limits.maxHoldMs ?? 0,
    now,
  };
}

// RFC 4865 §4: the longest interval in seconds, and the latest date.
function futureRelease({ now, holdMaxMs }: ParameterOffer): string {
  const latest = new Date(now + holdMaxMs).toISOString().replace(/\.\d+Z$/, "Z");
  return `FUTURERELEASE ${Math.floor(holdMaxMs / 1000)} ${latest}`;
}

/** STARTTLS is a command of this listener. */
export function offersStartTls({ tls }: SessionState["config"]): boolean {
  return tls === "offered" || tls === "required";
}
