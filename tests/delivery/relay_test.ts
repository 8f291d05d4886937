import { deepEqual, equal } from "node:assert/strict";
import type { Domain } from "../../lib/mail/address.ts";
import { plainManner, type Relay, relayKey, relayName, relayOfUrl, relayTransport } from "../../lib/delivery/relay.ts";

const host = (name: string, port: number, protocol: "smtp" | "lmtp"): Relay => ({
  kind: "host",
  host: name as Domain,
  port,
  protocol,
});

const urls: readonly (readonly [string, Relay])[] = [
  ["mx.test", host("mx.test", 25, "smtp")],
  ["smtp://MX.test:2525", host("mx.test", 2525, "smtp")],
  ["smtp+notls://[192.0.2.1]", host("[192.0.2.1]", 25, "smtp")],
  ["smtp://127.0.0.1:2526", host("[127.0.0.1]", 2526, "smtp")],
];

for (const [text, relay] of urls) {
  Deno.test(`relayOfUrl() reads ${text}`, () => {
    deepEqual(relayOfUrl(text), { kind: "relay", relay });
  });
}

for (
  const [text, scheme] of [
    ["smtp+tls://mx.test", "smtp+tls"],
    ["smtps://mx.test", "smtps"],
    ["smtps://label@mx.test:465", "smtps"],
    ["lmtp://localhost:24", "lmtp"],
  ] as const
) {
  Deno.test(`relayOfUrl() cannot do ${text} yet, and says so as the configuration does`, () => {
    deepEqual(relayOfUrl(text), { kind: "error", message: `\`${scheme}://\` is not active yet` });
  });
}

for (const text of ["", "lmtp://mx.test", "ftp://mx.test", "smtp://mx..test", "mx.test:0", "smtp://a@mx.test"]) {
  Deno.test(`relayOfUrl() refuses "${text}"`, () => equal(relayOfUrl(text).kind, "error"));
}

Deno.test("relayKey() is the same for the same relay only", () => {
  const relays: Relay[] = [
    { kind: "domain", domain: "mx.test" as Domain },
    { kind: "domain", domain: "[192.0.2.1]" as Domain },
    ...urls.map(([, relay]) => relay),
    host("mx.test", 25, "lmtp"),
  ];
  equal(new Set(relays.map((one) => relayKey(one, plainManner))).size, relays.length);
  equal(
    new Set([...relays, ...relays.map((relay) => ({ ...relay }))].map((one) => relayKey(one, plainManner))).size,
    relays.length,
  );
});

Deno.test("relayTransport() is SMTP on port 25 for a domain", () => {
  deepEqual(relayTransport({ kind: "domain", domain: "a.test" as Domain }), { port: 25, protocol: "smtp" });
  const { port, protocol } = relayTransport(host("a.test", 24, "lmtp"));
  deepEqual([port, protocol], [24, "lmtp"]);
});

Deno.test("relayKey() tells manners apart", () => {
  const relay: Relay = { kind: "domain", domain: "mx.test" as Domain };
  const manners = [
    plainManner,
    { ...plainManner, helo: "a.test" as Domain },
    { ...plainManner, source: "192.0.2.1" },
    { ...plainManner, backupFor: "a.test" as Domain },
  ];
  equal(new Set(manners.map((manner) => relayKey(relay, manner))).size, manners.length);
});

Deno.test("relayName() is what limits are named by", () => {
  equal(relayName({ kind: "domain", domain: "b.test" as Domain }), "b.test");
  equal(relayName(host("mx.test", 25, "smtp")), "mx.test");
});
