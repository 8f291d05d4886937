/** lookup, with the test in the place of everybody who asks. */
import { deepEqual, equal, match } from "node:assert/strict";
import type {
  DeliveryToLookup,
  LookupToDelivery,
  LookupToQueue,
  LookupToSmtpIn,
  QueueToLookup,
  RecipientQuestion,
  SmtpInToLookup,
} from "../../lib/daemon/imsg.ts";
import { Lookup } from "../../lib/daemon/lookup.ts";
import type { RelayAction } from "../../lib/policy/policy.ts";
import type { TableSource } from "../../lib/policy/expand.ts";
import { channelPair, type FakeChannel } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";
import { tablesOf } from "../policy/tables.ts";
import { exampleEnvelope, mailboxOf } from "../support/envelope.ts";
import { KeptLog, msg, noSessions, policyOf, recipientQuestion } from "./rig.ts";

const text = `
table aliases { root = "ann, bob", list = "ann@example.org, cat@remote.test" }
table users { ann = 1001:100:/home/ann, bob = 1002:100:/home/bob, odd = nonsense }
table hosts { "smtp://10.0.0.1", "smtp://10.0.0.2" }
table routes { "b.test" = "smtp://10.0.0.3" }
table ours { "192.0.2.1", "192.0.2.2" }
table names { "192.0.2.1" = "one.test" }
table none file:/etc/mail/none
listen on 192.0.2.10 tag out
action "box" maildir userbase <users> alias <aliases>
action "shared" maildir userbase <users> user "vmail"
action "gone" maildir userbase <none>
action "lost" maildir userbase <users> user "nosuch"
action "out" relay host <hosts> ttl 1h
match from any for domain "example.org" action "box"
match from any for domain "shared.test" action "shared"
match from any for domain "gone.test" action "gone"
match from local for any action "out"
`;

interface Setup {
  readonly broken?: readonly string[];
  readonly change?: (tables: TableSource) => TableSource;
  readonly relay?: Partial<RelayAction>;
}

async function world({ broken = [], change = (tables) => tables, relay = {} }: Setup = {}) {
  const allowed: unknown[] = [];
  const [clock, log] = [new FakeClock(), new KeptLog()];
  const parsed = policyOf(text);
  const out = { ...parsed.actions["out"] as RelayAction, ...relay };
  const policy = { ...parsed, actions: { ...parsed.actions, out } };
  const tables = tablesOf(policy, { broken, users: ["vmail", "root"] });
  const lookup = new Lookup({
    clock,
    policy,
    tables: change(tables),
    log: log.log,
    sessions: noSessions,
    allow: (named) => void allowed.push(named),
  });
  const end = <A, B>(): [FakeChannel<A, B>, FakeChannel<B, A>, A[]] => {
    const [near, far] = channelPair<A, B>(clock);
    const got: A[] = [];
    far.onMessage((message) => void got.push(message));
    return [near, far, got];
  };
  const [nearQueue, queue, toQueue] = end<LookupToQueue, QueueToLookup>();
  const [nearSmtpIn, smtpIn, toSmtpIn] = end<LookupToSmtpIn, SmtpInToLookup>();
  const [nearDelivery, delivery, toDelivery] = end<LookupToDelivery, DeliveryToLookup>();
  lookup.setQueue(nearQueue);
  lookup.addSmtpIn("smtp-in#2", nearSmtpIn);
  lookup.addDelivery(nearDelivery);
  await clock.settle();
  return { clock, log, lookup, allowed, tables, queue, smtpIn, delivery, toQueue, toSmtpIn, toDelivery };
}

/** What smtp-in asks. */
function question(rcpt: string): RecipientQuestion {
  return recipientQuestion(policyOf(text), rcpt);
}

/** The replies to an smtp-in; null for a recipient that is resolved. */
function codesOf(told: readonly LookupToSmtpIn[]): (number | null)[] {
  return told.map((one) => one.kind === "refused" ? one.reply.code : null);
}

/** Lets the question and its answer pass; tables answer in their own turns. */
async function pass(clock: FakeClock): Promise<void> {
  for (let i = 0; i < 5; i++) await clock.settle();
}

Deno.test("what a recipient came to is offered to queue, in the asker's name, and the asker hears of how much", async () => {
  const { clock, smtpIn, toQueue, toSmtpIn } = await world();
  const ask = recipientQuestion(policyOf(text), "list@example.org", {}, "socket");
  smtpIn.send(ask);
  await pass(clock);
  const { sender, rcpt, dsn, handling, claim: { helo } } = ask;
  const { hostname } = policyOf(text).listeners[ask.listener]!;
  const origin = { address: "local", hostname, helo, smtpName: hostname, tag: "", username: "", tls: false };
  const common = { sender, rcpt, dsn, handling, origin };
  const ttlMs = 4 * 86_400_000;
  deepEqual(toQueue, [{
    kind: "offer",
    asker: "smtp-in#2",
    request: 5,
    message: msg(3),
    drafts: [
      { ...common, kind: "mta", action: "out", dest: mailboxOf("cat@remote.test"), local: null, ttlMs: 3_600_000 },
      {
        ...common,
        kind: "mda",
        action: "box",
        dest: mailboxOf("ann@example.org"),
        local: { user: "ann", subAddress: "", exec: null },
        ttlMs,
      },
    ],
  }]);
  deepEqual(toSmtpIn, [{ kind: "resolved", request: 5, envelopes: 2 }]);
});

Deno.test("queue is offered a recipient before the asker hears of it", async () => {
  const clock = new FakeClock();
  const policy = policyOf(text);
  const tables = tablesOf(policy);
  const lookup = new Lookup({ clock, policy, tables, log: () => {}, sessions: noSessions, allow: () => {} });
  const [toQueue] = channelPair<LookupToQueue, QueueToLookup>(clock);
  const [toSmtpIn, smtpIn] = channelPair<LookupToSmtpIn, SmtpInToLookup>(clock);
  const order: string[] = [];
  const watch = <A extends { readonly kind: string }, B>(channel: FakeChannel<A, B>) => {
    const send = channel.send.bind(channel);
    channel.send = (message, body) => {
      order.push(message.kind);
      return send(message, body);
    };
  };
  watch(toQueue);
  watch(toSmtpIn);
  lookup.setQueue(toQueue);
  lookup.addSmtpIn("smtp-in", toSmtpIn);
  smtpIn.send(question("ann@example.org"));
  await pass(clock);
  deepEqual(order, ["offer", "resolved"]);
});

Deno.test("a tag goes along with its user", async () => {
  const { clock, smtpIn, toQueue } = await world();
  smtpIn.send(question("ann+lists@example.org"));
  await pass(clock);
  const [offer] = toQueue;
  deepEqual(offer?.kind === "offer" && offer.drafts.map((draft) => draft.local), [{
    user: "ann",
    subAddress: "lists",
    exec: null,
  }]);
});

Deno.test("a refusal goes to the asker, queue hears nothing, the log knows why", async () => {
  for (
    const [rcpt, code, reason] of [
      ["nobody@example.org", 550, /no user nobody in table users/],
      ["bob@elsewhere.test", 550, /no rule matches/],
    ] as const
  ) {
    const { clock, log, smtpIn, toQueue, toSmtpIn } = await world();
    smtpIn.send(question(rcpt));
    await pass(clock);
    deepEqual([toQueue, toSmtpIn.map(({ request }) => request), codesOf(toSmtpIn)], [[], [5], [code]], rcpt);
    match(String(log.of("refused")[0]?.fields["reason"]), reason);
  }
});

Deno.test("a table that fails is answered 451, never 550", async () => {
  for (const broken of ["users", "aliases"]) {
    const { clock, smtpIn, toQueue, toSmtpIn } = await world({ broken: [broken] });
    smtpIn.send(question("ann@example.org"));
    await pass(clock);
    deepEqual([toQueue, codesOf(toSmtpIn)], [[], [451]], broken);
  }
});

Deno.test("a mistake of ours in one answer is 451 and in the log, and the next is given", async () => {
  let isBad = true;
  const { clock, log, smtpIn, toQueue, toSmtpIn } = await world({
    change: (tables) => ({
      ...tables,
      table(name) {
        if (!isBad) return tables.table(name);
        isBad = false;
        throw new Error("a mistake");
      },
    }),
  });
  smtpIn.send(question("ann@example.org"));
  await pass(clock);
  deepEqual(codesOf(toSmtpIn), [451]);
  equal(log.of("trouble")[0]?.fields["reason"], "a mistake");
  smtpIn.send(question("ann@example.org"));
  await pass(clock);
  equal(toQueue.length, 1);
});

Deno.test("without queue nothing can be promised: 451, until the next queue is there", async () => {
  const { clock, lookup, queue, smtpIn, toSmtpIn } = await world();
  queue.die();
  await pass(clock);
  smtpIn.send(question("ann@example.org"));
  await pass(clock);
  deepEqual(codesOf(toSmtpIn), [451]);
  const [near, far] = channelPair<LookupToQueue, QueueToLookup>(clock);
  lookup.setQueue(near);
  smtpIn.send(question("ann@example.org"));
  await pass(clock);
  equal(near.sent.length, 1);
  // The end of an old one, seen late, does not take the new one away.
  const [later] = channelPair<LookupToQueue, QueueToLookup>(clock);
  lookup.setQueue(later);
  far.die();
  await pass(clock);
  smtpIn.send(question("ann@example.org"));
  await pass(clock);
  equal(later.sent.length, 1);
});

Deno.test("queue's own reports are expanded in its own name, and refused to it", async () => {
  const { clock, queue, toQueue } = await world();
  const { origin, dsn, handling } = exampleEnvelope;
  for (const name of ["ann@example.org", "nobody@example.org"]) {
    const rcpt = mailboxOf(name);
    queue.send({ kind: "expand", request: 5, message: msg(3), origin, sender: null, rcpt, dsn, handling });
    await pass(clock);
  }
  deepEqual(toQueue.map((one) => [one.kind, one.kind === "offer" ? one.asker : "", one.kind === "tableUpdated"]), [
    ["offer", "queue", false],
    ["refused", "", false],
  ]);
});

Deno.test("delivery learns whose mailbox it is, and the supervisor learns it first", async () => {
  const { clock, allowed, delivery, toDelivery } = await world({});
  delivery.send({ kind: "user", request: 1, table: "users", user: "ann", account: null });
  await pass(clock);
  const ann = { uid: 1001, gid: 100, home: "/home/ann", accountHome: "/home/ann" };
  deepEqual(toDelivery, [{ kind: "user", request: 1, answer: { kind: "found", ...ann } }]);
  deepEqual(allowed, [{ table: "users", user: "ann", account: null, ...ann }]);
});

Deno.test("mayDeliver is told before the answer goes out", async () => {
  const order: string[] = [];
  const policy = policyOf(text);
  const clock = new FakeClock();
  const allow = () => void order.push("allow");
  const tables = tablesOf(policy);
  const lookup = new Lookup({ clock, policy, tables, log: () => {}, sessions: noSessions, allow });
  const [near, far] = channelPair<LookupToDelivery, DeliveryToLookup>(clock);
  const send = near.send.bind(near);
  near.send = (message, body) => {
    order.push("answer");
    return send(message, body);
  };
  lookup.addDelivery(near);
  far.send({ kind: "user", request: 1, table: "users", user: "ann", account: null });
  await pass(clock);
  deepEqual(order, ["allow", "answer"]);
});

Deno.test("with an account the mailbox is written with its ids, below the user's home", async () => {
  const { clock, allowed, delivery, toDelivery } = await world();
  delivery.send({ kind: "user", request: 1, table: "users", user: "ann", account: "vmail" });
  await pass(clock);
  const shared = { uid: 1000, gid: 1000, home: "/home/ann", accountHome: "/home/vmail" };
  deepEqual(toDelivery, [{ kind: "user", request: 1, answer: { kind: "found", ...shared } }]);
  deepEqual(allowed, [{ table: "users", user: "ann", account: "vmail", ...shared }]);
});

Deno.test("delivery chooses no tables and accounts of its own, and nobody without a good entry gets an agent", async () => {
  for (
    const [table, user, account, answer, complaint] of [
      ["users", "nobody", null, "absent", null],
      ["users", "odd", null, "failed", /entry of odd is not uid:gid:home/],
      ["users", "ann", "root", "failed", /no action does/],
      ["users", "nobody", "vmail", "absent", null],
      ["users", "ann", "nosuch", "noAccount", null],
      ["none", "ann", "vmail", "failed", /no action does/],
      ["<getpwnam>", "root", null, "failed", /no action does/],
      ["aliases", "root", null, "failed", /no action does/],
      ["constructor", "ann", null, "failed", /no action does/],
    ] as const
  ) {
    const { clock, log, allowed, delivery, toDelivery } = await world();
    delivery.send({ kind: "user", request: 8, table, user, account });
    await pass(clock);
    deepEqual(toDelivery, [{ kind: "user", request: 8, answer: { kind: answer } }], `${table} ${user} ${account}`);
    deepEqual(allowed, []);
    const complaints = log.of("trouble").map(({ fields }) => String(fields["reason"]));
    equal(complaints.length, complaint === null ? 0 : 1);
    if (complaint !== null) match(complaints[0] ?? "", complaint);
  }
});

Deno.test("a userbase that fails says so: the mailbox may well be there", async () => {
  for (const [broken, account] of [["users", null], ["<getpwnam>", "vmail"]] as const) {
    const { clock, allowed, delivery, toDelivery } = await world({ broken: [broken] });
    delivery.send({ kind: "user", request: 2, table: "users", user: "ann", account });
    await pass(clock);
    deepEqual([toDelivery, allowed], [[{ kind: "user", request: 2, answer: { kind: "failed" } }], []], broken);
  }
});

Deno.test("relays are taken in turn", async () => {
  const { clock, delivery, toDelivery } = await world();
  for (const request of [1, 2, 3]) delivery.send({ kind: "relay", request, table: "hosts", domain: "b.test" });
  await pass(clock);
  deepEqual(toDelivery.map((one) => one.kind === "relay" && one.answer), [
    { kind: "found", url: "smtp://10.0.0.1" },
    { kind: "found", url: "smtp://10.0.0.2" },
    { kind: "found", url: "smtp://10.0.0.1" },
  ]);
});

Deno.test("a relay of a table that no action names is not given", async () => {
  const { clock, delivery, toDelivery } = await world();
  for (const table of ["users", "nothing"]) delivery.send({ kind: "relay", request: 1, table, domain: "b.test" });
  await pass(clock);
  deepEqual(toDelivery.map((one) => one.answer.kind), ["failed", "failed"]);
});

Deno.test("a table of relays that is empty, or fails, says so", async () => {
  for (
    const [fetch, answer] of [
      [() => Promise.resolve(null), "absent"],
      [() => Promise.reject(new Error("down")), "failed"],
    ] as const
  ) {
    const { clock, delivery, toDelivery } = await world({
      change: (tables) => ({ ...tables, table: (name) => ({ ...tables.table(name), fetch }) }),
    });
    delivery.send({ kind: "relay", request: 4, table: "hosts", domain: "b.test" });
    await pass(clock);
    deepEqual(toDelivery, [{ kind: "relay", request: 4, answer: { kind: answer } }]);
  }
});

Deno.test("a table is read anew on request; failures and unknown names are told", async () => {
  const updated: string[] = [];
  const { clock, queue, toQueue } = await world({
    change: (tables) => ({
      ...tables,
      table: (name) => ({
        ...tables.table(name),
        update: () => {
          updated.push(name);
          return name === "hosts" ? Promise.reject(new Error("it is gone")) : Promise.resolve();
        },
      }),
    }),
  });
  for (const [request, table] of ["users", "hosts", "nothing", "constructor"].entries()) {
    queue.send({ kind: "updateTable", request, table });
  }
  await pass(clock);
  deepEqual(updated, ["users", "hosts"]);
  const answers = toQueue.map((one) => one.kind === "tableUpdated" && [one.request, one.error]).sort();
  deepEqual(answers, [
    [0, null],
    [1, "it is gone"],
    [2, "no such table: nothing"],
    [3, "no such table: constructor"],
  ]);
});

Deno.test("a map of relays is asked for the domain, and knows no other", async () => {
  const { clock, delivery, toDelivery } = await world({ relay: { host: null, domain: "routes" } });
  for (const domain of ["b.test", "c.test"]) delivery.send({ kind: "relay", request: 1, table: "routes", domain });
  await pass(clock);
  deepEqual(toDelivery.map((one) => one.answer), [{ kind: "found", url: "smtp://10.0.0.3" }, { kind: "absent" }]);
});

Deno.test("our addresses are given in turn, and our names on them", async () => {
  const { clock, delivery, toDelivery } = await world({ relay: { source: "ours", heloSource: "names" } });
  for (const request of [1, 2]) delivery.send({ kind: "source", request, table: "ours" });
  const helo = { kind: "helo", request: 3, table: "names" } as const;
  for (const address of ["192.0.2.1", "192.0.2.2"]) delivery.send({ ...helo, address });
  await pass(clock);
  deepEqual(toDelivery.map((one) => one.answer), [
    { kind: "found", text: "192.0.2.1" },
    { kind: "found", text: "192.0.2.2" },
    { kind: "found", text: "one.test" },
    { kind: "absent" },
  ]);
});

Deno.test("addresses and names of tables that no action names are not given", async () => {
  const { clock, delivery, toDelivery } = await world({ relay: { source: "ours" } });
  delivery.send({ kind: "source", request: 1, table: "names" });
  delivery.send({ kind: "helo", request: 1, table: "names", address: "192.0.2.1" });
  await pass(clock);
  deepEqual(toDelivery.map((one) => one.answer.kind), ["failed", "failed"]);
});
