import { equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { hostPasswords } from "../../lib/host/password.ts";

/** RFC 7914 §12. */
Deno.test("hostPasswords.scrypt() gives what the standard says", async () => {
  const key = await hostPasswords.scrypt(Buffer.from("pleaseletmein"), Buffer.from("SodiumChloride"), {
    n: 16384,
    r: 8,
    p: 1,
    length: 64,
  });
  equal(Buffer.from(key).toString("hex").slice(0, 32), "7023bdcb3afd7348461c06cd81fd38eb");
});

/** RFC 7677 §3 gives all but this key, and a client's proof that follows from it. */
Deno.test("hostPasswords.pbkdf2() gives what others give", async () => {
  const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
  const key = await hostPasswords.pbkdf2(Buffer.from("pencil"), salt, 4096);
  equal(Buffer.from(key).toString("hex"), "c4a49510323ab4f952cac1fa99441939e78ea74d6be81ddf7096e87513dc615d");
});

Deno.test("hostPasswords.bcrypt() takes 72 octets", async () => {
  const digest = await hostPasswords.bcrypt(Buffer.alloc(72, "x"), Buffer.alloc(16, 1), 4);
  equal(digest.length, 31);
});

Deno.test("hostPasswords.shaCrypt() gives the digest without its setting", async () => {
  equal(
    await hostPasswords.shaCrypt("Hello world!", "$5$saltstring"),
    "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
  );
});
