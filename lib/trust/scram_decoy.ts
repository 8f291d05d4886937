/** What SCRAM says of users that are not there (RFC 5802 §9): it has to look like what it says of those that are. Pure. */

import { Buffer } from "node:buffer";
import type { Digests } from "../port.ts";
import type { ScramVerifier } from "./stored_password.ts";
import { storedBounds } from "./stored_password.ts";

/** Different counts of iterations that are remembered of a table. */
export const scramCountsMax = 8;

/** What a challenge tells of a user. */
export type ScramSetting = Pick<ScramVerifier, "salt" | "iterations">;

/** Makes up settings. A name always gets the same salt, and one of the counts of iterations that users of the same table
 * have, the same one as long as no other count is found in the table. As long as no user has been found it is the
 * count that `smtpctl encrypt` makes, and PostgreSQL and Dovecot as well. */
export class ScramDecoys {
  readonly #secret: Uint8Array;
  readonly #hmac: Digests["hmacSha256"];
  readonly #counts = new Map<string, number[]>();

  /** `secret` is not to be guessed. */
  constructor(secret: Uint8Array, { hmacSha256 }: Pick<Digests, "hmacSha256">) {
    this.#secret = secret;
    this.#hmac = hmacSha256;
  }

  /** A user of the table has this count. The count that was found first is forgotten when there are too many. */
  found(table: string, iterations: number): void {
    const counts = this.#counts.get(table) ?? [];
    if (counts.includes(iterations)) return;
    counts.push(iterations);
    if (counts.length > scramCountsMax) counts.shift();
    this.#counts.set(table, counts);
  }

  /** What is said of a name. Its case does not count, since it does not in tables. */
  settingOf(table: string, username: string): ScramSetting {
    const octets = this.#hmac(this.#secret, Buffer.from(username.toLowerCase()));
    const counts = this.#counts.get(table) ?? [];
    const iterations = counts[(octets[16] ?? 0) % (counts.length || 1)] ?? storedBounds.scramIterationsMin;
    return { salt: octets.slice(0, 16), iterations };
  }
}
