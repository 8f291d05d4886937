import { deepEqual, equal, ok } from "node:assert/strict";
import { policyPart } from "../../lib/daemon/policy_part.ts";
import type { Role } from "../../lib/daemon/privilege.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import { parseDomain } from "../../lib/mail/domain.ts";
import { defaultQueuePolicy, defaultSmtpLimits } from "../../lib/policy/resolve.ts";

const place = { file: "t.conf", line: 1, column: 1 };
const policy: Policy = {
  serverName: parseDomain("mx.test")!,
  tables: { secrets: { kind: "static", name: "secrets", shape: "map", entries: [["user", "password"]] } },
  listeners: [{ kind: "socket", tag: "", hostname: parseDomain("mx.test")!, place: null }],
  actions: { out: { kind: "relay", name: "out", host: null, ttlMs: null, place } },
  rules: [{
    tag: null,
    from: { kind: "any" },
    for: { kind: "any" },
    mailFrom: null,
    rcptTo: null,
    outcome: { kind: "action", name: "out" },
    place,
  }],
  queue: defaultQueuePolicy,
  smtp: defaultSmtpLimits,
};

Deno.test("policyPart() gives tables' entries and rules to lookup alone", () => {
  for (const role of ["smtp-in", "queue", "delivery", "agent"] as const satisfies readonly Role[]) {
    const part = policyPart(role, policy);
    ok(!JSON.stringify(part).includes("password"), role);
    deepEqual(part.rules, [], role);
  }
  equal(policyPart("lookup", policy), policy);
});

Deno.test("policyPart() gives each role what it works with", () => {
  deepEqual(policyPart("smtp-in", policy).listeners, policy.listeners);
  deepEqual(policyPart("delivery", policy).actions, policy.actions);
  deepEqual(Object.keys(policyPart("queue", policy).tables), ["secrets"]);
  equal(policyPart("agent", policy).serverName, policy.serverName);
});
