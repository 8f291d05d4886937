/** Makes cdb files for tests. */

import { hostDisk } from "../../lib/host/disk.ts";
import { CdbWriter } from "../../lib/table/cdb_write.ts";

/** Writes a cdb of these records, text as UTF-8. Returns how many of them have the key of an earlier one. */
export async function writeCdb(
  path: string,
  records: Iterable<readonly [key: string, value: string]>,
): Promise<number> {
  const encoder = new TextEncoder();
  const writer = await CdbWriter.create(hostDisk, path, 0o600);
  for (const [key, value] of records) {
    const bytes = encoder.encode(key + value);
    const keySize = encoder.encode(key).length;
    writer.add(bytes, 0, keySize, keySize, bytes.length);
    if (writer.isFull) await writer.flush();
  }
  let duplicates = 0;
  await writer.writeTables(() => duplicates++);
  await writer.seal(() => Promise.resolve());
  return duplicates;
}
