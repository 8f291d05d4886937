import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { type ViewItem, viewOf } from "../../cli/smtpctl_answer.ts";
import type { ControlRequest } from "../../lib/daemon/control.ts";
import { type EvpId, evpIdOf, msgIdOf } from "../../lib/spool/id.ts";
import { exampleEnvelope } from "../support/envelope.ts";
import { PaperPrinter } from "../support/printer.ts";

const all = { kind: "all" } as const;
const terminal = { width: 80, color: false };
const { id, message } = exampleEnvelope;

/** What a request is answered with, printed. */
async function print(
  request: ControlRequest,
  items: readonly ViewItem[],
  options: { terminal?: boolean; json?: boolean; count?: number } = {},
): Promise<{ status: number; printer: PaperPrinter }> {
  const printer = new PaperPrinter(options.terminal ? terminal : null);
  const view = viewOf(request, printer, { json: options.json ?? false, name: "smtpctl" });
  for (const item of items) await view.item(item);
  return { status: await view.done(options.count ?? items.length), printer };
}

const textOf = async (...args: Parameters<typeof print>) => (await print(...args)).printer.text;
const jsonOf = async (request: ControlRequest, items: readonly ViewItem[], count?: number): Promise<unknown> =>
  JSON.parse(await textOf(request, items, count === undefined ? { json: true } : { json: true, count }));

const queued = (evpId: EvpId): ViewItem => ({
  kind: "envelope",
  envelope: { ...exampleEnvelope, id: evpId },
  state: { kind: "pending", inMs: 1_200_000 },
});
const content = (text: string): ViewItem => ({ kind: "content", base64: btoa(text) });
const showQueue: ControlRequest = { kind: "showQueue", target: all };
const showMessage: ControlRequest = { kind: "showMessage", message };

Deno.test("show queue of nothing prints nothing, says so on a terminal, and is [] in JSON", async () => {
  equal(await textOf(showQueue, []), "");
  equal(await textOf(showQueue, [], { terminal: true }), "The queue is empty.\n");
  deepEqual(await jsonOf(showQueue, []), []);
});

Deno.test("show queue prints lines, a table or an array", async () => {
  const items = [queued(id), queued(evpIdOf(message, 2))];
  const lines = (await textOf(showQueue, items)).split("\n");
  deepEqual(lines.map((line) => line.split("|")[0]), [id, evpIdOf(message, 2), ""]);
  const table = await textOf(showQueue, items, { terminal: true });
  equal(table.split("\n")[0]?.startsWith("ENVELOPE "), true);
  ok(table.endsWith("2 envelopes of 1 message\n"));
  const list = await jsonOf(showQueue, items);
  ok(Array.isArray(list));
  deepEqual(list.map((one: { id: string }) => one.id), [id, evpIdOf(message, 2)]);
});

Deno.test("show queue prints a long queue in pieces, each envelope once", async () => {
  const ids = Array.from({ length: 1_300 }, (_, n) => evpIdOf(msgIdOf(n + 1), 1));
  for (const options of [{}, { terminal: true }, { json: true }]) {
    const { printer } = await print(showQueue, ids.map(queued), options);
    ok(printer.writes > 1, "it does not wait for the end");
    const found = printer.text.match(/^(?:\{"id":")?[0-9a-f]{16}/gm)?.map((one) => one.slice(-16));
    deepEqual(found, ids);
  }
  equal(JSON.parse(await textOf(showQueue, ids.map(queued), { json: true })).length, ids.length);
});

Deno.test("show envelope prints fields, a page or an object", async () => {
  const request: ControlRequest = { kind: "showEnvelope", envelope: id };
  ok((await textOf(request, [queued(id)])).startsWith("version: 3\ndispatcher: outbound\n"));
  ok((await textOf(request, [queued(id)], { terminal: true })).startsWith(`Envelope      ${id}\n`));
  const json = await jsonOf(request, [queued(id)]);
  ok(typeof json === "object" && json !== null && "id" in json);
  equal(json.id, id);
});

Deno.test("show message prints LF line ends wherever the pieces are cut, and all other octets as they are", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("\r", "\n", "a", "\x1b", "\xe9"), { maxLength: 12 }),
      fc.nat(12),
      async (text, at) => {
        const pieces = [text.slice(0, at), text.slice(at)].map((piece) => content(piece.join("")));
        const { printer } = await print(showMessage, pieces);
        return printer.octets === text.join("").replaceAll("\r\n", "\n");
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("show message gives a terminal no control characters, and letters that are cut apart whole", async () => {
  const items = [content("Subject: \x1b[31mx\r\n\tB\xc3"), content("\xa9\x07\r\nend")];
  equal(await textOf(showMessage, items, { terminal: true }), "Subject: ?[31mx\n\tBé?\nend");
});

Deno.test("show message in JSON has the octets as stored", async () => {
  deepEqual(await jsonOf(showMessage, [content("a\r"), content("\n")]), { message, size: 3, base64: btoa("a\r\n") });
});

Deno.test("show stats and show status print lists and objects", async () => {
  const stats: readonly ViewItem[] = [
    { kind: "stat", key: "uptime", value: 61 },
    { kind: "stat", key: "a.b", value: 2 },
  ];
  equal(await textOf({ kind: "showStats" }, stats), "a.b=2\nuptime=61\nuptime.human=1m1s\n");
  equal(
    await textOf({ kind: "showStats" }, stats, { terminal: true }),
    "a.b           2\nuptime        61\nuptime.human  1m1s\n",
  );
  deepEqual(await jsonOf({ kind: "showStats" }, stats), { "a.b": 2, uptime: 61 });
  const status: readonly ViewItem[] = [
    { kind: "status", what: "mda", running: true },
    { kind: "status", what: "mta", running: false },
  ];
  const configuration: ViewItem = {
    kind: "configuration",
    status: { file: "/etc/smtpd.conf", version: 2, loadedAt: 0, failure: null },
  };
  equal(await textOf({ kind: "showStatus" }, status), "MDA running\nMTA paused\n");
  equal(
    await textOf({ kind: "showStatus" }, [...status, configuration]),
    "MDA running\nMTA paused\nconfiguration /etc/smtpd.conf version 2, loaded 1970-01-01T00:00:00.000Z\n",
  );
  deepEqual(await jsonOf({ kind: "showStatus" }, [configuration]), {
    configuration: { file: "/etc/smtpd.conf", version: 2, loadedAt: "1970-01-01T00:00:00.000Z", failure: null },
  });
  deepEqual(await jsonOf({ kind: "showStatus" }, status), { mda: "running", mta: "paused" });
});

Deno.test("commands on envelopes say how many, and fail when a named one was not touched", async () => {
  const envelope = { kind: "envelope", envelope: id } as const;
  for (
    const [kind, target, count, want, status] of [
      ["schedule", all, 0, "0 envelope scheduled\n", 0],
      ["schedule", envelope, 1, "1 envelope scheduled\n", 0],
      ["schedule", envelope, 0, "0 envelope scheduled\n", 1],
      ["remove", all, 2, "2 envelopes removed\n", 0],
      ["pauseEnvelope", { kind: "message", message }, 3, "3 envelopes paused\n", 0],
      ["resumeEnvelope", { kind: "message", message }, 0, "0 envelope resumed\n", 1],
    ] as const
  ) {
    const result = await print({ kind, target }, [], { count });
    deepEqual([result.printer.text, result.status], [want, status]);
    equal(result.printer.errors !== "", kind === "schedule" && status === 1, "a reason, where there may be one");
  }
  deepEqual(await jsonOf({ kind: "remove", target: all }, [], 2), { removed: 2 });
});

Deno.test("simple commands say that they succeeded", async () => {
  const requests: readonly ControlRequest[] = [
    { kind: "pause", what: "mda" },
    { kind: "resume", what: "mta" },
    { kind: "updateTable", table: "aliases" },
    { kind: "stop" },
  ];
  for (const request of requests) {
    equal(await textOf(request, []), "command succeeded\n");
    deepEqual(await jsonOf(request, []), { succeeded: true });
  }
});

Deno.test("items that a request does not call for are passed over", async () => {
  const stray: readonly ViewItem[] = [{ kind: "stat", key: "x", value: 1 }];
  equal(await textOf(showQueue, stray), "");
  equal(await textOf(showMessage, stray), "");
  equal(await textOf({ kind: "showStatus" }, stray), "");
  equal(await textOf({ kind: "showEnvelope", envelope: id }, stray), "");
});
