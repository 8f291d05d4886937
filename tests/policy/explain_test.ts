import { deepEqual, equal } from "node:assert/strict";
import {
  candidateOf,
  describeTest,
  type ExplainQuestion,
  hintsOf,
  ownDomain,
  parseClientAddress,
  parseSenderText,
  traceKeeper,
  treeOf,
} from "../../lib/policy/explain.ts";
import { expandRecipient } from "../../lib/policy/expand.ts";
import type { TraceEvent } from "../../lib/policy/trace.ts";
import { mailbox, originAt, policyOf, tablesOf } from "./tables.ts";
import { questionOf } from "../support/explain_question.ts";

const question = questionOf(mailbox("ann@a.test"), mailbox("bob@b.test"));

const listening =
  'listen on socket tag sock\nlisten on 192.0.2.10 tag in\nlisten on lo port 587 hostname "sub.test" tag out\n' +
  "match from any reject\n";

Deno.test("candidateOf() makes the session that is asked about", () => {
  const policy = policyOf(listening);
  const local = {
    address: "local",
    hostname: "mx.example.org",
    helo: "localhost",
    smtpName: "mx.example.org",
    tag: "sock",
    username: "",
    tls: false,
  };
  const far = { ...local, address: "[2001:db8::7]", hostname: "<unknown>", helo: "[IPv6:2001:db8::7]", tag: "" };
  for (
    const [change, want] of [
      [{}, local],
      [{ tag: "x", username: "ann", tls: true, helo: "h.test" }, {
        ...local,
        tag: "x",
        username: "ann",
        tls: true,
        helo: "h.test",
      }],
      [{ address: "[2001:db8::7]" }, far],
      [{ address: "[2001:db8::7]", hostname: "p.test" }, { ...far, hostname: "p.test" }],
      [{ address: "[2001:db8::7]", listener: "192.0.2.10" }, { ...far, tag: "in" }],
      [{ address: "[2001:db8::7]", listener: "192.0.2.10:25" }, { ...far, tag: "in" }],
      [{ address: "[2001:db8::7]", listener: "127.0.0.1:587" }, { ...far, tag: "out", smtpName: "sub.test" }],
      [{ address: "[2001:db8::7]", listener: "[::1]:587" }, { ...far, tag: "out", smtpName: "sub.test" }],
      [{ address: "[2001:db8::7]", listener: "lo" }, { ...far, tag: "out", smtpName: "sub.test" }],
      [{ address: "[2001:db8::7]", listener: "out" }, { ...far, tag: "out", smtpName: "sub.test" }],
      [{ address: "[2001:db8::7]", listener: "out", tag: "x" }, { ...far, tag: "x", smtpName: "sub.test" }],
    ] as const
  ) {
    const { sender, rcpt } = question;
    deepEqual(candidateOf({ ...question, ...change }, policy), {
      kind: "candidate",
      candidate: { origin: want, sender, rcpt },
      filter: { kind: "none" },
    }, JSON.stringify(change));
  }
});

Deno.test("candidateOf() completes a recipient as the listener would", () => {
  const rcpt = { localPart: "root", domain: ownDomain };
  const policy = policyOf(listening);
  const domainOf = (change: Partial<ExplainQuestion>) => {
    const asked = candidateOf({ ...question, rcpt, ...change }, policy);
    return asked.kind === "candidate" ? asked.candidate.rcpt.domain : asked.kind;
  };
  equal(domainOf({}), policy.serverName);
  equal(domainOf({ address: "192.0.2.7", listener: "out" }), "sub.test");
});

Deno.test("candidateOf() names the listeners that there are for one that is none", () => {
  deepEqual(candidateOf({ ...question, address: "192.0.2.1", listener: "smtps" }, policyOf(listening)), {
    kind: "unknown",
    known: ["socket", "192.0.2.10:25", "127.0.0.1:587", "[::1]:587"],
  });
});

Deno.test("parseClientAddress() gives addresses the form in which rules see them", () => {
  for (
    const [text, want] of [
      ["192.0.2.1", "192.0.2.1"],
      ["2001:DB8::7", "[2001:db8::7]"],
      ["[2001:db8::7]", "[2001:db8::7]"],
      ["local", null],
      ["", null],
      ["192.0.2.0/24", null],
    ] as const
  ) equal(parseClientAddress(text), want, text);
});

Deno.test("parseSenderText() takes addresses with and without brackets, and the null path", () => {
  for (
    const [text, want] of [
      ["ann@a.test", mailbox("ann@a.test")],
      ["<ann@a.test>", mailbox("ann@a.test")],
      ["", null],
      ["<>", null],
      ["ann", undefined],
      ["<ann@a.test", undefined],
      ["ann@a..test", undefined],
    ] as const
  ) deepEqual(parseSenderText(text), want, text);
});

const conf = 'action "in" maildir alias { "list" = "ann, ann, bob@far.test" }\naction "out" relay\n' +
  'match from any for local action "in"\nmatch from local for any action "out"\n';

async function eventsOf(text: string, rcpt: string, from = "198.51.100.7"): Promise<readonly TraceEvent[]> {
  const policy = policyOf(text);
  const { events, tell } = traceKeeper();
  const candidate = { origin: originAt(from), sender: mailbox("eve@c.test"), rcpt: mailbox(rcpt) };
  await expandRecipient(candidate, policy, tablesOf(policy, { users: ["ann"] }), tell);
  return events;
}

Deno.test("treeOf() puts the steps of an expansion below what they are about, in order", async () => {
  const root = treeOf(await eventsOf(conf, "list@localhost"));
  const shown = (element: NonNullable<typeof root>): unknown => [
    element.text,
    element.steps.map(({ kind }) => kind).join(" "),
    ...element.children.map(shown),
  ];
  deepEqual(root && shown(root), [
    "list@localhost",
    "lookup rule",
    [
      "list",
      "lookup",
      ["ann", "lookup lookup forward target"],
      ["ann", "dropped"],
      ["bob@far.test", "lookup rule lookup rule target"],
    ],
  ]);
  equal(treeOf([]), null);
});

Deno.test("traceKeeper() keeps so many steps and says that there are more", () => {
  const { events, tell } = traceKeeper(2);
  for (let i = 0; i < 5; i++) tell({ kind: "note", node: i, text: String(i) });
  deepEqual(events.map((event) => event.kind === "note" && event.text), [
    "0",
    "1",
    "more than 2 steps: the rest is left out",
  ]);
});

Deno.test("describeTest() says what a test was made on", () => {
  for (
    const [option, subject, want] of [
      ["tag in", "", "the listener has no tag"],
      ["!tag in", "out", "the listener has the tag out"],
      ["from local", "192.0.2.1", "the client's address is 192.0.2.1"],
      ["!from local", "local", "the mail comes from here"],
      ["from socket", "an expanded address", "the mail comes from here"],
      ["from rdns <t>", "p.test", "the client is p.test"],
      ["for domain <t>", "b.test", "the domain is b.test"],
      ["helo <t>", "h.test", "the client says h.test"],
      ["auth", "nobody", "nobody has authenticated"],
      ["auth <t>", "", "nobody has authenticated"],
      ["auth <t>", "ann", "the client is ann"],
      ["tls", "TLS", "the session is encrypted"],
      ["!tls", "clear text", "the session is in clear text"],
      ["mail-from <t>", "@", "the sender is <>"],
      ["mail-from <t>", "a@b", "the sender is a@b"],
      ["rcpt-to <t>", "a@b", "the recipient is a@b"],
    ] as const
  ) equal(describeTest({ option, subject, holds: false }), want, option);
});

Deno.test("hintsOf() knows the traps, and never advises an open relay", async () => {
  const trapped = 'action "in" maildir alias { "list" = "bob@far.test" }\naction "out" relay\n';
  for (
    const [rules, rcpt, want] of [
      [
        'match for local action "in"\n',
        "ann@localhost",
        /^The rule on line 3 is for mail from this machine alone. .* for the domains named there, add `from any`/,
      ],
      [
        'match for local action "in"\nmatch for domain x.test action "in"\n',
        "ann@localhost",
        /^The rules on lines 3, 4 are/,
      ],
      ['match for any action "out"\n', "ann@far.test", null],
      ['match from any for domain x.test action "in"\n', "ann@localhost", null],
      ['match from any for local action "in"\n', "list@localhost", /counts as mail from this machine/],
      ['match from any for local action "in"\n', "nobody@localhost", null],
      ["match from any for any reject\n", "ann@localhost", null],
    ] as const
  ) {
    const [hint = null, ...more] = hintsOf(await eventsOf(trapped + rules, rcpt));
    deepEqual(more, []);
    if (want === null) equal(hint, null, rules);
    else equal(want.test(hint ?? ""), true, `${rules}: ${hint}`);
  }
  deepEqual(hintsOf([]), []);
});

Deno.test("candidateOf() finds the filter that has a say, or that listeners differ", () => {
  const policy = policyOf([
    "filter a phase connect match rdns junk",
    "filter b phase connect match rdns junk",
    "listen on socket filter b",
    "listen on 192.0.2.10 filter a",
    "listen on lo port 587 filter a tag out",
    "listen on lo port 2525",
    "match from any reject\n",
  ].join("\n"));
  const one = policyOf("filter a phase connect match rdns junk\nlisten on lo filter a\nmatch from any reject\n");
  for (
    const [change, which, want] of [
      [{}, policy, { kind: "named", name: "b" }],
      [{ address: "192.0.2.1" }, policy, { kind: "unclear" }],
      [{ address: "192.0.2.1", listener: "out" }, policy, { kind: "named", name: "a" }],
      [{ address: "192.0.2.1", listener: "127.0.0.1:2525" }, policy, { kind: "none" }],
      [{ address: "192.0.2.1" }, one, { kind: "named", name: "a" }],
      [{}, one, { kind: "none" }],
    ] as const
  ) {
    const asked = candidateOf({ ...question, ...change }, which);
    deepEqual(asked.kind === "candidate" ? asked.filter : null, want, JSON.stringify(change));
  }
});
