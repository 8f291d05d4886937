import { deepEqual, equal } from "node:assert/strict";
import type { Domain } from "../../lib/mail/address.ts";
import { filterPhasesOf, filtersUseNames, membersOf } from "../../lib/policy/filter_phase.ts";
import { defaultListenerOptions } from "../../lib/policy/defaults.ts";
import { policyOf } from "./tables.ts";

Deno.test("filterPhasesOf() names the phases in which somebody has a say, and no other", () => {
  const policy = policyOf([
    'filter a phase connect match rdns reject "550 a"',
    'filter b phase rcpt-to match auth report "b"',
    'filter p proc-exec "/bin/p"',
    "filter c chain { a, b, p }",
    "match reject\n",
  ].join("\n"));
  const at = (filter: string | null) => {
    const options = { ...defaultListenerOptions("mx.test" as Domain), kind: "socket", place: null, filter } as const;
    return [...filterPhasesOf(policy, options)].sort();
  };
  deepEqual([at(null), at("a"), at("p"), at("c")], [[], ["connect"], ["connect"], ["connect", "rcpt-to"]]);
  deepEqual(membersOf(policy.filters, "c").map(({ name }) => name), ["a", "b", "p"]);
  deepEqual(membersOf(policy.filters, "nobody"), []);
});

Deno.test("filtersUseNames() holds where a filter asks for the name of the peer", () => {
  for (
    const [condition, want] of [["rdns", true], ["!fcrdns", true], ['rdns "x"', true], [
      "src 192.0.2.1",
      false,
    ]] as const
  ) equal(filtersUseNames(policyOf(`filter f phase connect match ${condition} junk\nmatch reject\n`)), want, condition);
});
