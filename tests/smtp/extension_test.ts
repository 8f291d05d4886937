import { deepEqual } from "node:assert/strict";
import { offeredExtensions } from "../../lib/smtp/extension.ts";

Deno.test("offeredExtensions() offers what the server does, and nothing else", () => {
  deepEqual(offeredExtensions({ maxMessageSize: 1000, dsn: false }), [
    "PIPELINING",
    "8BITMIME",
    "ENHANCEDSTATUSCODES",
    "SIZE 1000",
    "HELP",
  ]);
});

Deno.test("offeredExtensions() offers DSN where it is switched on", () => {
  deepEqual(offeredExtensions({ maxMessageSize: 36_700_160, dsn: true }), [
    "PIPELINING",
    "8BITMIME",
    "ENHANCEDSTATUSCODES",
    "SIZE 36700160",
    "DSN",
    "HELP",
  ]);
});
