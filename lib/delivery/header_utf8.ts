/** Does a message need SMTPUTF8 for its header section? RFC 6531 §3.4 wants it asked for only where something needs it. */

import { Buffer } from "node:buffer";
import type { ContentSource } from "./task.ts";

/** Looks at the first piece of the content: header sections end there, but for absurd ones, of which the part that is seen
 * counts. Rejects as the source does. */
export async function isHeaderUtf8(content: ContentSource): Promise<boolean> {
  const bytes = content.inline ?? await content.read(0);
  return bytes !== null && hasEightBitHeader(bytes);
}

/** Is there an octet above 127 before the first empty line? */
export function hasEightBitHeader(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const end = text.startsWith("\r\n") ? 0 : text.indexOf("\r\n\r\n");
  return /[\x80-\xff]/.test(end < 0 ? text : text.slice(0, end));
}
