/** What lookup believes of an smtp-in. */

import { deepEqual, equal } from "node:assert/strict";
import type { RecipientQuestion, SessionClaim } from "../../lib/daemon/imsg.ts";
import { SessionBook } from "../../lib/daemon/session_book.ts";
import { judgeClaim, peerOf } from "../../lib/daemon/session_claim.ts";
import type { Origin } from "../../lib/policy/match.ts";
import { policyOf, recipientQuestion } from "./rig.ts";

const policy = policyOf(`
pki mx.test cert "/etc/mail/cert.pem"
pki mx.test key "/etc/mail/key.pem"
table names { "192.0.2.13" = "one.test" }
listen on 192.0.2.10 tag plain hostname plain.test
listen on 192.0.2.11 tls pki mx.test auth-optional { ann = x }
listen on 192.0.2.12 smtps pki mx.test auth { ann = x }
listen on 192.0.2.13 tls-require pki mx.test hostnames <names>
listen on socket tag sent
listen on socket "/run/smtpd/lmtp" lmtp
action "box" maildir
match from any for any action "box"
`);
const { listeners } = policy;
const at = (address: string) => listeners.findIndex((one) => one.kind === "inet" && one.address === address);
const [plain, optional, required, tlsRequired] = ["10", "11", "12", "13"].map((last) => at(`192.0.2.${last}`));
const socket = listeners.findIndex(({ kind }) => kind === "socket");
const lmtp = listeners.findIndex(({ kind }) => kind === "lmtp");
const session = "0123456789abcdef";

/** Ann has logged in by the listener. */
function bookOf(listener: number): SessionBook {
  const book = new SessionBook();
  book.logIn(session, book.enter(session, listener)!, "ann");
  return book;
}

function judge(listener = -1, claim: Partial<SessionClaim> = {}, book = new SessionBook()) {
  const question: RecipientQuestion = recipientQuestion(policy, "bob@example.org", { session, listener });
  return judgeClaim({ ...question, claim: { ...question.claim, ...claim } }, policy, book);
}

function originOf(...args: Parameters<typeof judge>): Partial<Origin> {
  const judged = judge(...args);
  return judged.kind === "believed" ? judged.origin : {};
}

function codeOf(...args: Parameters<typeof judge>): number | null {
  const judged = judge(...args);
  return judged.kind === "refused" ? judged.reply.code : null;
}

Deno.test("a user is who has logged in by this session, smtp-in and listener; anything else is a temporary failure", () => {
  equal(originOf(optional, { username: "ann", tls: true }, bookOf(optional!)).username, "ann");
  equal(originOf(optional, { username: "" }, bookOf(optional!)).username, "");
  const ann = { username: "ann" };
  equal(codeOf(optional, ann), 451);
  equal(codeOf(optional, { username: "bob" }, bookOf(optional!)), 451);
  equal(codeOf(plain, ann, bookOf(optional!)), 451);
  equal(codeOf(socket, ann), 451);
});

Deno.test("what the configuration says of a listener is not asked of smtp-in", () => {
  const { tag, smtpName, tls } = originOf(plain, { smtpName: "mine.test", tls: true });
  deepEqual({ tag, smtpName, tls }, { tag: "plain", smtpName: "plain.test", tls: false });
  equal(originOf(tlsRequired, { smtpName: "one.test", tls: true }).smtpName, "one.test");
  const implicit = originOf(required, { username: "ann", tls: false }, bookOf(required!));
  deepEqual([implicit.tls, implicit.tag], [true, ""]);
  equal(originOf(optional, { tls: false }).tls, false);
});

Deno.test("nobody gets round what the listener requires", () => {
  equal(codeOf(required, { tls: true }), 530);
  equal(codeOf(tlsRequired, { tls: false }), 530);
  equal(codeOf(tlsRequired, { tls: true }), null);
  equal(codeOf(99), 451);
});

Deno.test("a peer is of the kind that can come by the listener", () => {
  for (const address of ["local", "", "<unknown>", "mx.test"]) equal(codeOf(plain, { address }), 451, address);
  for (const address of ["192.0.2.7", "[2001:db8::1]"]) equal(originOf(plain, { address }).address, address);
  const { hostname, smtpName } = { hostname: listeners[socket]!.hostname, smtpName: listeners[socket]!.hostname };
  deepEqual(originOf(socket, { address: "192.0.2.7", hostname: "x.test", tls: true, helo: "h" }), {
    address: "local",
    hostname,
    helo: "h",
    smtpName,
    tag: "sent",
    username: "",
    tls: false,
  });
});

Deno.test("what comes by LMTP over a unix socket counts as coming over the loopback", () => {
  const { address, hostname, tls } = originOf(lmtp, { address: "local", hostname: "x.test", tls: true });
  deepEqual({ address, hostname, tls }, { address: "127.0.0.1", hostname: "localhost", tls: false });
});

Deno.test("peerOf(): nobody comes by a listener that there is not", () => equal(peerOf(undefined, "192.0.2.7"), null));
