import { deepEqual } from "node:assert/strict";
import { offeredExtensions } from "../../lib/smtp/extension.ts";
import { SessionState } from "../../lib/smtp/session_state.ts";
import type { SessionConfig } from "../../lib/smtp/session_face.ts";
import { sessionConfig } from "./session_rig.ts";

function state(told: Partial<SessionConfig>, maxMessageSize = 36_700_160): SessionState {
  const config = sessionConfig(told);
  return new SessionState({ ...config, limits: { ...config.limits, maxMessageSize } });
}

Deno.test("offeredExtensions() offers what the server does, and nothing else", () => {
  deepEqual(offeredExtensions(state({ dsn: false }, 1000)), [
    "PIPELINING",
    "8BITMIME",
    "ENHANCEDSTATUSCODES",
    "CHUNKING",
    "BINARYMIME",
    "SIZE 1000",
    "HELP",
  ]);
});

Deno.test("offeredExtensions() offers DSN where it is switched on", () => {
  deepEqual(offeredExtensions(state({ dsn: true })), [
    "PIPELINING",
    "8BITMIME",
    "ENHANCEDSTATUSCODES",
    "CHUNKING",
    "BINARYMIME",
    "SIZE 36700160",
    "DSN",
    "HELP",
  ]);
});

Deno.test("offeredExtensions() offers STARTTLS where it can be had, and not under TLS", () => {
  const tls = {
    version: "TLSv1.3",
    cipher: "c",
    bits: 256,
    client: "none",
    fingerprint: null,
    serverName: null,
  } as const;
  for (
    const [mode, inClear] of [["none", false], ["offered", true], ["required", true], ["implicit", false]] as const
  ) {
    const one = state({ tls: mode });
    deepEqual(offeredExtensions(one).includes("STARTTLS"), inClear, mode);
    one.tls = tls;
    deepEqual(offeredExtensions(one).includes("STARTTLS"), false, mode);
  }
});
