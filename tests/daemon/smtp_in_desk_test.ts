/** One smtp-in that asks, itself or taken over. */

import { deepEqual, equal } from "node:assert/strict";
import type {
  ExpandRequest,
  LookupToQueue,
  LookupToSmtpIn,
  QueueToLookup,
  Refused,
  Resolved,
  SmtpInToLookup,
} from "../../lib/daemon/imsg.ts";
import { Lookup } from "../../lib/daemon/lookup.ts";
import { checkSender } from "../../lib/daemon/sender_check.ts";
import { SessionDesk } from "../../lib/daemon/session_desk.ts";
import { openQuestionsMax, SmtpInDesk } from "../../lib/daemon/smtp_in_desk.ts";
import { tablesOf } from "../policy/tables.ts";
import { mailboxOf } from "../support/envelope.ts";
import { channelPair } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";
import { KeptLog, noSessions, policyOf, recipientQuestion } from "./rig.ts";

const policy = policyOf(`
pki mx.test cert "/etc/mail/cert.pem"
pki mx.test key "/etc/mail/key.pem"
table who { ann = "ann@a.test" }
listen on 192.0.2.10 tls pki mx.test auth { ann = x } senders <who>
action "out" relay
match auth from any for any action "out"
`);
const ask = recipientQuestion(policy, "bob@far.test", { sender: mailboxOf("ann@a.test") });
const byAnn = { ...ask, claim: { ...ask.claim, username: "ann", tls: true } };
const { session, listener } = ask;
const about = { kind: "session", request: 1, session, listener, address: ask.claim.address } as const;
const login = {
  ...about,
  ask: { kind: "authenticate", mechanism: "PLAIN", step: 0, response: "", certificate: null },
} as const;

/** Lookup takes each login for ann's, and resolves all recipients. */
function world() {
  const tables = tablesOf(policy);
  const [asked, expanded]: [unknown[], ExpandRequest[]] = [[], []];
  const sessions = new SessionDesk(
    {
      authenticate: () => Promise.resolve({ kind: "accepted", username: "ann", data: null }),
      sender: (one) => {
        asked.push(one.ask.sender);
        return checkSender(one, policy, tables);
      },
    },
    policy.listeners,
    () => {},
  );
  const warnings: string[] = [];
  const make = () =>
    new SmtpInDesk({
      policy,
      sessions,
      expand(one) {
        expanded.push(one);
        return Promise.resolve({ kind: "resolved", request: one.request, envelopes: 1 });
      },
      overrun: () => {},
      warn: (reason) => void warnings.push(reason),
    });
  return { asked, expanded, make, warnings };
}

/** The reply to a recipient; null for one that is resolved. */
function codeOf(told: LookupToSmtpIn | null): number | null {
  return told?.kind === "refused" ? told.reply.code : null;
}

Deno.test("a recipient in the name of a user is resolved where he has logged in: by no other smtp-in, and not afterwards", async () => {
  const { make, expanded, warnings } = world();
  const [first, second] = [make(), make()];
  const say = async (desk: SmtpInDesk, message: SmtpInToLookup) => codeOf(await desk.answer(message));
  equal(await say(first, byAnn), 451);
  await first.answer(login);
  equal(await say(first, byAnn), null);
  equal(await say(second, byAnn), 451, "another smtp-in, or the next lookup");
  equal(await say(first, { ...byAnn, session: "f".repeat(16) }), 451, "another session");
  equal(await say(first, { ...byAnn, claim: { ...byAnn.claim, username: "bob" } }), 451, "another user");
  equal(await say(first, { ...byAnn, claim: { ...byAnn.claim, username: "" } }), 530, "the listener wants a login");
  await first.answer({ ...about, ask: { kind: "end" } });
  equal(await say(first, byAnn), 451, "it is over");
  deepEqual(expanded.map(({ origin }) => origin.username), ["ann"]);
  deepEqual(new Set(warnings).size, 2, "one for each session");
});

Deno.test("senders are held against their table for each recipient, and looked up once", async () => {
  const { make, asked, expanded } = world();
  const desk = make();
  const mail = { ...about, ask: { kind: "sender", username: "ann", sender: byAnn.sender } } as const;
  const stranger = { ...byAnn, sender: mailboxOf("root@a.test") };
  const codes: (number | null)[] = [];
  for (const message of [login, mail, byAnn, byAnn, stranger]) codes.push(codeOf(await desk.answer(message)));
  deepEqual(codes, [null, null, null, null, 451]);
  deepEqual([asked, expanded.length], [[byAnn.sender, stranger.sender], 2]);
});

Deno.test("questions beyond those that may be open fail at once and are counted; the end of a session is heard", async () => {
  const held: (() => void)[] = [];
  let overruns = 0;
  const open = policyOf();
  const desk = new SmtpInDesk({
    policy: open,
    sessions: noSessions,
    expand: ({ request }) =>
      new Promise<Resolved | Refused>((done) => held.push(() => done({ kind: "resolved", request, envelopes: 1 }))),
    overrun: () => void overruns++,
    warn: () => {},
  });
  const one = recipientQuestion(open, "bob@example.org");
  const waiting = Array.from({ length: openQuestionsMax }, () => desk.answer(one));
  equal(overruns, 0);
  equal(codeOf(await desk.answer(one)), 451);
  const name = { ...about, listener: one.listener, ask: { kind: "name" } } as const;
  deepEqual(await desk.answer(name), { kind: "named", request: 1, hostname: null });
  equal(await desk.answer({ ...name, ask: { kind: "end" } }), null);
  equal(overruns, 2);
  for (const done of held.splice(0)) done();
  equal((await Promise.all(waiting)).every((told) => told?.kind === "resolved"), true);
  const next = desk.answer(one);
  held[0]?.();
  equal(codeOf(await next), null);
  equal(overruns, 2);
});

Deno.test("queue is told of questions that were too many, at most once a second, and the log once for each time", async () => {
  const [clock, log, open] = [new FakeClock(), new KeptLog(), policyOf()];
  const tables = tablesOf(open);
  // The names of peers never come.
  const sessions = new SessionDesk({ name: () => new Promise<null>(() => {}) }, open.listeners, log.log);
  const lookup = new Lookup({ clock, policy: open, tables, log: log.log, sessions, allow: () => {} });
  const [toQueue] = channelPair<LookupToQueue, QueueToLookup>(clock);
  const [near, smtpIn] = channelPair<LookupToSmtpIn, SmtpInToLookup>(clock);
  lookup.setQueue(toQueue);
  lookup.addSmtpIn("smtp-in#1", near);
  const { listener } = recipientQuestion(open, "bob@example.org");
  const ask = { ...about, listener, ask: { kind: "name" } } as const;
  for (let i = 0; i < openQuestionsMax + 3; i++) smtpIn.send(ask);
  await clock.advance(2000);
  smtpIn.send(ask);
  await clock.advance(2000);
  const statsOf = (count: number) => ({ gauges: {}, counters: { "lookup.limit.open-questions": count } });
  deepEqual(toQueue.sent, [3, 4].map((count) => ({ kind: "stats", stats: statsOf(count) })));
  deepEqual([near.sent.length, log.of("trouble").length], [4, 2]);
});
