import { equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { hostDigests } from "../../lib/host/hash.ts";
import { hostPasswords } from "../../lib/host/password.ts";
import { decodeUtf8, equalOctets, isPassword, preparePassword, prepareUser } from "../../lib/trust/credentials.ts";
import { parseStored } from "../../lib/trust/stored_password.ts";

const check = async (text: string, password: string): Promise<boolean | string> => {
  const stored = parseStored(text);
  if (stored.kind === "problem") return stored.message;
  return await isPassword(stored, password, hostPasswords, hostDigests);
};

/** Made by crypt(3) of glibc's successor libxcrypt, OpenSSL, Python's hashlib and the reference code of Argon2. */
const known: readonly (readonly [form: string, stored: string, password: string])[] = [
  ["plain", "{PLAIN}Hello world!", "Hello world!"],
  ["bcrypt 2b", "$2b$05$abcdefghijklmnopqrstuu7nFISH/8YdwlXD3lw69A4iBUf6fvWAW", "Hello world!"],
  ["bcrypt 2a", "$2a$05$abcdefghijklmnopqrstuu7nFISH/8YdwlXD3lw69A4iBUf6fvWAW", "Hello world!"],
  ["bcrypt, UTF-8", "$2y$04$abcdefghijklmnopqrstuuF7KK/SfP9IRGj0pPJMr8GdtCS8xpmpC", "päss"],
  ["bcrypt, 72 octets", "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i", "x".repeat(72)],
  ["bcrypt, over 72", "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i", "x".repeat(72) + "rest"],
  ["argon2id", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"],
  ["sha256", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"],
  [
    "sha512",
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
    "Hello world!",
  ],
  [
    "sha512, rounds",
    "$6$rounds=1000$abc$YABfrCBLWqcK2EEGpHzZR.KOyMzIKQyJZsyWBO/D3uqEY5sPxuH6t7ZQEdeSwGaxy73TFrSHIJXLoqhdEodj2/",
    "Hello",
  ],
  [
    "scrypt",
    "$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$4LAiczR/eHANdFBfq9JH5FM4yOStB1ipF+nVj2neVkg",
    "Hello world!",
  ],
  [
    "scram",
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:" +
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    "pencil",
  ],
];

for (const [form, stored, password] of known) {
  Deno.test(`isPassword() knows the right password from others: ${form}`, async () => {
    equal(await check(stored, password), true);
    equal(await check(stored, password.slice(0, 3) + "\u00e9" + password.slice(4)), false);
    equal(await check(stored, password.slice(0, 3)), false);
    equal(await check(stored, password.toUpperCase()), false);
  });
}

Deno.test("isPassword() compares a stored password in NFC", async () => {
  equal(await check("{PLAIN}pa\u0308ss", preparePassword("p\u00e4ss") ?? ""), true);
});

Deno.test("prepareUser() and preparePassword() refuse what could be taken for something else", () => {
  for (const text of ["", "a\0b", "a\rb", "a\nb", "a\x7fb", "a\u0085b", "a\ud800b"]) {
    equal(prepareUser(text), null, JSON.stringify(text));
    equal(preparePassword(text), null, JSON.stringify(text));
  }
  // Who looks like another, and is another.
  for (const text of ["ann\u200e", "\u202eann", "a\u2066nn", "a\u2028b"]) {
    equal(prepareUser(text), null, JSON.stringify(text));
  }
  equal(prepareUser("a".repeat(255))?.length, 255);
  equal(prepareUser("ä".repeat(128)), null);
  equal(preparePassword("a".repeat(1023))?.length, 1023);
  equal(preparePassword("a".repeat(1024)), null);
  equal(prepareUser("Joe\u0301@x.test"), "Jo\u00e9@x.test");
  equal(preparePassword("a\u00a0b\u3000c d"), "a b c d");
});

Deno.test("preparePassword() gives the same when it is done twice", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    const once = preparePassword(text);
    return once === null || preparePassword(once) === once;
  }));
});

Deno.test("decodeUtf8() takes UTF-8 and nothing else", () => {
  equal(decodeUtf8("abc"), "abc");
  equal(decodeUtf8("\xc3\xa9"), "é");
  equal(decodeUtf8("\xef\xbb\xbfa"), "\ufeffa");
  for (const text of ["\xe9", "\xc0\x80", "\xed\xa0\x80", "\xff"]) equal(decodeUtf8(text), null);
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    return decodeUtf8(Buffer.from(text).toString("latin1")) === text;
  }));
});

Deno.test("equalOctets() is equality", () => {
  fc.assert(fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
    return equalOctets(a, b) === (Buffer.compare(a, b) === 0) && equalOctets(a, a.slice());
  }));
});
