/** What smtp-in and delivery may say. Each message passes; each member that is not what it should be does not. */

import { spfFindingsMax, spfResults } from "../../lib/trust/spf_result.ts";
import { deepEqual, equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  parseDeliveryToLookup,
  parseDeliveryToQueue,
  parseSmtpInToLookup,
  parseSmtpInToQueue,
  parseTableHostToLookup,
  statsMax,
} from "../../lib/daemon/imsg_parse.ts";
import { imsgTextMax } from "../../lib/daemon/fields.ts";
import { envelopesPerMessageMax } from "../../lib/daemon/imsg.ts";
import { routeAddressesMax, routeHostsMax } from "../../lib/delivery/explain_route.ts";
import { outcomeTextMax } from "../../lib/delivery/outcome.ts";
import { exampleEnvelope } from "../support/envelope.ts";
import { msg } from "./rig.ts";

const { origin: { tag: _, ...claim }, sender, rcpt, handling, id } = exampleEnvelope;
const dsn = { notify: ["failure", "delay"], ret: "hdrs", envId: "QQ314159", originalRecipient: "rfc822;Bob@b.test" };
const plainDsn = { notify: [], ret: null, envId: null, originalRecipient: null };
const session = { session: "0123456789abcdef", listener: 2, claim };
const expand = { kind: "expand", request: 7, message: msg(9), ...session, sender, rcpt, dsn, handling };
const outcome = { kind: "delivered", enhanced: "2.0.0", text: "250 2.0.0 Ok", by: "mx.b.test [192.0.2.1]:25" };
const outcomeMessage = { kind: "outcome", envelope: id, at: 1_780_000_000_000, outcome };
const user = { kind: "user", request: 1, table: "<getpwnam>", user: "ann", account: null };

const host = { name: "mx.b.test", preference: 10, addresses: ["203.0.113.1", "2001:db8::1"] };
const routes = [
  { kind: "hosts", via: "MX of b.test", port: 25, hosts: [host] },
  { kind: "none", via: "MX of b.test", reason: "Domain does not exist" },
  { kind: "unasked", via: "MX of b.test" },
] as const;

type Parse = (value: unknown) => unknown;
const good: readonly (readonly [Parse, Record<string, unknown>])[] = [
  [parseSmtpInToLookup, expand],
  [parseSmtpInToLookup, { ...expand, sender: null, dsn: plainDsn }],
  [parseSmtpInToLookup, { ...expand, rcpt: { localPart: "jürgen müller", domain: "xn--bcher-kva.test" } }],
  [parseSmtpInToLookup, { ...expand, dsn: { ...plainDsn, originalRecipient: "utf-8;jürgen@bücher.test" } }],
  [parseSmtpInToLookup, {
    ...expand,
    handling: {
      smtpUtf8: true,
      body: "8bitmime",
      requireTls: true,
      priority: -9,
      holdUntil: 1_780_000_000_000,
      deliverBy: { at: 1_790_000_000_000, mode: "notify", trace: true },
    },
  }],
  [parseSmtpInToLookup, { ...expand, rcpt: { localPart: 'a "b\\ c', domain: "[192.0.2.1]" } }],
  [parseSmtpInToLookup, { ...expand, claim: { ...claim, address: "local", helo: "Tür", tls: true } }],
  [parseSmtpInToQueue, { kind: "body", message: msg(1) }],
  [parseSmtpInToQueue, { kind: "commit", message: msg(1), size: 0, requests: [7] }],
  [parseSmtpInToQueue, { kind: "commit", message: msg(1), size: 300, requests: [3, 9, 4] }],
  [parseSmtpInToQueue, { kind: "rollback", message: msg(1) }],
  [parseSmtpInToQueue, {
    kind: "stats",
    stats: { gauges: { "smtp.session": 3 }, counters: { "smtp.session.total": 10 } },
  }],
  [parseDeliveryToQueue, outcomeMessage],
  ...["relayed", "delayed", "failed"].map((kind) =>
    [parseDeliveryToQueue, { ...outcomeMessage, outcome: { ...outcome, kind } }] as const
  ),
  [parseDeliveryToQueue, { kind: "needChunk", request: 0, message: msg(1), seq: 12 }],
  ...routes.map((route) => [parseDeliveryToQueue, { kind: "route", request: 3, route, spf: [] }] as const),
  [parseDeliveryToQueue, {
    kind: "route",
    request: 3,
    route: { kind: "unasked", via: "x" },
    spf: spfResults.slice(0, spfFindingsMax).map((result) => ({ address: "192.0.2.1", result })),
  }],
  [parseDeliveryToLookup, user],
  [parseDeliveryToLookup, { ...user, account: "vmail" }],
  [parseDeliveryToLookup, { kind: "relay", request: 1, table: "hosts", domain: "b.test" }],
  [parseTableHostToLookup, { kind: "answer", request: 1, answer: { kind: "absent" } }],
  [parseTableHostToLookup, { kind: "answer", request: 1, answer: { kind: "noService" } }],
  [parseTableHostToLookup, { kind: "answer", request: 1, answer: { kind: "found", value: "a|b, c" } }],
  [parseTableHostToLookup, { kind: "answer", request: 1, answer: { kind: "failed", reason: "no database" } }],
  [parseDeliveryToLookup, { kind: "source", request: 1, table: "ours" }],
  [parseDeliveryToLookup, { kind: "helo", request: 1, table: "names", address: "[2001:db8::1]" }],
];

Deno.test("each message passes as it is", () => {
  for (const [parse, message] of good) deepEqual(parse(message), message);
});

Deno.test("members that do not belong are left out", () => {
  for (const [parse, message] of good) deepEqual(parse({ ...message, more: "x", __proto__: { a: 1 } }), message);
});

Deno.test("a message with a member missing, or of another type, is none", () => {
  const others = [undefined, null, true, -1, 0.5, NaN, "\r\n", [], {}, "x".repeat(imsgTextMax + 1)];
  for (const [parse, message] of good) {
    for (const [name, value] of Object.entries(message)) {
      const { [name]: _, ...rest } = message;
      equal(parse(rest), null, `${message["kind"]} without ${name}`);
      for (const other of others) {
        // Null is a path, an account.
        if (other === null && (name === "sender" || name === "account")) continue;
        // A commit for nobody is refused by name, since its sender waits for an answer.
        if (name === "requests" && Array.isArray(other)) continue;
        // It may be that nobody was asked.
        if (name === "spf" && Array.isArray(other)) continue;
        if (typeof other === typeof value && JSON.stringify(other) === JSON.stringify(value)) continue;
        equal(parse({ ...message, [name]: other }), null, `${message["kind"]} ${name}: ${JSON.stringify(other)}`);
      }
    }
  }
});

Deno.test("a kind of another role's is none", () => {
  const parsers = new Set(good.map(([parse]) => parse));
  for (const [own, message] of good) {
    for (const parse of parsers) if (parse !== own) equal(parse(message), null, String(message["kind"]));
  }
});

Deno.test("an address that no parser of ours gives is refused", () => {
  for (
    const bad of [
      { localPart: "", domain: "b.test" },
      { localPart: "a\r\nRCPT TO:<x@y.test>", domain: "b.test" },
      { localPart: "é\u0085", domain: "b.test" },
      { localPart: "a".repeat(256), domain: "b.test" },
      { localPart: "a", domain: "" },
      { localPart: "é\r\n", domain: "b.test" },
      { localPart: "é".repeat(128), domain: "b.test" },
      { localPart: "a", domain: "bé.test" },
      { localPart: "a", domain: "B.test" },
      { localPart: "a", domain: "b.test\r\n" },
      { localPart: "a", domain: "b..test" },
      { localPart: "a", domain: null },
      { localPart: ["a"], domain: "b.test" },
      { domain: "b.test" },
      "a@b.test",
    ]
  ) {
    equal(parseSmtpInToLookup({ ...expand, rcpt: bad }), null, JSON.stringify(bad));
    equal(parseSmtpInToLookup({ ...expand, sender: bad }), null, JSON.stringify(bad));
  }
});

Deno.test("facts of a session are single lines", () => {
  for (const name of ["address", "hostname", "helo", "smtpName", "username"]) {
    for (const bad of ["a\r\nb", "a\0", "\u2028", 7, null, "x".repeat(imsgTextMax + 1)]) {
      equal(parseSmtpInToLookup({ ...expand, claim: { ...claim, [name]: bad } }), null, `${name} ${bad}`);
    }
  }
  equal(parseSmtpInToLookup({ ...expand, claim: { ...claim, tls: 1 } }), null);
});

Deno.test("what the sender asks to be told is of the words there are, each once", () => {
  for (
    const change of [
      { notify: ["always"] },
      { notify: ["failure", "failure"] },
      { notify: "failure" },
      { ret: "some" },
      { envId: "a\r\nb" },
      { envId: 7 },
      { originalRecipient: "rfc822;a\nb" },
      { originalRecipient: undefined },
    ]
  ) equal(parseSmtpInToLookup({ ...expand, dsn: { ...dsn, ...change } }), null, JSON.stringify(change));
});

Deno.test("an outcome is one line, of a known kind and status; a long text is cut", () => {
  const outcomeOf = (change: Record<string, unknown>) =>
    parseDeliveryToQueue({ ...outcomeMessage, outcome: { ...outcome, ...change } });
  for (
    const change of [
      { kind: "forgotten" },
      { enhanced: "3.0.0" },
      { enhanced: "2.0" },
      { enhanced: "2.0.0\r\n" },
      { text: null },
      { by: 7 },
    ]
  ) equal(outcomeOf(change), null, JSON.stringify(change));
  deepEqual(outcomeOf({ text: "250 Ok\r\nBcc: x", by: "a\nb" }), {
    ...outcomeMessage,
    outcome: { ...outcome, text: "250 Ok??Bcc: x", by: "a?b" },
  });
  deepEqual(outcomeOf({ text: "x".repeat(5000) }), {
    ...outcomeMessage,
    outcome: { ...outcome, text: "x".repeat(outcomeTextMax) },
  });
});

Deno.test("recipients of a commit are numbers, each once, and not too many", () => {
  const commit = { kind: "commit", message: msg(1), size: 5 };
  const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
  for (const requests of [[], numbers(envelopesPerMessageMax)]) {
    deepEqual(parseSmtpInToQueue({ ...commit, requests }), { ...commit, requests });
  }
  for (const requests of [[-1], [1.5], ["1"], [null], [[1]], [1, 2, 1], numbers(envelopesPerMessageMax + 1)]) {
    equal(parseSmtpInToQueue({ ...commit, requests }), null, JSON.stringify(requests).slice(0, 50));
  }
});

Deno.test("counters are few, named and finite", () => {
  const many = Object.fromEntries(
    Array.from({ length: statsMax + 1 }, (_, i) => [`a${"b".repeat(i % 50)}.${"c".repeat(i)}`, 1]),
  );
  for (const stats of [many, { "a b": 1 }, { A: 1 }, { a: "1" }, { a: null }, { a: Infinity }, [], 7, null]) {
    for (const [gauges, counters] of [[stats, {}], [{}, stats]]) {
      equal(parseSmtpInToQueue({ kind: "stats", stats: { gauges, counters } }), null, JSON.stringify(stats));
    }
    equal(parseSmtpInToQueue({ kind: "stats", stats }), null, JSON.stringify(stats));
  }
  const none = { kind: "stats", stats: { gauges: {}, counters: {} } };
  deepEqual(parseSmtpInToQueue(none), none);
});

Deno.test("the parsers take anything and never throw", () => {
  const parsers = [...new Set(good.map(([parse]) => parse))];
  const kinds = fc.constantFrom(...new Set(good.map(([, message]) => message["kind"])));
  fc.assert(
    fc.property(fc.anything(), fc.object({ key: fc.constantFrom(...Object.keys(expand), "stats") }), kinds, (
      value,
      fields,
      kind,
    ) => {
      for (const parse of parsers) {
        parse(value);
        parse({ ...fields, kind });
        parse({ ...expand, ...fields });
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("parseTableHostToLookup() takes no value with a line end, none too long, and scrubs reasons", () => {
  const answer = (answer: unknown) => parseTableHostToLookup({ kind: "answer", request: 1, answer });
  for (const value of ["a\nb", "a\rb", "a\0b", "x".repeat(64 * 1024 + 1), 7]) {
    equal(answer({ kind: "found", value }), null);
  }
  for (const other of [null, [], { kind: "other" }, { kind: "failed" }]) equal(answer(other), null);
  deepEqual(answer({ kind: "failed", reason: "a\x1b[2J\n" })?.answer, { kind: "failed", reason: "a?[2J?" });
});

Deno.test("a route is what delivery may find, and no more of it than it may", () => {
  const [hosts] = routes;
  for (
    const route of [
      null,
      {},
      { ...hosts, via: "a\nb" },
      { ...hosts, port: -1 },
      { ...hosts, hosts: null },
      { ...hosts, hosts: Array.from({ length: routeHostsMax + 1 }, () => host) },
      { ...hosts, hosts: [{ ...host, name: 1 }] },
      { ...hosts, hosts: [{ ...host, preference: "10" }] },
      { ...hosts, hosts: [{ ...host, addresses: "203.0.113.1" }] },
      { ...hosts, hosts: [{ ...host, addresses: Array.from({ length: routeAddressesMax + 1 }, () => "203.0.113.1") }] },
      { ...hosts, hosts: [{ ...host, addresses: ["a\nb"] }] },
      { kind: "none", via: "x" },
      { kind: "other", via: "x" },
    ]
  ) equal(parseDeliveryToQueue({ kind: "route", request: 3, route, spf: [] }), null, JSON.stringify(route));
  const finding = { address: "192.0.2.1", result: "pass" };
  for (
    const spf of [
      undefined,
      null,
      "pass",
      [null],
      [{ ...finding, result: "passed" }],
      [{ ...finding, address: 1 }],
      Array(spfFindingsMax + 1).fill(finding),
    ]
  ) {
    const route = { kind: "unasked", via: "x" };
    equal(parseDeliveryToQueue({ kind: "route", request: 3, route, spf }), null, JSON.stringify(spf));
  }
  const scrubbed = parseDeliveryToQueue({
    kind: "route",
    request: 3,
    route: { kind: "none", via: "x", reason: "a\r\nb" },
    spf: [],
  });
  deepEqual(scrubbed, { kind: "route", request: 3, route: { kind: "none", via: "x", reason: "a??b" }, spf: [] });
});
