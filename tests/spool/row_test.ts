import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import type { SqlValue } from "../../lib/port.ts";
import type { Envelope } from "../../lib/spool/envelope.ts";
import { envelopeColumns, envelopeOf, rowOf } from "../../lib/spool/row.ts";
import { mailbox, sampleEnvelope } from "../contract/store.ts";

const plain = { noNullPrototype: true };

const envelopes: fc.Arbitrary<Envelope> = fc.record({
  message: fc.integer({ min: 1, max: 0xffffffff }),
  low: fc.integer({ min: 1, max: 0xffffffff }),
  changes: fc.record({
    kind: fc.constantFrom("mda", "mta", "bounce"),
    sender: fc.option(fc.string().map((local) => mailbox(local, "[IPv6:2001:db8::1]"))),
    rcpt: fc.string().map((local) => mailbox(local)),
    local: fc.option(fc.record({
      user: fc.string(),
      subAddress: fc.string(),
      exec: fc.option(fc.record({
        kind: fc.constantFrom("file", "command", "maildir"),
        text: fc.string({ minLength: 1 }).map((text) => `/${text.replace(/\p{Cc}/gu, "-")}`),
        from: fc.constantFrom("table", "forward"),
      }, plain)),
    }, plain)),
    lastWarnAt: fc.nat(),
    nextAt: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    suspended: fc.boolean(),
    last: fc.option(fc.record({
      kind: fc.constantFrom("delayed", "failed", "delivered", "relayed"),
      enhanced: fc.constant("5.1.1"),
      text: fc.string(),
      by: fc.string(),
    }, plain)),
  }),
}).map(({ message, low, changes }) => sampleEnvelope(message, low, changes));

Deno.test("envelopeOf() reads back what rowOf() wrote", () => {
  fc.assert(
    fc.property(envelopes, (envelope) => {
      const row = rowOf(envelope);
      assert.equal(row.length, envelopeColumns.length);
      assert.deepEqual(envelopeOf(row), envelope);
    }),
    { numRuns: 300 },
  );
});

Deno.test("envelopeOf() is null for a row that somebody spoiled", () => {
  const row = rowOf(sampleEnvelope(1, 1));
  const column = (name: typeof envelopeColumns[number]) => envelopeColumns.indexOf(name);
  const table: [number, SqlValue][] = [
    [column("kind"), 3],
    [column("kind"), null],
    [column("action"), 7],
    [column("sender"), "nobody"],
    [column("rcpt"), null],
    [column("dest"), ""],
    [column("detail"), null],
    [column("detail"), ""],
    [column("detail"), "null"],
    [column("detail"), "7"],
    [column("detail"), "{}"],
    [column("detail"), '{"lastWarnAt":0,"origin":{"address":"local"},"dsn":{"notify":[]},"last":null}'],
    [column("detail"), '{"lastWarnAt":0,"origin":null,"dsn":null,"last":null,"local":null}'],
  ];
  for (const [index, value] of table) {
    assert.equal(envelopeOf(row.with(index, value)), null, `${envelopeColumns[index]} = ${value}`);
  }
  assert.notEqual(envelopeOf(row), null);
});

Deno.test("envelopeOf() reads rows of the first version, which name no exec, and refuses half of one", () => {
  const row = rowOf(sampleEnvelope(1, 2, { kind: "mda" }));
  const withLocal = (local: unknown) => {
    const detail = { ...JSON.parse(String(row.at(-1))), local };
    return envelopeOf([...row.slice(0, -1), JSON.stringify(detail)])?.local;
  };
  assert.deepEqual(withLocal({ user: "ann", subAddress: "x" }), { user: "ann", subAddress: "x", exec: null });
  const exec = { kind: "command", text: "log", from: "table" };
  assert.deepEqual(withLocal({ user: "ann", subAddress: "", exec }), { user: "ann", subAddress: "", exec });
  for (const broken of [{ ...exec, kind: "shell" }, { ...exec, from: "peer" }, { ...exec, text: 1 }]) {
    assert.equal(withLocal({ user: "ann", subAddress: "", exec: broken }), undefined);
  }
});
