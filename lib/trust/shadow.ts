/** The passwords of the system's users: shadow(5). Pure. */

/** What the file says of a user. */
export type ShadowEntry =
  /** `stored` is the password field: a hash of crypt(3), or what no password fits. */
  | { readonly kind: "found"; readonly stored: string }
  /** The account has an end, and that is past. */
  | { readonly kind: "expired" }
  | { readonly kind: "absent" };

const dayMs = 86_400_000;

/** Looks a user up, by his exact name; of two lines with one name the first counts. `now` is in ms since the epoch. */
export function shadowEntry(text: string, user: string, now: number): ShadowEntry {
  for (const line of text.split("\n")) {
    const fields = line.split(":");
    const [name, stored, , , , , , end = ""] = fields;
    if (name !== user || stored === undefined || user === "") continue;
    // The account is good up to the end of the day before.
    if (/^[0-9]{1,9}$/.test(end) && Math.floor(now / dayMs) >= Number(end)) return { kind: "expired" };
    return { kind: "found", stored };
  }
  return { kind: "absent" };
}

/** Password fields of all users, in the order of the file. */
export function shadowHashes(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => line.split(":")[1] ?? []);
}
