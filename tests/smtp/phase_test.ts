import { deepEqual, equal, ok } from "node:assert/strict";
import type { Verb } from "../../lib/smtp/command.ts";
import { contentRefusals, type Phase, verbRules } from "../../lib/smtp/phase.ts";

const phases: readonly Phase[] = ["fresh", "ready", "sender", "refused", "recipients", "chunks", "spoiled"];

/** Code of the answer in each phase; 0: allowed. */
const codes: Readonly<Record<Verb, readonly number[]>> = {
  HELO: [0, 0, 0, 0, 0, 0, 0],
  EHLO: [0, 0, 0, 0, 0, 0, 0],
  LHLO: [0, 0, 0, 0, 0, 0, 0],
  MAIL: [503, 0, 503, 503, 503, 503, 503],
  RCPT: [503, 503, 0, 0, 0, 503, 503],
  DATA: [503, 503, 503, 554, 0, 503, 503],
  RSET: [0, 0, 0, 0, 0, 0, 0],
  NOOP: [0, 0, 0, 0, 0, 0, 0],
  QUIT: [0, 0, 0, 0, 0, 0, 0],
  HELP: [0, 0, 0, 0, 0, 0, 0],
  VRFY: [0, 0, 0, 0, 0, 0, 0],
  EXPN: [502, 502, 502, 502, 502, 502, 502],
  ETRN: [502, 502, 502, 502, 502, 502, 502],
  TURN: [502, 502, 502, 502, 502, 502, 502],
  SEND: [502, 502, 502, 502, 502, 502, 502],
  SOML: [502, 502, 502, 502, 502, 502, 502],
  SAML: [502, 502, 502, 502, 502, 502, 502],
  STARTTLS: [503, 0, 503, 503, 503, 503, 503],
  AUTH: [503, 0, 503, 503, 503, 503, 503],
  BDAT: [0, 0, 0, 0, 0, 0, 0],
  FOREIGN: [554, 554, 554, 554, 554, 554, 554],
  UNKNOWN: [500, 500, 500, 500, 500, 500, 500],
};

Deno.test("verbRules: each verb in each phase", () => {
  for (const [verb, rule] of Object.entries(verbRules)) {
    deepEqual(phases.map((phase) => rule.in[phase]?.code ?? 0), codes[verb as Verb], verb);
  }
});

Deno.test("verbRules: input behind a command that ends a group", () => {
  const behind = (kind: string) =>
    Object.entries(verbRules).filter(([, { behind }]) => behind === kind).map(([v]) => v);
  deepEqual(behind("refuse"), ["HELO", "EHLO", "LHLO", "DATA", "STARTTLS", "AUTH"]);
});

Deno.test("contentRefusals: BDAT is refused where DATA is, but goes on in chunks", () => {
  deepEqual(phases.map((phase) => contentRefusals[phase]?.code ?? 0), [503, 503, 503, 554, 0, 0, 503]);
});

Deno.test("verbRules: what ends the session is never allowed, or had no argument", () => {
  const fatal = Object.entries(verbRules).filter(([, { isFatal }]) => isFatal);
  deepEqual(fatal.map(([verb]) => verb), ["BDAT", "FOREIGN"]);
  equal(verbRules.BDAT.argument, "required");
  ok(phases.every((phase) => verbRules.FOREIGN.in[phase] !== null));
});

Deno.test("verbRules: who takes an argument", () => {
  const verbs = (kind: string) =>
    Object.entries(verbRules).filter(([, { argument }]) => argument === kind).map(([v]) => v);
  deepEqual(verbs("none"), ["DATA", "RSET", "QUIT", "STARTTLS"]);
  deepEqual(verbs("required"), ["MAIL", "RCPT", "VRFY", "BDAT"]);
  equal(verbs("optional").length, Object.keys(verbRules).length - 8);
});
