import { plainHandling } from "../../lib/smtp/handling.ts";
import { Buffer } from "node:buffer";
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import type { Mailbox } from "../../lib/mail/address.ts";
import { parseMailbox } from "../../lib/mail/address.ts";
import type { MailParameters } from "../../lib/smtp/parameter.ts";
import { replies, type Reply } from "../../lib/smtp/reply.ts";
import {
  completedHeaderLengthMax,
  type ContentAdditions,
  pieceLengthMax,
  Transaction,
} from "../../lib/smtp/transaction.ts";

const plain: MailParameters = { size: null, handling: plainHandling, ret: null, envId: null };
const limits = { maxMessageSize: 1_000_000, maxHops: 3 };
const bare: ContentAdditions = { head: "", missing: null };
const missing = { date: "DATE", messageId: "<ID>" };

function mailbox(text: string): Mailbox {
  const parsed = parseMailbox(text, null);
  if (parsed === null) throw new Error(`${text} is a mailbox`);
  return parsed;
}

interface Stored {
  readonly content: string;
  readonly lengths: readonly number[];
  readonly size: number;
  readonly refusal: Reply | null;
}

/** Sends `pieces` through a transaction. */
function store(pieces: readonly string[], additions = bare, parameters = plain, most = limits): Stored {
  const transaction = new Transaction("00000001", null, parameters, most);
  transaction.begin(additions);
  const out: Uint8Array[] = [];
  for (const piece of pieces) {
    const lent = Buffer.from(piece, "latin1");
    const used = transaction.decode(lent);
    lent.fill("?");
    out.push(...transaction.takePieces());
    if (used >= 0) break;
  }
  return {
    content: Buffer.concat(out).toString("latin1"),
    lengths: out.map((piece) => piece.length),
    size: transaction.size,
    refusal: transaction.refusal,
  };
}

Deno.test("Transaction counts recipients, and names one that is alone", () => {
  const transaction = new Transaction("00000001", mailbox("x@a.test"), plain, limits);
  equal(transaction.onlyRecipient, null);
  transaction.addRecipient(mailbox("y@b.test"));
  deepEqual(transaction.onlyRecipient, mailbox("y@b.test"));
  transaction.addRecipient(mailbox("z@b.test"));
  equal(transaction.onlyRecipient, null);
  equal(transaction.recipients, 2);
});

Deno.test("Transaction joins what MAIL and RCPT asked to be told", () => {
  const transaction = new Transaction("00000001", null, { ...plain, ret: "hdrs", envId: "e" }, limits);
  const first = transaction.dsnOf({ notify: ["never"], originalRecipient: "rfc822;a" });
  deepEqual(first, { notify: ["never"], originalRecipient: "rfc822;a", ret: "hdrs", envId: "e" });
  // Nothing of one recipient sticks to the next.
  const second = transaction.dsnOf({ notify: [], originalRecipient: null });
  deepEqual(second, { notify: [], originalRecipient: null, ret: "hdrs", envId: "e" });
});

Deno.test("Transaction makes one piece of a small message, with our field first", () => {
  const { content, lengths, size } = store(["A: b\r\n\r\nhi", " there\r\n..\r\n", ".\r\n"], {
    head: "Received: us\r\n",
    missing: null,
  });
  equal(content, "Received: us\r\nA: b\r\n\r\nhi there\r\n.\r\n");
  deepEqual(lengths, [content.length]);
  equal(size, content.length);
});

Deno.test("Transaction cuts a large message into pieces of 64 KiB", () => {
  const text = `A: b\r\n\r\n${"0123456789012345678901234567890123456789\r\n".repeat(5000)}`;
  for (const parameters of [plain, { ...plain, size: text.length }, { ...plain, size: 1 }]) {
    const { content, lengths, size } = store([text, ".\r\n"], bare, parameters);
    ok(content === text);
    equal(size, text.length);
    deepEqual(lengths.slice(0, -1), lengths.slice(0, -1).map(() => pieceLengthMax));
    equal(lengths.length, Math.ceil(text.length / pieceLengthMax));
  }
});

Deno.test("Transaction gives out a full piece before the message ends", () => {
  const transaction = new Transaction("00000001", null, plain, limits);
  transaction.begin(bare);
  transaction.decode(Buffer.from(`A: b\r\n\r\n${"x".repeat(100)}\r\n`.repeat(1)));
  equal(transaction.takePieces().length, 0);
  transaction.decode(Buffer.from(`${"x".repeat(998)}\r\n`.repeat(70)));
  deepEqual(transaction.takePieces().map((piece) => piece.length), [pieceLengthMax]);
});

const verdicts: readonly (readonly [string, string, Reply | null])[] = [
  ["a good message", "A: b\r\n\r\nc\r\n", null],
  ["no header", "\r\nc\r\n", null],
  ["nothing", "", null],
  ["a header only", "A: b\r\n", null],
  ["a line that is no field", "A: b\r\nc\r\n", replies.malformedMessage],
  ["a blank first", " A: b\r\n", replies.malformedMessage],
  ["two hops", "Received: a\r\nreceived: b\r\n\r\n", null],
  ["three hops", "Received: a\r\nreceived: b\r\nRECEIVED: c\r\n\r\n", replies.routingLoop],
  ["three hops, one in the body", "Received: a\r\nreceived: b\r\n\r\nReceived: c\r\n", null],
  ["a bare LF", "A: b\nc\r\n", replies.controlInMessage],
  ["a bare LF and no field", "c\r\nd\n\r\n", replies.controlInMessage],
  ["too much", `A: ${"x".repeat(2000)}\r\n`, replies.messageTooBig],
  ["too much and no field", `${"x".repeat(2000)}\r\n`, replies.messageTooBig],
  ["too much and a NUL", `A: ${"x".repeat(2000)}\0\r\n`, replies.controlInMessage],
  ["too long a line and too much", `A: ${"x".repeat(70_000)}\r\n`, replies.lineTooLong],
];

for (const [name, text, want] of verdicts) {
  Deno.test(`Transaction judges ${name}, however it arrives`, () => {
    const small = { maxMessageSize: 1000, maxHops: 3 };
    const whole = `${text}.\r\n`;
    for (const pieces of [[whole], [...whole], whole.match(/[^]{1,7}/g) ?? []]) {
      const { refusal, content, size } = store(pieces, bare, plain, small);
      deepEqual(refusal, want);
      if (want === null) deepEqual([content, size], [text, text.length]);
      else equal(content, "");
    }
  });
}

const completed: readonly (readonly [string, string, string])[] = [
  ["both", "A: b\r\n\r\nc\r\n", "A: b\r\nDate: DATE\r\nMessage-ID: <ID>\r\n\r\nc\r\n"],
  ["a date", "Message-Id: x\r\n\r\nc\r\n", "Message-Id: x\r\nDate: DATE\r\n\r\nc\r\n"],
  ["an id", "DATE : x\r\n\r\nc\r\n", "DATE : x\r\nMessage-ID: <ID>\r\n\r\nc\r\n"],
  ["nothing", "Date: x\r\nMessage-ID: y\r\n\r\n", "Date: x\r\nMessage-ID: y\r\n\r\n"],
  ["both to no header", "\r\nDate: x\r\n", "Date: DATE\r\nMessage-ID: <ID>\r\n\r\nDate: x\r\n"],
  ["both to a header alone", "A: b\r\n", "A: b\r\nDate: DATE\r\nMessage-ID: <ID>\r\n"],
  ["both to nothing", "", "Date: DATE\r\nMessage-ID: <ID>\r\n"],
  [
    "both in spite of like names",
    "X-Date: x\r\nDated: y\r\nA: b\r\n Date: z\r\n\r\n",
    "X-Date: x\r\nDated: y\r\nA: b\r\n Date: z\r\nDate: DATE\r\nMessage-ID: <ID>\r\n\r\n",
  ],
];

for (const [name, text, want] of completed) {
  Deno.test(`Transaction adds ${name} to a local message, however it arrives`, () => {
    const whole = `${text}.\r\n`;
    for (const pieces of [[whole], [...whole], whole.match(/[^]{1,5}/g) ?? []]) {
      const { content, size } = store(pieces, { head: "R: s\r\n", missing });
      equal(content, `R: s\r\n${want}`);
      equal(size, content.length);
    }
  });
}

Deno.test("Transaction adds nothing to a header section that goes on and on", () => {
  const text = "A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n".repeat(completedHeaderLengthMax / 50 + 2);
  const { content, size } = store([text, `\r\nc\r\n.\r\n`], { head: "", missing });
  ok(content === `${text}\r\nc\r\n`);
  equal(size, content.length);
});

Deno.test("Transaction stores what was sent, however it was cut", () => {
  const unit = fc.constantFrom("a", "A: b", ":", " ", "\r\n", "\r\n.", "\r\n\r\n", "\n");
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 20 }), fc.nat(12), fc.boolean(), (text, length, isLocal) => {
      const whole = `${text}\r\n.\r\n`;
      const additions = { head: "H: i\r\n", missing: isLocal ? missing : null };
      const pieces = whole.match(new RegExp(`[^]{1,${length + 1}}`, "g")) ?? [];
      deepEqual(store(pieces, additions), store([whole], additions));
    }),
    { numRuns: 1000 },
  );
});
