import { deepEqual, equal, match, ok } from "node:assert/strict";
import fc, { anyText } from "../support/fast_check.ts";
import {
  classifyCommandEnd,
  classifyDns,
  classifyFault,
  classifyReply,
  classifyStoreFailure,
  classifyVerdict,
  type CommandEnd,
  loopDetected,
  misconfigured,
  noRoute,
  notNow,
  nullMx,
  type Outcome,
  type OutcomeStage,
  outcomeTextMax,
  resultOf,
  selfRoute,
  storedLocally,
  unknownAccount,
  unknownUser,
} from "../../lib/delivery/outcome.ts";
import { Fault, type FaultKind } from "../../lib/fault.ts";
import type { ClientStage, ClientVerdict, LossCause } from "../../lib/smtp/client_face.ts";

const by = "mx.test [192.0.2.1]:25";
const stages: readonly ClientStage[] = [
  "greeting",
  "hello",
  "mail",
  "rcpt",
  "data",
  "content",
  "dot",
  "reset",
  "idle",
  "quit",
];

/** What the first digit of a reply means at each stage: 2, 3, 4, 5. */
const words: Readonly<Record<ClientStage, readonly [string, string, string, string]>> = {
  greeting: ["delayed", "delayed", "delayed", "delayed"],
  hello: ["delayed", "delayed", "delayed", "delayed"],
  mail: ["delayed", "delayed", "delayed", "failed"],
  rcpt: ["delayed", "delayed", "delayed", "failed"],
  data: ["delayed", "delayed", "delayed", "failed"],
  content: ["delayed", "delayed", "delayed", "delayed"],
  dot: ["relayed", "delayed", "delayed", "failed"],
  reset: ["delayed", "delayed", "delayed", "delayed"],
  idle: ["delayed", "delayed", "delayed", "delayed"],
  quit: ["delayed", "delayed", "delayed", "delayed"],
};

for (const stage of stages) {
  Deno.test(`classifyReply() knows every code in ${stage}`, () => {
    for (let code = 200; code <= 599; code++) {
      const want = stage === "rcpt" && code === 552 ? "delayed" : words[stage][Math.floor(code / 100) - 2];
      const outcome = classifyReply({ code, enhanced: null, lines: ["x"] }, stage, by);
      equal(outcome.kind, want, String(code));
      check(outcome);
    }
  });
}

Deno.test("classifyReply() takes codes that do not exist for no answer", () => {
  for (const code of [0, 100, 199, 600, 999]) {
    for (const stage of stages) {
      equal(classifyReply({ code, enhanced: null, lines: [""] }, stage, by).kind, "delayed", `${code} ${stage}`);
    }
  }
});

const statuses: readonly (readonly [number, string | null, ClientStage, string])[] = [
  [250, "2.6.0", "dot", "2.6.0"],
  [250, null, "dot", "2.0.0"],
  [550, "5.1.1", "rcpt", "5.1.1"],
  [550, null, "rcpt", "5.0.0"],
  [450, "4.2.0", "rcpt", "4.2.0"],
  [450, null, "rcpt", "4.0.0"],
  [354, null, "dot", "4.0.0"],
  [250, "2.1.5", "data", "4.1.5"],
  [552, null, "rcpt", "4.5.3"],
  [552, "5.2.2", "rcpt", "4.2.2"],
  [552, "5.3.4", "dot", "5.3.4"],
  [552, "5.3.4", "mail", "5.3.4"],
  [554, "5.7.1", "greeting", "4.7.1"],
  [421, "4.3.2", "dot", "4.3.2"],
];

for (const [code, enhanced, stage, want] of statuses) {
  Deno.test(`classifyReply() gives ${want} for ${code} ${enhanced} in ${stage}`, () => {
    equal(classifyReply({ code, enhanced, lines: ["x"] }, stage, by).enhanced, want);
  });
}

Deno.test("classifyReply() keeps the server's words on one line", () => {
  deepEqual(classifyReply({ code: 550, enhanced: "5.1.1", lines: ["No such", "user\r\nhere"] }, "rcpt", by), {
    kind: "failed",
    enhanced: "5.1.1",
    text: "550 5.1.1 No such user??here",
    by,
  });
});

Deno.test("outcomes have one printable line of at most 2,047 octets", () => {
  fc.assert(
    fc.property(fc.array(anyText({ maxLength: 900 }), { minLength: 1, maxLength: 6 }), (lines) => {
      check(classifyReply({ code: 550, enhanced: null, lines }, "rcpt", by));
    }),
    { numRuns: 200 },
  );
  const long = classifyReply({ code: 550, enhanced: null, lines: ["\u{1f4e7}".repeat(2_000)] }, "rcpt", by).text;
  equal(new TextEncoder().encode(long).length, 4 + 510 * 4);
  ok(long.endsWith("\u{1f4e7}"));
});

const causes: Readonly<Record<LossCause, readonly [connect: string, session: string]>> = {
  timeout: ["4.4.1", "4.4.2"],
  refused: ["4.4.1", "4.4.2"],
  reset: ["4.4.1", "4.4.2"],
  unreachable: ["4.4.1", "4.4.2"],
  closed: ["4.4.1", "4.4.2"],
  noSpace: ["4.3.1", "4.3.1"],
  io: ["4.4.1", "4.4.2"],
  notFound: ["4.3.0", "4.3.0"],
  exists: ["4.3.0", "4.3.0"],
  denied: ["4.3.5", "4.3.5"],
  malformed: ["4.3.0", "4.3.0"],
  unavailable: ["4.3.2", "4.3.2"],
  unsupported: ["4.3.0", "4.3.0"],
  protocol: ["4.5.0", "4.5.0"],
};

for (const [cause, [connect, session]] of Object.entries(causes) as [LossCause, readonly [string, string]][]) {
  Deno.test(`a connection lost by ${cause} delays, at every stage`, () => {
    for (const stage of stages) {
      const outcome = classifyVerdict({ kind: "lost", stage, cause, detail: "gone" }, by);
      deepEqual([outcome.kind, outcome.enhanced, outcome.by], ["delayed", session, by], stage);
      match(outcome.text, /^Connection lost .+: gone$/);
      check(outcome);
    }
    if (cause === "protocol") return;
    for (const stage of ["connect", ...stages] as OutcomeStage[]) {
      const outcome = classifyFault(new Fault(cause satisfies FaultKind, "Cannot connect: x"), stage, by);
      deepEqual([outcome.kind, outcome.enhanced], ["delayed", stage === "connect" ? connect : session], stage);
    }
  });
}

Deno.test("classifyFault() keeps the fault's own words for a connection that was never made", () => {
  const fault = new Fault("refused", "Cannot connect to 192.0.2.1:25: ECONNREFUSED");
  deepEqual(classifyFault(fault, "connect", by), { kind: "delayed", enhanced: "4.4.1", text: fault.message, by });
});

const verdicts: readonly (readonly [ClientVerdict, Outcome["kind"], string])[] = [
  [reply(250, true), "delivered", "2.0.0"],
  [reply(250, false), "relayed", "2.0.0"],
  [reply(550, true), "failed", "5.0.0"],
  [reply(450, false), "delayed", "4.0.0"],
  [{ kind: "tooLarge", limit: 10 }, "failed", "5.3.4"],
  [{ kind: "notAscii" }, "failed", "5.6.7"],
  [{ kind: "unsupported", need: "utf8Header" }, "failed", "5.6.9"],
  [{ kind: "unsupported", need: "deliverBy" }, "failed", "5.3.3"],
  [{ kind: "tooManyRefused" }, "delayed", "4.5.3"],
  [{ kind: "noContent" }, "delayed", "4.3.0"],
];

function reply(code: number, reports: boolean): ClientVerdict {
  return { kind: "reply", stage: "dot", reply: { code, enhanced: null, lines: ["x"] }, reports };
}

for (const [verdict, kind, enhanced] of verdicts) {
  Deno.test(`classifyVerdict() takes ${JSON.stringify(verdict)} for ${kind}`, () => {
    const outcome = classifyVerdict(verdict, by);
    deepEqual([outcome.kind, outcome.enhanced], [kind, enhanced]);
    check(outcome);
  });
}

const failedDns = { kind: "failed", detail: "" } as const;
const answers: readonly (readonly [Parameters<typeof classifyDns>[0], "mail" | "host", string, string])[] = [
  [{ kind: "noName", ttlMs: 0, secure: false }, "mail", "failed", "5.1.2"],
  [{ kind: "noName", ttlMs: 0, secure: false }, "host", "delayed", "4.4.4"],
  [{ kind: "noData", ttlMs: 0, secure: false }, "mail", "delayed", "4.4.4"],
  [{ kind: "noData", ttlMs: 0, secure: false }, "host", "delayed", "4.4.4"],
  ...(["servfail", "timeout", "refused", "malformed"] as const).flatMap((reason) =>
    (["mail", "host"] as const).map((what) => [{ ...failedDns, reason }, what, "delayed", "4.4.3"] as const)
  ),
];

for (const [answer, what, kind, enhanced] of answers) {
  Deno.test(`classifyDns() takes ${answer.kind} ${"reason" in answer ? answer.reason : ""} of a ${what} for ${kind}`, () => {
    const outcome = classifyDns(answer, what);
    deepEqual([outcome.kind, outcome.enhanced], [kind, enhanced]);
    check(outcome);
  });
}

Deno.test("classifyStoreFailure() fails only what can never be stored", () => {
  const table = {
    noSpace: ["delayed", "4.3.1"],
    io: ["delayed", "4.3.0"],
    denied: ["delayed", "4.3.5"],
    malformed: [
      "failed",
      "5.6.0",
    ],
  } as const;
  for (const cause of ["noSpace", "io", "denied", "malformed"] as const) {
    const outcome = classifyStoreFailure(cause, "Cannot store: x\n");
    deepEqual([outcome.kind, outcome.enhanced], table[cause]);
    equal(outcome.text, "Cannot store: x?");
  }
});

const named: readonly (readonly [string, Outcome, Outcome["kind"], string])[] = [
  ["loopDetected", loopDetected(), "failed", "5.4.6"],
  ["unknownUser", unknownUser(), "failed", "5.1.1"],
  ["unknownAccount", unknownAccount("vmail"), "failed", "5.3.5"],
  ["nullMx", nullMx(), "failed", "5.1.10"],
  ["selfRoute", selfRoute(), "failed", "5.4.6"],
  ["noRoute", noRoute("x"), "delayed", "4.4.4"],
  ["misconfigured", misconfigured("x"), "delayed", "4.3.5"],
  ["notNow", notNow("x"), "delayed", "4.3.2"],
  ["storedLocally", storedLocally("host"), "delivered", "2.0.0"],
];

for (const [name, outcome, kind, enhanced] of named) {
  Deno.test(`${name}() is ${kind} ${enhanced}`, () => {
    deepEqual([outcome.kind, outcome.enhanced], [kind, enhanced]);
    check(outcome);
  });
}

/** What holds for every outcome. */
function check(outcome: Outcome): void {
  const classOf = { delivered: "2", relayed: "2", delayed: "4", failed: "5" } as const;
  match(outcome.enhanced, /^[245]\.[0-9]{1,3}\.[0-9]{1,3}$/);
  equal(outcome.enhanced.charAt(0), classOf[outcome.kind]);
  // deno-lint-ignore no-control-regex -- none may be left
  ok(!/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(outcome.text));
  ok(new TextEncoder().encode(outcome.text).length <= outcomeTextMax);
}

Deno.test("resultOf() has a word for each outcome", () => {
  const words = { delivered: "Ok", relayed: "Ok", delayed: "TempFail", failed: "PermFail" } as const;
  for (const kind of ["delivered", "relayed", "delayed", "failed"] as const) equal(resultOf({ kind }), words[kind]);
});

Deno.test("classifyCommandEnd() follows sysexits(3): 71 and 75 for now, others for good", () => {
  const end = { status: 0, signal: null, timedOut: false, premature: false, text: "words" };
  const cases: readonly (readonly [Partial<CommandEnd>, string])[] = [
    [{}, "delivered 2.0.0 Delivered"],
    [{ premature: true }, "delayed 4.3.0 Error (mda exited prematurely)"],
    [{ status: 75 }, 'delayed 4.3.0 Error (temporary failure: "words")'],
    [{ status: 71, text: "" }, "delayed 4.3.0 Error (system resource problem: exited abnormally)"],
    [{ status: 75, premature: true }, 'delayed 4.3.0 Error (temporary failure: "words")'],
    [{ status: 67 }, 'failed 5.1.1 Error (user unknown: "words")'],
    [{ status: 77 }, 'failed 5.3.0 Error (permission denied: "words")'],
    [{ status: 1 }, 'failed 5.3.0 Error ("words")'],
    [{ status: 127, text: "" }, "failed 5.3.0 Error (exited abnormally)"],
    [{ status: 137, signal: "SIGKILL" }, "delayed 4.3.0 Error (terminated; signal SIGKILL)"],
    [{ status: 137, signal: "SIGKILL", timedOut: true }, "delayed 4.3.0 Error (terminated; timeout)"],
    [{ status: 1, text: "x".repeat(300) }, `failed 5.3.0 Error ("${"x".repeat(255)}")`],
    [{ status: 1, text: "\x1b[2J" }, 'failed 5.3.0 Error ("?[2J")'],
  ];
  for (const [change, want] of cases) {
    const { kind, enhanced, text } = classifyCommandEnd({ ...end, ...change });
    equal(`${kind} ${enhanced} ${text}`, want);
  }
});
