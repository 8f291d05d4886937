/** AUTH (RFC 4954): the exchange as lines. What it means is decided elsewhere; passwords pass through here and are neither
 * kept nor logged. */

import { Buffer } from "node:buffer";
import { scrub } from "../event_log.ts";
import type { ReversePath } from "../mail/address.ts";
import { replies, type Reply } from "./reply.ts";
import type { AuthResult, SessionConfig, TlsInfo } from "./session_face.ts";
import { filtered } from "./session_filter.ts";
import type { SessionState } from "./session_state.ts";
import { ask, nextLine, type Running, type Waiting } from "./session_wait.ts";

/** Longest line of an exchange, octets with CRLF. RFC 4954 §4. */
export const authLineLengthMax = 12_288;

/** What stands in logs in the place of a secret. */
export const hiddenText = "********";

/** Mechanisms that can be used now. Passwords are not taken in clear text: without TLS there are none. EXTERNAL is for
 * those who have shown a certificate that an authority of ours has signed. */
export function offeredMechanisms(
  { config, tls, username }: {
    readonly config: Pick<SessionConfig, "auth">;
    readonly tls: Pick<TlsInfo, "client" | "fingerprint"> | null;
    username: string;
  },
): readonly string[] {
  if (tls === null || username !== "") return [];
  const mechanisms = config.auth?.mechanisms ?? [];
  return certificateOf(tls) === null ? mechanisms.filter((one) => one !== external) : mechanisms;
}

/** RFC 4422 appendix A. */
const external = "EXTERNAL";

/** The fingerprint of a certificate that counts; null without one. */
function certificateOf(tls: Pick<TlsInfo, "client" | "fingerprint"> | null): string | null {
  return tls?.client === "verified" ? tls.fingerprint : null;
}

/** A line of AUTH without what is secret in it: an initial response. */
export function hideSecret(line: string): string {
  const [, verb = "AUTH", mechanism = "", secret = ""] = /^(\S+)[ \t]*(\S*)(.*)$/.exec(line) ?? [];
  if (mechanism !== "" && !isMechanismName(mechanism)) return `${verb} ${hiddenText}`;
  return [verb, mechanism, secret.trim() === "" ? "" : hiddenText].filter((word) => word !== "").join(" ");
}

/** Mechanisms that clients may name, ours and others' (IANA, SASL mechanisms): logs and replies repeat no other word,
 * since it may be a secret in the wrong place. */
const mechanismNames: ReadonlySet<string> = new Set([
  "PLAIN",
  "LOGIN",
  "EXTERNAL",
  "ANONYMOUS",
  "CRAM-MD5",
  "DIGEST-MD5",
  "NTLM",
  "GSSAPI",
  "GS2-KRB5",
  "KERBEROS_V4",
  "OTP",
  "SKEY",
  "SECURID",
  "XOAUTH",
  "XOAUTH2",
  "OAUTHBEARER",
  "SCRAM-SHA-1",
  "SCRAM-SHA-1-PLUS",
  "SCRAM-SHA-256",
  "SCRAM-SHA-256-PLUS",
  "SCRAM-SHA-512",
  "SCRAM-SHA-512-PLUS",
  "SCRAM-SHA3-512",
  "SCRAM-SHA3-512-PLUS",
]);

function isMechanismName(word: string): boolean {
  return mechanismNames.has(word.toUpperCase());
}

/** Why MAIL is refused before the client has logged in; null when it may go on. */
export function authBar({ config, username }: Pick<SessionState, "config" | "username">): Reply | null {
  return config.auth?.mode === "required" && username === "" ? replies.authRequired : null;
}

/** May the user who has logged in send as this sender? False when the client has been told. */
export function* maySend(state: SessionState, sender: ReversePath): Waiting<boolean> {
  const { config: { checksSender = false }, username } = state;
  if (!checksSender || username === "") return true;
  const { result } = yield* ask({ kind: "sender", username, sender });
  if (result === "refused") state.refuseCommand(sender === null ? replies.nullSenderNotYours : replies.senderNotYours);
  if (result === "failed") state.refuseCommand(replies.unavailable);
  return result === "allowed";
}

/** AUTH. */
export function* authenticate(state: SessionState, argument: string): Running {
  const refusal = barTo(state);
  if (refusal !== null) return state.fail(refusal);
  const [word = "", ...rest] = argument.split(/[ \t]+/);
  const mechanism = word.toUpperCase();
  if (mechanism === "") return state.fail(replies.authNeedsMechanism);
  if (!offeredMechanisms(state).includes(mechanism)) {
    return state.fail(replies.mechanismUnknown(isMechanismName(word) ? mechanism : hiddenText));
  }
  const initial = rest.length === 0 ? null : decodeResponse(rest.join(" "));
  if (initial === undefined) return state.fail(replies.authSyntax);
  if ((yield* filtered(state, "auth", mechanism)) === null) return;
  const result = yield* exchange(state, mechanism, initial);
  if (result !== null) conclude(state, result);
}

/** Why AUTH cannot be given now. */
function barTo(state: SessionState): Reply | null {
  const { config, isExtended, tls, username } = state;
  if (username !== "") return replies.alreadyAuthenticated;
  if ((config.auth?.mechanisms ?? []).length === 0) return replies.notImplemented;
  if (!isExtended) return replies.authNeedsEhlo;
  // RFC 4954 §6.
  return tls === null ? replies.encryptionRequired : null;
}

type Conclusion = Exclude<AuthResult, { readonly kind: "challenge" }>;

/** Challenges and responses, up to what they come to; null when the client has been answered already. */
function* exchange(state: SessionState, mechanism: string, initial: string | null): Waiting<Conclusion | null> {
  const certificate = mechanism === external ? certificateOf(state.tls) : null;
  let response = initial;
  for (let step = 0;; step++) {
    const { result } = yield* ask({ kind: "authenticate", mechanism, step, response, certificate });
    if (result.kind !== "challenge") return yield* withLastWord(state, result);
    const said = yield* challenge(state, result.text);
    if (said === null) return null;
    response = said;
  }
}

/** RFC 4954 §4: what a mechanism says with success goes as one more challenge, with an empty answer. */
function* withLastWord(state: SessionState, result: Conclusion): Waiting<Conclusion | null> {
  if (result.kind !== "accepted" || result.data === null) return result;
  const said = yield* challenge(state, result.data);
  if (said === null || said === "") return said === null ? null : result;
  state.fail(replies.authSyntax);
  return null;
}

/** Says a challenge. Null when the answer cancels the exchange or cannot be read: then the client has been told so. */
function* challenge(state: SessionState, text: string): Waiting<string | null> {
  state.say(replies.challenge(Buffer.from(text, "latin1").toString("base64")));
  const line = yield* nextLine(authLineLengthMax - 2);
  const response = line === "*" ? undefined : decodeResponse(line === "" ? "=" : line);
  if (response !== undefined) return response;
  state.fail(line === "*" ? replies.authCancelled : replies.authSyntax);
  return null;
}

/** Octets of base 64, one character each; `=` is an empty text (RFC 4954 §4). Undefined for what is no base 64. */
export function decodeResponse(text: string): string | undefined {
  if (text === "=") return "";
  if (text === "" || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  return Buffer.from(text, "base64").toString("latin1");
}

function conclude(state: SessionState, result: Conclusion): void {
  const log = (outcome: "ok" | "permfail" | "tempfail") =>
    state.output.log("authentication", { user: scrub(result.username), result: outcome });
  switch (result.kind) {
    case "accepted":
      log("ok");
      state.username = result.username;
      return state.say(replies.authenticated);
    case "refused":
      log("permfail");
      return state.fail(replies.authFailed);
    case "malformed":
      log("permfail");
      return state.fail(replies.authSyntax);
    case "failed":
      log("tempfail");
      return state.refuseCommand(replies.authUnavailable);
    case "limited":
      log("tempfail");
      return state.refuseCommand(replies.tooManyAuthFailures);
  }
}
