import { deepEqual, equal } from "node:assert/strict";
import { defaultSessionBounds } from "../../lib/smtp/session_bounds.ts";
import { parseDomain } from "../../lib/mail/domain.ts";
import {
  defaultInetOptions,
  defaultListenerOptions,
  defaultSmtpLimits,
  emptyPolicy,
} from "../../lib/policy/defaults.ts";
import { loadText } from "./config_fixture.ts";

const name = parseDomain("mx.example.org")!;

Deno.test("emptyPolicy() is what a configuration comes to beside its tables, listeners, actions and rules", () => {
  const loaded = loadText("match reject\n");
  equal(loaded.kind, "ok");
  if (loaded.kind !== "ok") return;
  const { tables, listeners, rules, ...rest } = loaded.policy;
  deepEqual({ ...rest, tables: {}, listeners: [], rules: [] }, emptyPolicy(name));
  equal(Object.keys(tables).every((one) => one.startsWith("<")), true);
  deepEqual(listeners, [{ ...defaultListenerOptions(name), kind: "socket", place: null }]);
  equal(rules.length, 1);
});

Deno.test("defaultInetOptions() asks nothing of clients", () => {
  const { tls, auth, proxy, senders } = defaultInetOptions(name);
  deepEqual([tls.mode, auth.mode, proxy, senders], ["none", "none", null, null]);
});

Deno.test("defaultSmtpLimits have a session bound as it is where nothing is said", () => {
  deepEqual({ ...defaultSmtpLimits, ...defaultSessionBounds }, defaultSmtpLimits);
});
