import { deepEqual, equal, match } from "node:assert/strict";
import { hostSha1 } from "../../lib/host/hash.ts";
import { formatPath } from "../../lib/mail/address.ts";
import { groupBySender, outgoingSender, rewritingOf } from "../../lib/policy/rewrite.ts";
import { expandRecipient } from "../../lib/policy/expand.ts";
import { mailbox, originAt, policyOf, tablesOf } from "./tables.ts";

const srs = { key: "secret", backupKey: null, ttlDays: 4 };
const clock = { now: () => 20_000 * 86_400_000 + 86_399_999 };

Deno.test("outgoingSender() rewrites the sender of mail that is forwarded, where the action says so", () => {
  const long = "x".repeat(240);
  for (
    const [sender, rcpt, dest, has, key, want] of [
      [
        "alice@example.com",
        "box@fwd.example.net",
        "box@far.test",
        true,
        true,
        "SRS0=hkj_=RA=example.com=alice@fwd.example.net",
      ],
      ["alice@example.com", "box@fwd.example.net", "box@far.test", false, true, "alice@example.com"],
      ["alice@example.com", "box@fwd.example.net", "box@far.test", true, false, "alice@example.com"],
      ["alice@example.com", "box@fwd.example.net", "box@fwd.example.net", true, true, "alice@example.com"],
      [null, "box@fwd.example.net", "box@far.test", true, true, ""],
      [`${long}@example.com`, "box@fwd.example.net", "box@far.test", true, true, `${long}@example.com`],
    ] as const
  ) {
    const envelope = { sender: sender === null ? null : mailbox(sender), rcpt: mailbox(rcpt), dest: mailbox(dest) };
    const rewriting = rewritingOf({ srs: key ? srs : null }, clock, hostSha1);
    const { sender: found, senderIfSpfFails } = outgoingSender(envelope, { srs: has, mailFrom: null }, rewriting);
    equal(formatPath(found), `<${want}>`);
    equal(senderIfSpfFails, null);
    // Both forms are at hand where SPF decides.
    const asked = outgoingSender(envelope, { srs: "when-spf-fails", mailFrom: null }, rewriting);
    equal(formatPath(asked.sender), formatPath(envelope.sender));
    const isRewritten = has && `<${want}>` !== formatPath(envelope.sender);
    if (has) equal(formatPath(asked.senderIfSpfFails), isRewritten ? `<${want}>` : "<>");
  }
});

Deno.test("outgoingSender() obeys mail-from first: a domain of ours needs no rewriting", () => {
  const rewriting = rewritingOf({ srs }, clock, hostSha1);
  const envelope = {
    sender: mailbox("alice@example.com"),
    rcpt: mailbox("box@fwd.test"),
    dest: mailbox("box@far.test"),
  };
  for (
    const [mailFrom, want] of [
      ["list@us.test", /^<list@us\.test>$/],
      ["@us.test", /^<alice@us\.test>$/],
      ["list", /^<SRS0=....=RA=example\.com=list@fwd\.test>$/],
    ] as const
  ) {
    match(formatPath(outgoingSender(envelope, { srs: true, mailFrom }, rewriting).sender), want);
    const none = { sender: null, senderIfSpfFails: null };
    for (const has of [true, "when-spf-fails"] as const) {
      deepEqual(outgoingSender({ ...envelope, sender: null }, { srs: has, mailFrom }, rewriting), none);
    }
  }
  const asked = (mailFrom: string) => {
    const { sender, senderIfSpfFails } = outgoingSender(envelope, { srs: "when-spf-fails", mailFrom }, rewriting);
    return `${formatPath(sender)} ${senderIfSpfFails?.domain}`;
  };
  equal(asked("list"), "<list@example.com> fwd.test");
  equal(asked("@us.test"), "<alice@us.test> undefined");
});

Deno.test("groupBySender() keeps apart what may leave with different senders", () => {
  const rewriting = rewritingOf({ srs }, clock, hostSha1);
  const to = (rcpt: string, dest: string) => ({
    sender: mailbox("alice@example.com"),
    rcpt: mailbox(rcpt),
    dest: mailbox(dest),
  });
  const all = [to("a@one.test", "a@far.test"), to("b@far.test", "b@far.test"), to("c@one.test", "c@far.test")];
  const groups = groupBySender(all, { srs: "when-spf-fails", mailFrom: null }, rewriting);
  deepEqual(
    groups.map(({ sender, senderIfSpfFails, group }) =>
      `${sender?.domain} ${senderIfSpfFails?.domain} ${group.map(({ dest }) => dest.localPart).join(" ")}`
    ),
    ["example.com one.test a c", "example.com undefined b"],
  );
});

Deno.test("groupBySender() puts together what leaves with one sender", () => {
  const rewriting = rewritingOf({ srs }, clock, hostSha1);
  const to = (rcpt: string, dest: string) => ({
    sender: mailbox("alice@example.com"),
    rcpt: mailbox(rcpt),
    dest: mailbox(dest),
  });
  const all = [
    to("a@fwd.example.net", "a@far.test"),
    to("b@far.test", "b@far.test"),
    to("c@fwd.example.net", "c@far.test"),
    to("d@two.example.net", "d@far.test"),
  ];
  const shown = (has: boolean) =>
    groupBySender(all, { srs: has, mailFrom: null }, rewriting).map(({ sender, group }) =>
      `${sender?.domain}: ${group.map(({ dest }) => dest.localPart).join(" ")}`
    );
  deepEqual(shown(true), ["fwd.example.net: a c", "example.com: b", "two.example.net: d"]);
  deepEqual(shown(false), ["example.com: a b c d"]);
});

Deno.test("rewritingOf() reads what it has made, for as long as it is good", () => {
  let day = 20_000;
  const rewriting = rewritingOf({ srs }, { now: () => day * 86_400_000 }, hostSha1)!;
  const made = rewriting.encode(mailbox("ann@a.test"), mailbox("x@us.test").domain)!;
  equal(rewriting.decode(made).kind, "address");
  equal(rewriting.decode(mailbox("ann@us.test")).kind, "plain");
  day += 5;
  equal(rewriting.decode(made).kind, "bad");
});

Deno.test("what comes back to a sender that was rewritten is ours, and goes to the one that it stands for", async () => {
  const policy = policyOf(
    'action "in" maildir\naction "out" relay\n' +
      'match from any for domain us.test action "in"\nmatch from local for any action "out"\n',
  );
  const rewriting = rewritingOf({ srs }, clock, hostSha1)!;
  const rcpt = rewriting.encode(mailbox("Ann+x@a.test"), mailbox("x@us.test").domain)!;
  const expand = async (sender: string | null, to: typeof rcpt, has = true) => {
    const tables = tablesOf(policy, { users: ["ann"], ...(has ? { rewriting } : {}) });
    const candidate = { origin: originAt("198.51.100.7"), sender: sender === null ? null : mailbox(sender), rcpt: to };
    return await expandRecipient(candidate, policy, tables);
  };
  const relayed = { kind: "relay", action: "out", dest: mailbox("Ann+x@a.test") } as const;
  deepEqual(await expand(null, rcpt), { kind: "targets", targets: [relayed], warnings: [] });
  const forged = { ...rcpt, localPart: rcpt.localPart.replace("Ann", "eve") };
  const refusedWith = async (sender: string | null, to: typeof rcpt, has = true) => {
    const result = await expand(sender, to, has);
    return result.kind === "refused" ? result.reply.code : result.targets;
  };
  equal(await refusedWith(null, forged), 550);
  equal(await refusedWith("eve@far.test", rcpt), 550);
  equal(await refusedWith(null, rcpt, false), 550);
});
