import assert from "node:assert/strict";
import { StaticTable } from "../../lib/table/static.ts";
import { testTable } from "../contract/table.ts";

for (const shape of ["list", "map"] as const) {
  testTable({ name: `static ${shape}`, shape, keepsCase: true }, async (entries, run) => {
    const table = new StaticTable("t", shape, entries, "+");
    await run(table);
    table.close();
  });
}

Deno.test("StaticTable: the later of two equal keys counts", async () => {
  const table = new StaticTable("t", "map", [["Bob", "one"], ["bob", "two"]], "+");
  assert.equal(await table.lookup("alias", "BOB"), "two");
  assert.equal(table.size, 2);
});

Deno.test("StaticTable: fetch() goes in byte order", async () => {
  const table = new StaticTable("t", "list", [["b", null], ["C", null], ["a", null]], "+");
  const got = [];
  for (let i = 0; i < 4; i++) got.push(await table.fetch("source"));
  assert.deepEqual(got, ["a", "b", "C", "a"]);
});

Deno.test("StaticTable: the delimiter of tags is the one given", async () => {
  const table = new StaticTable("t", "list", [["bob", null]], "-");
  assert.equal(await table.check("mailaddr", "bob-x@a.test"), true);
  assert.equal(await table.check("mailaddr", "bob+x@a.test"), false);
});

Deno.test("StaticTable: a list has no values", async () => {
  const table = new StaticTable("t", "list", [["bob", null]], "+");
  assert.equal(await table.lookup("string", "bob"), null);
});

Deno.test("StaticTable: domains in U-labels are found by their A-labels, and are one entry", async () => {
  const keys = ["bücher.test", "*.例え.test", "jürgen@bücher.test", "@Bü.test", "jürgen", "xn--fa-hia.test"];
  const table = new StaticTable("t", "list", keys.map((key) => [key, null]), "+");
  const found = async (service: "domain" | "mailaddr" | "alias", key: string) => await table.check(service, key);
  assert.equal(await found("domain", "xn--bcher-kva.test"), true);
  assert.equal(await found("domain", "mx.xn--r8jz45g.test"), true);
  assert.equal(await found("domain", "xn--r8jz45g.test"), false);
  assert.equal(await found("domain", "xn--fa-hia.test"), true);
  assert.equal(await found("mailaddr", "jürgen@xn--bcher-kva.test"), true);
  assert.equal(await found("mailaddr", "jurgen@xn--bcher-kva.test"), false);
  assert.equal(await found("mailaddr", "jürgen+tag@xn--bcher-kva.test"), true);
  assert.equal(await found("mailaddr", "anybody@xn--b-xga.test"), false);
  assert.equal(await found("mailaddr", "anybody@xn--b-eha.test"), true);
  assert.equal(await found("alias", "jürgen@xn--bcher-kva.test"), true);
  assert.equal(await found("alias", "jürgen"), true);
  assert.equal(table.size, keys.length);
  assert.equal(await table.fetch("source"), "*.例え.test");
});
