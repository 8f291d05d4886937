import { equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { hostSha1 } from "../../lib/host/hash.ts";

Deno.test("hostSha1() is SHA-1 (FIPS 180-4)", () => {
  const hex = (text: string) => Buffer.from(hostSha1(Buffer.from(text, "latin1"))).toString("hex");
  equal(hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  equal(hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
});
