import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { formatMailbox, formatPath } from "../../lib/mail/address.ts";
import { parseDomain } from "../../lib/mail/domain.ts";
import { prepareSubmission, type SubmissionRequest } from "../../lib/mail/submission.ts";

const request: SubmissionRequest = {
  content: "",
  recipients: ["rcpt@r.test"],
  readRecipients: false,
  sender: null,
  fullName: null,
  login: "ann",
  systemName: "Ann Other",
  host: parseDomain("home.test") ?? assert.fail(),
  date: "Tue, 3 Mar 2026 10:04:05 +0100",
  token: "t0ken",
};

/** Contents are compared as latin1: one character per octet. */
function fixture(name: string): string {
  const path = new URL(`../../fixtures/mail/${name}.eml`, import.meta.url);
  return Buffer.from(Deno.readFileSync(path)).toString("latin1");
}

/** Sender, recipients and content of a submission that is fine. */
function prepare(change: Partial<SubmissionRequest>) {
  const result = prepareSubmission({ ...request, ...change });
  if (result.kind !== "ok") assert.fail(result.message);
  return {
    sender: formatPath(result.sender),
    recipients: result.recipients.map(formatMailbox).join(" "),
    content: result.content,
  };
}

const fixtures = [...Deno.readDirSync(new URL("../../fixtures/mail/", import.meta.url))].map((entry) => entry.name)
  .filter((name) => name.endsWith(".in.eml")).map((name) => name.slice(0, -".in.eml".length)).sort();

for (const name of fixtures) {
  Deno.test(`prepareSubmission() makes of ${name}.in.eml what ${name}.out.eml holds, and then leaves it`, () => {
    const { content } = prepare({ content: fixture(`${name}.in`) });
    assert.equal(content, fixture(`${name}.out`));
    assert.equal(prepare({ content }).content, content);
  });
}

const fromBob = "From: Bob <bob@x.test>, ann@x.test\n\n";
const senders: readonly [name: string, change: Partial<SubmissionRequest>, want: string][] = [
  ["the user at our host", { content: "hi\n" }, "<ann@home.test>"],
  ["the author when there is a From field", { content: fromBob }, "<bob@x.test>"],
  ["the author, completed", { content: "From: Bob <bob>\n\n" }, "<bob@home.test>"],
  ["the user when From cannot be read", { content: "From: a b\n\n" }, "<ann@home.test>"],
  ["the user when From names nobody", { content: "From: nobody:;\n\n" }, "<ann@home.test>"],
  ["the one named", { content: fromBob, sender: "carl@y.test" }, "<carl@y.test>"],
  ["the one named in brackets", { content: fromBob, sender: "<carl@y.test>" }, "<carl@y.test>"],
  ["the one named, completed", { content: fromBob, sender: "carl" }, "<carl@home.test>"],
  ["the null path", { content: fromBob, sender: "<>" }, "<>"],
  ["the null path for an empty name", { content: fromBob, sender: "" }, "<>"],
  ["a user whose name needs quotes", { login: "corp\\ann" }, '<"corp\\\\ann"@home.test>'],
];

for (const [name, change, want] of senders) {
  Deno.test(`prepareSubmission() takes for sender ${name}`, () => assert.equal(prepare(change).sender, want));
}

const authors: readonly [name: string, change: Partial<SubmissionRequest>, want: string][] = [
  ["the user's name", {}, "Ann Other <ann@home.test>"],
  ["no name when there is none", { systemName: null }, "<ann@home.test>"],
  ["the name given", { fullName: "A. Nother" }, '"A. Nother" <ann@home.test>'],
  ["no name for another sender", { sender: "bob@x.test" }, "<bob@x.test>"],
  ["the name given for another sender", { sender: "bob@x.test", fullName: "Bob" }, "Bob <bob@x.test>"],
  ["the user for the null path", { sender: "<>", fullName: "Bob" }, "Bob <ann@home.test>"],
];

for (const [name, change, want] of authors) {
  Deno.test(`prepareSubmission() adds a From field with ${name}`, () => {
    assert.ok(
      prepare({ content: "Subject: x\n\n", ...change }).content.startsWith(`Subject: x\nFrom: ${want}\nDate: `),
    );
  });
}

const lists = "To: carl, Dora <dora@y.test>\nCc: carl@home.test\nBcc: greta@z.test\nTo: erik\n\nTo: body@x.test\n";
const recipients: readonly [name: string, change: Partial<SubmissionRequest>, want: string][] = [
  ["an operand", { recipients: ["bob"] }, "bob@home.test"],
  ["operands that are lists", { recipients: ["bob, Carl <c@x.test>", "d@y.test"] }, "bob@home.test c@x.test d@y.test"],
  ["each only once", { recipients: ["bob", "bob@home.test", "Bob"] }, "bob@home.test Bob@home.test"],
  ["operands only without -t", { content: lists, recipients: ["bob"] }, "bob@home.test"],
  [
    "the header's with -t",
    { content: lists, recipients: [], readRecipients: true },
    "carl@home.test dora@y.test greta@z.test erik@home.test",
  ],
  [
    "operands and the header's with -t",
    { content: "To: carl\n\n", recipients: ["bob"], readRecipients: true },
    "bob@home.test carl@home.test",
  ],
];

for (const [name, change, want] of recipients) {
  Deno.test(`prepareSubmission() takes for recipients ${name}`, () => assert.equal(prepare(change).recipients, want));
}

const refused: readonly [name: string, change: Partial<SubmissionRequest>, kind: string, message: string][] = [
  ["no recipients", { recipients: [] }, "noRecipients", "no recipients"],
  ["recipients that are empty", { recipients: [" ", "<>"] }, "noRecipients", "no recipients"],
  [
    "-t without any",
    { recipients: [], readRecipients: true, content: "From: a@b\n\n" },
    "noRecipients",
    "no recipients",
  ],
  ["an operand that is no list", { recipients: ["bob <x"] }, "badAddress", "syntax error in address: bob <x"],
  [
    "a header field that is no list",
    { content: "To: (open\n\n", readRecipients: true },
    "badAddress",
    "syntax error in address: (open",
  ],
  ["a sender that is no address", { sender: "<bob" }, "badAddress", "syntax error in address: <bob"],
  ["two senders", { sender: "bob, carl" }, "badAddress", "syntax error in address: bob, carl"],
];

for (const [name, change, kind, message] of refused) {
  Deno.test(`prepareSubmission() refuses ${name}`, () => {
    assert.deepEqual(prepareSubmission({ ...request, ...change }), { kind, message });
  });
}

Deno.test("prepareSubmission() leaves no line over 997 octets of plain text, no bare CR and no NUL, and is idempotent", () => {
  const line = fc.constantFrom(
    "From: a@b",
    "X: y",
    "Bcc: c@d",
    " z",
    "",
    "x".repeat(998),
    "a\rb",
    "\0",
    "caf\xe9",
    "From ",
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.constantFrom("\n", "\r\n"), (lines, end) => {
      const { content } = prepare({ content: lines.join(end) });
      assert.ok(content.endsWith("\n"));
      assert.ok(!content.includes("\r") && !content.includes("\0"));
      assert.ok(content.split("\n").every((one) => one.length < 998), "a long line");
      assert.equal(prepare({ content }).content, content);
      assert.ok(!/^bcc:/im.test(content.slice(0, content.indexOf("\n\n") + 1)));
    }),
    { numRuns: 500 },
  );
});
