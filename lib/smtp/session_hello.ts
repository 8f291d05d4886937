/** The opening of a session: greeting, HELO and EHLO (RFC 5321 §4.1.1.1). */

import { parseDomain } from "../mail/domain.ts";
import { offeredExtensions } from "./extension.ts";
import { replies } from "./reply.ts";
import { filtered } from "./session_filter.ts";
import { heloName } from "./session_lenient.ts";
import type { SessionState } from "./session_state.ts";
import { secure } from "./session_tls.ts";
import type { Running } from "./session_wait.ts";

/** Greets the client, if the filters let it in. */
export function* greet(state: SessionState): Running {
  // Before TLS there is nothing to say a refusal in.
  if (state.config.tls === "implicit" && !(yield* secure(state))) return;
  const { address, hostname } = state.peer;
  if ((yield* filtered(state, "connect", `${hostname}|${address}`)) === null) return;
  state.isGreeted = true;
  state.say(replies.greeting(state.hostname, state.config.lmtp ? "LMTP" : "ESMTP"));
}

/** HELO and EHLO. */
export function* hello(state: SessionState, argument: string, isExtended: boolean): Running {
  if (argument === "") return state.fail(replies.helloNeedsDomain);
  if (heloName(state, argument) === null) return state.fail(replies.invalidDomain);
  const name = yield* filtered(state, isExtended ? "ehlo" : "helo", argument, { helo: argument });
  if (name === null) return;
  if (name !== argument && parseDomain(name) === null) return state.fail(replies.invalidDomain);
  state.reset();
  state.phase = "ready";
  state.helo = name;
  state.isExtended = isExtended;
  const { address } = state.peer;
  const literal = address.startsWith("[") ? address : `[${address}]`;
  const welcome = `${state.hostname} Hello ${name} ${literal}, pleased to meet you`;
  state.say(replies.hello(isExtended ? [welcome, ...offeredExtensions(state)] : [welcome]));
}
