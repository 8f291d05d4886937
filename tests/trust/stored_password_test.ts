import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { encodeBcryptSalt, parseStored, passwordPart, storedBounds } from "../../lib/trust/stored_password.ts";

const key = (fill: number) => Buffer.alloc(32, fill).toString("base64");
const bcryptTail = "abcdefghijklmnopqrstuu7nFISH/8YdwlXD3lw69A4iBUf6fvWAW";
const argonTail = "c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
const shaDigest = "a".repeat(86);

Deno.test("parseStored() reads every form that is documented", () => {
  for (
    const [text, want] of [
      [`$2b$05$${bcryptTail}`, "bcrypt"],
      [`$2a$05$${bcryptTail}`, "bcrypt"],
      [`$2y$14$${bcryptTail}`, "bcrypt"],
      [`{BLF-CRYPT}$2y$05$${bcryptTail}`, "bcrypt"],
      [`$argon2id$v=19$m=256,t=2,p=1$${argonTail}`, "argon2id"],
      [`$argon2id$v=19$m=262144,t=4,p=16$${argonTail}`, "argon2id"],
      [`$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5`, "shaCrypt"],
      [`$6$rounds=1000$abc$${shaDigest}`, "shaCrypt"],
      [`{SHA512-CRYPT}$6$abc$${shaDigest}`, "shaCrypt"],
      ["$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$4LAiczR/eHANdFBfq9JH5FM4yOStB1ipF+nVj2neVkg", "scrypt"],
      [`SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$${key(1)}:${key(2)}`, "scram"],
      [`{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,${key(1)},${key(2)}`, "scram"],
      ["{PLAIN}x", "plain"],
      ["{plain}{PLAIN}", "plain"],
    ] as const
  ) equal(parseStored(text).kind, want, text);
});

Deno.test("parseStored() says what is wrong with the rest, and what to do", () => {
  for (
    const [text, want] of [
      ["", "it has no password"],
      ["{PLAIN}", "it has no password"],
      ["secret", "its password is no hash that is known; one in clear text is written {PLAIN}password"],
      ["!", "it is locked"],
      ["!$6$abc$def", "it is locked"],
      ["*", "it is locked"],
      ["{MD5}abc", "its scheme {MD5} is not known"],
      ["$y$j9T$abcdefgh$9WNEpu8Mx2S4KNGvbVWKM6clOSoY6", "its hash is yescrypt, which cannot be checked here"],
      ["$7$CU..../....abc$8mp", "its hash is scrypt in the form of crypt(3), which cannot be checked here"],
      ["$1$abc$def", "its hash is MD5, which is too weak"],
      ["$argon2i$v=19$m=256,t=2,p=1$abc$def", "its hash is Argon2 of a kind that is not read: only argon2id is"],
      ["$2x$05$abc", "its hash is of a faulty bcrypt ($2x$)"],
      [`$2b$03$${bcryptTail}`, "its hash is no whole bcrypt hash"],
      [`$2b$05$${bcryptTail}x`, "its hash is no whole bcrypt hash"],
      [`$argon2id$v=16$m=256,t=2,p=1$${argonTail}`, "its hash is no whole argon2id hash"],
      [`$argon2id$v=19$m=7,t=2,p=1$${argonTail}`, "its hash is no whole argon2id hash"],
      [`$argon2id$v=19$m=256,t=2,p=1$c2FsdA$nf65EOgLrQMR`, "its hash is no whole argon2id hash"],
      [`$6$rounds=999$abc$${shaDigest}`, "its hash is no whole SHA-crypt hash"],
      [`$6$abc$${shaDigest}x`, "its hash is no whole SHA-crypt hash"],
      [`$6$${"a".repeat(17)}$${shaDigest}`, "its hash is no whole SHA-crypt hash"],
      ["$scrypt$ln=10,r=8,p=0$YWJj$4LAiczR/eHANdFBfq9JH5A", "its hash is no whole scrypt hash"],
      ["SCRAM-SHA-256$4096:abcd$efgh:ijkl", "its hash is no whole SCRAM-SHA-256 hash"],
      [`SCRAM-SHA-256$4095:YWJj$${key(1)}:${key(2)}`, "its 4095 iterations are too few"],
    ] as const
  ) {
    const read = parseStored(text);
    equal(read.kind === "problem" ? read.message : read.kind, want, text);
    ok(read.kind === "problem" && read.hint.includes("smtpctl encrypt"));
  }
});

Deno.test("parseStored() refuses what would take minutes or gigabytes", () => {
  for (
    const text of [
      `$2b$15$${bcryptTail}`,
      `$2b$31$${bcryptTail}`,
      `$argon2id$v=19$m=262145,t=1,p=1$${argonTail}`,
      `$argon2id$v=19$m=262144,t=5,p=1$${argonTail}`,
      `$argon2id$v=19$m=65536,t=1,p=17$${argonTail}`,
      `$argon2id$v=19$m=999999999,t=999999999,p=1$${argonTail}`,
      `$6$rounds=500001$abc$${shaDigest}`,
      "$scrypt$ln=63,r=8,p=1$YWJj$4LAiczR/eHANdFBfq9JH5A",
      "$scrypt$ln=19,r=8,p=1$YWJj$4LAiczR/eHANdFBfq9JH5A",
      "$scrypt$ln=14,r=8,p=100$YWJj$4LAiczR/eHANdFBfq9JH5A",
      `SCRAM-SHA-256$1000001:YWJj$${key(1)}:${key(2)}`,
    ]
  ) {
    const read = parseStored(text);
    ok(read.kind === "problem" && read.message.startsWith("its hash costs too much to check"), text);
  }
});

Deno.test("parseStored() never throws, keeps to its bounds, and tells nothing of what was stored", () => {
  const digits = fc.integer({ min: 0, max: 1e9 });
  const shaped = fc.oneof(
    fc.tuple(digits, fc.base64String()).map(([cost, tail]) => `$2b$${String(cost).padStart(2, "0")}$${tail}`),
    fc.tuple(digits, digits, digits).map(([m, t, p]) => `$argon2id$v=19$m=${m},t=${t},p=${p}$${argonTail}`),
    fc.tuple(digits, digits, digits).map(([n, r, p]) => `$scrypt$ln=${n},r=${r},p=${p}$YWJjZA$4LAiczR/eHANdFBfq9JH5A`),
    digits.map((rounds) => `$6$rounds=${rounds}$abc$${shaDigest}`),
    digits.map((rounds) => `SCRAM-SHA-256$${rounds}:YWJj$${key(1)}:${key(2)}`),
    fc.string(),
  );
  fc.assert(fc.property(shaped, (text) => {
    const read = parseStored(text);
    switch (read.kind) {
      case "bcrypt":
        return read.cost <= storedBounds.bcryptCostMax;
      case "argon2id":
        return read.memoryKib * read.passes <= storedBounds.argonWorkMax;
      case "scrypt":
        return 128 * read.n * read.r <= storedBounds.scryptMemoryMax;
      case "shaCrypt":
        return read.rounds <= storedBounds.shaRoundsMax;
      case "scram":
        return read.iterations <= storedBounds.scramIterationsMax;
      case "plain":
        return true;
      case "problem":
        return text.length < 40 || !read.message.includes(text);
    }
  }));
});

Deno.test("encodeBcryptSalt() and parseStored() agree on salts", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (salt) => {
    const read = parseStored(`$2b$05$${encodeBcryptSalt(salt)}${"a".repeat(31)}`);
    deepEqual(read.kind === "bcrypt" ? [...read.salt] : [], [...salt]);
  }));
});

Deno.test("passwordPart() takes the user off, and leaves schemes whole", () => {
  for (
    const [value, want] of [
      ["ann:$2b$05$abc", "$2b$05$abc"],
      ["$2b$05$abc", "$2b$05$abc"],
      ["ann:{PLAIN}a:b", "{PLAIN}a:b"],
      ["{PLAIN}a:b", "{PLAIN}a:b"],
      ["{PLAIN}a:", "{PLAIN}a:"],
      ["SCRAM-SHA-256$4096:a$b:c", "SCRAM-SHA-256$4096:a$b:c"],
      ["ann:SCRAM-SHA-256$4096:a$b:c", "SCRAM-SHA-256$4096:a$b:c"],
      ["ab", null],
      [":abc", null],
      ["abc:", null],
      ["abc", "abc"],
    ] as const
  ) equal(passwordPart(value), want, value);
});
