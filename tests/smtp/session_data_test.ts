/** What is put to content: the trace field, the mark of junk, and what is done to new mail. How DATA runs is in
 * fixtures/smtp/server. */

import { plainHandling } from "../../lib/smtp/handling.ts";
import { deepEqual, equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { parseMailbox } from "../../lib/mail/address.ts";
import { parseDomain } from "../../lib/mail/domain.ts";
import { contentAdditions } from "../../lib/smtp/session_data.ts";
import type { SessionConfig, TlsInfo } from "../../lib/smtp/session_face.ts";
import { SessionState } from "../../lib/smtp/session_state.ts";
import { Transaction } from "../../lib/smtp/transaction.ts";
import { sessionConfig } from "./session_rig.ts";
import { transcriptTls as tls } from "../../lib/smtp/transcript_replay.ts";

interface Known {
  readonly config?: Partial<SessionConfig>;
  readonly username?: string;
  readonly tls?: TlsInfo | null;
  readonly isExtended?: boolean;
  readonly junk?: "session" | "transaction";
}

/** The head, and what becomes of `content`. */
function put(known: Known, content = "From: a@x.test\r\nTo: b\r\nBcc: c\r\n\r\n") {
  const state = new SessionState(sessionConfig(known.config));
  const transaction = new Transaction(
    "1a2b3c4d",
    parseMailbox("env@x.test", null),
    { size: null, handling: plainHandling, ret: null, envId: null },
    state.config.limits,
  );
  state.peer = { address: "192.0.2.7", hostname: "<unknown>" };
  state.helo = "a.test";
  state.isExtended = known.isExtended ?? true;
  state.username = known.username ?? "";
  state.tls = known.tls ?? null;
  state.isJunk = known.junk === "session";
  transaction.isJunk = known.junk === "transaction";
  const { head, stages } = contentAdditions(state, transaction);
  let bytes = Buffer.from(content);
  for (const stage of stages) bytes = Buffer.concat([stage.push(bytes), stage.finish()]);
  return { head, content: bytes.toString() };
}

const date = "Thu, 1 Jan 1970 01:00:00 +0100 (CET)";
const from = "Received: from a.test (<unknown> [192.0.2.7])\r\n\tby mx.test (Postern) with";

const heads: readonly [name: string, known: Known, want: string][] = [
  ["EHLO", {}, `${from} ESMTP id 1a2b3c4d;\r\n\t${date}\r\n`],
  ["HELO", { isExtended: false }, `${from} SMTP id 1a2b3c4d;\r\n\t${date}\r\n`],
  ["a session marked as junk", { junk: "session" }, `X-Spam: Yes\r\n${from} ESMTP id 1a2b3c4d;\r\n\t${date}\r\n`],
  ["a message marked as junk", { junk: "transaction" }, `X-Spam: Yes\r\n${from} ESMTP id 1a2b3c4d;\r\n\t${date}\r\n`],
  [
    "a masked source",
    { config: { maskSource: true } },
    `Received: by mx.test (Postern) with ESMTP id 1a2b3c4d;\r\n\t${date}\r\n`,
  ],
  ["TLS", { tls }, `${from} ESMTPS id 1a2b3c4d (TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO);\r\n\t${date}\r\n`],
  [
    "a login that is not told",
    { tls, username: "ann" },
    `${from} ESMTPSA id 1a2b3c4d (TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO);\r\n\t${date}\r\n`,
  ],
  [
    "a login that is told",
    { tls, username: "ann", config: { receivedAuth: true } },
    `${from} ESMTPSA id 1a2b3c4d (TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO) auth=yes user=ann;\r\n\t${date}\r\n`,
  ],
];

for (const [name, known, want] of heads) {
  Deno.test(`contentAdditions() puts the trace of ${name} first`, () => equal(put(known).head, want));
}

const added = `Date: ${date}\r\nMessage-ID: <1a2b3c4d.0123456789abcdef@`;
const edits: readonly [name: string, known: Known, want: string][] = [
  ["leaves mail that passes through", {}, "From: a@x.test\r\nTo: b\r\nBcc: c\r\n\r\n"],
  ["leaves mail that passes through over TLS", { tls }, "From: a@x.test\r\nTo: b\r\nBcc: c\r\n\r\n"],
  [
    "completes mail of the socket",
    { config: { local: true } },
    `From: a@x.test\r\nTo: b@mx.test\r\n${added}mx.test>\r\n\r\n`,
  ],
  [
    "completes mail of a listener for new mail",
    { config: { submission: true } },
    `From: a@x.test\r\nTo: b@mx.test\r\n${added}mx.test>\r\n\r\n`,
  ],
  [
    "completes mail of who has logged in",
    { username: "ann" },
    `From: a@x.test\r\nTo: b@mx.test\r\n${added}mx.test>\r\n\r\n`,
  ],
  [
    "completes with the domain that it is told",
    { config: { submission: true, headerDomain: parseDomain("home.test")! } },
    `From: a@x.test\r\nTo: b@home.test\r\n${added}home.test>\r\n\r\n`,
  ],
  [
    "puts the sender in the author's place for who has logged in",
    { username: "ann", config: { masquerade: true } },
    `From: env@x.test\r\nTo: b@mx.test\r\n${added}mx.test>\r\n\r\n`,
  ],
  [
    "leaves the author of who has not logged in",
    { config: { masquerade: true, submission: true } },
    `From: a@x.test\r\nTo: b@mx.test\r\n${added}mx.test>\r\n\r\n`,
  ],
];

for (const [name, known, want] of edits) {
  Deno.test(`contentAdditions() ${name}`, () => deepEqual(put(known).content, want));
}
