import { deepEqual } from "node:assert/strict";
import { draftOf } from "../../lib/daemon/draft.ts";
import type { Target } from "../../lib/policy/expand.ts";
import { exampleEnvelope, mailboxOf } from "../support/envelope.ts";
import { policyOf } from "./rig.ts";

Deno.test("draftOf() makes an envelope of each target, with the life that its action gives it", () => {
  const policy = policyOf(
    'queue ttl 2d\naction "box" maildir ttl 1h\naction "out" relay\nmatch for local action "box"\nmatch for any action "out"\n',
  );
  const { origin, sender, dsn, handling } = exampleEnvelope;
  const ask = { origin, sender, dsn, handling, rcpt: mailboxOf("list@example.org") };
  const dest = mailboxOf("ann@example.org");
  const exec = { kind: "file", text: "/var/mail/x", from: "table" } as const;
  for (
    const [target, want] of [
      [{ kind: "relay", action: "out", dest }, { kind: "mta", local: null, ttlMs: 2 * 86_400_000 }],
      [
        { kind: "local", action: "box", dest, user: "ann", subAddress: "x", exec: null },
        { kind: "mda", local: { user: "ann", subAddress: "x", exec: null }, ttlMs: 3_600_000 },
      ],
      [
        { kind: "local", action: "box", dest, user: "_smtpd", subAddress: "", exec },
        { kind: "mda", local: { user: "_smtpd", subAddress: "", exec }, ttlMs: 3_600_000 },
      ],
    ] as const satisfies readonly (readonly [Target, unknown])[]
  ) deepEqual(draftOf(policy, ask, target), { ...ask, action: target.action, dest, ...want });
});
