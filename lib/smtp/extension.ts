/** What the server offers with EHLO (RFC 5321 §4.1.1.1). */

/** What decides on the offer. */
export interface Offer {
  /** Octets. */
  readonly maxMessageSize: number;
  /** DSN is switched on. */
  readonly dsn: boolean;
}

/** The lines of the answer to EHLO after the first. */
export function offeredExtensions(offer: Offer): readonly string[] {
  return [
    "PIPELINING", // RFC 2920
    "8BITMIME", // RFC 6152
    "ENHANCEDSTATUSCODES", // RFC 2034
    `SIZE ${offer.maxMessageSize}`, // RFC 1870
    ...(offer.dsn ? ["DSN"] : []), // RFC 3461
    "HELP", // RFC 5321 §4.1.1.8
  ];
}
