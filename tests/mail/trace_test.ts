import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { parseMailbox } from "../../lib/mail/address.ts";
import {
  formatDeliveredTo,
  formatReceived,
  formatReturnPath,
  type Received,
  withProtocol,
} from "../../lib/mail/trace.ts";

const bob = parseMailbox('"b b"@x.test', null) ?? assert.fail();
const esmtp = { base: "ESMTP", isUtf8: false, isTls: false, isAuthenticated: false } as const;
const tls = { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384", bits: 256, client: "none" } as const;
const received: Received = {
  isMasked: false,
  helo: "client.test",
  hostname: "c.example.org",
  address: "192.0.2.7",
  by: "mx.alpha.test",
  protocol: esmtp,
  id: "5f3a9c01",
  forRcpt: null,
  date: "Tue, 3 Mar 2026 10:04:05 +0100 (CET)",
};

const table: readonly [name: string, change: Partial<Received>, want: string][] = [
  [
    "no recipient",
    {},
    "Received: from client.test (c.example.org [192.0.2.7])\r\n\tby mx.alpha.test (Postern) with ESMTP id 5f3a9c01;\r\n" +
    "\tTue, 3 Mar 2026 10:04:05 +0100 (CET)\r\n",
  ],
  [
    "a masked source",
    { isMasked: true },
    "Received: by mx.alpha.test (Postern) with ESMTP id 5f3a9c01;\r\n\tTue, 3 Mar 2026 10:04:05 +0100 (CET)\r\n",
  ],
  [
    "one recipient",
    { forRcpt: bob, protocol: { ...esmtp, base: "SMTP" } },
    "Received: from client.test (c.example.org [192.0.2.7])\r\n\tby mx.alpha.test (Postern) with SMTP id 5f3a9c01\r\n" +
    '\tfor <"b b"@x.test>;\r\n\tTue, 3 Mar 2026 10:04:05 +0100 (CET)\r\n',
  ],
  [
    "an unknown IPv6 peer that gave an address literal",
    { helo: "[IPv6:2001:db8::1]", hostname: "<unknown>", address: "[2001:db8::1]" },
    "Received: from [IPv6:2001:db8::1] (<unknown> [IPv6:2001:db8::1])\r\n" +
    "\tby mx.alpha.test (Postern) with ESMTP id 5f3a9c01;\r\n\tTue, 3 Mar 2026 10:04:05 +0100 (CET)\r\n",
  ],
  [
    "local submission",
    { helo: "localhost", hostname: "mx.alpha.test", address: "local" },
    "Received: from localhost (mx.alpha.test [local])\r\n\tby mx.alpha.test (Postern) with ESMTP id 5f3a9c01;\r\n" +
    "\tTue, 3 Mar 2026 10:04:05 +0100 (CET)\r\n",
  ],
  [
    "TLS",
    { isMasked: true, protocol: { ...esmtp, isTls: true }, tls },
    "Received: by mx.alpha.test (Postern) with ESMTPS id 5f3a9c01 (TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO);\r\n" +
    "\tTue, 3 Mar 2026 10:04:05 +0100 (CET)\r\n",
  ],
  [
    "a verified client that has logged in",
    {
      isMasked: true,
      protocol: { ...esmtp, isTls: true, isAuthenticated: true },
      tls: { ...tls, client: "verified" },
      username: "ann@x.test",
    },
    "Received: by mx.alpha.test (Postern) with ESMTPSA id 5f3a9c01 (TLSv1.3:TLS_AES_256_GCM_SHA384:256:YES)" +
    " auth=yes user=ann@x.test;\r\n\tTue, 3 Mar 2026 10:04:05 +0100 (CET)\r\n",
  ],
  [
    "a client that could log in and has not, with a certificate nobody checked",
    { isMasked: true, protocol: { ...esmtp, isTls: true }, tls: { ...tls, client: "unchecked" }, username: "" },
    "Received: by mx.alpha.test (Postern) with ESMTPS id 5f3a9c01 (TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO)" +
    " auth=no;\r\n\tTue, 3 Mar 2026 10:04:05 +0100 (CET)\r\n",
  ],
  [
    "a login without TLS, which is not told",
    { isMasked: true, protocol: { ...esmtp, isAuthenticated: true }, username: "ann" },
    "Received: by mx.alpha.test (Postern) with ESMTPA id 5f3a9c01;\r\n\tTue, 3 Mar 2026 10:04:05 +0100 (CET)\r\n",
  ],
];

for (const [name, change, want] of table) {
  Deno.test(`formatReceived() writes the field for ${name}`, () => {
    assert.equal(formatReceived({ ...received, ...change }), want);
  });
}

const peerText = fc.string({ unit: fc.nat(0x17f).map((code) => String.fromCharCode(code)), maxLength: 30 });

const bases = ["SMTP", "ESMTP", "LMTP"] as const;

Deno.test("withProtocol() knows each word", () => {
  const words = [false, true].flatMap((isUtf8) =>
    bases.flatMap((base) =>
      [false, true].flatMap((isTls) =>
        [false, true].map((isAuthenticated) => withProtocol({ base, isUtf8, isTls, isAuthenticated }))
      )
    )
  );
  assert.equal(
    words.join(" "),
    "SMTP SMTPA SMTPS SMTPSA ESMTP ESMTPA ESMTPS ESMTPSA LMTP LMTPA LMTPS LMTPSA " +
      "UTF8SMTP UTF8SMTPA UTF8SMTPS UTF8SMTPSA UTF8SMTP UTF8SMTPA UTF8SMTPS UTF8SMTPSA " +
      "UTF8LMTP UTF8LMTPA UTF8LMTPS UTF8LMTPSA",
  );
});

Deno.test("formatReceived() stays one field whatever the user and the cipher are called", () => {
  fc.assert(
    fc.property(peerText, peerText, (username, cipher) => {
      const field = formatReceived({ ...received, isMasked: true, tls: { ...tls, cipher }, username });
      assert.match(
        field,
        /^Received: by [ -~]* id 5f3a9c01 \(TLSv1\.3:[!-'*-~]*:256:NO\) auth=[!-'*-~ ]*;\r\n\t[ -~]*\r\n$/,
      );
      assert.equal(field.split(";").length, 2);
    }),
    { numRuns: 300 },
  );
});

Deno.test("formatReceived() stays one field of printable ASCII whatever the peer is called", () => {
  fc.assert(
    fc.property(peerText, peerText, (helo, hostname) => {
      const field = formatReceived({ ...received, helo, hostname });
      assert.match(field, /^Received: from [!-~]* \([!-~]* \[192\.0\.2\.7\]\)\r\n\tby [ -~]*;\r\n\t[ -~]*\r\n$/);
      assert.doesNotMatch(field.slice(9, field.indexOf("\r\n")), /[()].*[()].*[()]/);
    }),
    { numRuns: 300 },
  );
});

Deno.test("formatReturnPath() writes a path and the null path", () => {
  assert.equal(formatReturnPath(bob), 'Return-Path: <"b b"@x.test>\r\n');
  assert.equal(formatReturnPath(null), "Return-Path: <>\r\n");
});

Deno.test("formatDeliveredTo() writes the mailbox without brackets", () => {
  assert.equal(formatDeliveredTo(bob), 'Delivered-To: "b b"@x.test\r\n');
});
