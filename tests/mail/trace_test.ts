import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { parseMailbox } from "../../lib/mail/address.ts";
import { formatDeliveredTo, formatReceived, formatReturnPath, type Received } from "../../lib/mail/trace.ts";

const bob = parseMailbox('"b b"@x.test', null) ?? assert.fail();
const received: Received = {
  isMasked: false,
  helo: "client.test",
  hostname: "c.example.org",
  address: "192.0.2.7",
  by: "mx.alpha.test",
  protocol: "ESMTP",
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
    { forRcpt: bob, protocol: "SMTP" },
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
];

for (const [name, change, want] of table) {
  Deno.test(`formatReceived() writes the field for ${name}`, () => {
    assert.equal(formatReceived({ ...received, ...change }), want);
  });
}

const peerText = fc.string({ unit: fc.nat(0x17f).map((code) => String.fromCharCode(code)), maxLength: 30 });

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
