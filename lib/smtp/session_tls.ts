/** TLS of a session: STARTTLS (RFC 3207), and TLS from the first octet (RFC 8314 §3). */

import { offersStartTls } from "./extension.ts";
import { replies } from "./reply.ts";
import type { TlsInfo } from "./session_face.ts";
import type { SessionState } from "./session_state.ts";
import { handshake, type Running, type Waiting } from "./session_wait.ts";

/** STARTTLS. RFC 3207 §4.2: afterwards the session is as fresh as after the greeting. Nobody can have logged in before
 * it, for AUTH is offered under TLS only. */
export function* startTls(state: SessionState): Running {
  if (state.tls !== null) return state.fail(replies.alreadySecured);
  if (!offersStartTls(state.config)) return state.fail(replies.notImplemented);
  state.say(replies.startTls);
  state.reset();
  state.phase = "fresh";
  state.helo = "";
  state.isExtended = false;
  state.username = "";
  yield* secure(state);
}

/** Does the handshake, where TLS is not there already. False: the session is over, because the client's certificate is
 * not good enough here. */
export function* secure(state: SessionState): Waiting<boolean> {
  if (state.tls === null) {
    state.output.flush();
    state.output.push({ kind: "startTls" });
    state.tls = yield* handshake();
  }
  const { client, fingerprint, problem } = state.tls;
  state.output.log("tls", { ciphers: describeTls(state.tls) });
  if (fingerprint !== null) {
    state.output.log("cert-check", {
      result: client,
      fingerprint: `SHA256:${fingerprint}`,
      ...(problem === undefined ? {} : { reason: problem }),
    });
  }
  if (state.config.verifiesClient !== true || client === "verified") return true;
  const reply = client === "none" ? replies.certificateRequired : replies.certificateRefused;
  state.refuseInput(reply);
  return false;
}

/** Version, cipher and strength, as logs and Received fields have them: `TLSv1.3:TLS_AES_256_GCM_SHA384:256`. */
export function describeTls({ version, cipher, bits }: TlsInfo): string {
  return `${version}:${cipher}:${bits}`;
}
