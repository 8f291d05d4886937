import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { parseMailbox } from "../../lib/mail/address.ts";
import { parseDomain } from "../../lib/mail/domain.ts";
import { editedFieldLengthMax, HeaderEditor, type HeaderEdits, submissionEdits } from "../../lib/mail/header_edit.ts";

const domain = parseDomain("home.test") ?? assert.fail();
const facts = {
  domain,
  sender: parseMailbox("env@x.test", null),
  isMasquerade: false,
  isAuthorAdded: true,
  date: "DATE",
  messageId: "<ID>",
};
const submission = submissionEdits(facts);
const masquerade = submissionEdits({ ...facts, isMasquerade: true });
const bound = submissionEdits({ ...facts, isAuthorAdded: false });
const ofNobody = submissionEdits({ ...facts, sender: null });

/** Content given in pieces, edited. */
function edit(pieces: readonly string[], edits = submission): string {
  const editor = new HeaderEditor(edits);
  const out: Buffer[] = [];
  for (const piece of pieces) out.push(editor.push(Buffer.from(piece, "latin1")));
  out.push(editor.finish());
  // What fails is to be read.
  return Buffer.concat(out).toString("latin1").replace(/x{100,}/g, ({ length }) => `(${length})`);
}

const full = "From: <a@x.test>\r\nDate: d\r\nMessage-ID: <m>\r\n";
const dated = "Date: d\r\nMessage-ID: <m>\r\n";
const huge = "x".repeat(editedFieldLengthMax);

const table: readonly [name: string, content: string, want: string, edits?: HeaderEdits][] = [
  ["leaves what is complete", `${full}\r\nbody\r\n`, `${full}\r\nbody\r\n`],
  ["adds what is missing", "\r\nbody\r\n", "From: <env@x.test>\r\nDate: DATE\r\nMessage-ID: <ID>\r\n\r\nbody\r\n"],
  ["adds no author where there has to be one", `${dated}\r\n`, `${dated}\r\n`, bound],
  [
    "adds an author where the sender is nobody",
    `${dated}\r\n`,
    `${dated}From: <MAILER-DAEMON@home.test>\r\n\r\n`,
    ofNobody,
  ],
  ["adds to nothing at all", "", "From: <env@x.test>\r\nDate: DATE\r\nMessage-ID: <ID>\r\n"],
  [
    "adds after a header section alone",
    "Subject: s\r\nDate: d\r\n",
    "Subject: s\r\nDate: d\r\nFrom: <env@x.test>\r\nMessage-ID: <ID>\r\n",
  ],
  [
    "gives a last line its end",
    "Message-ID: <m>\r\nDate: d\r\nFrom: a@x.test",
    "Message-ID: <m>\r\nDate: d\r\nFrom: a@x.test\r\n",
  ],
  [
    "knows names in any case",
    "FROM: a@x.test\r\ndate : d\r\nmessage-Id: <m>\r\n\r\n",
    "FROM: a@x.test\r\ndate : d\r\nmessage-Id: <m>\r\n\r\n",
  ],
  ["does not take a body for fields", `${full}\r\nBcc: c\r\nTo: ann\r\n`, `${full}\r\nBcc: c\r\nTo: ann\r\n`],
  [
    "removes Bcc and Return-Path",
    `Bcc: a@x.test,\r\n b@x.test\r\n${full}bcc:\r\nReturn-Path: <a@b>\r\nResent-Bcc: c\r\n\r\n`,
    `${full}\r\n`,
  ],
  ["removes a Bcc that is too long to hold", `Bcc: ${huge}\r\n ${huge}\r\n${full}\r\n`, `${full}\r\n`],
  [
    "keeps a field that is too long to hold",
    `${full}To: ann,\r\n ${huge}\r\n\r\n`,
    `${full}To: ann,\r\n (${huge.length})\r\n\r\n`,
  ],
  ["keeps a line without end", `${full}To: ${huge}${huge}`, `${full}To: (${2 * huge.length})\r\n`],
  [
    "completes addresses",
    `${full}To: ann, "B, o" <bob> (x),\r\n Team: c;, d@y.test, <>\r\n\r\n`,
    `${full}To: ann@home.test, "B, o" <bob@home.test> (x),\r\n Team: c@home.test;, d@y.test, <>\r\n\r\n`,
  ],
  [
    "completes addresses in each field that holds some",
    `${dated}From: a\r\nSender: b\r\nReply-To: c\r\nCc: d\r\nResent-From: e\r\nResent-To: f\r\nX-To: g\r\nSubject: h\r\n\r\n`,
    `${dated}From: a@home.test\r\nSender: b@home.test\r\nReply-To: c@home.test\r\nCc: d@home.test\r\n` +
    "Resent-From: e@home.test\r\nResent-To: f@home.test\r\nX-To: g\r\nSubject: h\r\n\r\n",
  ],
  ["leaves a list that cannot be read", `${full}To: ann bob\r\n\r\n`, `${full}To: ann bob\r\n\r\n`],
  [
    "leaves a list that would get too long",
    `${full}To: ${"a,".repeat(9000)}a\r\n\r\n`,
    `${full}To: ${"a,".repeat(9000)}a\r\n\r\n`,
  ],
  ["folds what gets too long for a line", `${full}To: ${"abc, ".repeat(190)}d\r\n\r\n`, `${full}${foldedTo(190)}\r\n`],
  [
    "names a sender of several authors",
    `${dated}From: a@x.test, b@x.test\r\n\r\n`,
    `${dated}From: a@x.test, b@x.test\r\nSender: <env@x.test>\r\n\r\n`,
  ],
  [
    "names a sender of several From fields",
    `${dated}From: a@x.test\r\nFrom: b@x.test\r\n\r\n`,
    `${dated}From: a@x.test\r\nFrom: b@x.test\r\nSender: <env@x.test>\r\n\r\n`,
  ],
  [
    "leaves the sender of several authors",
    `${dated}From: a@x.test, b@x.test\r\nSender: b\r\n\r\n`,
    `${dated}From: a@x.test, b@x.test\r\nSender: b@home.test\r\n\r\n`,
  ],
  [
    "puts the sender in the author's place",
    `${dated}From: Ann <a@x.test>\r\n\r\n`,
    `${dated}From: Ann <env@x.test>\r\n\r\n`,
    masquerade,
  ],
  [
    "puts the sender in place of a bare address",
    `${dated}From: a@x.test (Ann)\r\n\r\n`,
    `${dated}From: env@x.test (Ann)\r\n\r\n`,
    masquerade,
  ],
  [
    "puts the sender in place of a folded author",
    `${dated}From: "A, n"\r\n <a\r\n @x.test>\r\n\r\n`,
    `${dated}From: "A, n"\r\n <env@x.test>\r\n\r\n`,
    masquerade,
  ],
  [
    "puts one sender in place of several authors",
    `${dated}From: a@x.test, b@x.test\r\n\r\n`,
    `${dated}From: <env@x.test>\r\n\r\n`,
    masquerade,
  ],
  [
    "puts the sender in place of a group",
    `${dated}From: T: a@x.test;\r\n\r\n`,
    `${dated}From: <env@x.test>\r\n\r\n`,
    masquerade,
  ],
  [
    "puts the sender in place of what is no address",
    `${dated}From: ceo at bank\r\n\r\n`,
    `${dated}From: <env@x.test>\r\n\r\n`,
    masquerade,
  ],
  [
    "passes on what is no header section",
    "no field\r\nTo: a\r\n",
    "no field\r\nTo: a@home.test\r\nFrom: <env@x.test>\r\nDate: DATE\r\nMessage-ID: <ID>\r\n",
  ],
];

/** To with `count` addresses, completed, and folded before 998 octets. */
function foldedTo(count: number): string {
  let text = `To: ${"abc@home.test, ".repeat(count)}d@home.test`;
  let out = "";
  while (text.length > 998) {
    const cut = text.lastIndexOf(" ", 998);
    out += `${text.slice(0, cut)}\r\n`;
    text = text.slice(cut);
  }
  return `${out}${text}\r\n`;
}

for (const [name, content, want, edits] of table) {
  Deno.test(`HeaderEditor ${name}`, () => {
    assert.equal(edit([content], edits), want);
    const sevens = content.match(/[^]{1,7}/g) ?? [];
    assert.equal(edit(sevens, edits), want);
  });
}

Deno.test("HeaderEditor leaves nobody an author of his own choice for the length of the field", () => {
  const added = "From: <env@x.test>\r\n";
  const long = `From: (${huge}) <ceo@bank.test>\r\n`;
  const folded = `From:${`\r\n (${"x".repeat(900)})`.repeat(80)} ceo@bank.test\r\n`;
  for (const content of [long, folded]) {
    for (const pieces of [[content], content.match(/[^]{1,1000}/g) ?? []]) {
      assert.equal(edit([dated, ...pieces, "\r\nhi\r\n"], masquerade), `${dated}${added}\r\nhi\r\n`);
    }
  }
  // Short enough as it comes, and too long with the sender in it.
  const name = "x".repeat(editedFieldLengthMax - 12);
  assert.equal(edit([`${dated}From: ${name} <c>\r\n\r\n`], masquerade), `${dated}${added}\r\n`);
});

Deno.test("HeaderEditor removes fields by what they say", () => {
  const edits: HeaderEdits = {
    isRemoved: (name, value) => name === "authentication-results" && /^\s*mx\.test\b/.test(value),
    domain: null,
    author: null,
    missing: [],
  };
  const own = "Authentication-Results: mx.test; none\r\n";
  const others = "Authentication-Results:\r\n mx.other; none\r\nTo: ann\r\n";
  const folded = "authentication-results:\r\n\tmx.test;\r\n spf=pass\r\n";
  assert.equal(edit([`${own}${others}${folded}\r\nhi\r\n`], edits), `${others}\r\nhi\r\n`);
});

const line = fc.constantFrom(
  "From: ann, bob\r\n",
  "Bcc: x\r\n",
  "To: ann\r\n",
  " folded, more\r\n",
  "\tx\r\n",
  "\r\n",
  "\r\n\r\n",
  "Date: d\r\n",
  "no field\r\n",
  "To",
  ":",
  " ",
  "\r",
  `X: ${huge}\r\n`,
  ` ${huge}`,
);

Deno.test("HeaderEditor makes the same of pieces of any size", () => {
  const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 30_000, max: 90_000 })), {
    minLength: 1,
    maxLength: 20,
  });
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 12 }),
      cuts,
      fc.constantFrom(submission, masquerade),
      (lines, lengths, edits) => {
        const text = lines.join("");
        const pieces: string[] = [];
        let at = 0;
        for (const length of lengths) {
          pieces.push(text.slice(at, at + length));
          at += length;
        }
        pieces.push(text.slice(at));
        assert.equal(edit(pieces, edits), edit([text], edits));
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("HeaderEditor changes nothing in what it has made", () => {
  fc.assert(
    fc.property(fc.array(line.filter((one) => one.endsWith("\r\n")), { maxLength: 8 }), (lines) => {
      const once = edit([`${lines.join("")}\r\nbody`]);
      assert.equal(edit([once]), once);
    }),
    { numRuns: 200 },
  );
});
