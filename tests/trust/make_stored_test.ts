import { equal, ok } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { hostDigests } from "../../lib/host/hash.ts";
import { hostPasswords } from "../../lib/host/password.ts";
import { isPassword } from "../../lib/trust/credentials.ts";
import { makeStored, storeMethods } from "../../lib/trust/make_stored.ts";
import { parseStored } from "../../lib/trust/stored_password.ts";

const random = { u32: () => 0, bytes: (length: number) => new Uint8Array(randomBytes(length)) };

for (const method of storeMethods) {
  Deno.test(`makeStored() makes what isPassword() knows again: ${method}`, async () => {
    const password = "p\u00e4ss word".padEnd(100, "x");
    const text = await makeStored(method, password, random, hostPasswords, hostDigests);
    const stored = parseStored(text);
    ok(stored.kind !== "problem", text);
    ok(/^[!-~]+$/.test(text), "it fits a line of a table");
    equal(await isPassword(stored, password, hostPasswords, hostDigests), true, text);
    equal(await isPassword(stored, `y${password}`, hostPasswords, hostDigests), false, text);
  });
}
