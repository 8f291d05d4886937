/** How a message is to be handled on its way: what the extensions of MAIL ask for, but for DSN. */

/** What one MAIL command asked of everybody who handles the message. Stored with each envelope. */
export interface Handling {
  /** Addresses or header fields may hold UTF-8 (RFC 6531). Whether they do is found out when it is sent on. */
  readonly smtpUtf8: boolean;
  /** BODY (RFC 6152 §2, RFC 3030 §3): what the content may hold. Stored envelopes have no `binarymime`: their content has
   * become text. */
  readonly body: "7bit" | "8bitmime" | "binarymime";
  /** The message travels under TLS, to servers that promise the same, or not at all (RFC 8689). */
  readonly requireTls: boolean;
  /** -9 … 9, higher goes first (RFC 6710). 0 when nothing was asked. */
  readonly priority: number;
  /** No attempt before this, ms since the epoch (RFC 4865); 0 for at once. */
  readonly holdUntil: number;
  /** What is to happen when it takes too long (RFC 2852); null when nothing was asked. */
  readonly deliverBy: DeliverBy | null;
}

/** RFC 2852. */
export interface DeliverBy {
  /** Ms since the epoch. */
  readonly at: number;
  /** Returned as undeliverable, or a notice of delay while attempts go on. */
  readonly mode: "return" | "notify";
  /** Each relay is to report that it passed the message on. */
  readonly trace: boolean;
}

/** A message that asks for nothing. */
export const plainHandling: Handling = {
  smtpUtf8: false,
  body: "7bit",
  requireTls: false,
  priority: 0,
  holdUntil: 0,
  deliverBy: null,
};

/** Lowest and highest MT-PRIORITY. RFC 6710 §5. */
export const priorityMax = 9;

/** Latest time that can be asked for, ms since the epoch: the end of the year 9999. */
export const handlingTimeMax = 253_402_300_799_999;

/** Reads a handling from what another role sent or a database holds; null when it is none. */
export function parseHandling(value: unknown): Handling | null {
  if (!isRecord(value)) return null;
  const { smtpUtf8, body, requireTls, priority, holdUntil } = value;
  if (typeof smtpUtf8 !== "boolean" || typeof requireTls !== "boolean" || !isBody(body)) return null;
  if (!isInteger(priority) || Math.abs(priority) > priorityMax || !isTime(holdUntil)) return null;
  const deliverBy = value["deliverBy"] === null ? null : parseDeliverBy(value["deliverBy"]);
  return deliverBy === undefined ? null : { smtpUtf8, body, requireTls, priority, holdUntil, deliverBy };
}

/** Writes it for people and for logs: `smtputf8 binarymime requiretls priority=3`. Empty for `plainHandling`. `date` writes
 * a time. */
export function describeHandling(handling: Handling, date: (time: number) => string): string {
  const { smtpUtf8, body, requireTls, priority, holdUntil, deliverBy } = handling;
  const words = [
    smtpUtf8 ? "smtputf8" : "",
    body === "7bit" ? "" : body,
    requireTls ? "requiretls" : "",
    priority === 0 ? "" : `priority=${priority}`,
    holdUntil === 0 ? "" : `hold-until=${date(holdUntil)}`,
    deliverBy === null ? "" : `deliver-by=${date(deliverBy.at)},${deliverBy.mode}${deliverBy.trace ? ",trace" : ""}`,
  ];
  return words.filter((word) => word !== "").join(" ");
}

function parseDeliverBy(value: unknown): DeliverBy | undefined {
  if (!isRecord(value)) return undefined;
  const { at, mode, trace } = value;
  if (!isTime(at) || (mode !== "return" && mode !== "notify") || typeof trace !== "boolean") {
    return undefined;
  }
  return { at, mode, trace };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isInteger(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value);
}

function isTime(value: unknown): value is number {
  return isInteger(value) && value >= 0 && value <= handlingTimeMax;
}

function isBody(value: unknown): value is Handling["body"] {
  return value === "7bit" || value === "8bitmime" || value === "binarymime";
}
