import { deepEqual } from "node:assert/strict";
import { includedFiles, includesMax } from "../../lib/policy/includes.ts";
import type { LocalAction, Policy } from "../../lib/policy/policy.ts";
import type { TableSpec } from "../../lib/table/table.ts";

function policyWith(tables: readonly TableSpec[], action: Partial<LocalAction>): Policy {
  const local = { kind: "local", name: "local", alias: null, virtual: null, ...action };
  return { tables: Object.fromEntries(tables.map((one) => [one.name, one])), actions: { local } } as unknown as Policy;
}

const inline = (value: string): TableSpec => ({ kind: "static", name: "a", shape: "map", entries: [["k", value]] });

Deno.test("includedFiles() finds both spellings among other elements", () => {
  const policy = policyWith([inline("bob, :include:/etc/mail/list,include:/srv/b.list, :INCLUDE:/c")], { alias: "a" });
  deepEqual(includedFiles(policy, () => null), ["/c", "/etc/mail/list", "/srv/b.list"]);
});

Deno.test("includedFiles() reads file tables, and passes over those that cannot be read", () => {
  const tables: TableSpec[] = [{ kind: "file", name: "f", path: "/f" }, { kind: "file", name: "g", path: "/g" }];
  const policy = policyWith(tables, { alias: "f", virtual: "g" });
  deepEqual(includedFiles(policy, (path) => path === "/f" ? "staff: :include:/staff\n" : null), ["/staff"]);
});

Deno.test("includedFiles() leaves tables alone that no action expands with", () => {
  deepEqual(includedFiles(policyWith([inline(":include:/x")], {}), () => null), []);
});

Deno.test("includedFiles() stops at its limit", () => {
  const many = Array.from({ length: includesMax + 5 }, (_, i) => `:include:/l/${i}`).join(", ");
  deepEqual(includedFiles(policyWith([inline(many)], { alias: "a" }), () => null).length, includesMax);
});
