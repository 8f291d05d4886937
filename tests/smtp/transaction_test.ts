import { plainHandling } from "../../lib/smtp/handling.ts";
import { Buffer } from "node:buffer";
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import type { Mailbox } from "../../lib/mail/address.ts";
import { parseMailbox } from "../../lib/mail/address.ts";
import type { MailParameters } from "../../lib/smtp/parameter.ts";
import { fieldsMax, headerLengthMax } from "../../lib/smtp/framing.ts";
import { replies, type Reply } from "../../lib/smtp/reply.ts";
import { type ContentAdditions, type ContentStage, pieceLengthMax, Transaction } from "../../lib/smtp/transaction.ts";

const plain: MailParameters = { size: null, handling: plainHandling, ret: null, envId: null };
const limits = { maxMessageSize: 1_000_000, maxHops: 3 };
const bare: ContentAdditions = { head: "", stages: [] };

/** Holds back what comes in threes of octets, marks each, and says when it has ended. */
class Threes implements ContentStage {
  #held = "";

  push(bytes: Buffer): Buffer {
    const text = this.#held + bytes.toString("latin1");
    const end = text.length - text.length % 3;
    this.#held = text.slice(end);
    return Buffer.from(text.slice(0, end).replace(/[^]{3}/g, "<$&>"), "latin1");
  }

  finish(): Buffer {
    return Buffer.from(`${this.#held}$`, "latin1");
  }
}

/** Additions that hold what they have seen: made for each message. */
type Additions = ContentAdditions | (() => ContentAdditions);

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
function store(pieces: readonly string[], additions: Additions = bare, parameters = plain, most = limits): Stored {
  const transaction = new Transaction("00000001", null, parameters, most);
  transaction.begin(typeof additions === "function" ? additions() : additions);
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

/** Sends `pieces` as parts of chunks. */
function storeChunks(
  pieces: readonly string[],
  additions: Additions = bare,
  parameters = plain,
  most = limits,
): Stored {
  const transaction = new Transaction("00000001", null, parameters, most);
  transaction.begin(typeof additions === "function" ? additions() : additions);
  const out: Uint8Array[] = [];
  for (const piece of pieces) {
    const lent = Buffer.from(piece, "latin1");
    transaction.decodeChunk(lent);
    lent.fill("?");
    out.push(...transaction.takePieces());
  }
  transaction.finishChunks();
  out.push(...transaction.takePieces());
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
    stages: [],
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

const manyFields = (count: number) => `${"A: b\r\n".repeat(count)}\r\nc\r\n`;
const longHeader = (length: number) => `A: bbb\r\n${" folds\r\n".repeat(length / 8 - 2)}B: c\r\n\r\nd\r\n`;
const bounds: readonly (readonly [string, string, Reply | null])[] = [
  ["the most fields", manyFields(fieldsMax), null],
  ["a field more", manyFields(fieldsMax + 1), replies.tooManyFields],
  ["the longest header section", longHeader(headerLengthMax), null],
  ["a longer header section", longHeader(headerLengthMax + 8), replies.headerTooBig],
  [
    "a header section that is too long and no end",
    longHeader(headerLengthMax + 16).slice(0, -11),
    replies.headerTooBig,
  ],
  ["too many fields in too much", manyFields(headerLengthMax), replies.headerTooBig],
  [
    "too long a header section with a fault",
    `A: b\r\n${" c\r\n".repeat(headerLengthMax)}d\r\n\r\n`,
    replies.malformedMessage,
  ],
];

for (const [name, text, want] of bounds) {
  Deno.test(`Transaction judges ${name}, however it arrives`, () => {
    for (const pieces of [[`${text}.\r\n`], `${text}.\r\n`.match(/[^]{1,4999}/g) ?? []]) {
      const { refusal, content } = store(pieces, bare, plain, { ...limits, maxMessageSize: 10_000_000 });
      deepEqual(refusal, want);
      if (want === null) ok(content === text);
    }
  });
}

Deno.test("Transaction keeps to limits that it is told", () => {
  const told = { ...limits, maxHeaderSize: 18, maxHeaders: 2, maxLineLength: 12 };
  const judge = (text: string) => store([`${text}.\r\n`], bare, plain, told).refusal;
  equal(judge("A: b\r\nC: d\r\n\r\n0123456789\r\n"), null);
  equal(judge("A: bbbbb\r\nC: d\r\n\r\n"), null);
  equal(judge("A: bbbbbbb\r\nC: d\r\n\r\n"), replies.headerTooBig);
  equal(judge("A: b\r\nC: d\r\nE:\r\n\r\n"), replies.tooManyFields);
  equal(judge("A: b\r\n\r\n01234567890\r\n"), replies.lineTooLong);
  equal(storeChunks(["A: b\r\n\r\n01234567890\r\n"], bare, plain, told).refusal, replies.lineTooLong);
});

Deno.test("Transaction passes content through its stages, in order, and neither our field nor what is refused", () => {
  const additions = () => ({ head: "H: i\r\n", stages: [new Threes(), new Threes()] });
  equal(store(["A: b\r\n\r\n.\r\n"], additions).content, `H: i\r\n${twice("A: b\r\n\r\n")}`);
  const { content, size } = storeChunks(["A: b\r\n\r\nhi"], additions);
  equal(content, `H: i\r\n${twice("A: b\r\n\r\nhi\r\n")}`);
  equal(size, content.length);
  deepEqual(store(["A: b\nc\r\n.\r\n"], additions).content, "");
});

function twice(text: string): string {
  const once = (text: string) => text.replace(/[^]{3}/g, "<$&>") + "$";
  return once(once(text));
}

for (const [name, text, want] of verdicts) {
  Deno.test(`Transaction judges ${name} in chunks as after DATA`, () => {
    const small = { maxMessageSize: 1000, maxHops: 3 };
    for (const pieces of [[text], [...text], text.match(/[^]{1,7}/g) ?? []]) {
      const { refusal, content, size } = storeChunks(pieces, bare, plain, small);
      deepEqual(refusal, want);
      if (want === null) deepEqual([content, size], [text, text.length]);
      else equal(content, "");
    }
  });
}

Deno.test("Transaction takes dots in chunks for what they are, and ends a last line of text", () => {
  equal(storeChunks(["A: b\r\n\r\n.\r\n..\r\n", ".x\r", "\n.\r\n"]).content, "A: b\r\n\r\n.\r\n..\r\n.x\r\n.\r\n");
  equal(storeChunks(["A: b\r\n\r\nhi"]).content, "A: b\r\n\r\nhi\r\n");
  // The line end is ours and counts for no limit.
  equal(storeChunks(["A: b\r\n\r\nhi"], bare, plain, { ...limits, maxMessageSize: 10 }).refusal, null);
  equal(storeChunks([]).content, "");
});

Deno.test("Transaction keeps the octets of a binary body", () => {
  const binary: MailParameters = { ...plain, handling: { ...plainHandling, body: "binarymime" } };
  const text = "A: b\r\n\r\n\0\r\r\n\n.\r\n\xff\r";
  deepEqual(storeChunks([...text], bare, binary), {
    content: text,
    lengths: [text.length],
    size: text.length,
    refusal: null,
  });
  equal(storeChunks(["A: b\n\r\n\0"], bare, binary).refusal, replies.controlInMessage);
});

Deno.test("Transaction refuses what a stage cannot change", () => {
  const broken: ContentStage = { push: () => Buffer.alloc(0), finish: () => Buffer.alloc(0), isBroken: true };
  const additions = { head: "H: i\r\n", stages: [broken] };
  equal(store(["A: b\r\n\r\n.\r\n"], additions).refusal, replies.binaryInText);
  equal(store(["no field\r\n\r\n.\r\n"], additions).refusal, replies.malformedMessage);
});

Deno.test("Transaction stores what was sent, however it was cut", () => {
  const unit = fc.constantFrom("a", "A: b", ":", " ", "\r\n", "\r\n.", "\r\n\r\n", "\n");
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 20 }), fc.nat(12), fc.boolean(), (text, length, isStaged) => {
      const whole = `${text}\r\n.\r\n`;
      const additions = () => ({ head: "H: i\r\n", stages: isStaged ? [new Threes()] : [] });
      const cut = (text: string) => text.match(new RegExp(`[^]{1,${length + 1}}`, "g")) ?? [];
      deepEqual(store(cut(whole), additions), store([whole], additions));
      deepEqual(storeChunks(cut(text), additions), storeChunks([text], additions));
    }),
    { numRuns: 1000 },
  );
});
