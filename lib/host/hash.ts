/** Digests. */

import { createHash } from "node:crypto";

/** SHA-1 of this machine's library; a `Sha1`. */
export function hostSha1(octets: Uint8Array): Uint8Array {
  return createHash("sha1").update(octets).digest();
}
