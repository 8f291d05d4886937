import { deepEqual, equal, ok } from "node:assert/strict";
import { policyPart } from "../../lib/daemon/policy_part.ts";
import type { Role } from "../../lib/daemon/privilege.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import { parseDomain } from "../../lib/mail/domain.ts";
import { defaultListenerOptions, defaultRelay, emptyPolicy } from "../../lib/policy/defaults.ts";

const place = { file: "t.conf", line: 1, column: 1 };
const serverName = parseDomain("mx.test")!;
const policy: Policy = {
  ...emptyPolicy(serverName),
  tables: {
    secrets: { kind: "static", name: "secrets", shape: "map", entries: [["user", "password"]] },
    mail: { kind: "mysql", name: "mail", path: "/etc/mail/mysql.conf", settings: [["password", "password of mysql"]] },
  },
  listeners: [{ ...defaultListenerOptions(serverName), kind: "socket", place: null }],
  actions: { out: { ...defaultRelay, name: "out", place } },
  rules: [{
    tag: null,
    from: { kind: "any" },
    for: { kind: "any" },
    helo: null,
    auth: null,
    tls: null,
    mailFrom: null,
    rcptTo: null,
    outcome: { kind: "action", name: "out" },
    place,
  }],
  srs: { key: "srs secret", backupKey: null, ttlDays: 4 },
};

Deno.test("policyPart() gives tables' entries and rules to lookup alone", () => {
  for (const role of ["smtp-in", "queue", "delivery", "agent", "table-host"] as const satisfies readonly Role[]) {
    const part = policyPart(role, policy);
    ok(!JSON.stringify(part).includes("password"), role);
    equal(JSON.stringify(part).includes("srs secret"), role === "delivery", role);
    deepEqual(part.rules, [], role);
  }
  equal(policyPart("lookup", policy), policy);
});

Deno.test("policyPart() gives each role what it works with", () => {
  deepEqual(policyPart("smtp-in", policy).listeners, policy.listeners);
  deepEqual(policyPart("delivery", policy).actions, policy.actions);
  deepEqual(policyPart("queue", policy).actions, policy.actions);
  deepEqual(Object.keys(policyPart("queue", policy).tables), ["secrets", "mail"]);
  equal(policyPart("agent", policy).serverName, policy.serverName);
  deepEqual(policyPart("table-host", policy).tables, {});
});
