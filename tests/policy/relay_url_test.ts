import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { laterRelayUrl, parseRelayUrl, relaySchemes } from "../../lib/policy/relay_url.ts";

const accepted: readonly (readonly [string, string, string | null, string, number])[] = [
  ["mx.test", "smtp", null, "mx.test", 25],
  ["mx.test:2525", "smtp", null, "mx.test", 2525],
  ["smtp://MX.Test", "smtp", null, "mx.test", 25],
  ["SMTP+TLS://lab@mx.test", "smtp+tls", "lab", "mx.test", 25],
  ["smtp+tls://a@b@mx.test:587", "smtp+tls", "a@b", "mx.test", 587],
  ["smtp+notls://mx.test", "smtp+notls", null, "mx.test", 25],
  ["smtps://lab@mx.test", "smtps", "lab", "mx.test", 465],
  ["lmtp://mx.test:24", "lmtp", null, "mx.test", 24],
  ["smtp://192.0.2.1", "smtp", null, "[192.0.2.1]", 25],
  ["smtp://[192.0.2.1]:26", "smtp", null, "[192.0.2.1]", 26],
  ["[2001:DB8::1]:26", "smtp", null, "[IPv6:2001:db8::1]", 26],
  ["smtp://[IPv6:::1]", "smtp", null, "[IPv6:::1]", 25],
  ["localhost:65535", "smtp", null, "localhost", 65535],
];

const refused: readonly (readonly [string, string])[] = [
  ["", "it names no host"],
  ["smtp://", "it names no host"],
  ["smtp://:25", "it names no host"],
  ["ftp://mx.test", "unknown scheme `ftp://`"],
  ["://mx.test", "unknown scheme `://`"],
  ["tls://mx.test", "unknown scheme `tls://`, which is `smtp+tls://` today"],
  ["smtp://lab@mx.test", "credentials are sent over TLS only: use `smtp+tls://` or `smtps://`"],
  ["lab@mx.test", "credentials are sent over TLS only: use `smtp+tls://` or `smtps://`"],
  ["smtps://@mx.test", "nothing stands before the @"],
  ["lmtp://mx.test", "`lmtp://` needs a port"],
  ["mx.test:", "invalid port: "],
  ["mx.test:0", "invalid port: 0"],
  ["mx.test:65536", "invalid port: 65536"],
  ["mx.test:smtp", "invalid port: smtp"],
  ["::1", "an IPv6 address stands in brackets"],
  ["[::1", "an IPv6 address stands in brackets"],
  ["mx..test", "`mx..test` is neither a host name nor an address"],
  ["smtp://mx.test/", "`mx.test/` is neither a host name nor an address"],
  ["lmtp:///var/run/lmtp", "`/var/run/lmtp` is neither a host name nor an address"],
  ["[mx.test]", "`[mx.test]` is neither a host name nor an address"],
];

Deno.test("parseRelayUrl() reads scheme, label, host and port", () => {
  for (const [text, scheme, label, host, port] of accepted) {
    assert.deepEqual(parseRelayUrl(text), { kind: "ok", url: { scheme, label, host, port } }, text);
  }
});

Deno.test("parseRelayUrl() says what is wrong", () => {
  for (const [text, message] of refused) assert.deepEqual(parseRelayUrl(text), { kind: "error", message }, text);
});

Deno.test("laterRelayUrl() lets through what can be done, in clear text", () => {
  const standing = (text: string) => {
    const parsed = parseRelayUrl(text);
    return parsed.kind === "ok" ? laterRelayUrl(parsed.url) : parsed.message;
  };
  for (const text of ["mx.test", "smtp://mx.test", "smtp+notls://mx.test"]) assert.equal(standing(text), null);
  for (const scheme of ["smtp+tls", "smtps", "lmtp"]) {
    assert.equal(standing(`${scheme}://mx.test:24`), `\`${scheme}://\` is not active yet`);
  }
});

Deno.test("parseRelayUrl() reads back what it understood", () => {
  const part = fc.string({ unit: fc.constantFrom(..."ab1.:[]@/+-"), maxLength: 12 });
  const scheme = fc.constantFrom("", ...relaySchemes.map((name) => `${name}://`));
  fc.assert(
    fc.property(scheme, part, (prefix, rest) => {
      const first = parseRelayUrl(prefix + rest);
      if (first.kind === "error") return;
      const { url } = first;
      const text = `${url.scheme}://${url.label === null ? "" : `${url.label}@`}${url.host}:${url.port}`;
      assert.deepEqual(parseRelayUrl(text), first);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("parseRelayUrl() says what a scheme of old is called today", () => {
  const parsed = parseRelayUrl("tls+auth://label@mx.test");
  assert.equal(parsed.kind === "error" && parsed.message, "unknown scheme `tls+auth://`, which is `smtp+tls://` today");
});
