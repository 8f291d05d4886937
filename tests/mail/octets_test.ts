import { deepEqual, equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { joinOctets, latin1Octets } from "../../lib/mail/octets.ts";

Deno.test("joinOctets() puts any pieces together, and keeps none of them", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (pieces) => {
    deepEqual([...joinOctets(pieces)], pieces.flatMap((piece) => [...piece]));
  }));
  const piece = Uint8Array.of(1);
  const whole = joinOctets([piece]);
  piece[0] = 2;
  equal(whole[0], 1);
});

Deno.test("latin1Octets() is what Node makes of latin1", () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet));
  deepEqual(latin1Octets(all.toString("latin1")), all);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 50 }), (octets) => {
    deepEqual([...latin1Octets(Buffer.from(octets).toString("latin1"))], [...octets]);
  }));
});
