import { deepEqual, equal, ok } from "node:assert/strict";
import { lenientLines, namedOnly, quirksFor, usualLenience } from "../../lib/policy/lenient.ts";
import { printPolicy } from "../../lib/policy/print.ts";
import { quirks, usualQuirks } from "../../lib/smtp/lenient.ts";
import { messagesOfLines, policyOfLines } from "./load_text.ts";
import { assertCanonical } from "./canonical.ts";

const lenientOf = (lines: string) => policyOfLines(lines).smtp.lenient;

Deno.test("quirksFor() lets pass what a line says for all, and for those that it names", () => {
  const lenient = lenientOf([
    "smtp lenient helo-name",
    'smtp lenient bare-lf from { 192.0.2.0/24, "2001:db8::/32" }',
    "smtp lenient no-brackets from 198.51.100.7\n",
  ].join("\n"));
  for (
    const [address, want] of [
      ["203.0.113.1", ["blank-after-colon", "helo-name"]],
      ["192.0.2.1", ["bare-lf", "blank-after-colon", "helo-name"]],
      ["[2001:db8::1]", ["bare-lf", "blank-after-colon", "helo-name"]],
      ["[2001:db9::1]", ["blank-after-colon", "helo-name"]],
      // An IPv4-mapped address is an IPv6 address.
      ["[::ffff:192.0.2.1]", ["blank-after-colon", "helo-name"]],
      ["198.51.100.7", ["blank-after-colon", "helo-name", "no-brackets"]],
      ["local", ["blank-after-colon", "helo-name"]],
    ] as const
  ) deepEqual([...quirksFor(lenient, address)].sort(), want, address);
});

Deno.test("without a line what is usual passes, for everybody", () => {
  equal(lenientOf(""), usualLenience);
  equal(quirksFor(lenientOf(""), "192.0.2.1"), usualQuirks);
  ok(!namedOnly.some((quirk) => usualQuirks.has(quirk)));
});

Deno.test("`!` takes back what passes, and a later line lets it pass again", () => {
  deepEqual(lenientOf("smtp lenient !blank-after-colon\n"), []);
  deepEqual(lenientOf("smtp lenient !blank-after-colon\nsmtp lenient blank-after-colon\n"), [...usualLenience]);
  deepEqual(lenientOf("smtp lenient helo-name\nsmtp lenient helo-name\n").length, 2);
  deepEqual(lenientOf("smtp lenient helo-name from 192.0.2.1\nsmtp lenient !helo-name\n"), [...usualLenience]);
});

Deno.test("lines are printed as they are read", () => {
  assertCanonical("", [
    "smtp lenient !blank-after-colon",
    "smtp lenient no-brackets",
    "smtp lenient bare-lf from { 192.0.2.0/24, 198.51.100.7 }",
  ]);
  deepEqual(lenientLines(usualLenience, () => "?"), []);
  for (const quirk of quirks) {
    const lines = `smtp lenient !blank-after-colon\nsmtp lenient ${quirk} from 192.0.2.1\nmatch for local reject\n`;
    const policy = policyOfLines(lines);
    deepEqual(policyOfLines(printPolicy(policy, "shown")).smtp.lenient, policy.smtp.lenient, quirk);
  }
});

Deno.test("who lets everybody do something by a network is told", () => {
  deepEqual(messagesOfLines("smtp lenient bare-lf from 0.0.0.0/0\n"), ["1:27 everybody is let do `bare-lf`"]);
});
