/** Digests. */

import { createHash } from "node:crypto";
import type { Sha1 } from "../port.ts";

/** SHA-1 of this machine's library. */
export const hostSha1: Sha1 = (octets) => createHash("sha1").update(octets).digest();
