import { deepEqual, equal, ok } from "node:assert/strict";
import { explanationJson, formatExplanation, type ShownExplanation, viewExplanation } from "../../cli/explain_view.ts";
import { widthOf } from "../../cli/terminal_table.ts";
import { explainRecipient } from "../../lib/daemon/explanation.ts";
import type { ExplainQuestion } from "../../lib/policy/explain.ts";
import { mailbox, originAt, policyOf, tablesOf } from "../policy/tables.ts";

const conf = `table hosted { "shop.test", "club.test" }
table virtuals { "orders@shop.test" = "ann, bob@far.test", "gone@club.test" = "error:550 5.2.1 It was closed" }
action "in" maildir virtual <virtuals>
action "out" relay
match tag office from any for any action "out"
match from any for domain <hosted> action "in"
match from local for any action "out"
`;

async function shown(rcpt: string, change: Partial<ShownExplanation> = {}): Promise<ShownExplanation> {
  const policy = policyOf(conf);
  const question: ExplainQuestion = {
    sender: mailbox("eve@c.test"),
    rcpt: mailbox(rcpt),
    address: "198.51.100.7",
    hostname: null,
    helo: "h.test",
    username: null,
    tls: true,
    tag: null,
    listener: null,
  };
  const { sender } = question;
  const candidate = { origin: originAt("198.51.100.7"), sender, rcpt: mailbox(rcpt) };
  const { events, answer } = await explainRecipient(candidate, policy, tablesOf(policy, { users: ["ann"] }));
  return { question, events, answer, ...change };
}

const screen = { width: 80, color: false };

Deno.test("viewExplanation() shows every rule and step, and what they come to", async () => {
  const text = viewExplanation(await shown("orders@shop.test"), screen);
  deepEqual(text.split("\n"), [
    "from    <eve@c.test>",
    "to      <orders@shop.test>",
    "client  198.51.100.7 helo h.test over TLS",
    "",
    "orders@shop.test",
    '│ ✗ smtpd.conf:5  match tag office from any for any action "out"',
    "│     tag office: the listener has no tag",
    '│ ✓ smtpd.conf:6  match from any for domain <hosted> action "in"',
    "│     for domain <hosted>: the domain is shop.test",
    "│ ✓ <virtuals>  orders@shop.test = ann, bob@far.test",
    "├ user ann",
    "│   ✗ <virtuals>  has no ann@, ann",
    "│   ✓ <getpwnam>  ann = 1000:1000:/home/ann",
    "│   · /home/ann/.forward: there is none",
    "│   → maildir of ann (action in)",
    "└ bob@far.test",
    '    ✗ smtpd.conf:5  match tag office from any for any action "out"',
    "        tag office: the listener has no tag",
    '    ✗ smtpd.conf:6  match from any for domain <hosted> action "in"',
    "        for domain <hosted>: the domain is far.test",
    '    ✓ smtpd.conf:7  match from local for any action "out"',
    "        from local: the mail comes from here",
    "    → relay to bob@far.test (action out)",
    "",
    "accepted  2 envelopes",
    "  1  maildir of ann  action in, for 4d",
    "  2  relay to bob@far.test  action out, for 4d",
    "     from <eve@c.test>",
    "",
  ]);
});

Deno.test("viewExplanation() shows where a refusal comes from", async () => {
  const text = viewExplanation(await shown("gone@club.test"), screen);
  ok(text.includes("└ error 550 5.2.1 It was closed\n    ✗ refused: the entry says so\n"), text);
  ok(text.endsWith("\nrefused  550 5.2.1 It was closed\n"), text);
  const failed = await shown("x@y.test");
  const policy = policyOf(conf.replace("from any for domain", "from local for domain"));
  const candidate = { origin: originAt("198.51.100.7"), sender: null, rcpt: mailbox("x@shop.test") };
  const closed = await explainRecipient(candidate, policy, tablesOf(policy));
  ok(
    viewExplanation({ ...failed, ...closed }, screen).includes("  = The rule on line 6 is for mail from this machine"),
  );
  const broken = await explainRecipient(candidate, policyOf(conf), tablesOf(policyOf(conf), { broken: ["hosted"] }));
  const told = viewExplanation({ ...failed, ...broken }, screen);
  ok(told.includes("! Cannot read table hosted: it is down\n"), told);
  ok(told.includes("! smtpd.conf:6  "), told);
  ok(told.includes("for domain <hosted>: there is no telling\n"), told);
});

Deno.test("viewExplanation() shows the way that mail for others takes", async () => {
  const explained = await shown("orders@shop.test");
  ok(explained.answer.kind === "accepted");
  const via = "MX of far.test";
  const routed = (route: (typeof explained.answer.envelopes)[number]["route"]): string => {
    const envelopes = explained.answer.kind === "accepted" ? explained.answer.envelopes : [];
    const answer = { kind: "accepted", envelopes: envelopes.map((one) => ({ ...one, route })).slice(1) } as const;
    return viewExplanation({ ...explained, answer }, screen).split("     from <eve@c.test>\n")[1] ?? "";
  };
  const hosts = [{ name: "mx.far.test", preference: 10, addresses: ["203.0.113.1", "2001:db8::1"] }];
  equal(
    routed({ kind: "hosts", via, port: 25, hosts }),
    "     by MX of far.test, port 25\n        10 mx.far.test 203.0.113.1 2001:db8::1\n",
  );
  equal(
    routed({ kind: "none", via, reason: "Domain does not exist" }),
    "     by MX of far.test: Domain does not exist\n",
  );
  equal(routed({ kind: "unasked", via }), "     by MX of far.test: not looked up; --dns does\n");
});

Deno.test("viewExplanation() shows both senders where SPF decides, and what it says now", async () => {
  const explained = await shown("orders@shop.test");
  ok(explained.answer.kind === "accepted");
  const [, relayed] = explained.answer.envelopes;
  ok(relayed !== undefined);
  const view = (spf: typeof relayed.spf): string => {
    const envelope = { ...relayed, senderIfSpfFails: mailbox("SRS0=x@shop.test"), spf };
    const answer = { kind: "accepted", envelopes: [envelope] } as const;
    return viewExplanation({ ...explained, answer }, { width: 100, color: false }).split("\n     from ")[1] ?? "";
  };
  const either = "<eve@c.test>\n       or <SRS0=x@shop.test> where SPF does not let us send for <eve@c.test>\n";
  equal(view([]), `${either}          asked when the mail leaves\n`);
  equal(
    view([{ address: "192.0.2.1", result: "pass" }, { address: "2001:db8::1", result: "softfail" }]),
    `${either}          192.0.2.1 pass: <eve@c.test>\n          2001:db8::1 softfail: <SRS0=x@shop.test>\n`,
  );
});

Deno.test("viewExplanation() keeps to the width, and colours nothing where there is none", async () => {
  const explained = await shown("orders@shop.test");
  for (const width of [40, 60, 80]) {
    const lines = viewExplanation(explained, { width, color: false }).split("\n");
    for (const line of lines) ok(widthOf(line) <= width || !line.trim().includes(" "), `${width}: ${line}`);
    // deno-lint-ignore no-control-regex -- escapes are what is looked for
    const bare = viewExplanation(explained, { width, color: true }).replace(/\x1b\[[0-9;]*m/g, "");
    equal(bare, lines.join("\n"));
  }
});

Deno.test("viewExplanation() lets no control character of a stranger through", async () => {
  const explained = await shown("orders@shop.test");
  const events = [...explained.events, { kind: "note", node: 0, text: "a\x1b[31mb" } as const];
  ok(viewExplanation({ ...explained, events }, screen).includes("· a?[31mb\n"));
});

Deno.test("explanationJson() has the question, the tree and the answer, and no passwords", async () => {
  const explained = await shown("orders@shop.test");
  const answer = { kind: "found", value: "u:secret" } as const;
  const event = { kind: "lookup", node: 0, table: "c", service: "credentials", key: "x", answer } as const;
  const value = explanationJson({ ...explained, events: [...explained.events, event] });
  const text = JSON.stringify(value);
  deepEqual(Object.keys(JSON.parse(text)), ["question", "recipient", "answer"]);
  ok(!text.includes("secret"));
  equal(formatExplanation(explained, null, true), `${JSON.stringify(explanationJson(explained), null, 2)}\n`);
  equal(formatExplanation(explained, screen, false), viewExplanation(explained, screen));
  ok(formatExplanation(explained, null, false).startsWith("from    <eve@c.test>\n"));
});

Deno.test("viewExplanation() shows the filters that were tried, and what each was tried on", async () => {
  const policy = policyOf([
    'filter "dyn" phase connect match rdns regex "^dyn" disconnect "550 no"',
    'filter "old" phase mail-from match mail-from "eve@c.test" reject "550 5.7.1 not you"',
    'filter "all" chain { dyn, old }',
    conf,
  ].join("\n"));
  const candidate = { origin: originAt("198.51.100.7"), sender: mailbox("eve@c.test"), rcpt: mailbox("bob@b.test") };
  const filter = { kind: "named", name: "all" } as const;
  const { events, answer } = await explainRecipient(candidate, policy, tablesOf(policy), filter);
  const text = viewExplanation({ ...await shown("bob@b.test"), events, answer }, { width: 120, color: false });
  deepEqual(text.split("\n").slice(4), [
    "bob@b.test",
    '  ✗ smtpd.conf:1  filter dyn phase connect match rdns regex "^dyn" disconnect "550 no"',
    '      rdns regex "^dyn": the client is client.test',
    '  ✓ smtpd.conf:2  filter old phase mail-from match mail-from eve@c.test reject "550 5.7.1 not you"',
    "      mail-from eve@c.test: the sender is eve@c.test",
    "  ✗ refused: the filters refuse it in phase mail-from",
    "",
    "refused  550 5.7.1 not you",
    "",
  ]);
});
