/** Password hashes of libraries, without rights: WebAssembly for bcrypt and Argon2, JavaScript for SHA-crypt, this
 * machine's library for the rest. */

import { pbkdf2, scrypt } from "node:crypto";
import { argon2id, bcrypt } from "hash-wasm";
import { encrypt } from "unixcrypt";
import type { PasswordFunctions } from "../port.ts";

/** What scrypt may take beyond its own need, octets: the library refuses to meet its bound exactly. */
const scryptSpare = 1024 * 1024;

/** The functions. */
export const hostPasswords: PasswordFunctions = {
  async bcrypt(password, salt, costFactor) {
    const whole = await bcrypt({ password, salt, costFactor, outputType: "encoded" });
    return whole.slice(-31);
  },
  argon2id(password, salt, { memoryKib, passes, lanes, length }) {
    return argon2id({
      password,
      salt,
      iterations: passes,
      parallelism: lanes,
      memorySize: memoryKib,
      hashLength: length,
      outputType: "binary",
    });
  },
  shaCrypt(password, setting) {
    const whole = encrypt(password, setting);
    return Promise.resolve(whole.slice(whole.lastIndexOf("$") + 1));
  },
  scrypt(password, salt, { n, r, p, length }) {
    return new Promise((resolve, reject) => {
      const maxmem = 128 * n * r + 128 * r * p + scryptSpare;
      scrypt(password, salt, length, { N: n, r, p, maxmem }, (error, key) => error ? reject(error) : resolve(key));
    });
  },
  pbkdf2(password, salt, iterations) {
    return new Promise((resolve, reject) => {
      pbkdf2(password, salt, iterations, 32, "sha256", (error, key) => error ? reject(error) : resolve(key));
    });
  },
};
