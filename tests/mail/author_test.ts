import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { formatMailbox } from "../../lib/mail/address.ts";
import { AuthorScanner, type Authorship, authorshipOf, authorsMax } from "../../lib/mail/author.ts";
import { encodeUtf8 } from "../../lib/mail/utf8.ts";
import { editedFieldLengthMax } from "../../lib/mail/header_edit.ts";

/** What was found, in a form that is short. */
function told(authorship: Authorship): string {
  if (authorship.kind === "unclear") return `${authorship.fault} ${authorship.field}`;
  return authorship.authors.map(({ field, mailbox }) => `${field[0]}:${formatMailbox(mailbox)}`).join(" ");
}

function scanned(...pieces: readonly string[]): string {
  const scanner = new AuthorScanner();
  let passed = "";
  for (const piece of pieces) passed += scanner.push(Buffer.from(piece, "latin1")).toString("latin1");
  passed += scanner.finish().toString("latin1");
  ok(passed === pieces.join(""), "content passes unchanged");
  return told(scanner.authorship);
}

const word = (text: string) => `=?utf-8?B?${Buffer.from(text).toString("base64")}?=`;

Deno.test("authorshipOf() reads From as every reader of mail would, or not at all", () => {
  const table: readonly [value: string, want: string][] = [
    ["ann@a.test", "F:ann@a.test"],
    [" Ann Lee <ann@a.test> ", "F:ann@a.test"],
    [' "Lee, Ann" <ann@A.Test> (at home)', "F:ann@a.test"],
    ["ann@a.test, Bob <bob@b.test>", "F:ann@a.test F:bob@b.test"],
    ["ann@a.test, ann@A.test", "F:ann@a.test"],
    ["Team: ann@a.test, Bob <bob@b.test>;, c@c.test", "F:ann@a.test F:bob@b.test F:c@c.test"],
    ["=?utf-8?q?J=C3=BCrgen?= <ann@a.test>", "F:ann@a.test"],
    ["J\xc3\xbcrgen <ann@a.test>", "F:ann@a.test"],
    ["J\xfcrgen <ann@a.test>", "unreadable From"],
    ["<ann@[192.0.2.1]>", "F:ann@[192.0.2.1]"],
    [encodeUtf8("ann@bücher.test"), "F:ann@xn--bcher-kva.test"],
    [encodeUtf8("ann@BÜCHER.test"), "F:ann@xn--bcher-kva.test"],
    [encodeUtf8("jürgen@a.test"), "F:jürgen@a.test"],
    // No author at all.
    ["", "missing From"],
    ["  ", "missing From"],
    ["<>", "missing From"],
    ["undisclosed:;", "missing From"],
    // No list of addresses.
    ["ann", "unreadable From"],
    ["ann bob@b.test", "unreadable From"],
    ["ann@a.test; bob@b.test", "unreadable From"],
    ["ann@a.test bob@b.test", "unreadable From"],
    ["ann@a.test <bob@b.test", "unreadable From"],
    ["ann@a.test (", "unreadable From"],
    ["ann@-a.test", "unreadable From"],
    ["ann@a..test", "unreadable From"],
    // Controls, and text that turns round.
    ["ann\0@a.test", "unreadable From"],
    ['"x\0" <ann@a.test>', "unreadable From"],
    ["(\r) ann@a.test", "unreadable From"],
    ["(\x7f) ann@a.test", "unreadable From"],
    [encodeUtf8("(\u0085) ann@a.test"), "unreadable From"],
    [encodeUtf8('"\u202etset.a@nna" <bob@b.test>'), "unreadable From"],
    [`${word("\u202etset.a@nna")} <bob@b.test>`, "unreadable From"],
    [`${word("a\0b")} <bob@b.test>`, "unreadable From"],
    // Obsolete syntax: what one reader joins, another cuts.
    ["ann . lee@a.test", "unreadable From"],
    ["ann@a. test", "unreadable From"],
    ["ann@(b.test)a.test", "unreadable From"],
    ["ann(x)@a.test", "unreadable From"],
    ["<(x)ann@a.test>", "unreadable From"],
    ["<@b.test:ann@a.test>", "unreadable From"],
    ["<@b.test,@c.test:ann@a.test>", "unreadable From"],
    // Local parts that end early for some readers.
    ['"bob@b.test>"@a.test', "unreadable From"],
    ['"bob@b.test"@a.test', "unreadable From"],
    ['"bob b"@a.test', "unreadable From"],
    ['"ann"@a.test', "F:ann@a.test"],
    ["=?utf-8?q?bob=40b.test=3E?=@a.test", "unreadable From"],
    ["ann@=?utf-8?q?b?=.test", "unreadable From"],
    ['"=\\?utf-8?q?bob=40b.test=3E?="@a.test', "unreadable From"],
  ];
  for (const [value, want] of table) equal(told(authorshipOf([value], [])), want, JSON.stringify(value));
});

Deno.test("authorshipOf() finds addresses where a display name or a comment shows them", () => {
  const shown = "F:ann@a.test F:boss@b.test";
  const table: readonly [value: string, want: string][] = [
    ['"boss@b.test" <ann@a.test>', shown],
    ["boss@b.test <ann@a.test>", shown],
    ['"The Boss (boss@b.test)" <ann@a.test>', shown],
    ['"The Boss <boss@b.test>" <ann@a.test>', shown],
    ["\"'boss@b.test'\" <ann@a.test>", shown],
    ['"boss\\@b.test" <ann@a.test>', shown],
    ['"boss""@b.test" <ann@a.test>', shown],
    ['"mail from boss@b.test." <ann@a.test>', shown],
    ['"boss@b.test!" <ann@a.test>', shown],
    ["ann@a.test (boss@b.test)", shown],
    ["ann@a.test (x (boss@b.test))", shown],
    ["boss@b.test: ann@a.test;", "unreadable From"],
    ['"boss"@b.test <ann@a.test>', shown],
    ["boss@[192.0.2.1] <ann@a.test>", "F:ann@a.test F:boss@[192.0.2.1]"],
    ["boss@(x)b.test <ann@a.test>", "unreadable From"],
    ["boss @ b.test <ann@a.test>", "unreadable From"],
    ["boss@b . test <ann@a.test>", "unreadable From"],
    ["ann@a.test, x: boss(x)@b.test <ann@a.test>;", "unreadable From"],
    ["boss @ b.test <>, ann@a.test", "unreadable From"],
    ['"boss@b.test": ann@a.test;', shown],
    ["=?utf-8?q?boss=40b.test?= <ann@a.test>", shown],
    ["=?UTF-8*en?Q?boss=40b.test?= <ann@a.test>", shown],
    ["=?iso-8859-1?q?boss=40b.test?= <ann@a.test>", shown],
    ["=?utf-8?q?boss=40?= =?utf-8?q?b.test?= <ann@a.test>", shown],
    [`${word("boss@")} ${word("b.test")} <ann@a.test>`, shown],
    [`"${word("boss@b.test")}" <ann@a.test>`, shown],
    [`ann@a.test (${word("boss@b.test")})`, shown],
    [`${word("boss\uff20b.test")} <ann@a.test>`, shown],
    [`${word("boss\u200b@b.\u00adtest")} <ann@a.test>`, shown],
    [`${word("boss@b\u3002test")} <ann@a.test>`, shown],
    [`${word("boss@b\u2024t\ufe0fest")} <ann@a.test>`, shown],
    [`${word("boss@bücher.test")} <ann@a.test>`, "F:ann@a.test F:boss@xn--bcher-kva.test"],
    ["=?x-none?q?boss=40b.test?= <ann@a.test>", "unreadable From"],
    // What only some readers decode so.
    ['"=?utf-8?q?boss=\\40b.test?=" <ann@a.test>', "unreadable From"],
    ['"=\\?utf-8?q?boss=40b.test?=" <ann@a.test>', "unreadable From"],
    ["ann@a.test (=?utf-8?q?boss=\\40b.test?=)", "unreadable From"],
    ['"=?utf-8?q?Ann?= \\(x\\)" <ann@a.test>', "F:ann@a.test"],
    ["=?utf-8?b?Ym9zcw==QGIudGVzdA==?= <ann@a.test>", "unreadable From"],
    [
      `=?utf-16?b?${Buffer.from("boss@b.test", "utf16le").swap16().toString("base64")}?= <ann@a.test>`,
      "unreadable From",
    ],
    [encodeUtf8("=?utf-8?q?bo\u0173s=40b.test?= <ann@a.test>"), "F:ann@a.test F:bo\u0173s@b.test"],
    ['"boss..x@b.test" <ann@a.test>', "unreadable From"],
    // No addresses.
    ['"Ann @ Work" <ann@a.test>', "F:ann@a.test"],
    ['"@ann" <ann@a.test>', "F:ann@a.test"],
    ['"ann@work" <ann@a.test>', "F:ann@a.test"],
    ['"Ann (b.test)" <ann@a.test>', "F:ann@a.test"],
    ['"ann@a.test" <ann@a.test>', "F:ann@a.test"],
  ];
  for (const [value, want] of table) equal(told(authorshipOf([value], [])), want, JSON.stringify(value));
});

Deno.test("authorshipOf() wants one From, and one Sender of one mailbox at most", () => {
  const table: readonly [from: readonly string[], sender: readonly string[], want: string][] = [
    [[], [], "missing From"],
    [[], ["ann@a.test"], "missing From"],
    [["ann@a.test"], ["bob@b.test"], "F:ann@a.test S:bob@b.test"],
    [["ann@a.test, bob@b.test"], ["bob@b.test"], "F:ann@a.test F:bob@b.test"],
    [["ann@a.test", "ann@a.test"], [], "double From"],
    [["ann@a.test"], ["ann@a.test", "ann@a.test"], "double Sender"],
    [["ann@a.test"], [""], "missing Sender"],
    [["ann@a.test"], ["bob bob"], "unreadable Sender"],
    [["ann@a.test"], ["bob@b.test, c@c.test"], "unreadable Sender"],
    [["ann@a.test"], ['"c@c.test" <bob@b.test>'], "F:ann@a.test S:bob@b.test S:c@c.test"],
  ];
  for (const [from, sender, want] of table) equal(told(authorshipOf(from, sender)), want);
});

Deno.test("authorshipOf() takes only so many addresses, and only so long a field", () => {
  const list = (count: number) => Array.from({ length: count }, (_, at) => `u${at}@a.test`).join(", ");
  equal(told(authorshipOf([list(authorsMax)], [])).split(" ").length, authorsMax);
  equal(told(authorshipOf([list(authorsMax + 1)], [])), "tooMany From");
  equal(told(authorshipOf([list(authorsMax)], ["x@a.test"])), "tooMany Sender");
  equal(told(authorshipOf([`ann@a.test (${list(authorsMax)})`], [])), "tooMany From");
  equal(told(authorshipOf([`(${"x".repeat(editedFieldLengthMax)}) ann@a.test`], [])), "unreadable From");
});

Deno.test("authorshipOf() takes no longer for what is made to take long", () => {
  const n = editedFieldLengthMax - 20;
  for (const unit of ["'", ".", "@", "=?", "=?a?q?", "a@", "a@a.", "(", '"', "<", ",", "<>", "a,", "=?a?", "\\"]) {
    const began = performance.now();
    authorshipOf([`"${unit.repeat(n / unit.length)}x" <ann@a.test>`], []);
    authorshipOf([unit.repeat(n / unit.length)], []);
    ok(performance.now() - began < 5000, unit);
  }
});

Deno.test("AuthorScanner finds the fields that a reader of the message finds", () => {
  const table: readonly [name: string, content: string, want: string][] = [
    ["a field", "To: x\r\nFrom: ann@a.test\r\nX: y\r\n\r\nbody", "F:ann@a.test"],
    ["names in any case", "fRoM: ann@a.test\r\nSENDER: bob@b.test\r\n\r\n", "F:ann@a.test S:bob@b.test"],
    ["a blank before the colon", "From \t: ann@a.test\r\n\r\n", "F:ann@a.test"],
    ["two of them, one with a blank", "From: ann@a.test\r\nFrom : bob@b.test\r\n\r\n", "double From"],
    [
      "a folded field",
      "From:\r\n Ann\r\n\t<ann@a.test>,\r\n bob@b.test\r\nTo: x\r\n y\r\n\r\n",
      "F:ann@a.test F:bob@b.test",
    ],
    ["a fold of blanks only", "From: ann@a.test,\r\n \r\n bob@b.test\r\n\r\n", "F:ann@a.test F:bob@b.test"],
    ["a fold in a quoted string", 'From: "boss@b.\r\n test" <ann@a.test>\r\n\r\n', "F:ann@a.test"],
    ["a second field below others", "From: ann@a.test\r\nTo: x\r\nFrom: bob@b.test\r\n\r\n", "double From"],
    ["no field", "To: x\r\n\r\nFrom: ann@a.test\r\n", "missing From"],
    ["nothing", "", "missing From"],
    ["no body and no blank line", "From: ann@a.test", "F:ann@a.test"],
    [
      "names that only begin so",
      "From-X: a@a.test\r\nX-From: b@b.test\r\nFromm: c@c.test\r\nFrom: ann@a.test\r\n\r\n",
      "F:ann@a.test",
    ],
    ["the body is not looked at", "From: ann@a.test\r\n\r\nFrom: bob@b.test\r\n", "F:ann@a.test"],
    ["fields that resend", "Resent-From: bob@b.test\r\nFrom: ann@a.test\r\n\r\n", "F:ann@a.test"],
    ["line ends of LF", "To: x\nFrom: ann@a.test\n\nFrom: bob@b.test\n", "F:ann@a.test"],
    [
      "a field that is too long",
      `From: ann@a.test\r\n (${"x".repeat(editedFieldLengthMax)})\r\n\r\n`,
      "unreadable From",
    ],
    [
      "a line that is too long",
      `From: (${"x".repeat(3 * editedFieldLengthMax)}) ann@a.test\r\n\r\n`,
      "unreadable From",
    ],
    ["another line that is too long", `X: ${"From: x".repeat(3e4)}\r\nFrom: ann@a.test\r\n\r\n`, "F:ann@a.test"],
  ];
  for (const [name, content, want] of table) {
    equal(scanned(content), want, name);
    if (content.length < 1000) equal(scanned(...content), want, `${name}, octet by octet`);
  }
});

Deno.test("AuthorScanner finds the same however the content was cut", () => {
  const line = fc.constantFrom(
    "From: ann@a.test\r\n",
    "From : b@b.test\r\n",
    " c@c.test\r\n",
    "Sender: x@y.test\r\n",
    "\r\n",
    "To: z\r\n",
  );
  fc.assert(fc.property(fc.array(line), fc.array(fc.nat(120)), (lines, cuts) => {
    const content = lines.join("");
    const at = [...new Set(cuts.filter((cut) => cut < content.length))].sort((a, b) => a - b);
    const pieces = [0, ...at].map((from, index) => content.slice(from, at[index] ?? content.length));
    equal(scanned(...pieces), scanned(content));
  }));
});

Deno.test("authorshipOf(): a list that is written plainly comes back whole, whatever names and folds are about it", () => {
  const name = fc.constantFrom("", "Ann ", '"Lee, Ann" ', "=?utf-8?q?=C3=BC?= ", "(x) ");
  const user = fc.stringMatching(/^[a-z0-9]{1,8}$/);
  const one = fc.record({ name, user, host: fc.constantFrom("a.test", "b.c.test", "[192.0.2.1]") });
  fc.assert(fc.property(fc.array(one, { minLength: 1, maxLength: 20 }), (list) => {
    const value = list.map(({ name, user, host }) => `${name}<${user}@${host}>`).join(",  ");
    const want = [...new Set(list.map(({ user, host }) => `F:${user}@${host}`))];
    deepEqual(told(authorshipOf([value], [])).split(" "), want);
  }));
});

Deno.test("authorshipOf() is total, and names no address that is not in the field", () => {
  const piece = fc.constantFrom(
    ..."@<>,;:.()[]\"\\ \t'=?",
    "a",
    "b.test",
    "ann@a.test",
    "=?utf-8?q?",
    "?=",
    "=40",
    "\0",
    "\xff",
    "xn--",
  );
  const whole = fc.constantFrom(
    "<ann@a.test>",
    ", ",
    "boss@b.test ",
    '"boss@b.test" ',
    "=?utf-8?q?boss=40b.test?= ",
    "(boss@b.test) ",
    "Ann ",
  );
  const part = fc.oneof({ weight: 5, arbitrary: whole }, { weight: 1, arbitrary: piece });
  let named = 0;
  const value = fc.array(part, { maxLength: 12 }).map((all) => all.join(""));
  fc.assert(
    fc.property(value, (value) => {
      const found = authorshipOf([value], []);
      if (found.kind === "unclear") return;
      named++;
      // Blanks, quotes, and the signs of encoded words and of what is in them may go.
      const bare = (text: string) => text.replaceAll("=40", "@").replace(/=\?utf-8\?q\?|[\s"\\=?]/g, "").toLowerCase();
      for (const { mailbox: { localPart, domain } } of found.authors) {
        ok(bare(value).includes(bare(`${localPart}@${domain}`)), `${value}: ${localPart}@${domain}`);
      }
    }),
    { numRuns: 2000 },
  );
  ok(named > 20, `${named} were read`);
});
