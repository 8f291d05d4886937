import { deepEqual, equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { decodeLatin1, encodeLatin1, foldLatin1 } from "../../lib/mail/latin1.ts";

const all = Uint8Array.from({ length: 256 }, (_, octet) => octet);

Deno.test("decodeLatin1() has one character for each octet, of the same number", () => {
  equal(decodeLatin1(all), Buffer.from(all).toString("latin1"));
  equal(decodeLatin1(new Uint8Array(0)), "");
  // A mark of byte order is none here.
  equal(decodeLatin1(Uint8Array.of(0xef, 0xbb, 0xbf)), "\u00ef\u00bb\u00bf");
});

Deno.test("encodeLatin1() gives back what was decoded", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (octets) => {
    deepEqual([...encodeLatin1(decodeLatin1(octets))], [...octets]);
  }));
  deepEqual([...encodeLatin1(decodeLatin1(all))], [...all]);
});

Deno.test("foldLatin1() works in its place and tells the length", () => {
  const octets = new TextEncoder().encode("a\u00e4\u0080z");
  equal(foldLatin1(octets), 4);
  deepEqual([...octets.subarray(0, 4)], [0x61, 0xe4, 0x80, 0x7a]);
});
