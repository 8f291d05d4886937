import { deepEqual, equal, rejects } from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { StaticTable } from "../../lib/table/static.ts";
import type { Service, Table } from "../../lib/table/table.ts";
import { UnicodeTable } from "../../lib/table/unicode.ts";
import { testTable } from "../contract/table.ts";

testTable(
  { name: "UnicodeTable", shape: "map", keepsCase: true },
  (entries, run) => run(new UnicodeTable(new StaticTable("t", "map", entries, "+"))),
);

/** A backend that compares text, and the questions that it was asked. */
function backend(values: Readonly<Record<string, string>>) {
  const asked: string[] = [];
  const lookup = (_service: Service, key: string) => {
    asked.push(key);
    if (key.startsWith("broken")) return Promise.reject(new Fault("unavailable", "Cannot look up"));
    return Promise.resolve(values[key] ?? null);
  };
  const table: Table = {
    name: "t",
    shape: "dynamic",
    lookup,
    check: async (service, key) => await lookup(service, key) !== null,
    fetch: () => Promise.resolve("next"),
    update: () => Promise.resolve(void asked.push("update")),
    close: () => void asked.push("close"),
  };
  return { table: new UnicodeTable(table), asked };
}

Deno.test("UnicodeTable asks once more for what is not found, with U-labels", async () => {
  const { table, asked } = backend({ "@bücher.test": "u", "@xn--tda.test": "a", "@ü.test": "u" });
  equal(await table.lookup("alias", "@xn--bcher-kva.test"), "u");
  equal(await table.check("mailaddr", "@xn--bcher-kva.test"), true);
  equal(await table.lookup("alias", "@xn--tda.test"), "a", "what has A-labels comes first");
  equal(await table.lookup("alias", "@xn--4dbc.test"), null);
  deepEqual(asked, [
    ...["@xn--bcher-kva.test", "@bücher.test", "@xn--bcher-kva.test", "@bücher.test"],
    ...["@xn--tda.test", "@xn--4dbc.test", "@אב.test"],
  ]);
});

Deno.test("UnicodeTable asks once where there are no A-labels, or the key is no domain", async () => {
  const { table, asked } = backend({});
  const keys: readonly (readonly [Service, string])[] = [
    ["alias", "bob@plain.test"],
    ["alias", "xn--bcher-kva@plain.test"],
    ["auth", "bob:xn--bcher-kva"],
    ["regex", "xn--bcher-kva.test"],
    ["netaddr", "192.0.2.1"],
  ];
  for (const [service, key] of keys) {
    equal(await table.lookup(service, key), null);
    equal(await table.check(service, key), false);
  }
  deepEqual(asked, keys.flatMap(([, key]) => [key, key]));
});

Deno.test("UnicodeTable passes a Fault on, and the rest", async () => {
  const { table, asked } = backend({});
  await rejects(table.lookup("alias", "broken@xn--tda.test"), Fault);
  await rejects(table.check("alias", "broken@xn--tda.test"), Fault);
  equal(await table.fetch("relayhost"), "next");
  equal(table.name + table.shape, "tdynamic");
  await table.update();
  table.close();
  deepEqual(asked.slice(-2), ["update", "close"]);
});
