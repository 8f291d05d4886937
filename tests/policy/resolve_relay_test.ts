import assert from "node:assert/strict";
import { defaultRelay } from "../../lib/policy/defaults.ts";
import { messagesOfLines, policyOfLines } from "./load_text.ts";

const head =
  'srs key k\npki p cert "/c" key "/k"\nca r cert "/r"\nfilter f phase connect match rdns junk\ntable t file:/t\n';
const place = { file: "smtpd.conf", line: 6, column: 1 };

Deno.test("resolveRelay() takes every option", () => {
  const cases: readonly (readonly [string, object])[] = [
    ["", {}],
    ["host <t>", { host: "t" }],
    ["domain <t>", { domain: "t" }],
    ["backup", { backup: { mx: null } }],
    ["backup mx MX2.test", { backup: { mx: "mx2.test" } }],
    ["tls", { tls: { mode: "required", verify: true } }],
    ["tls no-verify", { tls: { mode: "required", verify: false } }],
    ["helo h.test helo-src <t> src <t>", { helo: "h.test", heloSource: "t", source: "t" }],
    ["mail-from ann", { mailFrom: "ann" }],
    ['mail-from "@a.test"', { mailFrom: "@a.test" }],
    ["mail-from ann@a.test", { mailFrom: "ann@a.test" }],
    ["host <t> auth <t>", { host: "t", auth: "t" }],
    ["domain <t> auth <t>", { domain: "t", auth: "t" }],
    ["pki P ca r", { pki: "p", ca: "r" }],
    ["protocols tlsv1.3", { protocols: "tlsv1.3" }],
    ["filter f srs", { filter: "f", srs: true }],
    ["srs when-spf-fails ttl 1d", { srs: "when-spf-fails", ttlMs: 86_400_000 }],
    ["ttl 1d", { ttlMs: 86_400_000 }],
  ];
  for (const [text, want] of cases) {
    const action = policyOfLines(`${head}action a relay ${text}`).actions["a"];
    assert.deepEqual(action, { ...defaultRelay, name: "a", place, ...want }, text);
  }
});

Deno.test("resolveRelay() has these errors and warnings", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["host h backup", ["8 host mapping already specified for this dispatcher"]],
    ["backup domain <t>", ["8 backup already specified for this dispatcher"]],
    ["auth <t>", ["8 auth may not be specified without host on a dispatcher"]],
    ["auth <t> host <t>", ["8 auth may not be specified without host on a dispatcher"]],
    ["helo x helo y", ["8 helo already specified for this dispatcher"]],
    ['helo "a b"', ["8 not a valid domain name: a b"]],
    ['backup mx "a b"', ["8 not a valid domain name: a b"]],
    ['mail-from "@"', ["8 not a valid address: @"]],
    ['mail-from "a b@c"', ["8 not a valid address: a b@c"]],
    ["src 192.0.2.10 src <t>", ["8 source mapping already specified for this dispatcher"]],
    ["src lo", ["8 not a valid address: lo"]],
    ['helo-src { "192.0.2.1" = "a b" }', ["8 not a valid domain name: a b"]],
    ["srs when-spf-fails", ["8 an srs key is required for srs to be specified in an action"]],
    ["srs", ["8 an srs key is required for srs to be specified in an action"]],
    ["protocols x", ["8 invalid protocols: x"]],
    ["ciphers HIGH", []],
    ["host smtps://l@h", ["8 the label `l` needs credentials, and the action has no `auth`"]],
    ["host smtps://l@h auth <t>", []],
    ["host smtps://h auth <t>", ["8 `auth` has no effect on this URL: it names no label"]],
    ["host lmtp://h:24 tls", ["8 the action insists on TLS, and `lmtp://` has none: its mail waits"]],
    ["domain { a.test = smtp+notls://h } tls", [
      "8 the action insists on TLS, and `smtp+notls://` has none: its mail waits",
    ]],
    ["host ftp://h", ["8 invalid relay URL: unknown scheme `ftp://`"]],
    ["domain { a.test = ftp://h }", ["8 invalid relay URL: unknown scheme `ftp://`"]],
    ["ttl 1", ["8 invalid ttl delay: 1"]],
  ];
  for (const [text, want] of cases) {
    const found = messagesOfLines(`table t file:/t\n\n\n\n\n\n\naction a relay ${text}`);
    assert.deepEqual(found.map((one) => one.replace(/:[0-9]+ /, " ")), want, text);
  }
});
