/** A DNS zone in a table, and one row of a table of SPF checks. */

import type { DnsAnswer, DnsRecord } from "../../lib/port.ts";
import type { SpfQuestion } from "../../lib/trust/spf.ts";
import type { SpfResult } from "../../lib/trust/spf_result.ts";

/** Records by name, such as `A 192.0.2.1`, `MX 10 mx.test`, `TXT v=spf1 -all`; or a server that fails. */
export type Zone = Readonly<Record<string, readonly string[] | "servfail">>;

/** One row. Left out: ann@a.test from 192.0.2.1, which says mx.b.test. */
export interface SpfCase {
  /** What is shown. */
  readonly name: string;
  /** The record of a.test, null for none. */
  readonly record: string | null;
  /** Other names. */
  readonly zone?: Zone;
  /** The address that sends. */
  readonly ip?: string;
  /** MAIL FROM; empty for the null path. */
  readonly from?: string;
  /** EHLO. */
  readonly helo?: string;
  /** What comes out. */
  readonly want: SpfResult;
}

/** The zone of a row. */
export function zoneOf({ record, zone = {} }: SpfCase): Zone {
  return record === null ? zone : { "a.test": [`TXT ${record}`], ...zone };
}

/** What a resolver says of a zone. */
export function answerOf(zone: Zone, { name, type }: SpfQuestion): DnsAnswer {
  const texts = Object.hasOwn(zone, name) ? zone[name] : undefined;
  if (texts === "servfail") return { kind: "failed", reason: "servfail", detail: "SERVFAIL" };
  if (texts === undefined) return { kind: "noName", ttlMs: 60_000, secure: false };
  const records = texts.filter((text) => text.startsWith(`${type} `)).map(recordOf);
  return records.length === 0
    ? { kind: "noData", ttlMs: 60_000, secure: false }
    : { kind: "records", records, secure: false };
}

const ttlMs = 300_000;

function recordOf(text: string): DnsRecord {
  const at = text.indexOf(" ");
  const [type, data] = [text.slice(0, at), text.slice(at + 1)];
  switch (type) {
    case "A":
    case "AAAA":
      return { type, address: data, ttlMs };
    case "MX": {
      const [preference = "", exchange = ""] = data.split(" ");
      return { type, preference: Number(preference), exchange, ttlMs };
    }
    case "PTR":
      return { type, name: data, ttlMs };
    default:
      return { type: "TXT", text: data, ttlMs };
  }
}
