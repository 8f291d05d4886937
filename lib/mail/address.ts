/** Mail addresses as RFC 5321 §4.1.2 has them. */

/** A domain name in lower case, or an address literal in its brackets. Made only by `parseDomain`. */
export type Domain = string & { readonly __brand: "Domain" };

/** A mailbox. `localPart` is decoded (no quotes, no backslashes) and keeps its case: RFC 5321 §2.4. */
export interface Mailbox {
  readonly localPart: string;
  readonly domain: Domain;
}

/** The argument of MAIL FROM. Null is `<>`. */
export type ReversePath = Mailbox | null;

/** The argument of RCPT TO. */
export type ForwardPath = Mailbox;
