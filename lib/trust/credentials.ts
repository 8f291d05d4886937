/** Names and passwords: what of them is taken, and how a password is held against what is stored. */

import { Buffer } from "node:buffer";
import type { Digests, PasswordFunctions } from "../port.ts";
import { scrub } from "../event_log.ts";
import { assertNever } from "../fault.ts";
import type { ScramVerifier, StoredPassword } from "./stored_password.ts";

/** Longest name of a user, octets of UTF-8. */
export const userLengthMax = 255;

/** Longest password, octets of UTF-8. */
export const passwordLengthMax = 1023;

/** bcrypt has no use for more octets of a password, and crypt(3) ignores the rest. */
const bcryptLengthMax = 72;

/** A name as it is looked up and logged: Unicode in NFC. Null for one that is empty, too long, or has control characters
 * or what turns the direction of text: a table may take it for the name without. RFC 4616 §2; the profile is that of RFC
 * 8265 §3.4 as far as it guards a lookup. */
export function prepareUser(text: string): string | null {
  const name = prepare(text, userLengthMax);
  return name === null || scrub(name) !== name ? null : name;
}

/** A password as it is hashed: OpaqueString of RFC 8265 §4.2, which is NFC with blanks of any script as ASCII's. Null for
 * one that is empty, too long, or has control characters. */
export function preparePassword(text: string): string | null {
  return prepare(text.replace(/\p{Zs}/gu, " "), passwordLengthMax);
}

function prepare(text: string, lengthMax: number): string | null {
  const normal = text.normalize("NFC");
  // Cc: NUL ends a C string, CR and LF end a line of a table's helper. Cs: half a character is none.
  if (normal === "" || /[\p{Cc}\p{Cs}]/u.test(normal)) return null;
  return Buffer.byteLength(normal) > lengthMax ? null : normal;
}

/** Octets, given one character each, as UTF-8; null when they are not that. */
export function decodeUtf8(octets: string): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(octets, "latin1"));
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** Compares in a time that depends on the lengths alone. */
export function equalOctets(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ (b[i] ?? 0);
  return difference === 0;
}

/** Is this the password? It is to be prepared. Takes as long for a wrong one as for the right one. */
export async function isPassword(
  stored: StoredPassword,
  password: string,
  functions: PasswordFunctions,
  digests: Digests,
): Promise<boolean> {
  const octets = Buffer.from(password);
  switch (stored.kind) {
    case "plain":
      // Of equal length, whatever the passwords are.
      return equalOctets(digests.sha256(octets), digests.sha256(Buffer.from(stored.password.normalize("NFC"))));
    case "bcrypt": {
      const digest = await functions.bcrypt(octets.subarray(0, bcryptLengthMax), stored.salt, stored.cost);
      return equalOctets(Buffer.from(digest), Buffer.from(stored.digest));
    }
    case "argon2id": {
      const { memoryKib, passes, lanes, salt, digest } = stored;
      const cost = { memoryKib, passes, lanes, length: digest.length };
      return equalOctets(await functions.argon2id(octets, salt, cost), digest);
    }
    case "shaCrypt":
      return equalOctets(
        Buffer.from(await functions.shaCrypt(password, stored.setting)),
        Buffer.from(stored.digest),
      );
    case "scrypt": {
      const { n, r, p, salt, digest } = stored;
      return equalOctets(await functions.scrypt(octets, salt, { n, r, p, length: digest.length }), digest);
    }
    case "scram": {
      const salted = await functions.pbkdf2(octets, stored.salt, stored.iterations);
      return equalOctets(scramVerifierOf(salted, stored, digests).storedKey, stored.storedKey);
    }
    default:
      return assertNever(stored);
  }
}

/** The verifier of a salted password (RFC 5802 §3). */
export function scramVerifierOf(
  salted: Uint8Array,
  { salt, iterations }: Pick<ScramVerifier, "salt" | "iterations">,
  { hmacSha256, sha256 }: Digests,
): ScramVerifier {
  const storedKey = sha256(hmacSha256(salted, Buffer.from("Client Key")));
  return { iterations, salt, storedKey, serverKey: hmacSha256(salted, Buffer.from("Server Key")) };
}
