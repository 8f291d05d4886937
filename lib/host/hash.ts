/** Digests. */

import { createHash, createHmac } from "node:crypto";
import type { Digests } from "../port.ts";

/** SHA-1 of this machine's library; a `Sha1`. */
export function hostSha1(octets: Uint8Array): Uint8Array {
  return createHash("sha1").update(octets).digest();
}

/** SHA-256 of this machine's library. */
export const hostDigests: Digests = {
  sha256: (octets) => createHash("sha256").update(octets).digest(),
  hmacSha256: (key, octets) => createHmac("sha256", key).update(octets).digest(),
};
