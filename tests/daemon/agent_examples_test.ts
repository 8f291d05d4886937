import { deepEqual } from "node:assert/strict";
import { agentExamples } from "../../lib/daemon/agent_examples.ts";
import { policyOf } from "./rig.ts";
import { premises } from "./privilege_rig.ts";

/** Rows as `account: write … run …`. */
function rows(actions: string): readonly string[] {
  const policy = policyOf(`table al file:/al\n${actions}\nmatch for local action "a"\n`);
  return agentExamples(policy, premises).map(({ account, read, write, run }) =>
    [`${account?.name}:`, ...read.map((path) => `r${path}`), ...write.map((path) => `w${path}`), ...run].join(" ")
  );
}

const forward = [
  "USER: r~USER",
  "USER: /bin/sh",
  "USER: rFILE wFILE",
  "USER: rDIRECTORY wDIRECTORY",
];
const aliases = ["_smtpd: /bin/sh", "_smtpd: rFILE wFILE", "_smtpd: rDIRECTORY wDIRECTORY"];

Deno.test("agentExamples() has a row for each kind of agent that a configuration may start", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['action "a" maildir "/var/vmail/%{user.username}" user vmail', ["vmail: r/var/vmail w/var/vmail"]],
    ['action "a" maildir', ["USER: r~USER/Maildir w~USER/Maildir", ...forward]],
    ['action "a" mbox alias <al>', [
      "USER: r/var/mail/USER r/var/mail/USER.lock w/var/mail/USER w/var/mail/USER.lock",
      ...aliases,
      ...forward,
    ]],
    ['action "a" expand-only virtual <al>', aliases],
    ['action "a" relay', []],
    ['action "a" mda "cat" user vmail\naction "b" mda "tac" user vmail', ["vmail: /bin/sh"]],
  ];
  for (const [actions, want] of cases) deepEqual(rows(actions), want, actions);
});
