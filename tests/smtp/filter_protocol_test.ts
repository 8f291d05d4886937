/** Every file of fixtures/filter is played against the machine, what the program says whole, octet by octet and in random
 * pieces. `S:` where the program is attached, `G:` it has been greeted and registers these, `D:` the daemon writes (`D~`
 * octets, with escapes), `F:` the program says (`F~` octets, with escapes), `Q:` a question (`Q~` with its parameters as
 * JSON), `L:` lines, `R:` a report, `V:` a session is over, `T:` time passes, or what time it is, `X:` the program ends,
 * `=:` what comes of it. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "@std/path";
import fc from "../support/fast_check.ts";
import { seeded } from "../support/random.ts";
import type { FilterPhaseName, FilterQuery, FilterReport, FilterSubsystem } from "../../lib/smtp/filter_line.ts";
import {
  filterAnswerMs,
  filterAsksMax,
  type FilterEffect,
  type FilterEvent,
  filterLineMax,
  FilterMachine,
} from "../../lib/smtp/filter_protocol.ts";
import { describeReply } from "../../lib/smtp/reply.ts";
import type { FilterVerdict } from "../../lib/smtp/session_face.ts";

const folder = join(import.meta.dirname ?? "", "../../fixtures/filter");
const names = [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();

function verdictText(verdict: FilterVerdict | null): string {
  if (verdict === null) return "null";
  if ("reply" in verdict) return `${verdict.kind} ${describeReply(verdict.reply)}`;
  return verdict.kind === "rewrite" ? `rewrite ${verdict.value}` : verdict.kind;
}

/** What the machine did, one line for each effect, and for each line that it writes. */
function describe(effect: FilterEffect): string[] {
  switch (effect.kind) {
    case "write": {
      const text = Buffer.from(effect.bytes).toString("latin1");
      assert.ok(text.endsWith("\n"));
      return text.slice(0, -1).split("\n").map((line) => `D: ${line}`);
    }
    case "ready":
      return ["=: ready"];
    case "end":
      return [`=: end ${effect.reason}`];
    case "report":
      return [`=: report ${effect.session} ${effect.text}`];
    case "verdict":
      return [`=: ${effect.token} ${verdictText(effect.verdict)}`];
    case "lines":
      return [`=: ${effect.token} lines ${JSON.stringify(effect.lines)}`];
  }
}

function unescape(text: string): string {
  return JSON.parse(text.replace(/\\x(..)/g, "\\u00$1"));
}

/** The event of a line that is one. */
function eventOf(mark: string, rest: string, at: number): FilterEvent | null {
  const [first = "", second = "", third = ""] = rest.split(" ");
  const behind = (count: number) => rest.split(" ").slice(count).join(" ");
  switch (mark) {
    case "Q:":
    case "Q~": {
      const parameters: string[] = mark === "Q:" ? behind(3).split("|") : JSON.parse(behind(3));
      const whole = mark === "Q:" && third !== "connect" ? [behind(3)] : parameters;
      return { kind: "ask", at, session: first, token: second, phase: third as FilterQuery, parameters: whole };
    }
    case "L:": {
      const isFirst = third === "first" || third === "only";
      const isLast = third === "last" || third === "only";
      return { kind: "lines", at, session: first, token: second, lines: JSON.parse(behind(3)), isFirst, isLast };
    }
    case "R:": {
      const report: FilterReport = JSON.parse(behind(2));
      return { kind: "report", at, subsystem: first as FilterSubsystem, session: second, report };
    }
    case "V:":
      return { kind: "over", session: rest };
    case "X:":
      return { kind: "ended", at, how: rest };
    default:
      return null;
  }
}

/** Plays a transcript; `cut` cuts what the program says in a row. */
function play(text: string, cut: (bytes: Buffer) => Buffer[]): void {
  const lines = text.trimEnd().split("\n").filter((line) => !line.startsWith("#"));
  const attached = lines[0]?.startsWith("S: ") ? lines.shift()?.slice(3).split(" ") ?? [] : ["smtp-in"];
  const subsystems = attached as FilterSubsystem[];
  const machine = new FilterMachine({ subsystems, sessionTimeoutS: 300, admd: "mx.alpha.test" });
  let at = 1_780_000_000_000;
  let heard = "";
  let got: string[] = [];
  const step = (event: FilterEvent) => void got.push(...machine.step(event).flatMap(describe));
  const hear = () => {
    for (const bytes of cut(Buffer.from(heard, "latin1"))) step({ kind: "bytes", at, bytes });
    heard = "";
  };
  step({ kind: "started", at });
  for (const line of lines) {
    const [mark, rest] = [line.slice(0, 2), line.slice(3)];
    if (mark === "F:") heard += `${rest}\n`;
    else if (mark === "F~") heard += unescape(rest);
    else if (mark === "G:") {
      heard = [...rest.split(" "), "ready"].map((one) => `register|${one}\n`).join("");
      hear();
      assert.equal(got.at(-1), "=: ready");
      got = [];
    } else {
      hear();
      const event = eventOf(mark, rest, at);
      if (event !== null) step(event);
      else if (mark === "T:") {
        const isSpan = rest.startsWith("+");
        at = isSpan ? at + Number(rest.slice(1, -1)) * 1000 : Number(rest) * 1000;
        if (machine.deadline !== null && machine.deadline <= at) step({ kind: "tick", at });
      } else assert.equal(got.shift(), mark === "D~" ? `D: ${unescape(rest)}` : line);
    }
  }
  hear();
  assert.deepEqual(got, []);
}

for (const name of names) {
  Deno.test(`filter protocol: ${name}`, () => {
    const text = Deno.readTextFileSync(join(folder, name));
    play(text, (bytes) => [bytes]);
    play(text, (bytes) => Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)));
    for (let seed = 1; seed <= 5; seed++) {
      const below = seeded(seed);
      play(text, (bytes) => {
        const pieces: Buffer[] = [];
        for (let start = 0; start < bytes.length;) {
          const end = start + 1 + below(40);
          pieces.push(bytes.subarray(start, end));
          start = end;
        }
        return pieces;
      });
    }
  });
}

const session = "00000000000000aa";
const heldMax = 300_000;
const tokenOf = (n: number): string => n.toString(16).padStart(16, "0");
const say = (text: string): FilterEvent => ({ kind: "bytes", at: 0, bytes: Buffer.from(text, "latin1") });
const ask = (token: string, phase: FilterQuery, parameters: readonly string[], at = 0): FilterEvent => ({
  ...{ kind: "ask", at, session, token, phase, parameters },
});
const lines = (token: string, all: readonly string[], part: "first" | "only" | "last"): FilterEvent => ({
  ...{ kind: "lines", at: 0, session, token, lines: all, isFirst: part !== "last", isLast: part !== "first" },
});

function readyMachine(...phases: readonly FilterPhaseName[]): FilterMachine {
  const machine = new FilterMachine({ subsystems: ["smtp-in"], sessionTimeoutS: 300, admd: "mx.test", heldMax });
  machine.step({ kind: "started", at: 0 });
  const registered = phases.map((phase) => `register|filter|smtp-in|${phase}\n`).join("");
  machine.step(say(`${registered}register|report|smtp-in|*\nregister|ready\n`));
  return machine;
}

Deno.test("FilterMachine knows what is registered", () => {
  const machine = readyMachine("connect", "data-line");
  assert.deepEqual([machine.hasPhase("connect"), machine.hasPhase("helo"), machine.hasPhase("data-line")], [
    ...[true, false, true],
  ]);
  assert.equal(machine.hasEvent("smtp-in", "tx-mail"), true);
  assert.equal(machine.hasEvent("smtp-out", "tx-mail"), false);
});

Deno.test("FilterMachine: a line without an end is bounded", () => {
  for (const said of ["a".repeat(filterLineMax + 1), `${"a".repeat(filterLineMax + 1)}\n`]) {
    const machine = readyMachine("connect");
    assert.match(JSON.stringify(machine.step(say(said))), /longer than/);
    assert.deepEqual(machine.step(say(said)), []);
  }
  const machine = readyMachine("data-line");
  machine.step(lines(tokenOf(1), [], "only"));
  const line = `filter-dataline|${session}|${tokenOf(1)}|`.padEnd(filterLineMax, "a");
  assert.deepEqual(machine.step(say(`${line}\n`)), []);
});

Deno.test("FilterMachine: what a program makes of a message is bounded", () => {
  const machine = readyMachine("data-line");
  machine.step(lines(tokenOf(1), ["a"], "first"));
  const line = `filter-dataline|${session}|${tokenOf(1)}|${"a".repeat(98)}\n`;
  assert.deepEqual(machine.step(say(line.repeat(heldMax / 100))), []);
  const end = { kind: "end", reason: `it makes more than ${heldMax} octets of a message` };
  assert.deepEqual(machine.step(say(line)), [end]);
});

Deno.test("FilterMachine: questions that a program is at are bounded, and each is answered once", () => {
  const machine = readyMachine("connect");
  for (let n = 1; n <= filterAsksMax; n++) {
    assert.equal(machine.step(ask(tokenOf(n), "connect", ["a", "b"]))[0]?.kind, "write");
  }
  const over = machine.step(ask(tokenOf(filterAsksMax + 1), "connect", ["a", "b"]));
  assert.deepEqual(over, [{ kind: "verdict", session, token: tokenOf(filterAsksMax + 1), verdict: null }]);
  assert.equal(machine.deadline, filterAnswerMs);
  assert.equal(machine.step({ kind: "tick", at: filterAnswerMs }).length, filterAsksMax + 1);
  assert.equal(machine.deadline, null);
});

Deno.test("FilterMachine: no text of a peer's makes a second line", () => {
  const anyText = fc.oneof(
    fc.string({ unit: fc.constantFrom("a", "|", "\n", "\r", "\0", "\x85", "\u2028", "."), maxLength: 9 }),
    fc.array(fc.nat(0xffff), { maxLength: 9 }).map((units) => String.fromCharCode(...units)),
  );
  fc.assert(
    fc.property(anyText, anyText, fc.array(anyText, { maxLength: 3 }), (a, b, content) => {
      const machine = readyMachine("connect", "data-line");
      const written = (event: FilterEvent) =>
        machine.step(event).flatMap((one) => one.kind === "write" ? [Buffer.from(one.bytes).toString("latin1")] : []);
      const [query = ""] = written(ask(tokenOf(1), "connect", [a, b]));
      assert.match(query, /^filter\|0\.7\|0\.000000\|smtp-in\|connect\|0{14}aa\|0{15}1\|[^\n\r\0|]*\|[^\n\r\0]*\n$/);
      const report: FilterReport = { event: "link-identify", method: a, identity: b };
      const [told = ""] = written({ kind: "report", at: 0, subsystem: "smtp-in", session, report });
      assert.match(told, /^report\|0\.7\|0\.000000\|smtp-in\|link-identify\|0{14}aa\|[^\n\r\0|]*\|[^\n\r\0]*\n$/);
      const [data] = written(lines(tokenOf(2), content, "only"));
      const isText = content.every((line) => !/[\r\n\0]|[^\0-\xff]/.test(line));
      assert.equal(data?.split("\n").length, isText ? content.length + 2 : undefined);
    }),
    { numRuns: 60 },
  );
});

Deno.test("FilterMachine: what a program hands back as it came is the message as it was, however it is cut", () => {
  const line = fc.string({ unit: fc.constantFrom(".", "a", "|", " ", "\xff"), maxLength: 6 });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.nat(8), fc.integer({ min: 1, max: 99 }), (all, at, size) => {
      const machine = readyMachine("data-line");
      const got: string[] = [];
      const step = (event: FilterEvent) => {
        for (const effect of machine.step(event)) {
          if (effect.kind === "lines") got.push(...effect.lines ?? ["null"]);
          else {
            assert.equal(effect.kind, "write");
            const echo = "bytes" in effect ? Buffer.from(effect.bytes).toString("latin1") : "";
            said += echo.replace(/^filter\|0\.7\|[0-9.]+\|smtp-in\|data-line\|/gm, "filter-dataline|");
          }
        }
      };
      let said = "";
      step(lines(tokenOf(1), all.slice(0, at), "first"));
      step(lines(tokenOf(1), all.slice(at), "last"));
      for (let from = 0; from < said.length; from += size) step(say(said.slice(from, from + size)));
      assert.deepEqual(got, all);
    }),
  );
});

Deno.test("FilterMachine: whatever a program says, each question has one answer", () => {
  const word = fc.constantFrom(
    ...[
      "filter-result|",
      "filter-dataline|",
      "report|1.0|smtp-in|",
      "register|ready",
      `${session}|`,
      "\n",
      "|",
      "proceed",
    ],
    ...[
      tokenOf(1),
      tokenOf(2),
      tokenOf(3),
      `|${session}|${tokenOf(1)}|proceed\n`,
      "550 x",
      "reject|",
      ".",
      "\xff",
      "\0",
    ],
    ...[`filter-dataline|${session}|${tokenOf(2)}|.\n`, `filter-result|${session}|${tokenOf(1)}|junk\n`],
  );
  fc.assert(fc.property(fc.array(fc.array(word, { maxLength: 6 }), { maxLength: 6 }), (pieces) => {
    const machine = readyMachine("connect", "data-line");
    const answers: string[] = [];
    let ends = 0;
    const step = (event: FilterEvent) => {
      for (const effect of machine.step(event)) {
        if (effect.kind === "verdict" || effect.kind === "lines") answers.push(effect.token);
        if (effect.kind === "end") ends++;
      }
    };
    step(ask(tokenOf(1), "connect", ["a", "b"]));
    step(lines(tokenOf(2), ["a"], "only"));
    for (const piece of pieces) step(say(piece.join("")));
    step({ kind: "ended", at: 1, how: "code 0" });
    assert.deepEqual(answers.sort(), [tokenOf(1), tokenOf(2)]);
    assert.equal(ends, 1);
  }));
});
