import { equal, rejects } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Fault } from "../../lib/fault.ts";
import { hasEightBitHeader, isHeaderUtf8 } from "../../lib/delivery/header_utf8.ts";

const cases: readonly (readonly [string, string, boolean])[] = [
  ["nothing", "", false],
  ["ASCII", "Subject: hi\r\n\r\nhi\r\n", false],
  ["UTF-8 in a field", "Subject: Gr\u00fc\u00dfe\r\n\r\nhi\r\n", true],
  ["UTF-8 in the body", "Subject: hi\r\n\r\nGr\u00fc\u00dfe\r\n", false],
  ["UTF-8 in a body without a header", "\r\nGr\u00fc\u00dfe\r\n", false],
  ["a header without an end", "Subject: Gr\u00fc\u00dfe\r\n", true],
];

for (const [name, text, want] of cases) {
  Deno.test(`hasEightBitHeader() of ${name} is ${want}`, () => equal(hasEightBitHeader(Buffer.from(text)), want));
}

Deno.test("isHeaderUtf8() reads the first piece where the content is not at hand, and fails as it does", async () => {
  const pieces = [Buffer.from("Subject: \u00fc\r\n\r\n")];
  equal(await isHeaderUtf8({ inline: null, read: (seq) => Promise.resolve(pieces[seq] ?? null) }), true);
  equal(await isHeaderUtf8({ inline: null, read: () => Promise.resolve(null) }), false);
  equal(await isHeaderUtf8({ inline: Buffer.from("A: b\r\n"), read: () => Promise.reject(new Error("read")) }), false);
  const gone = new Fault("unavailable", "Cannot read the message: queue is gone");
  await rejects(isHeaderUtf8({ inline: null, read: () => Promise.reject(gone) }), gone);
});
