/** Makes what a table stores of a password. */

import { Buffer } from "node:buffer";
import type { Digests, PasswordFunctions, Random } from "../port.ts";
import { scramVerifierOf } from "./credentials.ts";
import { encodeBcryptSalt } from "./stored_password.ts";

/** Ways to store a password, by the words of `smtpctl encrypt --method`. The first is the default: OpenBSD, Linux, Dovecot
 * and others read it, too. */
export const storeMethods = ["bcrypt", "argon2id", "sha512", "sha256", "scrypt", "scram"] as const;

/** One of them. */
export type StoreMethod = typeof storeMethods[number];

/** What they cost. A check takes some 50 to 100 ms; OpenSMTPD's bcrypt costs as much. */
const costs = {
  bcrypt: 10,
  // RFC 9106 §4 has 64 MiB for machines that have other things to do; OWASP's least, a third of that, is quicker.
  argon2id: { memoryKib: 19_456, passes: 2, lanes: 1, length: 32 },
  shaRounds: 5000,
  scrypt: { logN: 14, r: 8, p: 1, length: 32 },
  scramIterations: 4096,
} as const;

/** Makes it. `password` is to be prepared. `parseStored` reads it back. */
export async function makeStored(
  method: StoreMethod,
  password: string,
  random: Random,
  functions: PasswordFunctions,
  digests: Digests,
): Promise<string> {
  const octets = Buffer.from(password);
  const salt = random.bytes(16);
  switch (method) {
    case "bcrypt": {
      const digest = await functions.bcrypt(octets.subarray(0, 72), salt, costs.bcrypt);
      return `$2b$${costs.bcrypt}$${encodeBcryptSalt(salt)}${digest}`;
    }
    case "argon2id": {
      const { memoryKib, passes, lanes } = costs.argon2id;
      const digest = await functions.argon2id(octets, salt, costs.argon2id);
      return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${lanes}$${bare(salt)}$${bare(digest)}`;
    }
    case "sha512":
    case "sha256": {
      const text = encodeBcryptSalt(salt).slice(0, 16);
      const setting = `$${method === "sha512" ? 6 : 5}$rounds=${costs.shaRounds}$${text}`;
      return `${setting}$${await functions.shaCrypt(password, setting)}`;
    }
    case "scrypt": {
      const { logN, r, p, length } = costs.scrypt;
      const digest = await functions.scrypt(octets, salt, { n: 2 ** logN, r, p, length });
      return `$scrypt$ln=${logN},r=${r},p=${p}$${bare(salt)}$${bare(digest)}`;
    }
    case "scram": {
      const iterations = costs.scramIterations;
      const salted = await functions.pbkdf2(octets, salt, iterations);
      const { storedKey, serverKey } = scramVerifierOf(salted, { salt, iterations }, digests);
      return `SCRAM-SHA-256$${iterations}:${base(salt)}$${base(storedKey)}:${base(serverKey)}`;
    }
  }
}

function base(octets: Uint8Array): string {
  return Buffer.from(octets).toString("base64");
}

/** Without padding. */
function bare(octets: Uint8Array): string {
  return base(octets).replace(/=+$/, "");
}
