import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { parseMailbox } from "../../lib/mail/address.ts";
import { fieldLengthSeen, fieldNameLengthMax, type HeaderFindings, HeaderScanner } from "../../lib/mail/message.ts";

const bob = parseMailbox("Bob@x.test", null) ?? assert.fail();

/** Findings for content given in pieces. */
function scanAll(pieces: readonly string[]): HeaderFindings {
  const scanner = new HeaderScanner(bob);
  for (const piece of pieces) scanner.push(Buffer.from(piece, "latin1"));
  return scanner.finish();
}

/** What has no table of its own. */
function scan(pieces: readonly string[]): Omit<HeaderFindings, "fields" | "length"> {
  const { received, fault, wasDelivered } = scanAll(pieces);
  return { received, fault, wasDelivered };
}

const ok = { received: 0, fault: null, wasDelivered: false };
const blank = "the first line begins with a blank";
const notField = "a line of the header section is no field";
const longName = "the name of a field is too long";
const nameOf = (length: number) => "n".repeat(length);

const table: readonly [name: string, content: string, want: Partial<HeaderFindings>][] = [
  ["nothing", "", {}],
  ["a blank line alone", "\r\n", {}],
  ["a body alone", "\r\nReceived: x\r\nno field\r\n", {}],
  ["a header section alone", "From: a@b\r\nTo: c@d\r\n", {}],
  ["a header section without a last line end", "From: a@b\r\nReceived: x", { received: 1 }],
  ["a field without a value", "Subject:\r\n\r\n", {}],
  ["a body that looks like a header", "A: b\r\n\r\nReceived: x\r\n continued\r\nno field\r\n", {}],
  ["Received fields in any case", "Received: a\r\nRECEIVED: b\r\nreceived : c\r\nX: d\r\n\r\n", { received: 3 }],
  ["folded Received fields", "Received: a\r\n\tReceived: b\r\n Received: c\r\n\r\n", { received: 1 }],
  ["names that begin or end like Received", "Received-SPF: a\r\nX-Received: b\r\nReceive: c\r\n\r\n", {}],
  ["line ends of bare LF", "Received: a\nReceived: b\n\nReceived: c\n", { received: 2 }],
  ["8-bit values", "Subject: caf\xe9\r\n\r\n", {}],
  ["a first line with a blank", " Subject: x\r\n\r\n", { fault: blank }],
  ["a first line with a tab", "\tx\r\n\r\n", { fault: blank }],
  ["a first line of blanks", "  \r\n\r\n", { fault: blank }],
  ["a line that is no field", "Received: a\r\nHello\r\nReceived: b\r\n\r\n", { received: 1, fault: notField }],
  ["a first line that is no field", "Hello,\r\n\r\nbody\r\n", { fault: notField }],
  ["a From line of a mailbox file", "From ann@x.test Tue Mar  3 10:04:05 2026\r\nA: b\r\n\r\n", { fault: notField }],
  ["an empty name", ": x\r\n\r\n", { fault: notField }],
  ["a blank in a name", "My Field: x\r\n\r\n", { fault: notField }],
  ["an 8-bit name", "Caf\xe9: x\r\n\r\n", { fault: notField }],
  ["a control character in a name", "A\x01: x\r\n\r\n", { fault: notField }],
  ["the longest name", `${nameOf(fieldNameLengthMax)}: x\r\n\r\n`, {}],
  ["a name that is too long", `${nameOf(fieldNameLengthMax + 1)}: x\r\n\r\n`, { fault: longName }],
  ["a name without an end", nameOf(3 * fieldLengthSeen), { fault: notField }],
  ["a very long field", `X: ${"v".repeat(3 * fieldLengthSeen)}\r\nReceived: a\r\n\r\n`, { received: 1 }],
  ["a Delivered-To of ours", "Delivered-To: bob@X.TEST\r\n\r\n", { wasDelivered: true }],
  ["a Delivered-To in brackets", "delivered-to : <bob@x.test> \r\nA: b\r\n\r\n", { wasDelivered: true }],
  ["a Delivered-To with quotes", 'Delivered-To: "bob"@x.test\r\n\r\n', { wasDelivered: true }],
  ["a folded Delivered-To", "Delivered-To:\r\n bob@x.test\r\nA: b\r\n\r\n", { wasDelivered: true }],
  ["the second of two Delivered-To", "Delivered-To: a@b\r\nDelivered-To: bob@x.test\r\n\r\n", { wasDelivered: true }],
  ["a Delivered-To at the very end", "Delivered-To: bob@x.test", { wasDelivered: true }],
  ["a Delivered-To before a fault", "Delivered-To: bob@x.test\r\n?\r\n", { wasDelivered: true, fault: notField }],
  ["a Delivered-To of another", "Delivered-To: bob@x.test.example\r\n\r\n", {}],
  ["a Delivered-To that says more", "Delivered-To: bob@x.test, a@b\r\n\r\n", {}],
  ["a Delivered-To in the body", "A: b\r\n\r\nDelivered-To: bob@x.test\r\n", {}],
  ["a Delivered-To after a fault", "?\r\nDelivered-To: bob@x.test\r\n\r\n", { fault: notField }],
  ["a Delivered-To that never ends", `Delivered-To: bob@x.test${" ".repeat(20000)}x\r\n`, { wasDelivered: true }],
];

for (const [name, content, change] of table) {
  const want = { ...ok, ...change };
  Deno.test(`HeaderScanner sees ${name}, whole and octet by octet`, () => {
    assert.deepEqual(scan([content]), want);
    assert.deepEqual(scan([...content]), want);
  });
}

Deno.test("HeaderScanner finds the same in pieces of any size", () => {
  const line = fc.constantFrom(
    "Received: a",
    " folded",
    "Delivered-To: bob@x.test",
    "Delivered-To:",
    " bob@x.test",
    "X: y",
    `Y: ${"y".repeat(fieldLengthSeen)}`,
    `Delivered-To: ${" ".repeat(fieldLengthSeen - 20)}`,
    "no field",
    "",
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.array(fc.nat(20000), { maxLength: 6 }), (lines, cuts) => {
      const content = ["A: b", ...lines].join("\r\n");
      const places = [0, ...cuts.map((cut) => cut % (content.length + 1)).sort((a, b) => a - b), content.length];
      const pieces = places.slice(1).map((place, i) => content.slice(places[i], place));
      const [found, whole] = [scanAll(pieces), scanAll([content])];
      // Where a fault is seen depends on how the line that has it was cut.
      const length = whole.fault === null ? whole.length : found.length;
      assert.deepEqual(found, { ...whole, length });
    }),
    { numRuns: 300 },
  );
});

Deno.test("HeaderScanner is done at the blank line and at a fault, not before", () => {
  const scanner = new HeaderScanner();
  scanner.push(Buffer.from("A: b\r\n"));
  assert.ok(!scanner.isDone);
  scanner.push(Buffer.from("\r"));
  assert.ok(!scanner.isDone);
  scanner.push(Buffer.from("\nbody"));
  assert.ok(scanner.isDone);
  const faulty = new HeaderScanner();
  faulty.push(Buffer.from("no field\r\n"));
  assert.ok(faulty.isDone);
});

Deno.test("HeaderScanner reads a view into a larger array only where it points", () => {
  const whole = Buffer.from("no field\r\nReceived: x\r\n\r\n");
  const scanner = new HeaderScanner();
  scanner.push(new Uint8Array(whole.buffer, whole.byteOffset + 10, whole.length - 10));
  assert.deepEqual(scanner.finish(), { ...ok, received: 1, fields: 1, length: 15 });
});

const sizes: readonly [name: string, content: string, fields: number, length: number][] = [
  ["nothing", "", 0, 0],
  ["a blank line", "\r\nA: b\r\n", 0, 2],
  ["two fields, one of them folded", "A: b\r\n c\r\nD: e\r\n\r\nF: g\r\n", 2, 18],
  ["a section that does not end", "A: b\r\nC: d", 2, 10],
  ["a long line", `A: ${"v".repeat(3 * fieldLengthSeen)}\r\nB: c\r\n\r\nhi`, 2, 3 * fieldLengthSeen + 13],
  ["a long body", `A: b\r\n\r\n${"x".repeat(20000)}`, 1, 8],
  ["many fields", `${"A: b\r\n".repeat(3000)}\r\nbody`, 3000, 18002],
];

for (const [name, content, fields, length] of sizes) {
  Deno.test(`HeaderScanner counts the fields and octets of ${name}`, () => {
    for (const pieces of [[content], content.match(/[^]{1,7}/g) ?? []]) {
      const found = scanAll(pieces);
      assert.deepEqual({ fields: found.fields, length: found.length }, { fields, length });
    }
  });
}
