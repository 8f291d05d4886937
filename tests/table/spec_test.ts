import assert from "node:assert/strict";
import { type DatabaseSpec, isRemembered, programSpec, sqliteDatabase } from "../../lib/table/spec.ts";

Deno.test("sqliteDatabase() is the file itself, or what dbpath says", () => {
  const spec = (settings: DatabaseSpec["settings"]): DatabaseSpec => ({
    kind: "sqlite",
    name: "t",
    path: "/p",
    settings,
  });
  assert.equal(sqliteDatabase(spec([])), "/p");
  assert.equal(sqliteDatabase(spec([["query_alias", "A"], ["dbpath", "/a.db"], ["dbpath", "/b.db"]])), "/b.db");
  assert.throws(() => sqliteDatabase(spec([["query_alias", "A"]])), /\/p has no `dbpath`/);
  assert.throws(() => sqliteDatabase(spec([["dbpath", "b.db"]])), /no absolute path/);
});

Deno.test("isRemembered() is true of tables that other processes answer for", () => {
  const database = { name: "t", path: "/p", settings: [["query_alias", "A"]] } as const;
  assert.equal(isRemembered({ kind: "file", name: "t", path: "/p" }), false);
  assert.equal(isRemembered({ kind: "sqlite", ...database }), false);
  for (const kind of ["postgres", "mysql", "redis", "ldap"] as const) {
    assert.equal(isRemembered({ kind, ...database }), true);
  }
  assert.equal(isRemembered(programSpec("t", "/c", null)), true);
});
