import { deepEqual, equal, notDeepEqual, ok } from "node:assert/strict";
import { hostDigests } from "../../lib/host/hash.ts";
import { scramCountsMax, ScramDecoys } from "../../lib/trust/scram_decoy.ts";
import { storedBounds } from "../../lib/trust/stored_password.ts";

const make = (octet = 1) => new ScramDecoys(new Uint8Array(32).fill(octet), hostDigests);
const names = Array.from({ length: 200 }, (_, i) => `user${i}`);
const countsOf = (decoys: ScramDecoys, table: string) =>
  new Set(names.map((name) => decoys.settingOf(table, name).iterations));

Deno.test("a name gets a salt of its own, always the same one, which nobody can guess", () => {
  const decoys = make();
  const { salt } = decoys.settingOf("users", "ann");
  equal(salt.length, 16);
  deepEqual(decoys.settingOf("users", "Ann").salt, salt);
  notDeepEqual(decoys.settingOf("users", "bob").salt, salt);
  notDeepEqual(make(2).settingOf("users", "ann").salt, salt);
});

Deno.test("iterations are those of users of the same table, each name's always the same", () => {
  const decoys = make();
  deepEqual(countsOf(decoys, "users"), new Set([storedBounds.scramIterationsMin]));
  decoys.found("users", 10_000);
  deepEqual(countsOf(decoys, "users"), new Set([10_000]));
  deepEqual(countsOf(decoys, "other"), new Set([storedBounds.scramIterationsMin]));
  decoys.found("users", 4096);
  const before = names.map((name) => decoys.settingOf("users", name));
  deepEqual(countsOf(decoys, "users"), new Set([10_000, 4096]));
  for (const count of [4096, 10_000, 4096]) decoys.found("users", count);
  deepEqual(names.map((name) => decoys.settingOf("users", name)), before);
});

Deno.test("no more counts are remembered than may be", () => {
  const decoys = make();
  for (let count = 5000; count < 5100; count++) decoys.found("users", count);
  const counts = countsOf(decoys, "users");
  equal(counts.size, scramCountsMax);
  ok([...counts].every((count) => count >= 5100 - scramCountsMax));
});
