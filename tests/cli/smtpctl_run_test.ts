import { deepEqual, equal, match, rejects } from "node:assert/strict";
import type { ControlEnd } from "../../cli/control_client.ts";
import type { OfflineSpool } from "../../cli/smtpctl_offline.ts";
import type { SpoolPlace } from "../../cli/smtpctl_spool.ts";
import { type Daemon, runRequest } from "../../cli/smtpctl_run.ts";
import type { ControlItem, ControlRequest } from "../../lib/daemon/control.ts";
import { Fault, type FaultKind } from "../../lib/fault.ts";
import { evpIdOf, msgIdOf } from "../../lib/spool/id.ts";
import type { SpoolFilter } from "../../lib/spool/store.ts";
import { exampleEnvelope } from "../support/envelope.ts";
import { PaperPrinter } from "../support/printer.ts";

const all = { kind: "all" } as const;
const { id, message } = exampleEnvelope;
const options = { json: false, name: "smtpctl" };

const place: SpoolPlace = { path: "/q/spool.sqlite", why: "as /c says", isGuess: false };

/** A daemon that answers, or fails, and has a spool, or none. */
function daemonOf(
  answer: ControlEnd | Fault,
  items: readonly ControlItem[] = [],
  spool: OfflineSpool | Fault | null = null,
  change: Partial<SpoolPlace> = {},
): Daemon {
  return {
    state: "/state",
    socket: "/state/smtpd.sock",
    start: "smtpd --state /state",
    async call(_request, onItem) {
      for (const item of items) await onItem(item);
      if (answer instanceof Fault) throw answer;
      return answer;
    },
    openSpool: () =>
      spool instanceof Fault ? Promise.reject(spool) : Promise.resolve({ place: { ...place, ...change }, spool }),
  };
}

/** A spool with the example envelope in it. */
function spoolOf(filters: SpoolFilter[] = []): OfflineSpool {
  return {
    async *envelopes(filter) {
      filters.push(filter);
      await Promise.resolve();
      if ((filter.message ?? message) === message && (filter.envelope ?? id) === id) yield exampleEnvelope;
    },
    content: (wanted) => Promise.resolve(wanted === message ? pieces() : null),
  };
}

async function* pieces(): AsyncGenerator<Uint8Array> {
  for (const text of ["Subject: x\r", "\n\r\nhello\r\n"]) {
    await Promise.resolve();
    yield new TextEncoder().encode(text);
  }
}

async function run(request: ControlRequest, daemon: Daemon): Promise<{ status: number; printer: PaperPrinter }> {
  const printer = new PaperPrinter();
  return { status: await runRequest(request, daemon, printer, options), printer };
}

const down = () => new Fault("unavailable", "smtpd doesn't seem to be running");

Deno.test("runRequest() prints items and answer", async () => {
  const daemon = daemonOf({ kind: "done", count: 1 }, [{ kind: "status", what: "mda", running: true }]);
  const { status, printer } = await run({ kind: "showStatus" }, daemon);
  equal(status, 0);
  equal(printer.text, "MDA running\n");
  equal(printer.errors, "");
});

Deno.test("runRequest() passes on what the daemon refuses", async () => {
  const error = { kind: "error", code: "already", message: "mta is already paused\x1b[0m" } as const;
  const { status, printer } = await run({ kind: "pause", what: "mta" }, daemonOf(error));
  equal(status, 1);
  equal(printer.text, "");
  equal(printer.errors, "smtpctl: mta is already paused?[0m\n");
});

Deno.test("runRequest() tells a failure as JSON when that is wanted", async () => {
  const error = { kind: "error", code: "already", message: "mta is already paused" } as const;
  const printer = new PaperPrinter();
  const status = await runRequest({ kind: "pause", what: "mta" }, daemonOf(error), printer, { ...options, json: true });
  equal(status, 1);
  deepEqual(JSON.parse(printer.errors), { error: "mta is already paused", hint: null });
});

Deno.test("runRequest() says what to do about a daemon that cannot be talked to", async () => {
  for (
    const [kind, want] of [
      ["denied", /^smtpctl: reason\nneed root privileges, or those of the user who started smtpd in \/state\n$/],
      ["timeout", /^smtpctl: reason\n$/],
      ["closed", /^smtpctl: reason\n$/],
      ["malformed", /^smtpctl: reason\n$/],
    ] as const satisfies readonly (readonly [FaultKind, RegExp])[]
  ) {
    const { status, printer } = await run({ kind: "showStats" }, daemonOf(new Fault(kind, "reason")));
    equal(status, 1, kind);
    match(printer.errors, want);
  }
});

Deno.test("runRequest() takes a daemon that hangs up on stop for stopped", async () => {
  const { status, printer } = await run({ kind: "stop" }, daemonOf(new Fault("closed", "reason")));
  equal(status, 0);
  equal(printer.text, "command succeeded\n");
});

Deno.test("runRequest() without a daemon says how to start one", async () => {
  const requests: readonly ControlRequest[] = [
    { kind: "showStats" },
    { kind: "stop" },
    { kind: "schedule", target: all },
    { kind: "showQueue", target: all },
    { kind: "showEnvelope", envelope: id },
    { kind: "showMessage", message },
  ];
  for (const request of requests) {
    const { status, printer } = await run(request, daemonOf(down()));
    equal(status, 1, request.kind);
    match(printer.errors, /^smtpctl: smtpd doesn't seem to be running\nNo smtpd listens at \/state\/smtpd\.sock\.\n/);
    match(printer.errors, /smtpd --state \/state/);
  }
});

Deno.test("runRequest() without a daemon shows the queue on disk", async () => {
  const { status, printer } = await run({ kind: "showQueue", target: all }, daemonOf(down(), [], spoolOf()));
  equal(status, 0);
  match(printer.text, new RegExp(`^${id}\\|.*\\|offline\\|\\|450 4\\.2\\.0 try later\n$`));
  equal(printer.errors, "smtpctl: smtpd doesn't seem to be running; this is its queue on disk\n");
});

Deno.test("runRequest() without a daemon says where it has looked for a queue in vain, or perhaps in the wrong place", async () => {
  const none = await run({ kind: "showQueue", target: all }, daemonOf(down()));
  match(none.printer.errors, /\nThere is no queue at \/q\/spool\.sqlite: as \/c says\.\n$/);
  const guess = { isGuess: true, why: "what /c says is not known: permission denied" };
  const { status, printer } = await run({ kind: "showQueue", target: all }, daemonOf(down(), [], spoolOf(), guess));
  equal(status, 0);
  match(
    printer.errors,
    /\nThe queue .* somewhere else than at \/q\/spool\.sqlite: what \/c says is not known: perm.*\n$/,
  );
});

Deno.test("runRequest() without a daemon reads only what was asked for", async () => {
  for (
    const [request, want] of [
      [{ kind: "showQueue", target: all }, {}],
      [{ kind: "showQueue", target: { kind: "message", message } }, { message }],
      [{ kind: "showQueue", target: { kind: "envelope", envelope: id } }, { message, envelope: id }],
      [{ kind: "showEnvelope", envelope: id }, { message, envelope: id }],
    ] as const satisfies readonly (readonly [ControlRequest, SpoolFilter])[]
  ) {
    const filters: SpoolFilter[] = [];
    const { status, printer } = await run(request, daemonOf(down(), [], spoolOf(filters)));
    equal(status, 0);
    equal(JSON.stringify(filters), JSON.stringify([want]));
    match(printer.text, /bob@beta\.test/);
  }
});

Deno.test("runRequest() without a daemon prints a message from disk", async () => {
  const { status, printer } = await run({ kind: "showMessage", message }, daemonOf(down(), [], spoolOf()));
  equal(status, 0);
  equal(printer.text, "Subject: x\n\nhello\n");
});

Deno.test("runRequest() without a daemon says that something is not there, or cannot be read", async () => {
  const none = msgIdOf(9);
  const spool = spoolOf();
  const requests: readonly ControlRequest[] = [
    { kind: "showMessage", message: none },
    { kind: "showEnvelope", envelope: evpIdOf(none, 1) },
  ];
  for (const request of requests) {
    const { status, printer } = await run(request, daemonOf(down(), [], spool));
    equal(status, 1);
    match(printer.errors, /\nsmtpctl: There is no (message|envelope) 00000009/);
  }
  const denied = new Fault("denied", "Cannot read /state/spool: permission denied");
  const { status, printer } = await run({ kind: "showQueue", target: all }, daemonOf(down(), [], denied));
  equal(status, 1);
  equal(printer.errors, "smtpctl: smtpd doesn't seem to be running\nCannot read /state/spool: permission denied\n");
});

Deno.test("runRequest() lets bugs through", async () => {
  const broken: Daemon = { ...daemonOf(down()), call: () => Promise.reject(new TypeError("bug")) };
  await rejects(run({ kind: "stop" }, broken), TypeError);
});
