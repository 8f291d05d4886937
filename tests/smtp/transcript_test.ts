import { deepEqual, equal } from "node:assert/strict";
import { defaultSmtpLimits } from "../../lib/policy/defaults.ts";
import { fitsPatterns, parseString, parseTranscript, type Transcript } from "../../lib/smtp/transcript.ts";

function understand(text: string): Transcript {
  const parsed = parseTranscript(text);
  if (parsed.kind === "bad") throw new Error(`${parsed.error.line}: ${parsed.error.message}`);
  return parsed.transcript;
}

Deno.test("parseTranscript() reads a file of every kind of line", () => {
  const transcript = understand(
    `# Title   conf: size=10 recipients=2 mails=3 hops=4 header=6 fields=7 linelength=8 hold=6 idle=5 local submission masquerade dsn feed=whole
S: 220 *

# a remark
C: EHLO é
C~ "\\r\\n"
C* 3 "ab"
A: message = 1a2b3c4d
A: expand y@b.test = unknown
A: commit = noSpace
A: lines = "a\\r\\n"
S: 250-x
S: ...
M: "a\\n"
M: "b"
X: closed
T: +301s
E: eof
E: shutdown
M: none
`,
  );
  deepEqual(transcript.config.limits, {
    maxMessageSize: 10,
    maxRecipients: 2,
    maxMails: 3,
    maxHops: 4,
    maxHoldMs: 6000,
    maxHeaderSize: 6,
    maxHeaders: 7,
    maxLineLength: 8,
    idleTimeoutMs: 5000,
  });
  const { local, submission, masquerade, dsn } = transcript.config;
  deepEqual([local, submission, masquerade, dsn, transcript.isDivisible], [true, true, true, true, false]);
  const empty = { answers: [], replies: [], content: null, isClosed: false };
  deepEqual(
    transcript.steps.map((step) => ({
      ...step,
      inputs: step.inputs.map((input) => input.kind === "bytes" ? input.bytes.toString("utf8") : input),
    })),
    [
      { ...empty, line: 2, inputs: [{ kind: "connect" }], replies: [{ pattern: "220 *", line: 2 }] },
      {
        line: 5,
        inputs: ["EHLO é\r\n\r\nababab"],
        answers: [
          { ask: "message", subject: "", word: "1a2b3c4d" },
          { ask: "recipient", subject: "y@b.test", word: "unknown" },
          { ask: "commit", subject: "", word: "noSpace" },
          { ask: "lines", subject: "", word: `"a\\r\\n"` },
        ],
        replies: [{ pattern: "250-x", line: 12 }, { pattern: "...", line: 13 }],
        content: { kind: "committed", text: "a\nb" },
        isClosed: true,
      },
      {
        ...empty,
        line: 17,
        inputs: [{ kind: "time", ms: 301_000 }, { kind: "eof" }, { kind: "shutdown" }],
        content: { kind: "none" },
      },
    ],
  );
});

Deno.test("parseTranscript() has the limits of smtpd.conf where a file sets none", () => {
  const { config: { limits } } = understand("# Title\nS: 220 *\n");
  deepEqual({ ...defaultSmtpLimits, ...limits }, defaultSmtpLimits);
});

Deno.test("parseTranscript() sends before the greeting what stands before it", () => {
  const { steps } = understand("C: a\nC: b\nS: 554 *\n");
  deepEqual(steps.map((step) => step.inputs.map((input) => input.kind)), [["bytes"]]);
});

Deno.test("parseTranscript() has defaults", () => {
  const { config: { limits, local }, isDivisible } = understand("# no words\nS: 220 *\n");
  deepEqual({ ...limits, local, isDivisible }, {
    maxMessageSize: 36_700_160,
    maxRecipients: 1000,
    maxMails: 100,
    maxHops: 100,
    maxHoldMs: 604_800_000,
    maxHeaderSize: 262_144,
    maxHeaders: 1000,
    maxLineLength: 65_535,
    idleTimeoutMs: 300_000,
    local: false,
    isDivisible: true,
  });
});

const errors: readonly (readonly [string, string, number])[] = [
  ["an unknown line", "S: 220 *\nQ: x\n", 2],
  ["raw octets without quotes", "C~ abc\n", 1],
  ["raw octets with a bad escape", 'C~ "\\q"\n', 1],
  ["a repetition without number", 'C* "x"\n', 1],
  ["a repetition of nothing quoted", "C* 3 x\n", 1],
  ["a time without unit", "T: +301\n", 1],
  ["an unknown event", "E: reset\n", 1],
  ["an answer to nothing", "S: 220 *\nA: lookup = ok\n", 2],
  ["an answer without a word", "S: 220 *\nA: commit\n", 2],
  ["an unknown word of expand", "S: 220 *\nA: expand y@b.test = maybe\n", 2],
  ["an expand of nobody", "S: 220 *\nA: expand = ok\n", 2],
  ["a commit of somebody", "S: 220 *\nA: commit y@b.test = io\n", 2],
  ["an unknown word of commit", "S: 220 *\nA: commit = ok\n", 2],
  ["lines of somebody", 'S: 220 *\nA: lines y@b.test = "a"\n', 2],
  ["lines without quotes", "S: 220 *\nA: lines = a\n", 2],
  ["an id that is none", "S: 220 *\nA: message = 1\n", 2],
  ["content without quotes", "S: 220 *\nM: abc\n", 2],
  ["an end that is none", "S: 220 *\nX: open\n", 2],
  ["an unknown setting", "# x conf: foo\nS: 220 *\n", 1],
  ["a setting without number", "# x conf: size=big\nS: 220 *\n", 1],
  ["an unknown setting with a number", "# x conf: colour=1\nS: 220 *\n", 1],
];

for (const [name, text, line] of errors) {
  Deno.test(`parseTranscript() refuses ${name}`, () => {
    const parsed = parseTranscript(text);
    equal(parsed.kind === "bad" ? parsed.error.line : "ok", line);
  });
}

const strings: readonly (readonly [string, string | null])[] = [
  ['""', ""],
  ['"a b"', "a b"],
  ['"\\r\\n\\t\\0\\\\\\""', '\r\n\t\0\\"'],
  ['"\\x00\\xff\\xE9"', "\0\xff\xe9"],
  ["abc", null],
  ['"abc', null],
  ['"a"b"', null],
  ['"\\x1"', null],
  ['"\\"', null],
];

for (const [text, want] of strings) {
  Deno.test(`parseString() reads ${text}`, () => equal(parseString(text)?.toString("latin1") ?? null, want));
}

const fits: readonly (readonly [readonly string[], readonly string[], boolean])[] = [
  [[], [], true],
  [["a"], [], false],
  [[], ["a"], false],
  [["a"], ["a"], true],
  [["ab"], ["a"], false],
  [["a"], ["ab"], false],
  [["ab"], ["a*"], true],
  [["a"], ["a*"], true],
  [["ab"], ["*b"], true],
  [["abc"], ["a*c"], true],
  [["abcd"], ["a*c"], false],
  [["abcbd"], ["a*b*d"], true],
  [["aba"], ["aba*a"], false],
  [["abc"], ["*"], true],
  [["250-a", "250-b", "250 c"], ["..."], true],
  [["250-a", "250-b", "250 c"], ["250-a", "..."], true],
  [["250-a", "250-b"], ["..."], false],
  [["250 a", "250 b"], ["..."], false],
  [["250 a", "250 b"], ["...", "..."], true],
];

for (const [lines, patterns, want] of fits) {
  Deno.test(`fitsPatterns() of ${JSON.stringify(lines)} and ${JSON.stringify(patterns)} is ${want}`, () => {
    equal(fitsPatterns(lines, patterns), want);
  });
}
