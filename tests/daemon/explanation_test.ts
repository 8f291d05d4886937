import { plainHandling } from "../../lib/smtp/handling.ts";
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { explainRecipient } from "../../lib/daemon/explanation.ts";
import type { LookupToQueue, QueueToLookup } from "../../lib/daemon/imsg.ts";
import { Lookup } from "../../lib/daemon/lookup.ts";
import { hostSha1 } from "../../lib/host/hash.ts";
import { type Candidate, expandRecipient } from "../../lib/policy/expand.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import { rewritingOf } from "../../lib/policy/rewrite.ts";
import { describeReply } from "../../lib/smtp/reply.ts";
import { mailbox, originAt, tablesOf } from "../policy/tables.ts";
import { channelPair } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";
import { KeptLog, msg, noSessions, policyOf } from "./rig.ts";

const users = ["ann", "bob", "carl"];
const dsn = { notify: [], ret: null, envId: null, originalRecipient: null };

/** What lookup refuses and offers to queue. */
async function askLookup(candidate: Candidate, policy: Policy, options: Parameters<typeof tablesOf>[1]) {
  const clock = new FakeClock();
  const lookup = new Lookup({
    clock,
    policy,
    tables: tablesOf(policy, options),
    log: new KeptLog().log,
    sessions: noSessions,
    allow: () => {},
  });
  const [nearQueue, queue] = channelPair<LookupToQueue, QueueToLookup>(clock);
  const offers: LookupToQueue[] = [];
  const told: LookupToQueue[] = [];
  queue.onMessage((message) => void (message.kind === "offer" ? offers : told).push(message));
  lookup.setQueue(nearQueue);
  queue.send({ kind: "expand", request: 1, message: msg(1), dsn, handling: plainHandling, ...candidate });
  for (let i = 0; i < 50 && told.length + offers.length === 0; i++) await clock.settle();
  return { offers, told };
}

const local = {
  localPart: fc.constantFrom("ann", "bob", "carl", "dora", "list", "ann+x"),
  domain: fc.constantFrom("own.test", "host.test", "far.test"),
};
const address = fc.tuple(local.localPart, local.domain).map(([part, domain]) => `${part}@${domain}`);
const element = fc.oneof(
  address,
  fc.constantFrom("ann", "bob", "nobody", "/var/mail/all", "|cat", "error:550 5.1.1 gone"),
);
const map = fc.dictionary(
  fc.oneof(fc.constantFrom("list", "ann", "dora", "@host.test", "bob"), address),
  fc.array(element, { minLength: 1, maxLength: 3 }).map((all) => all.join(", ")),
  { minKeys: 1, maxKeys: 5 },
).map((entries) => Object.entries(entries).map(([key, value]) => `"${key}" = "${value}"`).join(", "));
const not = fc.constantFrom("", "", "!");
const domains = fc.constantFrom("own.test", '"*.test"', "<names>", 'regex "^far"');
const option = fc.oneof(
  fc.tuple(
    not,
    fc.constantFrom(
      "from any",
      "from local",
      "from socket",
      "from src 198.51.100.0/24",
      "from rdns",
      'from rdns "*.client.test"',
    ),
  ),
  fc.tuple(not, domains).map(([n, d]) => [n, `for domain ${d}`] as const),
  fc.constantFrom(["", "for any"] as const, ["!", "for local"] as const),
  fc.tuple(
    not,
    fc.constantFrom("tag in", "helo client.test", "auth", "auth ann", "tls", 'mail-from "@c.test"', "rcpt-to ann"),
  ),
);
const rule = fc.tuple(
  fc.uniqueArray(option, { maxLength: 5, selector: ([, text]) => text.split(" ")[0] }),
  fc.constantFrom('action "own"', 'action "host"', 'action "out"', 'action "out"', "reject"),
).map(([options, outcome]) => `match ${options.map((one) => one.join("")).join(" ")} ${outcome}\n`);
const policies = fc.tuple(map, map, fc.array(rule, { minLength: 1, maxLength: 8 })).map(([alias, virtual, rules]) =>
  policyOf(
    `table names { "own.test", "host.test" }\nsrs key "k"\naction "own" maildir alias { ${alias} }\n` +
      `action "host" maildir virtual { ${virtual} } ttl 1h\naction "out" relay srs\n${rules.join("")}`,
  )
);
const candidates = fc.record({
  address: fc.constantFrom("local", "127.0.0.1", "198.51.100.7", "[2001:db8::7]"),
  tag: fc.constantFrom("", "in"),
  username: fc.constantFrom("", "ann"),
  tls: fc.boolean(),
  sender: fc.constantFrom(null, "eve@c.test", "eve@d.test"),
  rcpt: address,
}).map(({ address: at, tag, username, tls, sender, rcpt }): Candidate => ({
  origin: { ...originAt(at, tag), hostname: "<unknown>", username, tls },
  sender: sender === null ? null : mailbox(sender),
  rcpt: mailbox(rcpt),
}));

Deno.test("an explanation is what expansion comes to, and what lookup offers to queue", async () => {
  let accepted = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(policies, candidates, fc.boolean(), async (policy, candidate, isBroken) => {
      const rewriting = rewritingOf(policy, { now: () => 20_000 * 86_400_000 }, hostSha1);
      const options = {
        users,
        names: { "198.51.100.7": "mx.client.test" },
        forwards: { carl: "carl, dora@far.test" },
        broken: isBroken ? ["names"] : [],
        ...(rewriting === null ? {} : { rewriting }),
      };
      const expansion = await expandRecipient(candidate, policy, tablesOf(policy, options));
      const { events, answer } = await explainRecipient(candidate, policy, tablesOf(policy, options));
      const { offers, told } = await askLookup(candidate, policy, options);
      if (expansion.kind === "refused") {
        refused++;
        const { reply, reason } = expansion;
        deepEqual(answer, { kind: "refused", reply: describeReply(reply), reason });
        deepEqual([told, offers], [[{ kind: "refused", request: 1, reply }], []]);
        const last = events.findLast((event) => event.kind === "refused");
        equal(last?.reason, reason);
        return;
      }
      accepted++;
      ok(answer.kind === "accepted");
      const [offer] = offers;
      ok(offer?.kind === "offer");
      const bare = ({ kind, action, rcpt, dest, local, ttlMs }: (typeof answer.envelopes)[number]) => (
        { kind, action, rcpt, dest, local, ttlMs }
      );
      deepEqual(
        answer.envelopes.map(bare),
        offer.drafts.map(({ sender: _sender, origin: _origin, dsn: _dsn, handling: _handling, ...draft }) => draft),
      );
      deepEqual(
        events.filter((event) => event.kind === "target").map(({ action, target }) => `${action} ${target}`),
        expansion.targets.map(({ action, kind }) => `${action} ${kind}`),
      );
      for (const envelope of answer.envelopes) {
        const isRewritten = envelope.kind === "mta" && candidate.sender !== null &&
          `${envelope.rcpt.localPart}@${envelope.rcpt.domain}` !== `${envelope.dest.localPart}@${envelope.dest.domain}`;
        equal(envelope.sender?.localPart.startsWith("SRS0=") ?? false, isRewritten);
      }
    }),
    { numRuns: 600 },
  );
  ok(accepted > 60 && refused > 60, `${accepted} accepted, ${refused} refused`);
});

Deno.test("the rules of an explanation are those of the file, in order, up to the first that matches", async () => {
  await fc.assert(
    fc.asyncProperty(policies, candidates, async (policy, candidate) => {
      const { events } = await explainRecipient(candidate, policy, tablesOf(policy, { users }));
      const told = Map.groupBy(events.filter((event) => event.kind === "rule"), ({ node }) => node);
      for (const rules of told.values()) {
        deepEqual(rules.map(({ index }) => index), [...rules.keys()]);
        for (const [i, { verdict, tests, place, index }] of rules.entries()) {
          deepEqual(place, policy.rules[index]?.place);
          ok(verdict === "no" || i === rules.length - 1);
          const holds = tests.map((test) => test.holds);
          if (verdict === "matched") ok(holds.every((one) => one === true));
          else deepEqual(holds, [...holds.slice(1).map(() => true), verdict === "no" ? false : null]);
        }
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("explainRecipient() says how each envelope is delivered, and what sender it leaves with", async () => {
  const policy = policyOf(
    'srs key "secret"\naction "in" maildir alias { "list" = "ann, alice@far.test" }\naction "out" relay srs ttl 1d\n' +
      'match from any for domain own.test action "in"\nmatch for any action "out"\n',
  );
  const rewriting = rewritingOf(policy, { now: () => 20_000 * 86_400_000 }, hostSha1)!;
  const rcpt = mailbox("list@own.test");
  const candidate = { origin: originAt("198.51.100.7"), sender: mailbox("eve@c.test"), rcpt };
  const { answer } = await explainRecipient(candidate, policy, tablesOf(policy, { users, rewriting }));
  ok(answer.kind === "accepted");
  deepEqual(answer.envelopes, [
    {
      kind: "mda",
      action: "in",
      rcpt,
      dest: rcpt,
      local: { user: "ann", subAddress: "", exec: null },
      ttlMs: 4 * 86_400_000,
      sender: candidate.sender,
      senderIfSpfFails: null,
      spf: [],
      method: "maildir",
      route: null,
    },
    {
      kind: "mta",
      action: "out",
      rcpt,
      dest: mailbox("alice@far.test"),
      local: null,
      ttlMs: 86_400_000,
      sender: rewriting.encode(mailbox("eve@c.test"), rcpt.domain),
      senderIfSpfFails: null,
      spf: [],
      method: "relay",
      route: null,
    },
  ]);
  const out = policy.actions["out"];
  ok(out?.kind === "relay");
  const asking = { ...policy, actions: { ...policy.actions, out: { ...out, srs: "when-spf-fails" as const } } };
  const asked = await explainRecipient(candidate, asking, tablesOf(asking, { users, rewriting }));
  ok(asked.answer.kind === "accepted");
  deepEqual(asked.answer.envelopes.map(({ sender, senderIfSpfFails }) => [sender, senderIfSpfFails]), [
    [candidate.sender, null],
    [candidate.sender, rewriting.encode(mailbox("eve@c.test"), rcpt.domain)],
  ]);
});

Deno.test("explainRecipient() says where delivery would be with root's rights, which only a plain mbox may be", async () => {
  for (
    const [action, isTold] of [
      ["maildir userbase <users>", true],
      ['mda "/bin/cat" userbase <users>', true],
      ["mbox userbase <users>", false],
      ["maildir userbase <others>", false],
    ] as const
  ) {
    const policy = policyOf(
      `table users { ann = 0:0:/root }\ntable others { ann = 1001:100:/home/ann }\naction "a" ${action}\n` +
        `match for any action "a"\n`,
    );
    const [sender, rcpt] = [mailbox("eve@c.test"), mailbox("ann@example.org")];
    const { events, answer } = await explainRecipient(
      { origin: originAt("local"), sender, rcpt },
      policy,
      tablesOf(policy),
    );
    equal(answer.kind, "accepted");
    equal(events.some((one) => one.kind === "note" && one.text.includes("delivery to ann fails")), isTold, action);
  }
});

Deno.test("lookup explains a recipient to queue in parts, and names its listeners to who asks about another", async () => {
  const policy = policyOf();
  const clock = new FakeClock();
  const tables = tablesOf(policy, { users: ["ann"] });
  const lookup = new Lookup({ clock, policy, tables, log: new KeptLog().log, sessions: noSessions, allow: () => {} });
  const [near, queue] = channelPair<LookupToQueue, QueueToLookup>(clock);
  const told: Extract<LookupToQueue, { kind: "explained" }>[] = [];
  queue.onMessage((message) => void (message.kind === "explained" && told.push(message)));
  lookup.setQueue(near);
  const settle = async () => {
    for (let i = 0; i < 20; i++) await clock.settle();
  };
  const [sender, rcpt] = [mailbox("eve@c.test"), mailbox("root@example.org")];
  const bare = { sender, rcpt, hostname: null, helo: null, username: null, tls: false, tag: null };
  queue.send({ kind: "explain", request: 8, question: { ...bare, address: null, listener: null } });
  await settle();
  deepEqual(told.map(({ request, answer }) => [request, answer?.kind ?? null]), [[8, null], [8, "accepted"]]);
  const { events } = await explainRecipient(
    { origin: { ...originAt("local"), hostname: "mx.example.org", helo: "localhost" }, sender, rcpt },
    policy,
    tables,
  );
  deepEqual(told.flatMap((one) => one.events), events);
  queue.send({ kind: "explain", request: 9, question: { ...bare, address: "192.0.2.1", listener: "smtps" } });
  await settle();
  const answer = { kind: "unknownListener", known: ["socket", "192.0.2.10:25"] } as const;
  deepEqual(told.at(-1), { kind: "explained", request: 9, events: [], answer });
});
