import { deepEqual, equal } from "node:assert/strict";
import { printFilter, printFilterUse, printProcess } from "../../lib/policy/print_filter.ts";
import { assertCanonical } from "./canonical.ts";
import { policyOf } from "./tables.ts";

Deno.test("printFilter() and printProcess() write every form", () => {
  assertCanonical('table t { a }\nproc p "x"\nfilter a proc p\nfilter b phase connect match !rdns junk\n', [
    'proc q "run -x" user u group g chroot "/var/empty"',
    'filter c proc-exec "/usr/bin/f -a" user u',
    "filter c proc p",
    "filter c chain { a, b }",
    'filter c phase connect match !fcrdns disconnect "550 no"',
    "filter c phase connect match src <t> bypass",
    'filter c phase helo match helo regex { "^a", "b$" } reject "550 no"',
    'filter c phase mail-from match auth rewrite "<>"',
    'filter c phase rcpt-to match !rcpt-to <t> report "seen"',
    "filter c phase data match auth <t> junk",
  ]);
});

Deno.test("printFilterUse() inlines chains without a name", () => {
  const policy = policyOf(
    "filter a phase connect match !rdns junk\nlisten on lo filter { a }\nmatch for local reject\n",
  );
  const listener = policy.listeners.find((one) => one.kind === "inet");
  equal(printFilterUse(policy, listener?.filter ?? ""), "{ a }");
  equal(printFilterUse(policy, "a"), "a");
  const chain = policy.filters[listener?.filter ?? ""]!;
  deepEqual(printFilter({ policy, secrets: "shown" }, chain), []);
});

Deno.test("printProcess() leaves the process of a filter to its filter", () => {
  const policy = policyOf('filter a proc-exec "x"\nmatch for local reject\n');
  deepEqual(printProcess(policy, policy.processes["a"]!), []);
});
