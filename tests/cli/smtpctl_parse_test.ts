import { deepEqual, equal, match, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { parseSmtpctl, type SmtpctlLine, statusInvalid } from "../../cli/smtpctl_parse.ts";
import type { ControlRequest } from "../../lib/daemon/control.ts";
import { evpIdOf, msgIdOf } from "../../lib/spool/id.ts";
import { mailboxOf } from "../support/envelope.ts";
import { questionOf } from "../support/explain_question.ts";

const message = msgIdOf(0x5f3a9c01);
const envelope = evpIdOf(message, 0xd2e4b677);
const all = { kind: "all" } as const;

const parse = (line: string): SmtpctlLine => parseSmtpctl(line.split(" ").filter((word) => word !== ""));

const question = questionOf(mailboxOf("ann@a.test"), mailboxOf("bob@b.test"));

const requests: readonly [line: string, request: ControlRequest][] = [
  ["show queue", { kind: "showQueue", target: all }],
  ["sh q", { kind: "showQueue", target: all }],
  ["show queue 5F3A9C01", { kind: "showQueue", target: { kind: "message", message } }],
  [`show envelope ${envelope}`, { kind: "showEnvelope", envelope }],
  [`sho e ${envelope}`, { kind: "showEnvelope", envelope }],
  [`show message ${message}`, { kind: "showMessage", message }],
  [`show m ${envelope}`, { kind: "showMessage", message }],
  ["show stats", { kind: "showStats" }],
  ["sh statu", { kind: "showStatus" }],
  [`schedule ${envelope}`, { kind: "schedule", target: { kind: "envelope", envelope } }],
  [`sc ${message}`, { kind: "schedule", target: { kind: "message", message } }],
  ["sched al", { kind: "schedule", target: all }],
  ["remove all", { kind: "remove", target: all }],
  ["rem a", { kind: "remove", target: all }],
  ["pause mda", { kind: "pause", what: "mda" }],
  ["p mt", { kind: "pause", what: "mta" }],
  ["resume smtp", { kind: "resume", what: "smtp" }],
  [`pause env ${envelope}`, { kind: "pauseEnvelope", target: { kind: "envelope", envelope } }],
  ["res e all", { kind: "resumeEnvelope", target: all }],
  ["update table aliases", { kind: "updateTable", table: "aliases" }],
  ["up t al", { kind: "updateTable", table: "al" }],
  ["reload", { kind: "reload", check: false }],
  ["rel -n", { kind: "reload", check: true }],
  ["reload --check", { kind: "reload", check: true }],
  ["st", { kind: "stop" }],
  ["trace rules", { kind: "trace", subjects: ["rules"] }],
  ["t all", { kind: "trace", subjects: ["rules", "expand", "lookup", "filters"] }],
  ["unt lookup", { kind: "untrace", subjects: ["lookup"] }],
  ["explain --from ann@a.test --rcpt bob@b.test", { kind: "explain", question }],
  [
    "ex --from <> --rcpt <bob@b.test> --src 2001:db8::7 --rdns p.test --helo h --auth ann --tls --tag in --listener lo",
    {
      kind: "explain",
      question: {
        ...question,
        sender: null,
        address: "[2001:db8::7]",
        hostname: "p.test",
        helo: "h",
        username: "ann",
        tls: true,
        tag: "in",
        listener: "lo",
      },
    },
  ],
];

Deno.test("parseSmtpctl() takes words and their unique beginnings", () => {
  for (const [line, request] of requests) {
    deepEqual(parse(line), { kind: "request", request, json: false, state: null, config: null }, line);
  }
});

Deno.test("parseSmtpctl() takes options anywhere", () => {
  const request = { kind: "showQueue", target: all };
  for (const line of ["--json --state /x show queue", "show --state=/x queue --json", "sh q --state /x --json"]) {
    deepEqual(parse(line), { kind: "request", request, json: true, state: "/x", config: null }, line);
  }
});

Deno.test("parseSmtpctl() takes the configuration of -f, wherever it stands", () => {
  const request = { kind: "showQueue", target: all };
  for (const line of ["-f /c show queue", "show -f /c queue", "sh q -f /c", "-f/c sh q"]) {
    deepEqual(parse(line), { kind: "request", request, json: false, state: null, config: "/c" }, line);
  }
});

Deno.test("parseSmtpctl() names the possibilities where words are missing, unknown or not unique", () => {
  for (
    const [line, want, lacks] of [
      ["", /^possibilities are:\n {2}smtpctl show queue \[msgid\]\n[^]* {2}smtpctl untrace <keyword>$/, "monitor"],
      ["s", /^"s" fits more than one word\npossibilities are:\n {2}smtpctl show queue/, "smtpctl pause"],
      ["show", /^possibilities are:\n[^]*show status$/, "hosts"],
      [
        "sh stat",
        /fits more than one word\npossibilities are:\n {2}smtpctl show stats\n {2}smtpctl show status$/,
        "queue",
      ],
      ["pause m", /\n {2}smtpctl pause mda\n {2}smtpctl pause mta$/, "pause smtp"],
      ["shwo queue", /^unknown command "shwo"; did you mean show\?\npossibilities are:/, "undefined"],
      ["show quue", /^unknown command "quue"; did you mean queue\?\npossibilities are:\n {2}smtpctl show/, "pause"],
      ["frobnicate", /^unknown command "frobnicate"\npossibilities are:/, "did you"],
    ] as const
  ) {
    const answer = parse(line);
    ok(answer.kind === "wrong" && answer.status === statusInvalid, line);
    match(answer.text, want, line);
    ok(!answer.text.includes(lacks), `${line}: ${answer.text}`);
  }
});

Deno.test("parseSmtpctl() says how to write a command that it knows", () => {
  for (
    const [line, want] of [
      ["schedule", /^missing required argument "evpid\|msgid\|all"\nusage:\n {2}smtpctl schedule <evpid\|msgid\|all>$/],
      ["show queue zz", /^"zz" will not do: a message id has 8 hexadecimal digits\nusage:\n {2}smtpctl show queue/],
      ["show envelope 5f3a9c01", /^"5f3a9c01" will not do: an envelope id has 16 hexadecimal digits\nusage:/],
      ["show message xyz", /a message id has 8 hexadecimal digits, an envelope id 16/],
      ["remove 00000000", /^"00000000" will not do: it is all, a message id/],
      ["remove everything", /^"everything" will not do/],
      ["stop now", /^too many arguments for "stop"/],
      ["show queue 5f3a9c01 5f3a9c02", /^too many arguments/],
      ["--frob", /^unknown option "--frob"\nusage: smtpctl \[-f file\] \[--state directory\] \[--json\] command$/],
      ["show queue --state", /argument missing\nusage:/],
    ] as const
  ) {
    const answer = parse(line);
    ok(answer.kind === "wrong", line);
    equal(answer.status, statusInvalid, line);
    match(answer.text, want, line);
  }
});

Deno.test("parseSmtpctl() reads encrypt", () => {
  for (
    const [line, method, password, json] of [
      ["encrypt", "bcrypt", null, false],
      ["enc secret", "bcrypt", "secret", false],
      ["--json encrypt --method scram", "scram", null, true],
      ["encrypt secret --method argon2id", "argon2id", "secret", false],
    ] as const
  ) deepEqual(parse(line), { kind: "encrypt", method, password, json }, line);
  const other = parse("encrypt --method rot13");
  ok(other.kind === "wrong" && other.status === statusInvalid && other.text.includes("argon2id"));
});

Deno.test("parseSmtpctl() reads spf walk", () => {
  for (
    const [line, four, six, server, json] of [
      ["spf walk", true, true, null, false],
      ["sp w -4", true, false, null, false],
      ["spf walk -6 --json", false, true, null, true],
      ["spf walk -64", true, true, null, false],
      ["spf walk --ipv4 --server 192.0.2.53:5353", true, false, "192.0.2.53:5353", false],
    ] as const
  ) deepEqual(parse(line), { kind: "spfWalk", four, six, server, json }, line);
  const operand = parse("spf walk a.test");
  ok(operand.kind === "wrong" && operand.status === statusInvalid);
  match(operand.text, /^domains are read from standard input: .*\nusage:\n {2}smtpctl spf walk \[options\]$/);
});

Deno.test("parseSmtpctl() knows what is still to come", () => {
  for (
    const [line, words] of [
      ["monitor", "monitor"],
      ["mon", "monitor"],
      ["show hosts", "show hosts"],
      ["show hoststats", "show hoststats"],
      ["sh rel", "show relays"],
      ["show mta paused", "show mta"],
      ["pause mta from 192.0.2.1 for a.test", "pause mta from"],
      ["resume route 7", "resume route"],
    ] as const
  ) deepEqual(parse(line), { kind: "wrong", status: 1, text: `"${words}" is not supported yet` }, line);
});

Deno.test("parseSmtpctl() gives the manual, and help with one command", () => {
  for (const line of ["--help", "-h", "--json -h"]) deepEqual(parse(line), { kind: "manual" }, line);
  const group = parse("show --help");
  ok(group.kind === "help");
  match(group.text, /^Usage: smtpctl show/);
  const leaf = parse("sh q -h");
  ok(leaf.kind === "help");
  match(leaf.text, /^Usage: smtpctl show queue/);
});

Deno.test("parseSmtpctl() keeps no memory of the line before", () => {
  equal(parse("--json show stats").kind, "request");
  deepEqual(parse("show stats"), {
    kind: "request",
    request: { kind: "showStats" },
    json: false,
    state: null,
    config: null,
  });
});

Deno.test("parseSmtpctl() is total", () => {
  const word = fc.oneof(
    fc.constantFrom("show", "queue", "s", "pause", "mta", "all", "--json", "--state", "-h", "--", "-", "", envelope),
    fc.string({ maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 5 }), (words) => {
      const answer = parseSmtpctl(words);
      return answer.kind !== "wrong" || (answer.text !== "");
    }),
    { numRuns: 300 },
  );
});

Deno.test("parseSmtpctl() says what a question lacks, and knows words that trace nothing", () => {
  for (
    const [line, want] of [
      ["explain", /^--from is missing.*\nusage:\n {2}smtpctl explain --from <address> --rcpt <address> \[options\]$/],
      ["explain --from a@a.test", /^--rcpt is missing/],
      ["explain --from ann --rcpt b@b.test", /^--from takes user@domain, not ann\n/],
      ["explain --from a@a.test --rcpt b@b.test --src nowhere", /^--src takes an IP address, not nowhere\n/],
      ["trace everything", /^invalid trace keyword: everything; there are rules, expand, lookup, filters and all$/],
    ] as const
  ) {
    const told = parse(line);
    ok(told.kind === "wrong");
    match(told.text, want);
  }
  deepEqual(parse("trace mta"), {
    kind: "noted",
    text: "trace mta has no effect; rules, expand, lookup, filters and all have",
  });
});

Deno.test("parseSmtpctl() takes --version", () => deepEqual(parse("--version"), { kind: "version" }));
