import { deepEqual, equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { frameMessage, lspHeaderMax, lspMessageMax, LspReader } from "../../cli/lsp_framing.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("LspReader gives back what frameMessage() wrote, however the bytes are cut", () => {
  const json = fc.jsonValue().map((one) => JSON.parse(JSON.stringify(one)) as unknown);
  fc.assert(fc.property(fc.array(json), fc.array(fc.integer({ min: 1, max: 40 })), (messages, cuts) => {
    const all = messages.flatMap((one) => [...frameMessage(one)]);
    const reader = new LspReader();
    const found: unknown[] = [];
    for (let at = 0, i = 0; at < all.length; i++) {
      const length = cuts[i] ?? all.length;
      found.push(...reader.push(Uint8Array.from(all.slice(at, at + length))).messages);
      at += length;
    }
    deepEqual(found, messages);
  }));
});

Deno.test("LspReader reads headers in any case, with others beside them", () => {
  const { messages } = new LspReader().push(bytes("content-type: x\r\nCONTENT-LENGTH:2\r\n\r\n{}"));
  deepEqual(messages, [{}]);
});

Deno.test("LspReader says what is no JSON, and goes on", () => {
  const { messages, isBroken } = new LspReader().push(bytes("Content-Length: 1\r\n\r\n{Content-Length: 4\r\n\r\nnull"));
  deepEqual(messages, [undefined, null]);
  equal(isBroken, false);
});

Deno.test("LspReader gives up on what it cannot read or hold", () => {
  const hopeless = [
    "X: y\r\n\r\n",
    `Content-Length: ${lspMessageMax + 1}\r\n\r\n`,
    "x".repeat(lspHeaderMax + 1),
  ];
  for (const text of hopeless) {
    const reader = new LspReader();
    equal(reader.push(bytes(text)).isBroken, true, text.slice(0, 30));
    deepEqual(reader.push(frameMessage(1)), { messages: [], isBroken: true });
  }
});
