/** DNS messages (RFC 1035 §4): the query we send, and what an answer says to it. Pure. */

import { Buffer } from "node:buffer";
import { type Answer, AUTHENTIC_DATA, decode, encode, RECURSION_DESIRED } from "dns-packet";
import type { DnsAnswer, DnsRecord, DnsType } from "../port.ts";

/** What is asked. */
export interface DnsQuestion {
  /** Lower case, no final dot. */
  readonly name: string;
  /** Of the records wanted. */
  readonly type: DnsType;
}

/** Largest UDP answer that we ask for: it crosses every link unfragmented (RFC 9715). */
export const udpPayloadMax = 1_232;

/** CNAMEs followed before it is a loop. */
export const aliasesMax = 16;

/** What a datagram or message turns out to be. */
export type DnsReading =
  /** Not an answer to this query: forged, late or broken. Waiting goes on. */
  | { readonly kind: "stranger" }
  /** Ask again over TCP. */
  | { readonly kind: "truncated" }
  /** The server does not know EDNS: ask again without. */
  | { readonly kind: "plainOnly" }
  /** The name is an alias, and the server has not followed it to its end. */
  | { readonly kind: "alias"; readonly name: string; readonly ttlMs: number; readonly secure: boolean }
  | { readonly kind: "answer"; readonly answer: DnsAnswer };

const typeNumbers: Readonly<Record<DnsType, number>> = {
  A: 1,
  CNAME: 5,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  TLSA: 52,
};

/** The query as octets, or null for a name that cannot be asked for. The AD bit asks for the AD bit (RFC 6840 §5.7). */
export function encodeQuery(id: number, question: DnsQuestion, edns: boolean): Uint8Array | null {
  const labels = question.name.split(".");
  // dns-packet would write an over-long label as something else.
  if (question.name.length > 253 || labels.some((label) => label === "" || Buffer.byteLength(label) > 63)) return null;
  return encode({
    type: "query",
    id,
    flags: RECURSION_DESIRED | AUTHENTIC_DATA,
    questions: [{ type: question.type, name: question.name, class: "IN" }],
    additionals: edns
      ? [{
        type: "OPT",
        name: ".",
        udpPayloadSize: udpPayloadMax,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      }]
      : [],
  });
}

/** Reads what a server sent. `edns` tells whether the query used it. */
export function readAnswer(octets: Uint8Array, id: number, question: DnsQuestion, edns: boolean): DnsReading {
  const packet = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  if (packet.length < 12 || packet.readUInt16BE(0) !== id || (packet.readUInt8(2) & 0x80) === 0) return stranger;
  const rcode = packet.readUInt8(3) & 0x0f;
  // RFC 6891 §7: a server that does not know EDNS says FORMERR, often without the question.
  if (rcode === formErr && edns) return { kind: "plainOnly" };
  if (!asksFor(packet, question)) return stranger;
  if ((packet.readUInt8(2) & 0x02) !== 0) return { kind: "truncated" };
  if (rcode === 2) return failed("servfail", "SERVFAIL");
  if (rcode !== 0 && rcode !== nxDomain) return failed("refused", rcodeNames[rcode] ?? `RCODE ${rcode}`);
  const secure = (packet.readUInt8(3) & 0x20) !== 0;
  try {
    const { answers = [], authorities = [] } = decode(packet);
    // dns-packet reads past the end without noticing.
    if (decode.bytes > packet.length) return failed("malformed", unreadable);
    return readRecords(answers, authorities, question, rcode === nxDomain, secure);
  } catch {
    return failed("malformed", unreadable);
  }
}

const formErr = 1;
const nxDomain = 3;
const rcodeNames: Readonly<Record<number, string>> = { 1: "FORMERR", 4: "NOTIMP", 5: "REFUSED" };
const unreadable = "the answer cannot be read";
const stranger: DnsReading = { kind: "stranger" };

function failed(reason: "servfail" | "refused" | "malformed", detail: string): DnsReading {
  return { kind: "answer", answer: { kind: "failed", reason, detail } };
}

/** Does the message repeat our question, and no other? RFC 5452 §9.1. */
function asksFor(packet: Buffer, question: DnsQuestion): boolean {
  if (packet.readUInt16BE(4) !== 1) return false;
  let at = 12;
  for (const label of question.name.split(".")) {
    const length = packet[at];
    const text = Buffer.from(label);
    if (length !== text.length || at + 1 + length > packet.length) return false;
    if (packet.toString("latin1", at + 1, at + 1 + length).toLowerCase() !== text.toString("latin1")) return false;
    at += 1 + length;
  }
  if (packet[at] !== 0 || packet.length < at + 5) return false;
  return packet.readUInt16BE(at + 1) === typeNumbers[question.type] && packet.readUInt16BE(at + 3) === 1;
}

function readRecords(
  answers: readonly Answer[],
  authorities: readonly Answer[],
  question: DnsQuestion,
  isNxDomain: boolean,
  secure: boolean,
): DnsReading {
  let name = question.name;
  let ttlMs = Infinity;
  for (let i = 0; question.type !== "CNAME"; i++) {
    const alias = answers.find((record) => record.type === "CNAME" && nameOf(record.name) === name);
    if (alias === undefined || alias.type !== "CNAME") break;
    if (i === aliasesMax) return failed("malformed", "the aliases of the name form a loop");
    ttlMs = Math.min(ttlMs, (alias.ttl ?? 0) * 1_000);
    name = nameOf(alias.data);
  }
  const records: DnsRecord[] = [];
  for (const answer of answers) {
    if (answer.type !== question.type || nameOf(answer.name) !== name) continue;
    const record = recordOf(answer, ttlMs);
    if (record !== null) records.push(record);
  }
  if (records.length > 0) return { kind: "answer", answer: { kind: "records", records, secure } };
  const soa = authorities.find((record) => record.type === "SOA");
  if (!isNxDomain && soa === undefined && name !== question.name) return { kind: "alias", name, ttlMs, secure };
  // RFC 2308 §5: the lesser of the SOA's own TTL and its MINIMUM; without an SOA it is not to be kept.
  const negativeMs = soa?.type === "SOA" ? Math.min(soa.ttl ?? 0, soa.data.minimum ?? 0) * 1_000 : 0;
  const answer: DnsAnswer = {
    kind: isNxDomain ? "noName" : "noData",
    ttlMs: Math.min(negativeMs, ttlMs),
    secure,
  };
  return { kind: "answer", answer };
}

function recordOf(answer: Answer, ttlMaxMs: number): DnsRecord | null {
  const ttlMs = "ttl" in answer ? Math.min((answer.ttl ?? 0) * 1_000, ttlMaxMs) : 0;
  switch (answer.type) {
    case "A":
    case "AAAA":
      return { type: answer.type, address: answer.data, ttlMs };
    case "MX":
      return { type: "MX", preference: answer.data.preference ?? 0, exchange: nameOf(answer.data.exchange), ttlMs };
    case "TXT":
      return { type: "TXT", text: textOf(answer.data), ttlMs };
    case "PTR":
    case "CNAME":
      return { type: answer.type, name: nameOf(answer.data), ttlMs };
    case "TLSA": {
      const { usage, selector, matchingType: matching, certificate } = answer.data;
      return { type: "TLSA", usage, selector, matching, data: new Uint8Array(certificate), ttlMs };
    }
    default:
      return null;
  }
}

/** RFC 7208 §3.3: the strings of a TXT record are one text, without anything between. Octets as latin1. */
function textOf(data: string | Buffer | (string | Buffer)[]): string {
  const parts = Array.isArray(data) ? data : [data];
  return parts.map((part) => typeof part === "string" ? part : part.toString("latin1")).join("");
}

function nameOf(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
