/** Members of messages that other processes sent, read one by one. A role that talks to strangers may have been taken
 * over: what it says is not taken for what the types promise. Pure. */

import { scrub } from "../event_log.ts";
import { type Domain, isLocalPart, type Mailbox, type ReversePath } from "../mail/address.ts";
import { parseDomain } from "../mail/domain.ts";
import { isFitForAddress } from "../mail/utf8.ts";

/** Longest text that a role may give as a name, characters. */
export const imsgTextMax = 1024;

/** The members of an object. */
export type Fields = Readonly<Record<string, unknown>>;

/** Reads an object; null when it is none. */
export function fieldsOf(value: unknown): Fields | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Fields : null;
}

/** Reads a path; undefined when it is none. */
export function pathOf(value: unknown): ReversePath | undefined {
  return value === null ? null : mailboxOf(value) ?? undefined;
}

/** Reads a mailbox; null when it is none. */
export function mailboxOf(value: unknown): Mailbox | null {
  const fields = fieldsOf(value);
  if (fields === null) return null;
  const { localPart } = fields;
  const domain = domainOf(fields["domain"]);
  if (domain === null || !isReadable(localPart) || !isLocalPart(localPart)) return null;
  return { localPart, domain };
}

function domainOf(value: unknown): Domain | null {
  const domain = typeof value === "string" ? parseDomain(value) : null;
  return domain === value ? domain : null;
}

/** Reads a whole number, 0 or more; null when it is none. */
export function countOf(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** Reads a list of `max` members at most; null when it is none, or one of them is none. */
export function listOf<T>(value: unknown, max: number, read: (member: unknown) => T | null): readonly T[] | null {
  if (!Array.isArray(value) || value.length > max) return null;
  const list = value.map((member) => read(member)).filter((member) => member !== null);
  return list.length === value.length ? list : null;
}

/** Reads a short text without control characters; null when it is none. */
export function textOf(value: unknown): string | null {
  return typeof value === "string" && value.length <= imsgTextMax && scrub(value) === value ? value : null;
}

/** Is it a short text of printable ASCII and of what may stand in an address beyond that? */
export function isReadable(value: unknown): value is string {
  // deno-lint-ignore no-control-regex -- beyond ASCII `isFitForAddress` decides
  return typeof value === "string" && value.length <= imsgTextMax && /^[^\x00-\x1f\x7f]*$/.test(value) &&
    isFitForAddress(value);
}

/** Is it a short text of printable ASCII? */
export function isPrintable(value: unknown): value is string {
  return typeof value === "string" && value.length <= imsgTextMax && /^[\x20-\x7e]*$/.test(value);
}
