import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import type { TraceEvent } from "../../lib/policy/trace.ts";
import { tellingTable } from "../../lib/policy/trace_tables.ts";
import { StaticTable } from "../../lib/table/static.ts";

Deno.test("tellingTable() answers as the table does, and tells it", async () => {
  const told: TraceEvent[] = [];
  const real = new StaticTable("t", "map", [["ann", "bob"]], "+");
  const table = tellingTable(real, 4, (event) => told.push(event));
  assert.deepEqual([table.name, table.shape], ["t", "map"]);
  assert.equal(await table.lookup("alias", "ann"), "bob");
  assert.equal(await table.lookup("alias", "eve"), null);
  assert.equal(await table.check("string", "ann"), true);
  assert.equal(await table.check("string", "eve"), false);
  assert.equal(await table.fetch("relayhost"), "ann");
  const base = { kind: "lookup", node: 4, table: "t" };
  assert.deepEqual(told, [
    { ...base, service: "alias", key: "ann", answer: { kind: "found", value: "bob" } },
    { ...base, service: "alias", key: "eve", answer: { kind: "absent" } },
    { ...base, service: "string", key: "ann", answer: { kind: "found", value: null } },
    { ...base, service: "string", key: "eve", answer: { kind: "absent" } },
    { ...base, service: "relayhost", key: "", answer: { kind: "found", value: "ann" } },
  ]);
});

Deno.test("tellingTable() tells of a failure and passes it on; a bug of ours is not told", async () => {
  const told: TraceEvent[] = [];
  const real = new StaticTable("t", "list", [], "+");
  const failing = (error: Error) =>
    tellingTable(
      {
        name: "t",
        shape: "list",
        check: () => Promise.reject(error),
        lookup: () => Promise.reject(error),
        fetch: () => Promise.reject(error),
        update: () => real.update(),
        close: () => real.close(),
      },
      0,
      (event) => told.push(event),
    );
  await assert.rejects(failing(new Fault("unavailable", "it is down")).lookup("alias", "x"), { kind: "unavailable" });
  assert.deepEqual(told.map((one) => one.kind === "lookup" && one.answer), [{ kind: "failed", reason: "it is down" }]);
  await assert.rejects(failing(new TypeError("bug")).check("alias", "x"), TypeError);
  assert.equal(told.length, 1);
});
