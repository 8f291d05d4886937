import { equal } from "node:assert/strict";
import { printAction } from "../../lib/policy/print_action.ts";
import { assertCanonical } from "./canonical.ts";
import { policyOf } from "./tables.ts";

const head = `mda wrapper w "nice %{mda}"
pki a.test cert "/c"
pki a.test key "/k"
ca a.test cert "/ca"
srs key x
table m { a = b }
table h { 192.0.2.1 = a.test }
table c { lab = "u:p" }
filter f phase connect match !rdns junk
`;

Deno.test("printAction() writes every method and option", () => {
  assertCanonical(head, [
    'action "in" maildir',
    'action "in" maildir junk',
    'action "in" maildir "~/In" junk user vmail virtual <m> userbase <m> wrapper w ttl 1d',
    'action "in" mbox alias <m>',
    'action "in" mda "procmail -f %{sender}" user vmail',
    'action "in" lmtp localhost:24 rcpt-to',
    'action "in" lmtp "/run/lmtp"',
    'action "in" forward-only alias { a = "b, c" }',
    'action "in" expand-only virtual <m>',
    'action "a b" relay',
    'action "out" relay host { smtp://a.test, smtp://b.test } tls no-verify',
    'action "out" relay host smtp+tls://lab@a.test tls auth <c> src 192.0.2.10 helo a.test mail-from "@a.test" pki a.test ca a.test filter f srs ttl 90m',
    'action "out" relay srs when-spf-fails ttl 90m',
    'action "out" relay domain <m> helo-src <h>',
    'action "out" relay backup mx a.test',
    'action "out" relay backup',
  ]);
});

Deno.test("printAction() leaves out what holds anyway", () => {
  const policy = policyOf('action in maildir userbase <"<getpwnam>">\nmatch for local reject\n');
  equal(printAction({ policy, secrets: "shown" }, policy.actions["in"]!), 'action "in" maildir');
});
