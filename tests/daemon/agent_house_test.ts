/** Who gets an agent, and who does not, whatever delivery asks for. */

import { deepEqual, equal } from "node:assert/strict";
import { type AgentAsker, AgentHouse } from "../../lib/daemon/agent_house.ts";
import { agentsMax } from "../../lib/daemon/supervision.ts";
import type { Grant, Premises } from "../../lib/daemon/privilege.ts";
import type { AgentWork } from "../../lib/daemon/agent_work.ts";
import type { AgentRequest, NamedAccount, NamedExec } from "../../lib/daemon/supervision.ts";
import { KeptLog, policyOf } from "./rig.ts";

const text = `
action "box" maildir "/mail/%{user.username}"
action "bare" maildir "/%{rcpt.user}"
action "out" relay
action "other" maildir userbase { ann = "1001:100:/home/ann" }
action "shared" maildir user vmail
match from any for local action "box"
match from any for domain "other.test" action "other"
match from any for domain "shared.test" action "shared"
match from any for domain "bare.test" action "bare"
match from any for any action "out"
`;
const ann = {
  key: "ann",
  action: "box",
  table: "<getpwnam>",
  account: null,
  user: "ann",
  uid: 1001,
  gid: 100,
  home: "/home/ann",
  accountHome: "/home/ann",
  exec: null,
} satisfies AgentRequest & NamedAccount;
const accounts: Premises["accounts"] = {
  smtpd: { name: "_smtpd", uid: 990, gid: 990 },
  smtpq: { name: "_smtpq", uid: 991, gid: 991 },
};

const delivery: AgentAsker = { process: { name: "delivery", life: 1 }, configuration: { policy: policyOf(text) } };

/** A house whose agents are only written down. `startFails`: they end while they are being started. */
function house(change: { readonly accounts?: Premises["accounts"]; readonly startFails?: boolean } = {}) {
  const log = new KeptLog();
  const started: Grant[] = [];
  const ended = new Map<string, () => void>();
  const stopped: string[] = [];
  const works: AgentWork[] = [];
  const prepared: string[] = [];
  const premises: Premises = { spool: "/q", state: "/s", accounts, includes: [], resolvers: [], ...change };
  const agents = new AgentHouse<AgentAsker>({
    premises,
    log: log.log,
    prepareFile: (path, account) => void prepared.push(`${path} ${account.uid}`),
    start(grant, work, key, _asker, gone) {
      started.push(grant);
      works.push(work);
      ended.set(key, gone);
      if (change.startFails === true) gone();
      return {
        stop(graceMs) {
          stopped.push(`${key} ${graceMs}`);
          return Promise.resolve();
        },
      };
    },
  });
  const refusals = () => log.of("agent-refused").map(({ fields }) => fields["reason"]);
  const waits = () => log.of("agent-waits").map(({ fields }) => fields["user"]);
  return { agents, started, works, prepared, ended, stopped, refusals, waits };
}

/** The n-th account, and the request for its agent. */
function request(n: number): AgentRequest & NamedAccount {
  const home = `/home/u${n}`;
  return { ...ann, key: `u${n}`, user: `u${n}`, uid: 2000 + n, home, accountHome: home };
}

Deno.test("an account that lookup has named gets an agent, with its ids and its directory", () => {
  const { agents, started, refusals } = house();
  agents.allow(ann);
  agents.need(ann, delivery);
  deepEqual(started.map(({ role, account, read, write }) => ({ role, account, read, write })), [
    { role: "agent", account: { name: "ann", uid: 1001, gid: 100 }, read: ["/mail/ann"], write: ["/mail/ann"] },
  ]);
  deepEqual(refusals(), []);
});

Deno.test("without accounts of its own the daemon's agents keep the caller's", () => {
  const { agents, started } = house({ accounts: null });
  agents.allow({ ...ann, uid: 0 });
  agents.need({ ...ann, uid: 0 }, delivery);
  deepEqual(started.map(({ account }) => account), [null]);
});

Deno.test("an account that lookup has not named in each particular gets none", () => {
  for (
    const change of [
      { uid: 1002 },
      { gid: 0 },
      { home: "/home/bob" },
      { home: "/home/ann/" },
      { uid: 100, gid: 1001 },
      { user: "bob" },
      { accountHome: "/" },
      // Its userbase is another table, or it has an account of its own.
      { action: "other" },
      { action: "shared" },
    ]
  ) {
    const { agents, started, waits } = house();
    agents.allow(ann);
    agents.need({ ...ann, ...change }, delivery);
    agents.allow(ann);
    deepEqual([started, waits().length], [[], 1], JSON.stringify(change));
  }
});

Deno.test("an account that lookup names a moment later gets its agent then, once", () => {
  const { agents, started, refusals } = house();
  agents.need(ann, delivery);
  agents.need(ann, delivery);
  agents.allow(request(1));
  equal(started.length, 0);
  agents.allow(ann);
  agents.allow(ann);
  deepEqual([started.map(({ account }) => account?.name), refusals()], [["ann"], []]);
});

Deno.test("of very many requests for accounts that nobody names the oldest are refused, and named ones still count", () => {
  const { agents, started, refusals } = house();
  for (let n = 0; n < agentsMax + 2; n++) agents.need(request(n), delivery);
  deepEqual(refusals(), ["lookup has not named this account", "lookup has not named this account"]);
  agents.allow(request(0));
  agents.allow(request(2));
  deepEqual(started.map(({ account }) => account?.name), ["u2"]);
});

Deno.test("root gets no agent, though lookup has named it", () => {
  const { agents, started, refusals } = house();
  const root = { ...ann, uid: 0, gid: 0, home: "/root" };
  agents.allow(root);
  agents.need(root, delivery);
  deepEqual([started, refusals()], [[], ["mail is not delivered as root"]]);
});

Deno.test("an action that is not there, relays, or has no directory, gives no agent", () => {
  for (
    const [change, reason] of [
      [{ action: "nobody" }, "no such local action"],
      [{ action: "out" }, "no such local action"],
      [{ action: "constructor" }, "no such local action"],
      [{ action: "__proto__" }, "no such local action"],
      [{ action: "bare" }, "the action's path has no fixed directory"],
      [{ user: "../../etc" }, "the action's path has no fixed directory"],
      // Deno would read two paths.
      [{ user: "ann,/etc" }, "the name of its file or directory has a comma"],
    ] as const
  ) {
    const { agents, started, refusals } = house();
    agents.allow({ ...ann, ...change });
    agents.need({ ...ann, ...change }, delivery);
    deepEqual([started, refusals()], [[], [reason]], JSON.stringify(change));
  }
});

Deno.test("one key has one agent at a time; asked for again, the next comes when it has ended", () => {
  const { agents, started, ended } = house();
  agents.allow(ann);
  agents.need(ann, delivery);
  agents.need(ann, delivery);
  agents.need(ann, delivery);
  equal(started.length, 1);
  ended.get("ann")?.();
  equal(started.length, 2);
  ended.get("ann")?.();
  equal(started.length, 2);
});

Deno.test("no more than so many run: who comes later waits, and too many that wait are refused", () => {
  const { agents, started, ended, refusals } = house();
  for (let n = 0; n <= 2 * agentsMax; n++) {
    agents.allow(request(n));
    agents.need(request(n), delivery);
  }
  equal(started.length, agentsMax);
  deepEqual(refusals(), ["too many agents"]);
  ended.get("u3")?.();
  equal(started.length, agentsMax + 1);
  equal(started.at(-1)?.account?.name, `u${agentsMax}`);
});

Deno.test("an agent that cannot be started takes no room", () => {
  const { agents, started } = house({ startFails: true });
  agents.allow(ann);
  for (let n = 0; n < 3 * agentsMax; n++) agents.need(ann, delivery);
  equal(started.length, 3 * agentsMax);
});

Deno.test("stop() ends those that run, and starts none that waited", async () => {
  const { agents, started, ended, stopped } = house();
  for (let n = 0; n <= agentsMax; n++) {
    agents.allow(request(n));
    agents.need(request(n), delivery);
  }
  await agents.stop(500);
  equal(stopped.length, agentsMax);
  equal(stopped[0], "u0 500");
  ended.get("u0")?.();
  equal(started.length, agentsMax);
});

Deno.test("the oldest of very many accounts are forgotten, and can be named again", () => {
  const { agents, started, waits } = house();
  agents.allow(ann);
  const first = request(0);
  agents.allow(first);
  // Named again, it counts as new.
  agents.allow(ann);
  for (let n = 1; n < 100_000; n++) agents.allow({ ...ann, uid: 10_000 + n, gid: 1, home: "/h" });
  agents.need(first, delivery);
  deepEqual(waits(), ["u0"]);
  agents.need(ann, delivery);
  equal(started.length, 1);
  agents.allow(first);
  equal(started.length, 2);
});

const command = { kind: "command", text: "vacation ann", from: "forward" } as const;
const named: NamedExec = { action: "box", user: "ann", exec: command };

Deno.test("a command of a user runs as the user, when lookup has named him and queue the command", () => {
  for (const order of ["lookup first", "queue first"] as const) {
    const { agents, started, works } = house();
    if (order === "lookup first") agents.allow(ann);
    else agents.allowExec(named);
    agents.need({ ...ann, exec: command }, delivery);
    equal(started.length, 0, order);
    if (order === "lookup first") agents.allowExec(named);
    else agents.allow(ann);
    deepEqual(started.map(({ account, read, write, run }) => ({ account, read, write, run })), [
      { account: { name: "ann", uid: 1001, gid: 100 }, read: [], write: [], run: ["/bin/sh"] },
    ], order);
    const [work] = works;
    deepEqual(work?.kind === "deliver" && work.target, { kind: "command", template: "vacation ann" });
  }
});

Deno.test("delivery chooses no command, file or Maildir, and none of another user or of an alias", () => {
  const changes: readonly Partial<AgentRequest>[] = [
    { exec: { ...command, text: "vacation bob" } },
    { exec: { ...command, text: "vacation ann; id" } },
    { exec: { ...command, kind: "file" } },
    { exec: { ...command, kind: "maildir" } },
    { exec: { ...command, from: "table" } },
    { exec: command, user: "bob" },
    { exec: command, action: "other" },
  ];
  for (const change of changes) {
    const { agents, started } = house();
    agents.allow(ann);
    agents.allow({ ...ann, user: "bob" });
    agents.allowExec(named);
    agents.need({ ...ann, ...change }, delivery);
    deepEqual(started, [], JSON.stringify(change));
  }
});

Deno.test("what an alias names runs as the account of aliases, whatever ids delivery gives", () => {
  const { agents, started, works } = house();
  const exec = { kind: "file", text: "/var//log/mail", from: "table" } as const;
  agents.allowExec({ action: "box", user: "_smtpd", exec });
  agents.need({ ...ann, user: "_smtpd", uid: 0, gid: 0, home: "/root", exec }, delivery);
  deepEqual(started.map(({ account, read, write, run }) => ({ account, read, write, run })), [
    { account: accounts?.smtpd, read: ["/var/log/mail"], write: ["/var/log/mail"], run: [] },
  ]);
  const [work] = works;
  deepEqual(work?.kind === "deliver" && [work.owner.accountHome, work.target], [
    "/",
    { kind: "file", path: "/var/log/mail", dotLock: false },
  ]);
});

Deno.test("a path that leads astray gives no agent", () => {
  for (const text of ["/var/../etc/passwd", "/", "/./x", "relative", "/a\0b"]) {
    for (const kind of ["file", "maildir"] as const) {
      const { agents, started, refusals } = house();
      const exec = { kind, text, from: "table" } as const;
      agents.allowExec({ action: "box", user: "_smtpd", exec });
      agents.need({ ...ann, user: "_smtpd", exec }, delivery);
      deepEqual([started, refusals()], [[], ["the path is not absolute and plain"]], text);
    }
  }
});

Deno.test("what a life of delivery waited for is not given to the next one, which counts its agents anew", () => {
  const { agents, started } = house();
  const asker = { process: { name: "delivery", life: 1 }, configuration: { policy: policyOf(text) } };
  agents.need(ann, asker);
  asker.process.life = 2;
  agents.allow(ann);
  equal(started.length, 0);
  agents.need(ann, asker);
  equal(started.length, 1);
});
