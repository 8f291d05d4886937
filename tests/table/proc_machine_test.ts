/** Every file of fixtures/table/proc is played against the machine, the helper's lines whole and octet by octet.
 * `D:` the daemon writes, `H:` the helper says (`H~` raw, with escapes), `Q:` a question (`Q~` with an escaped key), `T:`
 * time passes, `X:` the helper ends, `=:` what comes of it, `*` standing for anything. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "@std/path";
import type { ProcAsk } from "../../lib/table/proc.ts";
import type { Service } from "../../lib/table/table.ts";
import {
  procBudgetMs,
  type ProcEffect,
  type ProcEvent,
  ProcMachine,
  procQueueMax,
} from "../../lib/table/proc_machine.ts";
import { procLineMax } from "../../lib/table/proc_limit.ts";

const folder = join(import.meta.dirname ?? "", "../../fixtures/table/proc");
const names = [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();

/** What the machine did, one line for each effect. */
function describe(effect: ProcEffect): string[] {
  switch (effect.kind) {
    case "write":
      return Buffer.from(effect.bytes).toString("utf8").trimEnd().split("\n").map((line) => `D: ${line}`);
    case "ready":
      return [`=: ready ${effect.services.join(" ")}`];
    case "end":
      return [`=: end ${effect.reason}`];
    case "answer": {
      const { answer, request } = effect;
      const text = answer.kind === "found"
        ? `found ${answer.value}`
        : answer.kind === "failed"
        ? `failed ${answer.reason}`
        : answer.kind;
      return [`=: ${request} ${text}`];
    }
  }
}

function readAsk(text: string, key: (text: string) => string): { request: number; ask: ProcAsk } {
  const [request, kind, service, ...rest] = text.split(" ");
  const named = service as Service;
  const ask: ProcAsk = kind === "update"
    ? { kind }
    : kind === "fetch"
    ? { kind, service: named }
    : { kind: kind as "check", service: named, key: key(rest.join(" ")) };
  return { request: Number(request), ask };
}

function unescape(text: string): string {
  return JSON.parse(text.replace(/\\x(..)/g, "\\u00$1"));
}

function matches(got: string, want: string): boolean {
  const parts = want.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("[^]*")}$`).test(got);
}

function play(text: string, cut: (bytes: Buffer) => Buffer[]): void {
  const machine = new ProcMachine("users");
  let at = 1_700_000_000_000;
  const got: string[] = [];
  const step = (event: ProcEvent) => void got.push(...machine.step(event).flatMap(describe));
  const hear = (said: string) => {
    for (const bytes of cut(Buffer.from(said, "latin1"))) step({ kind: "bytes", at, bytes });
  };
  step({ kind: "started", at });
  for (const line of text.split("\n").filter((one) => one !== "" && !one.startsWith("#"))) {
    const [mark, rest] = [line.slice(0, 2), line.slice(3)];
    switch (mark) {
      case "H:":
        hear(`${rest}\n`);
        break;
      case "H~":
        hear(unescape(rest));
        break;
      case "Q:":
        step({ kind: "ask", at, ...readAsk(rest, (key) => key) });
        break;
      case "Q~":
        step({ kind: "ask", at, ...readAsk(rest, unescape) });
        break;
      case "X:":
        step({ kind: "ended", at, how: rest });
        break;
      case "T:": {
        at += Number(/\d+/.exec(rest)?.[0]) * (rest.endsWith("ms") ? 1 : 1000);
        if (machine.deadline !== null && machine.deadline <= at) step({ kind: "tick", at });
        break;
      }
      default: {
        const have = got.shift();
        assert.ok(have !== undefined && matches(have, line), `want ${line}\nhave ${have}`);
      }
    }
  }
  assert.deepEqual(got, []);
}

for (const name of names) {
  Deno.test(`table protocol: ${name}`, () => {
    const text = Deno.readTextFileSync(join(folder, name));
    play(text, (bytes) => [bytes]);
    play(text, (bytes) => Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)));
  });
}

function readyMachine(): ProcMachine {
  const machine = new ProcMachine("t");
  machine.step({ kind: "started", at: 0 });
  machine.step({ kind: "bytes", at: 0, bytes: Buffer.from("register|alias\nregister|ready\n") });
  return machine;
}

const ask = (key: string): ProcAsk => ({ kind: "check", service: "alias", key });

Deno.test("ProcMachine: a line without an end is bounded", () => {
  for (const said of ["a".repeat(procLineMax + 1), `${"a".repeat(procLineMax + 1)}\n`]) {
    const effects = readyMachine().step({ kind: "bytes", at: 0, bytes: Buffer.from(said) });
    assert.match(JSON.stringify(effects), /longer than/);
  }
});

Deno.test("ProcMachine: waiting questions are bounded, and each is answered in its time", () => {
  const machine = readyMachine();
  const answered = new Set<number>();
  const note = (effects: ProcEffect[]) => {
    for (const effect of effects) if (effect.kind === "answer") answered.add(effect.request);
    return effects;
  };
  for (let n = 1; n <= procQueueMax + 1; n++) note(machine.step({ kind: "ask", at: 0, request: n, ask: ask("a") }));
  assert.equal(answered.size, 0);
  const over = note(machine.step({ kind: "ask", at: 0, request: procQueueMax + 2, ask: ask("a") }));
  assert.match(JSON.stringify(over), /questions wait/);
  assert.equal(machine.deadline, procBudgetMs);
  note(machine.step({ kind: "tick", at: procBudgetMs }));
  assert.equal(answered.size, procQueueMax + 2);
  assert.equal(machine.deadline, null);
});

Deno.test("ProcMachine: control characters in a value end the helper, a tab does not", () => {
  const say = (value: string) => {
    const machine = readyMachine();
    machine.step({ kind: "ask", at: 0, request: 1, ask: { kind: "lookup", service: "alias", key: "a" } });
    return machine.step({ kind: "bytes", at: 0, bytes: Buffer.from(`lookup-result|00000001|found|${value}\n`) });
  };
  assert.deepEqual(say("a\tb"), [{ kind: "answer", request: 1, answer: { kind: "found", value: "a\tb" } }]);
  for (const value of ["a\x00b", "a\x1b[2J", "a\rb", "a\x7f"]) assert.equal(say(value).at(-1)?.kind, "end", value);
});
