/** Rows in Deno's words. */

import { deepEqual, ok } from "node:assert/strict";
import { denoFlags, smtpInGrant, unnameablePaths } from "../../lib/daemon/grant_flags.ts";
import { agentGrant, offlineGrant } from "../../lib/daemon/privilege.ts";
import { maildirWork } from "../support/agent_work.ts";
import { relayTo, rowOf, rows, smtpd } from "./privilege_rig.ts";

Deno.test("the row of smtp-in is the same in every configuration", () => {
  deepEqual(smtpInGrant(smtpd), rowOf("smtp-in"));
  deepEqual(smtpInGrant(null), rowOf("smtp-in", relayTo("192.0.2.5"), { accounts: null }));
});

/** Words that no role goes without. */
const always = ["--no-prompt", "--cached-only", "--frozen", "--no-remote", "--deny-import", "--ignore-env"];

Deno.test("denoFlags() says a row in Deno's words", () => {
  for (
    const [row, want] of [
      [rowOf("smtp-in"), ["--no-npm"]],
      [
        rowOf("queue"),
        ["--no-npm", "--allow-read=/var/spool/postern", "--allow-write=/var/spool/postern", "--allow-sys=statfs"],
      ],
      [agentGrant(null, maildirWork("/mail/a b")), ["--no-npm", "--allow-read=/mail/a b", "--allow-write=/mail/a b"]],
      [offlineGrant(null, "/run/p/offline/1", "/run/p/submit"), [
        "--no-npm",
        "--allow-read=/run/p/offline/1,/run/p/submit",
        "--allow-write=/run/p/offline/1,/run/p/submit",
        "--allow-net=unix:/run/p/submit",
        "--allow-sys=hostname",
      ]],
      [{ ...agentGrant(null, maildirWork("/m")), run: ["/bin/procmail"] }, [
        "--no-npm",
        "--allow-read=/m",
        "--allow-write=/m",
        "--allow-run=/bin/procmail",
      ]],
      [rowOf("delivery", relayTo("192.0.2.5")), [
        "--allow-net",
        "--deny-net=127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,[::1]",
      ]],
    ] as const
  ) {
    const flags = denoFlags(row);
    deepEqual(always.filter((flag) => !flags.includes(flag)), [], row.role);
    deepEqual(flags.filter((flag) => /^--(allow|deny-net|no-npm)/.test(flag)), want, row.role);
  }
});

Deno.test("a path with a comma cannot be named, and is never read as two", () => {
  const row = agentGrant(null, maildirWork("/mail/a,/etc"));
  deepEqual(unnameablePaths(row), ["/mail/a,/etc", "/mail/a,/etc"]);
  deepEqual(rows.flatMap(unnameablePaths), []);
  // An empty item is what Deno refuses to start with: host/process_test.ts.
  ok(denoFlags(row).includes("--allow-read=/mail/a,,/etc"));
});
