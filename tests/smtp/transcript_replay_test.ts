import type { Buffer } from "node:buffer";
import { deepEqual, equal, ok } from "node:assert/strict";
import { parseTranscript, type Transcript } from "../../lib/smtp/transcript.ts";
import { replayTranscript, updateTranscript } from "../../lib/smtp/transcript_replay.ts";

const whole = { cut: (bytes: Buffer) => [bytes], answersLate: false };
const late = { ...whole, answersLate: true };

const hello = "S: 220 *\nC: EHLO a.test\nS: 250-mx.test *\nS: ...\n";
const data = `${hello}C: MAIL FROM:<x@a.test>
S: 250 *
C: RCPT TO:<y@b.test>
S: 250 *
C: DATA
S: 354 *
`;

function understand(text: string): Transcript {
  const parsed = parseTranscript(text);
  if (parsed.kind === "bad") throw new Error(`${parsed.error.line}: ${parsed.error.message}`);
  return parsed.transcript;
}

const differenceOf = (text: string) => replayTranscript(understand(text), whole).difference;

Deno.test("replayTranscript() tells what was said, committed and rolled back", () => {
  const { records, difference } = replayTranscript(understand(`${data}C: .\nS: 250 *\nC: QUIT\nS: 221 *\n`), late);
  equal(difference, null);
  const commit = records.at(-2);
  deepEqual(commit?.lines, ["250 2.0.0 00000001 Message accepted for delivery"]);
  equal(commit.committed.length, 1);
  ok(commit.committed[0]?.startsWith("Received: from a.test (<unknown> [192.0.2.7])\r\n"));
  deepEqual(records.at(-1), { lines: ["221 2.0.0 Bye"], committed: [], rollbacks: 0, isClosed: true });
});

const differences: readonly (readonly [string, string, number, RegExp])[] = [
  ["another reply", `${hello}C: NOOP\nS: 500 *\n`, 6, /the server said/],
  ["a reply that is missing", `${hello}C: NOOP\nS: 250 *\nS: 250 *\n`, 7, /the server said/],
  ["a reply too many", `${hello}C: NOOP\nC: NOOP\nS: 250 *\n`, 5, /the server said/],
  ["no reply where one is due", `${hello}C: NOOP\n`, 5, /the server said/],
  ["an end that was not said", `${hello}C: BDAT x\nS: 501 *\n`, 5, /the server closed/],
  ["an end that did not come", `${hello}C: NOOP\nS: 250 *\nX: closed\n`, 5, /did not close/],
  ["other content", `${data}C: A: b\nC: .\nM: "A: c\\r\\n"\nS: 250 *\n`, 11, /the content is/],
  ["no content", `${hello}C: NOOP\nM: ""\nS: 250 *\n`, 5, /nothing was committed/],
  ["no rollback", `${hello}C: NOOP\nM: none\nS: 250 *\n`, 5, /0 rollbacks/],
  ["a commit instead of a rollback", `${data}C: .\nM: none\nS: 250 *\n`, 11, /1 commits/],
  [
    "an ask about somebody else",
    `${hello}C: MAIL FROM:<>
C: RCPT TO:<y@b.test>
A: expand z@b.test = ok
S: 250 *
S: 250 *
`,
    0,
    /asked about y@b.test/,
  ],
  ["an answer that nobody asked for", `${hello}C: NOOP\nA: commit = io\nS: 250 *\n`, 5, /nobody asked: commit/],
];

for (const [name, text, line, message] of differences) {
  Deno.test(`replayTranscript() sees ${name}`, () => {
    const difference = differenceOf(text);
    equal(difference?.line, line);
    ok(message.test(difference?.message ?? ""), difference?.message);
  });
}

Deno.test("updateTranscript() replaces replies that do not fit, and only those", () => {
  const text = `# Title\n${hello}C: NOOP\nC: HELP\nS: 500 x\nS: 214 y\n# remark\nC: QUIT\nS: 221 *\n`;
  const updated = updateTranscript(text, understand(text), whole);
  equal(
    updated,
    `# Title\n${hello}C: NOOP\nC: HELP\nS: 250 2.0.0 Ok\nS: 214-2.0.0 This is Postern\n` +
      "S: 214-2.0.0 Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT\n" +
      "S: 214-2.0.0 See RFC 5321 for what they do\nS: 214 2.0.0 End of HELP info\n# remark\nC: QUIT\nS: 221 *\n",
  );
  equal(differenceOf(updated), null);
});
