/** Whose a client's certificate is: `listen … auth-external`. The table has SHA-256 fingerprints, so that no name in a
 * certificate has to be trusted, or read. */

import type { TableSource } from "../policy/expand.ts";
import type { TableName } from "../policy/policy.ts";
import { prepareUser } from "../trust/credentials.ts";

/** A certificate that smtp-in says the client has shown, and the table of those that are known. */
export interface ShownCertificate {
  /** Of `auth-external`. */
  readonly table: TableName;
  /** SHA-256, 64 hexadecimal digits. */
  readonly certificate: string;
}

/** Whose it is; null when it is nobody's. `problem` is an entry that names no user. */
export interface CertificateHolder {
  /** In Unicode's NFC. */
  readonly username: string | null;
  /** For an administrator; null when there is none. */
  readonly problem: string | null;
}

/** What an exchange has to go by; null where the listener has no table, or the client no certificate. */
export function shownCertificate(table: TableName | null, certificate: string | null): ShownCertificate | null {
  return table === null || certificate === null ? null : { table, certificate };
}

/** Rejects with a Fault when the table cannot be read. */
export async function holderOf(
  shown: ShownCertificate | null,
  tables: Pick<TableSource, "table">,
): Promise<CertificateHolder> {
  const value = shown === null ? null : await tables.table(shown.table).lookup("string", shown.certificate);
  if (value === null) return { username: null, problem: null };
  const username = prepareUser(value.trim());
  return { username, problem: username === null ? "its entry names no user" : null };
}
