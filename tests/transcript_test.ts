/** Every file of fixtures/smtp/{server,smuggling} is played against the server session: whole, octet by octet, in
 * random pieces, and with answers that come late. All must give what the file says, and the same.
 * `deno test --allow-read --allow-write=fixtures tests/transcript_test.ts -- --update` rewrites the `S:` lines. */

import type { Buffer } from "node:buffer";
import { deepEqual, equal, fail, ok } from "node:assert/strict";
import { join } from "@std/path";
import { parseTranscript, type Transcript } from "../lib/smtp/transcript.ts";
import { type Feeding, replayTranscript, updateTranscript } from "../lib/smtp/transcript_replay.ts";

const root = join(import.meta.dirname ?? "", "../fixtures/smtp");
const names = ["server", "smuggling"].flatMap((folder) =>
  [...Deno.readDirSync(join(root, folder))].map((entry) => `${folder}/${entry.name}`)
).sort();

const whole = { cut: (bytes: Buffer) => [bytes], answersLate: false };
const lateWhole = { ...whole, answersLate: true };
const divided: readonly (readonly [string, Feeding])[] = [
  ["octet by octet", { cut: (bytes) => cutAt(bytes, () => 1), answersLate: false }],
  ["octet by octet, late answers", { cut: (bytes) => cutAt(bytes, () => 1), answersLate: true }],
  ...[1, 2, 3, 4].map((seed): readonly [string, Feeding] => {
    const random = numbers(seed);
    const longest = [3, 12, 60, 3000][seed - 1] ?? 1;
    return [`random pieces ${seed}`, {
      cut: (bytes) => cutAt(bytes, () => 1 + random() % longest),
      answersLate: seed % 2 === 0,
    }];
  }),
];

if (Deno.args.includes("--update")) {
  for (const name of names) {
    const text = read(name);
    Deno.writeTextFileSync(join(root, name), updateTranscript(text, understand(name, text), whole));
  }
}

Deno.test("transcripts: there are enough of them, each a smtp file with a title", () => {
  ok(names.length >= 100, `${names.length} files`);
  deepEqual(names.filter((name) => !/^[a-z]+\/[a-z0-9_]+\.smtp$/.test(name)), []);
  deepEqual(names.filter((name) => !/^# \S/.test(read(name))), []);
});

for (const name of names) {
  Deno.test(`transcript ${name}`, () => {
    const transcript = understand(name, read(name));
    const expected = play(name, "whole", transcript, whole);
    // The moment is what such a file is about.
    if (!transcript.isDivisible) return;
    deepEqual(play(name, "whole, late answers", transcript, lateWhole), expected);
    for (const [how, feeding] of divided) deepEqual(play(name, how, transcript, feeding), expected, how);
  });
}

Deno.test("updateTranscript() changes nothing in files that are right", () => {
  for (const name of names) {
    const text = read(name);
    equal(updateTranscript(text, understand(name, text), whole), text, name);
  }
});

function read(name: string): string {
  return Deno.readTextFileSync(join(root, name));
}

function understand(name: string, text: string): Transcript {
  const parsed = parseTranscript(text);
  if (parsed.kind === "ok") return parsed.transcript;
  return fail(`${name}:${parsed.error.line}: ${parsed.error.message}`);
}

function play(name: string, how: string, transcript: Transcript, feeding: Feeding) {
  const { records, difference } = replayTranscript(transcript, feeding);
  if (difference !== null) fail(`${name}:${difference.line}: ${how}: ${difference.message}`);
  return records;
}

function cutAt(bytes: Buffer, length: () => number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + length());
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  return pieces;
}

/** A small generator: the pieces are the same in each run. */
function numbers(seed: number): () => number {
  let state = seed * 0x9e3779b9;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x85ebca6b) + 0x6d2b79f5) | 0;
    return (state ^ (state >>> 13)) >>> 0;
  };
}
