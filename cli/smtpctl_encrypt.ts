/** `smtpctl encrypt`: what a table stores of a password. No daemon is needed. */

import type { Digests, PasswordFunctions, Random } from "../lib/port.ts";
import { preparePassword } from "../lib/trust/credentials.ts";
import { makeStored, type StoreMethod } from "../lib/trust/make_stored.ts";
import type { Printer } from "./smtpctl_answer.ts";

/** What it needs of the machine. */
export interface EncryptHost {
  /** Hashes, slow ones. */
  readonly functions: PasswordFunctions;
  /** Hashes, quick ones. */
  readonly digests: Digests;
  /** Makes salts. */
  readonly random: Random;
  /** Lines of standard input, without their ends; of a terminal one line, which is not shown. */
  lines(): AsyncIterable<string>;
}

/** Prints one line for the password, or for each that is read. Returns the exit status: 1 when one of them cannot be a
 * password. */
export async function encrypt(
  { method, password, json }: {
    readonly method: StoreMethod;
    readonly password: string | null;
    readonly json: boolean;
  },
  host: EncryptHost,
  printer: Printer,
): Promise<number> {
  const made: string[] = [];
  for await (const text of password === null ? host.lines() : only(password)) {
    const prepared = preparePassword(text);
    if (prepared === null) {
      printer.complain("smtpctl: a password has 1 to 1023 octets, and no control characters");
      return 1;
    }
    made.push(await makeStored(method, prepared, host.random, host.functions, host.digests));
    if (!json) await printer.write(`${made.at(-1)}\n`);
  }
  if (json) await printer.write(`${JSON.stringify(made.map((stored) => ({ method, stored })), null, 2)}\n`);
  return 0;
}

async function* only(text: string): AsyncGenerator<string> {
  yield await Promise.resolve(text);
}
