import { deepEqual, equal, ok } from "node:assert/strict";
import { actionText, listenerText, tableText } from "../../lib/policy/difference_text.ts";
import { defaultListenerTls } from "../../lib/policy/defaults.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import { loadText } from "./config_fixture.ts";
import { programSpec } from "../../lib/table/spec.ts";

function policy(text: string): Policy {
  const loaded = loadText(text);
  ok(loaded.kind === "ok", JSON.stringify(loaded));
  return loaded.policy;
}

const head = `srs key k
table hosted { "a.test" }
table users { ann = "1:1:/home/ann" }
listen on 192.0.2.10
action "a" relay
`;

Deno.test("actionText() and tableText() say what stands behind the name", () => {
  const loaded = policy(`table f file:/etc/f
${head}action "b" maildir "/m/%{user.username}" user vmail userbase <users> ttl 2d
action "c" relay host { "smtp://x.test", "smtp://y.test" }
action "d" relay srs when-spf-fails
match for any action "b"
match for any action "c"
match for any action "d"
`);
  deepEqual(Object.values(loaded.actions).map((action) => actionText(action, loaded)), [
    "relay",
    `maildir "/m/%{user.username}" user vmail userbase <users> ttl 2d`,
    "relay host { smtp://x.test, smtp://y.test }",
    "relay srs when-spf-fails",
  ]);
  deepEqual(tableText(programSpec("p", "/p", "/etc/p")), '"proc:/p /etc/p"');
  deepEqual(tableText({ ...programSpec("p", "/p", null), cacheTtlMs: 60_000 }), "proc:/p cache-ttl 1m");
  deepEqual(["f", "hosted", "users"].map((name) => tableText(loaded.tables[name]!)), [
    "file:/etc/f",
    "of 1 entry",
    "of 1 entry",
  ]);
});

Deno.test("listenerText() has every option of a listener", () => {
  const loaded = policy(`${head}match for any action "a"\n`);
  const inet = loaded.listeners.find((listener) => listener.kind === "inet")!;
  ok(inet.kind === "inet");
  const all = {
    ...inet,
    tag: "T",
    filter: "f",
    maskSource: true,
    dsn: false,
    tls: { ...defaultListenerTls, mode: "required", verify: true, pki: ["p"], ca: "c" },
    auth: { mode: "required", table: "users", mechanisms: null, external: "certs" },
    hostnames: "hosted",
    senders: { table: "users", masquerade: true, headerFrom: true },
    receivedAuth: true,
    proxy: { versions: "any", from: { table: "nets", networks: ["192.0.2.0/24"] } },
    lmtp: true,
  } as const;
  equal(
    listenerText(all, loaded),
    `tls-require verify pki p ca c auth <users> auth-external <certs> hostnames <hosted> senders <users> masquerade header-from received-auth ` +
      `proxy from <nets> lmtp ` +
      `tag T hostname ${inet.hostname} filter "f" mask-src no-dsn`,
  );
});
