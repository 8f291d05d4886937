import { Buffer } from "node:buffer";
import { deepEqual } from "node:assert/strict";
import { type Quirk, usualQuirks } from "../../lib/smtp/lenient.ts";
import { ServerSession, type SessionEffect } from "../../lib/smtp/session.ts";
import { quirkCounter } from "../../lib/smtp/session_lenient.ts";
import { sessionConfig } from "./session_rig.ts";

/** What is counted and logged of a client that sends the lines. */
function played(lenient: readonly Quirk[] | null, lines: readonly string[]): readonly string[] {
  const session = new ServerSession(sessionConfig(lenient === null ? {} : { lenient: new Set(lenient) }));
  const found: string[] = [];
  const perform = (effects: readonly SessionEffect[]): void => {
    for (const effect of effects) {
      if (effect.kind === "count") found.push(effect.name);
      if (effect.kind === "log" && effect.event.what === "lenient") found.push(`log ${effect.event.fields["quirk"]}`);
      if (effect.kind !== "ask") continue;
      perform(session.step({ kind: "answer", at: 0, answer: { kind: "message", id: "1a2b3c4d" } }));
    }
  };
  perform(session.step({ kind: "connected", at: 0, address: "192.0.2.7", hostname: "<unknown>" }));
  for (const line of lines) perform(session.step({ kind: "bytes", at: 0, bytes: Buffer.from(line) }));
  return found;
}

Deno.test("each use of a quirk is counted, and the log is told once a session", () => {
  const name = quirkCounter("helo-name");
  deepEqual(played(["helo-name"], ["HELO my pc\r\n", "HELO my pc\r\n"]), [name, "log helo-name", name]);
  deepEqual(played([], ["HELO my pc\r\n"]), []);
  deepEqual(played(["bare-lf"], ["HELO a.test\n", "NOOP\r\n", "NOOP\n"]), [
    quirkCounter("bare-lf"),
    "log bare-lf",
    quirkCounter("bare-lf"),
  ]);
});

Deno.test("what everybody may do is counted and not logged", () => {
  const [usual = "bare-lf"] = usualQuirks;
  deepEqual(played(null, ["HELO a.test\r\n", "MAIL FROM: <x@a.test>\r\n"]), [quirkCounter(usual)]);
});

Deno.test("a command that takes two quirks of which one does not pass counts none", () => {
  const lines = ["HELO a.test\r\n", "MAIL FROM : <x@a.test>\r\n"];
  deepEqual(played(["blank-after-colon"], lines), []);
  deepEqual(played(["blank-after-colon", "blank-before-colon"], lines), [
    quirkCounter("blank-before-colon"),
    "log blank-before-colon",
    quirkCounter("blank-after-colon"),
  ]);
});
