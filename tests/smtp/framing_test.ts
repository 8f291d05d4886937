import { Buffer } from "node:buffer";
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  asBuffer,
  BodyDecoder,
  bodyLineLengthMax,
  CommandInput,
  type CommandLine,
  commandLineLengthMax,
} from "../../lib/smtp/framing.ts";

const octets = (text: string): Buffer => Buffer.from(text, "latin1");

/** All that `next` gives until it wants more or gives up. */
function linesOf(pieces: readonly string[], takesBareLf = false): CommandLine[] {
  const input = new CommandInput(takesBareLf);
  const lines: CommandLine[] = [];
  for (const piece of pieces) {
    const lent = octets(piece);
    input.add(lent);
    for (let line = input.next(); line.kind !== "none"; line = input.next()) {
      lines.push(line);
      if (line.kind !== "line" && line.kind !== "bare") return lines;
    }
    input.settle();
    lent.fill("?");
  }
  return lines;
}

const line = (text: string): CommandLine => ({ kind: "line", text });
const stray: CommandLine = { kind: "stray" };
const tooLong: CommandLine = { kind: "tooLong" };
const longest = "x".repeat(commandLineLengthMax);

const commandCases: readonly (readonly [string, string, readonly CommandLine[]])[] = [
  ["nothing", "", []],
  ["a line", "NOOP\r\n", [line("NOOP")]],
  ["two lines", "NOOP\r\nQUIT\r\n", [line("NOOP"), line("QUIT")]],
  ["an empty line", "\r\n", [line("")]],
  ["part of a line", "NOOP", []],
  ["a line without its LF", "NOOP\r", []],
  ["octets above 127", "\xe9\r\n", [line("\xe9")]],
  ["a bare LF", "NOOP\n", [stray]],
  ["a bare LF first", "\nNOOP\r\n", [stray]],
  ["a bare CR", "NO\rOP\r\n", [stray]],
  ["two CR", "NOOP\r\r\n", [stray]],
  ["a NUL", "NO\0OP\r\n", [stray]],
  ["a good line before a bad one", "NOOP\r\nQUIT\n", [line("NOOP"), stray]],
  ["the longest line", `${longest}\r\n`, [line(longest)]],
  ["a longer line", `x${longest}\r\n`, [tooLong]],
  ["a longer line without end", `xx${longest}`, [tooLong]],
  ["the longest line with a bare LF", `${longest}\n`, [stray]],
  ["a longer line with a NUL", `\0\0${longest}\r\n`, [tooLong]],
];

for (const [name, text, want] of commandCases) {
  Deno.test(`CommandInput finds ${name}, however it arrives`, () => {
    deepEqual(linesOf([text]), want);
    deepEqual(linesOf([...text]), want);
  });
}

Deno.test("CommandInput lets LF alone end a line where it is told to, and nothing else", () => {
  const bare = (text: string): CommandLine => ({ kind: "bare", text });
  for (
    const [text, want] of [
      ["NOOP\nQUIT\r\n", [bare("NOOP"), line("QUIT")]],
      ["\nNOOP\n", [bare(""), bare("NOOP")]],
      ["NO\rOP\n", [stray]],
      ["NO\0OP\n", [stray]],
      [`${longest}\n`, [bare(longest)]],
      [`x${longest}\n`, [tooLong]],
      [`${longest}\r\n`, [line(longest)]],
    ] as const
  ) {
    deepEqual(linesOf([text], true), want, JSON.stringify(text.slice(-20)));
    deepEqual(linesOf([...text], true), want);
  }
});

Deno.test("CommandInput does not depend on how input was cut", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "\r\n", "\r", "\n", "\0"), maxLength: 40 });
  fc.assert(
    fc.property(text, fc.array(fc.nat(40)), (whole, cuts) => {
      deepEqual(linesOf(cut(whole, cuts)), linesOf([whole]));
    }),
    { numRuns: 500 },
  );
});

Deno.test("CommandInput gives out what waits, and forgets it", () => {
  const input = new CommandInput();
  input.add(octets("NOOP\r\nbody"));
  deepEqual(input.next(), line("NOOP"));
  equal(input.length, 4);
  equal(input.takeAll().toString("latin1"), "body");
  equal(input.length, 0);
  input.add(octets("x"));
  input.clear();
  equal(input.length, 0);
  deepEqual(input.next(), { kind: "none" });
});

/** Decodes; `rest` is what stands behind the end, null when the end was not found. */
function decode(pieces: readonly string[]): { content: string; flaw: string | null; rest: string | null } {
  const decoder = new BodyDecoder();
  const given: string[] = [];
  const sink = { take: (bytes: Buffer) => void given.push(bytes.toString("latin1")) };
  for (const [index, piece] of pieces.entries()) {
    const used = decoder.decode(octets(piece), sink);
    if (used < 0) continue;
    const rest = piece.slice(used) + pieces.slice(index + 1).join("");
    return { content: given.join(""), flaw: decoder.flaw, rest };
  }
  return { content: given.join(""), flaw: decoder.flaw, rest: null };
}

/** What RFC 5321 says, octet by octet, as plainly as can be. */
function decodePlainly(text: string): { content: string; flaw: string | null; rest: string | null } {
  const whole = `\r\n${text}`;
  const end = whole.indexOf("\r\n.\r\n");
  const body = end < 0 ? text : whole.slice(2, Math.max(2, end + 2));
  const isStray = /\0|\r(?!\n)|(?<!\r)\n/.test(body);
  const lines = body.split("\r\n");
  const isLong = lines.some((one) => one.length + 2 > bodyLineLengthMax);
  return {
    content: lines.map((one) => one.startsWith(".") ? one.slice(1) : one).join("\r\n"),
    flaw: isStray ? "stray" : isLong ? "lineTooLong" : null,
    rest: end < 0 ? null : whole.slice(end + 5),
  };
}

const bodyCases: readonly (readonly [string, string, string, string | null])[] = [
  ["nothing but the end", ".\r\n", "", ""],
  ["one line", "a\r\n.\r\n", "a\r\n", ""],
  ["what follows", "a\r\n.\r\nQUIT\r\n", "a\r\n", "QUIT\r\n"],
  ["two ends", "a\r\n.\r\n.\r\n", "a\r\n", ".\r\n"],
  ["an end right after another", ".\r\n.\r\n", "", ".\r\n"],
  ["blank lines", "\r\n\r\n.\r\n", "\r\n\r\n", ""],
  ["a stuffed dot", "..\r\n.\r\n", ".\r\n", ""],
  ["two stuffed dots", "..\r\n..\r\n.\r\n", ".\r\n.\r\n", ""],
  ["a dot that should have been stuffed", ".a\r\n.\r\n", "a\r\n", ""],
  ["three dots", "...\r\n.\r\n", "..\r\n", ""],
  ["a dot inside", "a.\r\nb.c\r\n.\r\n", "a.\r\nb.c\r\n", ""],
  ["a dot behind a blank", " .\r\n.\r\n", " .\r\n", ""],
  ["no end", "a\r\n", "a", null],
  ["octets above 127", "\x80\xff\r\n.\r\n", "\x80\xff\r\n", ""],
];

for (const [name, text, content, rest] of bodyCases) {
  Deno.test(`BodyDecoder decodes ${name}, however it arrives`, () => {
    deepEqual(decode([text]), { content, flaw: null, rest });
    deepEqual(decode([...text]), { content, flaw: null, rest });
  });
}

Deno.test("BodyDecoder agrees with a plain reading of RFC 5321, however input was cut", () => {
  const unit = fc.constantFrom("a", ".", "\r\n", "\r\n.", "\r\n.\r\n", "\r", "\n", "\0");
  const tame = fc.constantFrom("a", "b", ".", "\r\n", "\r\n.", "\r\n..", "\r\n.\r\n");
  const text = fc.oneof(fc.string({ unit, maxLength: 24 }), fc.string({ unit: tame, maxLength: 24 }));
  fc.assert(
    fc.property(text, fc.array(fc.nat(60), { maxLength: 8 }), (start, cuts) => {
      const whole = `${start}\r\n.\r\nNOOP\r\n`;
      const want = decodePlainly(whole);
      for (const pieces of [[whole], [...whole], cut(whole, cuts)]) {
        const got = decode(pieces);
        deepEqual({ flaw: got.flaw, rest: got.rest }, { flaw: want.flaw, rest: want.rest });
        if (want.flaw === null) equal(got.content, want.content);
        else ok(!got.content.includes("\0"));
      }
    }),
    { numRuns: 2000 },
  );
});

const lineCases: readonly (readonly [string, string, string | null])[] = [
  ["the longest line", `${"x".repeat(bodyLineLengthMax - 2)}\r\n.\r\n`, null],
  ["a longer line", `${"x".repeat(bodyLineLengthMax - 1)}\r\n.\r\n`, "lineTooLong"],
  ["the longest line, second", `a\r\n${"x".repeat(bodyLineLengthMax - 2)}\r\n.\r\n`, null],
  ["a longer line, second", `a\r\n${"x".repeat(bodyLineLengthMax - 1)}\r\n.\r\n`, "lineTooLong"],
  ["a longer line without end", "x".repeat(bodyLineLengthMax + 1), "lineTooLong"],
  ["a longer line and a NUL", `${"x".repeat(bodyLineLengthMax)}\0\r\n.\r\n`, "stray"],
];

for (const [name, text, flaw] of lineCases) {
  Deno.test(`BodyDecoder judges ${name}, however it arrives`, () => {
    equal(decode([text]).flaw, flaw);
    equal(decode(cut(text, [1, 2, 65_000, 65_530, 65_533, 65_534, 65_535, 65_536, 65_537])).flaw, flaw);
  });
}

Deno.test("asBuffer() is a view", () => {
  const bytes = new Uint8Array([1, 2, 3, 4]).subarray(1, 3);
  const buffer = asBuffer(bytes);
  deepEqual([...buffer], [2, 3]);
  bytes[0] = 9;
  equal(buffer[0], 9);
  equal(asBuffer(buffer), buffer);
});

function cut(text: string, at: readonly number[]): string[] {
  const places = [...new Set([0, ...at.filter((place) => place < text.length), text.length])].sort((a, b) => a - b);
  return places.slice(1).map((place, index) => text.slice(places[index], place));
}
