import { deepEqual, match } from "node:assert/strict";
import { type Configuration, planReload } from "../../lib/daemon/reload_plan.ts";
import { policyOf, policyText } from "./rig.ts";

function configuration(text: string = policyText, change: Partial<Configuration> = {}): Configuration {
  return {
    policy: policyOf(text),
    premises: { spool: "/q", state: "/s", accounts: null, includes: [], resolvers: ["192.0.2.53"] },
    resolver: { servers: [{ ip: "192.0.2.53", port: 53 }], timeoutMs: 5000, attempts: 2, hosts: [] },
    selfAddresses: ["192.0.2.10"],
    ...change,
  };
}

const before = configuration();
const kept = ["lookup", "smtp-in"];
const all = ["lookup", "delivery", "smtp-in"];

const cases: readonly (readonly [name: string, after: Configuration, followed: readonly string[]])[] = [
  ["nothing has changed", configuration(), kept],
  ["lines have moved", configuration(`\n\n${policyText}`), kept],
  ["a rule is new", configuration(`${policyText}match from any for domain "x.test" reject\n`), kept],
  ["a table has changed", configuration(policyText.replace("root = ann", "root = bob")), kept],
  ["a listener is new", configuration(`${policyText}listen on 192.0.2.11\n`), kept],
  ["a listener has another name", configuration(`${policyText}listen on 192.0.2.11 hostname b.test\n`), all],
  ["an action has changed", configuration(policyText.replace("relay", "relay ttl 1d")), all],
  ["an action is new", configuration(`${policyText}action "more" relay\nmatch for any action "more"\n`), all],
  [
    "an unnamed table that an action names has another number",
    configuration(
      policyText.replace(`action "out" relay`, `action "out" relay host "smtp://a.test"`)
        .replace("match", `match from any for domain { "x.test", "y.test" } action "out"\nmatch`),
    ),
    all,
  ],
  ["there are other name servers", configuration(policyText, { resolver: { ...before.resolver, servers: [] } }), all],
  ["we have another address", configuration(policyText, { selfAddresses: [] }), all],
];
for (const [name, after, followed] of cases) {
  Deno.test(`planReload() has the right roles followed when ${name}`, () => {
    const plan = planReload(before, after);
    deepEqual([plan.followed, plan.problems], [followed, []]);
  });
}

Deno.test("planReload() tells changes of rights with those of the policy", () => {
  const text = `table more file:/etc/more\n${policyText}match from any for domain <more> action "out"\n`;
  deepEqual(planReload(before, configuration(text)).changes.map(({ group, what }) => `${group} ${what}`), [
    `rule match from any for domain <more> action "out"`,
    "table table more file:/etc/more",
    "privilege lookup: read /etc/more",
  ]);
});

Deno.test("planReload() tells what agents may do that they might not before", () => {
  const [was, now] = ["maildir", 'maildir "/var/vmail/%{user.username}"'].map((method) =>
    configuration(`action "a" ${method} user vmail\nmatch for any action "a"\n`)
  );
  const { changes } = planReload(was!, now!);
  deepEqual(changes.filter(({ group }) => group === "privilege").map(({ kind, what }) => `${kind} ${what}`), [
    "removed agent: read ~USER/Maildir",
    "removed agent: write ~USER/Maildir",
    "added agent: read /var/vmail",
    "added agent: write /var/vmail",
  ]);
});

Deno.test("planReload() knows what needs a restart", () => {
  const spool = { ...before.premises, spool: "/elsewhere" };
  const [queue] = planReload(before, configuration(policyText, { premises: spool })).problems;
  match(queue ?? "", /The queue cannot move from \/q to \/elsewhere by a reload: stop smtpd/);
  const accounts = {
    smtpd: { name: "_smtpd", uid: 1, gid: 1 },
    smtpq: { name: "_smtpq", uid: 2, gid: 2 },
  };
  const [account] =
    planReload(before, configuration(policyText, { premises: { ...before.premises, accounts } })).problems;
  match(account ?? "", /restart smtpd/);
  const policy = {
    ...before.policy,
    queue: { ...before.policy.queue, encryption: { kind: "key", key: "SECRET" } as const },
  };
  const [key] = planReload(before, { ...before, policy }).problems;
  match(key ?? "", /^Encryption of the queue cannot change by a reload: restart smtpd$/);
});

Deno.test("planReload() refuses a path that no role can be given a right to", () => {
  const text = `table more "file:/etc/a,b"\n${policyText}match from any for domain <more> action "out"\n`;
  match(planReload(before, configuration(text)).problems[0] ?? "", /Cannot use \/etc\/a,b: .* comma; rename it/);
});
