import { deepEqual, equal, ok } from "node:assert/strict";
import { AgentPool } from "../../lib/daemon/agent_pool.ts";
import { LocalDelivery, type UserAnswer } from "../../lib/daemon/delivery_local.ts";
import type { Outcome } from "../../lib/delivery/outcome.ts";
import { Fault } from "../../lib/fault.ts";
import { policyOf } from "./rig.ts";
import { contentOf, envelopeTo, type FakeAgent, obliging, Rig } from "./local_rig.ts";

Deno.test("LocalDelivery has the user's agent write the message, and reports it delivered", async () => {
  const rig = new Rig();
  rig.submit(envelopeTo("ann"));
  await rig.settle();
  deepEqual(rig.reports, ["00000001 delivered 2.0.0"]);
  deepEqual(rig.asked, ["users ann"]);
  const [agent] = rig.agents;
  deepEqual(agent?.request, {
    key: "1001:1002:/mail/ann",
    action: "box",
    user: "ann",
    uid: 1001,
    gid: 1002,
    home: "/home/ann",
    accountHome: "/home/ann",
    exec: null,
  });
  deepEqual(agent?.stores.map(({ maildir, prefix, last }) => [maildir?.path, prefix, last]), [[
    "/mail/ann",
    "Return-Path: <ann@alpha.test>\r\nDelivered-To: ann@example.org\r\n",
    true,
  ]]);
  equal(agent?.got[0]?.body, "Subject: x\r\n\r\nHello.\r\n");
  const [line] = rig.kept.of("delivery");
  deepEqual([line?.from, line?.fields["result"], line?.fields["user"], line?.fields["delay"]], [
    "mda",
    "Ok",
    "ann",
    "5s",
  ]);
  equal(rig.local.running, 0);
});

Deno.test("LocalDelivery writes a message of many pieces, one after the other", async () => {
  const rig = new Rig();
  rig.submit(envelopeTo("ann"), contentOf("Subject: x\r\n", "\r\none\r\n", "two\r\n"));
  await rig.settle();
  deepEqual(rig.reports, ["00000001 delivered 2.0.0"]);
  const got = rig.agents[0]!.got.map(({ message, body }) => [message.kind, "last" in message && message.last, body]);
  deepEqual(got, [["store", false, "Subject: x\r\n"], ["more", false, "\r\none\r\n"], ["more", true, "two\r\n"]]);
  equal(new Set(rig.agents[0]!.got.map(({ message }) => message.request)).size, 1);
});

Deno.test("LocalDelivery writes an empty message", async () => {
  for (const content of [contentOf(""), contentOf()]) {
    const rig = new Rig();
    rig.submit(envelopeTo("ann"), content);
    await rig.settle();
    deepEqual(rig.reports, ["00000001 delivered 2.0.0"]);
    equal(rig.agents[0]?.stores[0]?.last, true);
  }
});

Deno.test("LocalDelivery delays, and leaves nothing with the agent, when a later piece cannot be read", async () => {
  const rig = new Rig();
  rig.submit(envelopeTo("ann"), contentOf("Subject: x\r\n", "\r\n", null));
  await rig.settle();
  deepEqual(rig.reports, ["00000001 delayed 4.3.2"]);
  deepEqual(rig.agents[0]?.got.map(({ message }) => message.kind), ["store", "abandon"]);
  equal(rig.local.running, 0);
});

Deno.test("LocalDelivery delays a message that cannot be read at all, and asks no agent for anything", async () => {
  const rig = new Rig();
  rig.submit(envelopeTo("ann"), contentOf(null));
  await rig.settle();
  deepEqual(rig.reports, ["00000001 delayed 4.3.2"]);
  deepEqual(rig.agents[0]?.got, []);
});

const refusals: readonly (readonly [string, Outcome["kind"], string])[] = [
  ["noSpace", "delayed", "4.3.1"],
  ["io", "delayed", "4.3.0"],
  ["denied", "delayed", "4.3.5"],
  ["malformed", "failed", "5.6.0"],
];
for (const [cause, kind, enhanced] of refusals) {
  Deno.test(`LocalDelivery reports ${kind} ${enhanced} when the agent says ${cause}`, async () => {
    const rig = new Rig();
    rig.answerOf = ({ request }) => ({ kind: "notStored", request, cause: cause as "io", text: "Cannot write" });
    rig.submit(envelopeTo("ann"));
    await rig.settle();
    deepEqual(rig.reports, [`00000001 ${kind} ${enhanced}`]);
    equal(rig.outcomes[0]?.text, "Cannot write");
  });
}

Deno.test("LocalDelivery stops at the piece that the agent refuses", async () => {
  const rig = new Rig();
  rig.answerOf = (message) =>
    message.kind === "more"
      ? { kind: "notStored", request: message.request, cause: "noSpace", text: "full" }
      : obliging(message);
  rig.submit(envelopeTo("ann"), contentOf("a", "b", "c", "d"));
  await rig.settle();
  deepEqual(rig.reports, ["00000001 delayed 4.3.1"]);
  deepEqual(rig.agents[0]?.got.map(({ body }) => body), ["a", "b"]);
});

Deno.test("LocalDelivery delays when the agent dies, whatever it was doing", async () => {
  for (const pieces of [["all"], ["one", "two"]]) {
    const rig = new Rig();
    rig.answerOf = () => null;
    rig.submit(envelopeTo("ann"), contentOf(...pieces));
    await rig.settle();
    rig.agents[0]!.channel.die();
    await rig.settle();
    deepEqual(rig.reports, ["00000001 delayed 4.3.2"]);
    rig.answerOf = obliging;
    rig.submit(envelopeTo("ann", 2));
    await rig.settle();
    equal(rig.reports[1], "00000002 delivered 2.0.0");
    equal(rig.needs, 2);
  }
});

Deno.test("LocalDelivery finds out what came to this mailbox before", async () => {
  const looped = "Received: x\r\nDelivered-To: ann@example.org\r\n\r\n";
  const other = "Delivered-To: bob@example.org\r\n\r\nDelivered-To: ann@example.org\r\n";
  for (const [text, outcome] of [[looped, "failed 5.4.6"], [other, "delivered 2.0.0"]] as const) {
    const rig = new Rig();
    rig.submit(envelopeTo("ann"), text);
    await rig.settle();
    deepEqual(rig.reports, [`00000001 ${outcome}`]);
    equal(rig.agents[0]?.stores.length, outcome.startsWith("failed") ? 0 : 1);
  }
});

Deno.test("LocalDelivery finds a loop in a later piece, and leaves nothing with the agent", async () => {
  const rig = new Rig();
  rig.submit(envelopeTo("ann"), contentOf("Received: x\r\n", "Delivered-To: ann@", "example.org\r\n\r\nHello", "more"));
  await rig.settle();
  deepEqual(rig.reports, ["00000001 failed 5.4.6"]);
  deepEqual(rig.agents[0]?.got.map(({ message }) => message.kind), ["store", "more", "abandon"]);
});

const users: readonly (readonly [string, Promise<UserAnswer> | (() => Promise<UserAnswer>), string])[] = [
  ["is absent", Promise.resolve({ kind: "absent" }), "failed 5.1.1"],
  ["has no account to be written with", Promise.resolve({ kind: "noAccount" }), "failed 5.3.5"],
  ["cannot be looked up", Promise.resolve({ kind: "failed" }), "delayed 4.3.2"],
  [
    "is asked for while lookup is gone",
    () => Promise.reject(new Fault("unavailable", "Cannot look up")),
    "delayed 4.3.2",
  ],
];
for (const [what, answer, outcome] of users) {
  Deno.test(`LocalDelivery reports ${outcome} when the user ${what}`, async () => {
    const rig = new Rig();
    rig.findUser = () => (typeof answer === "function" ? answer() : answer);
    rig.submit(envelopeTo("ann"));
    await rig.settle();
    deepEqual(rig.reports, [`00000001 ${outcome}`]);
    equal(rig.needs, 0);
    // Not remembered: somebody may have put it right.
    rig.findUser = () =>
      Promise.resolve({ kind: "found", uid: 1001, gid: 1, home: "/home/ann", accountHome: "/home/ann" });
    rig.submit(envelopeTo("ann", 2));
    await rig.settle();
    equal(rig.reports[1], "00000002 delivered 2.0.0");
  });
}

Deno.test("LocalDelivery never writes as root", async () => {
  const rig = new Rig();
  rig.findUser = () => Promise.resolve({ kind: "found", uid: 0, gid: 0, home: "/root", accountHome: "/root" });
  rig.submit(envelopeTo("ann"));
  await rig.settle();
  deepEqual([rig.reports, rig.needs], [["00000001 failed 5.3.0"], 0]);
});

Deno.test("LocalDelivery delays what its action does not fit: gone, or a relay by now", async () => {
  const rig = new Rig();
  rig.submit(envelopeTo("ann", 1, { action: "gone" }));
  rig.submit(envelopeTo("ann", 2, { action: "out" }));
  await rig.settle();
  deepEqual(rig.reports, ["00000001 delayed 4.3.5", "00000002 delayed 4.3.5"]);
  equal(rig.asked.length, 0);
});

Deno.test("LocalDelivery delays when no agent comes up", async () => {
  const rig = new Rig();
  const alone = new LocalDelivery({
    clock: rig.clock,
    log: rig.kept.log,
    policy: policyOf(),
    sameUser: false,
    agents: new AgentPool(rig.clock, () => {}),
    findUser: (_table, user) => rig.findUser(user),
  });
  const reports: string[] = [];
  alone.submit(envelopeTo("ann"), contentOf("x"), 1, (_id, { kind }) => void reports.push(kind));
  await rig.clock.advance(14_999);
  deepEqual(reports, []);
  await rig.clock.advance(1);
  await rig.settle();
  deepEqual(reports, ["delayed"]);
});

Deno.test("LocalDelivery asks for a user's home once in a burst, and again after two seconds", async () => {
  const rig = new Rig();
  for (let n = 1; n <= 20; n++) rig.submit(envelopeTo("ann", n));
  rig.submit(envelopeTo("bob", 21));
  await rig.settle();
  deepEqual(rig.asked, ["users ann", "users bob"]);
  await rig.clock.advance(2000);
  rig.submit(envelopeTo("ann", 22));
  await rig.settle();
  deepEqual(rig.asked, ["users ann", "users bob", "users ann"]);
  equal(rig.reports.length, 22);
});

Deno.test("LocalDelivery runs 7 deliveries of a user and 50 in all; the rest waits and is done in order", async () => {
  const rig = new Rig();
  const waiting: { readonly agent: FakeAgent; readonly request: number }[] = [];
  rig.answerOf = () => null;
  for (let n = 1; n <= 10; n++) rig.submit(envelopeTo("ann", n));
  await rig.settle();
  equal(rig.local.running, 7);
  for (let user = 0; user < 10; user++) {
    for (let n = 0; n < 6; n++) rig.submit(envelopeTo(`u${user}`, 100 + user * 10 + n));
  }
  await rig.settle();
  equal(rig.local.running, 50);
  // Let everything end, one at a time: never are there more than may be.
  for (let left = 70; left > 0; left--) {
    ok(rig.local.running <= 50);
    for (const agent of rig.agents) {
      for (const { request } of agent.stores) {
        if (waiting.some((one) => one.agent === agent && one.request === request)) continue;
        waiting.push({ agent, request });
      }
    }
    const next = waiting[70 - left]!;
    next.agent.channel.send({ kind: "stored", request: next.request });
    await rig.settle();
  }
  equal(rig.reports.length, 70);
  equal(rig.local.running, 0);
  const own = rig.reports.map((line) => parseInt(line.slice(0, 8), 16)).filter((n) => n <= 10);
  deepEqual(own, own.toSorted((a, b) => a - b));
});

Deno.test("LocalDelivery gives back what waits when the daemon stops, and ends what runs", async () => {
  const rig = new Rig();
  rig.answerOf = () => null;
  for (let n = 1; n <= 9; n++) rig.submit(envelopeTo("ann", n));
  await rig.settle();
  rig.local.abandon();
  deepEqual(rig.reports, ["00000008 delayed 4.3.2", "00000009 delayed 4.3.2"]);
  for (const { request } of rig.agents[0]!.stores) rig.agents[0]!.channel.send({ kind: "stored", request });
  await rig.settle();
  equal(rig.reports.length, 9);
  equal(rig.local.running, 0);
});

Deno.test("LocalDelivery applies no uids when every role keeps the caller's", async () => {
  const rig = new Rig({ sameUser: true });
  rig.findUser = () => Promise.resolve({ kind: "found", uid: 0, gid: 0, home: "/home/ann", accountHome: "/home/ann" });
  rig.submit(envelopeTo("ann"));
  await rig.settle();
  deepEqual(rig.reports, ["00000001 delivered 2.0.0"]);
  equal(rig.agents[0]?.request.key, "/mail/ann");
});

Deno.test("LocalDelivery asks for the account of an action with a user, and shares its agent", async () => {
  const text = `
table users { ann = 1:1:/var/vmail/example.org/ann, bob = 1:1:/var/vmail/example.org/bob }
listen on 192.0.2.10
action "box" maildir "~/Maildir" user "vmail" userbase <users>
match from any for domain "example.org" action "box"
`;
  const rig = new Rig({ text });
  rig.findUser = (user) =>
    Promise.resolve({
      kind: "found",
      uid: 5000,
      gid: 5000,
      home: `/var/vmail/example.org/${user}`,
      accountHome: "/var/vmail",
    });
  rig.submit(envelopeTo("ann", 1));
  rig.submit(envelopeTo("bob", 2));
  await rig.settle();
  deepEqual(rig.asked, ["users ann as vmail", "users bob as vmail"]);
  deepEqual(rig.reports, ["00000001 delivered 2.0.0", "00000002 delivered 2.0.0"]);
  deepEqual(rig.agents.map(({ request }) => request.key), ["5000:5000:/var/vmail/example.org"]);
  deepEqual(rig.agents[0]?.stores.map(({ maildir }) => maildir?.path), [
    "/var/vmail/example.org/ann/Maildir",
    "/var/vmail/example.org/bob/Maildir",
  ]);
});

Deno.test("LocalDelivery has a command of a .forward run as its user, and one of an alias without asking for a user", async () => {
  const rig = new Rig();
  rig.answerOf = (message) =>
    message.kind === "abandon" ? null : {
      kind: "ended",
      request: message.request,
      end: { status: 75, signal: null, timedOut: false, premature: false, text: "busy" },
    };
  const command = { kind: "command", text: "log", from: "forward" } as const;
  const alias = { ...command, from: "table" } as const;
  rig.submit(envelopeTo("ann", 1, { local: { user: "ann", subAddress: "x", exec: command } }));
  await rig.settle();
  rig.submit(envelopeTo("ann", 2, { local: { user: "_smtpd", subAddress: "", exec: alias } }));
  rig.submit(envelopeTo("ann", 3, { local: { user: "ann", subAddress: "", exec: { ...command, text: "other" } } }));
  await rig.settle();
  deepEqual(rig.asked, ["users ann"]);
  deepEqual(rig.outcomes.map(({ kind, text }) => [kind, text]), [
    ["delayed", 'Error (temporary failure: "busy")'],
    ["delayed", 'Error (temporary failure: "busy")'],
    ["delayed", 'Error (temporary failure: "busy")'],
  ]);
  deepEqual(rig.agents.map(({ request }) => [request.key, request.user, request.exec]), [
    ["1001:1002:work1", "ann", command],
    ["1:1:work2", "_smtpd", alias],
    ["1001:1002:work3", "ann", { ...command, text: "other" }],
  ]);
  deepEqual(rig.agents[0]?.stores[0]?.maildir, null);
  equal(rig.agents[0]?.stores[0]?.facts.subAddress, "x");
});

Deno.test("LocalDelivery writes the Maildir that an alias names, and refuses one that leads astray", async () => {
  const rig = new Rig();
  const exec = { kind: "maildir", text: "/srv//box/", from: "table" } as const;
  rig.submit(envelopeTo("ann", 1, { local: { user: "_smtpd", subAddress: "", exec } }));
  rig.submit(envelopeTo("ann", 2, { local: { user: "_smtpd", subAddress: "", exec: { ...exec, text: "/srv/../x" } } }));
  await rig.settle();
  deepEqual(rig.reports.toSorted(), ["00000001 delivered 2.0.0", "00000002 delayed 4.3.5"]);
  deepEqual(rig.agents[0]?.stores[0]?.maildir, { path: "/srv/box", subAddress: "", junk: false });
});

Deno.test("LocalDelivery runs nothing as root", async () => {
  const rig = new Rig();
  rig.findUser = () => Promise.resolve({ kind: "found", uid: 0, gid: 0, home: "/root", accountHome: "/root" });
  const exec = { kind: "command", text: "log", from: "forward" } as const;
  rig.submit(envelopeTo("root", 1, { local: { user: "root", subAddress: "", exec } }));
  await rig.settle();
  deepEqual([rig.reports, rig.needs], [["00000001 failed 5.3.0"], 0]);
});

Deno.test("LocalDelivery bounces mail whose command cannot be made for it", async () => {
  const rig = new Rig();
  rig.answerOf = ({ request }) => ({ kind: "badCommand", request, text: "range is outside the value" });
  const exec = { kind: "command", text: "log %{sender[99]}", from: "forward" } as const;
  rig.submit(envelopeTo("ann", 1, { local: { user: "ann", subAddress: "", exec } }));
  await rig.settle();
  deepEqual(rig.outcomes.map(({ kind, text }) => [kind, text]), [
    ["failed", 'Command of action "box": range is outside the value'],
  ]);
});

Deno.test("LocalDelivery has mail for /dev/null delivered without anybody's help", async () => {
  const rig = new Rig();
  for (const from of ["table", "forward"] as const) {
    const exec = { kind: "file", text: "/dev/null", from } as const;
    rig.submit(envelopeTo("ann", 1, { local: { user: "ann", subAddress: "", exec } }));
  }
  await rig.settle();
  deepEqual(rig.agents.length, 0);
  deepEqual(rig.reports.map((one) => one.split(" ").slice(1, 3).join(" ")), ["delivered 2.0.0", "delivered 2.0.0"]);
});
