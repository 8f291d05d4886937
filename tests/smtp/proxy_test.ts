import { Buffer } from "node:buffer";
import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  ProxyInput,
  proxyLineLengthMax,
  proxyPayloadLengthMax,
  type ProxyProgress,
  type ProxyVersions,
} from "../../lib/smtp/proxy.ts";

const signature = "0d0a0d0a000d0a515549540a";

/** A header of version 2; `payload` is hexadecimal. */
function binary(command: string, family: string, payload: string, length = payload.length / 2): Buffer {
  return Buffer.from(signature + command + family + length.toString(16).padStart(4, "0") + payload, "hex");
}

const tcp4 = "c0000201" + "c0000202" + "9c40" + "0019";
const tcp6 = "20010db8000000000000000000000001" + "20010db8000000000000000000000002" + "9c40" + "0019";
const mapped = "00000000000000000000ffffc0000201" + "20010db8000000000000000000000002" + "9c40" + "0019";

/** What a header comes to, as text. */
function read(bytes: Buffer | string, versions: ProxyVersions = "any"): string {
  return textOf(new ProxyInput(versions).add(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes));
}

function textOf(progress: ProxyProgress): string {
  if (progress.kind !== "header") return progress.kind === "bad" ? `bad: ${progress.reason}` : "more";
  const rest = Buffer.from(progress.rest).toString("latin1");
  const { source } = progress;
  return `${source === null ? "itself" : `${source.ip} ${source.port}`}${rest === "" ? "" : ` + ${rest}`}`;
}

Deno.test("ProxyInput reads headers of version 2", () => {
  const cases: readonly (readonly [string, Buffer, string])[] = [
    ["IPv4", binary("21", "11", tcp4), "192.0.2.1 40000"],
    ["IPv6", binary("21", "21", tcp6), "2001:db8::1 40000"],
    ["IPv4-mapped", binary("21", "21", mapped), "192.0.2.1 40000"],
    ["additions", binary("21", "11", `${tcp4}20000a0107000000000000aabb`), "192.0.2.1 40000"],
    ["what follows", Buffer.concat([binary("21", "11", tcp4), Buffer.from("EHLO")]), "192.0.2.1 40000 + EHLO"],
    ["unix", binary("21", "31", "00".repeat(216)), "itself"],
    ["local", binary("20", "00", ""), "itself"],
    ["local with addresses", binary("20", "11", tcp4), "itself"],
    ["nothing yet", Buffer.alloc(0), "more"],
    ["half", binary("21", "11", tcp4).subarray(0, 20), "more"],
  ];
  for (const [name, bytes, want] of cases) {
    equal(read(bytes), want, name);
    equal(read(bytes, "v2"), want, `${name}, version 2 only`);
  }
});

Deno.test("ProxyInput refuses what is no header of version 2", () => {
  const cases: readonly (readonly [string, Buffer, RegExp])[] = [
    ["another protocol", Buffer.from("EHLO a.test\r\n"), /no header of version 2/],
    ["version 1", Buffer.from("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), /no header of version 2/],
    ["a wrong signature", Buffer.from("\r\n\r\n\0\r\nQUIT\r"), /no header/],
    ["version 3", binary("31", "11", tcp4), /unknown version/],
    ["an unknown command", binary("22", "11", tcp4), /unknown command/],
    ["datagrams", binary("21", "12", tcp4), /carries no mail/],
    ["no family", binary("21", "00", ""), /carries no mail/],
    ["too short", binary("21", "11", tcp4.slice(2)), /too short/],
    ["too long", binary("21", "11", tcp4, proxyPayloadLengthMax + 1), /too long/],
  ];
  for (const [name, bytes, want] of cases) ok(want.test(read(bytes, "v2")), `${name}: ${read(bytes, "v2")}`);
});

Deno.test("ProxyInput reads headers of version 1 where they are wanted", () => {
  const long = `PROXY UNKNOWN ${"x".repeat(proxyLineLengthMax - 16)}\r\n`;
  const cases: readonly (readonly [string, string])[] = [
    ["PROXY TCP4 192.0.2.1 192.0.2.2 40000 25\r\n", "192.0.2.1 40000"],
    ["PROXY TCP6 2001:DB8::1 ::1 0 65535\r\nEHLO", "2001:db8::1 0 + EHLO"],
    ["PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", "192.0.2.1 1"],
    ["PROXY UNKNOWN\r\n", "itself"],
    ["PROXY UNKNOWN what ever 1\r\n", "itself"],
    [long, "itself"],
    ["PRO", "more"],
    ["PROXY TCP4 192.0.2.1 192.0.2.2 40000 25\r", "more"],
  ];
  for (const [text, want] of cases) equal(read(text), want, text);
});

Deno.test("ProxyInput refuses what is no header of version 1", () => {
  const malformed = [
    "PROXY TCP4 192.0.2.1 192.0.2.2 40000\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 40000 25 26\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 40000 65536\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 040 25\r\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 -1 25\r\n",
    "PROXY TCP4 192.0.2.01 192.0.2.2 1 25\r\n",
    "PROXY TCP4 2001:db8::1 ::1 1 25\r\n",
    "PROXY TCP6 192.0.2.1 192.0.2.2 1 25\r\n",
    "PROXY TCP6 fe80::1%eth0 ::1 1 25\r\n",
    "PROXY TCP6 [::1] ::1 1 25\r\n",
    "PROXY TCP4  192.0.2.1 192.0.2.2 1 25\r\n",
    "PROXY tcp4 192.0.2.1 192.0.2.2 1 25\r\n",
    "PROXY UDP4 192.0.2.1 192.0.2.2 1 25\r\n",
    "PROXY \r\n",
  ];
  for (const text of malformed) equal(read(text), "bad: the line of the header is malformed", text);
  equal(read("proxy TCP4"), "bad: no header");
  equal(read("EHLO a.test\r\n"), "bad: no header");
  equal(read("PROXY UNKNOWN " + "x".repeat(200)), "bad: the line of the header is too long");
});

/** Cuts bytes at places given as fractions. */
function pieces(bytes: Buffer, cuts: readonly number[]): readonly Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return places.slice(1).map((end, at) => bytes.subarray(places[at], end));
}

/** What the pieces come to, with all that follows the header. */
function feed(all: readonly Buffer[], versions: ProxyVersions): string {
  const input = new ProxyInput(versions);
  for (const [at, piece] of all.entries()) {
    const progress = input.add(piece);
    if (progress.kind === "more") continue;
    if (progress.kind === "bad") return textOf(progress);
    return textOf({ ...progress, rest: Buffer.concat([progress.rest, ...all.slice(at + 1)]) });
  }
  return "more";
}

const opening = fc.constantFrom(
  binary("21", "11", tcp4),
  binary("21", "21", `${tcp6}0500`),
  binary("20", "00", ""),
  binary("21", "11", tcp4, 0x1010),
  Buffer.from("PROXY TCP4 192.0.2.1 192.0.2.2 40000 25\r\n"),
  Buffer.from("PROXY UNKNOWN\r\n"),
  Buffer.from(signature, "hex"),
  Buffer.from("PROXY "),
  Buffer.alloc(0),
);

Deno.test("ProxyInput: garbage never throws, and comes to the same however it is cut", () => {
  const noise = fc.uint8Array({ maxLength: 120 }).map((bytes) => Buffer.from(bytes));
  const mutated = fc.tuple(opening, noise, fc.option(fc.tuple(fc.nat(), fc.nat(255))))
    .map(([head, tail, change]) => {
      const bytes = Buffer.concat([head, tail]);
      if (change !== null && bytes.length > 0) bytes[change[0] % bytes.length] = change[1];
      return bytes;
    });
  const versions = fc.constantFrom<ProxyVersions>("v2", "any");
  fc.assert(
    fc.property(mutated, fc.array(fc.nat(), { maxLength: 6 }), versions, (bytes, cuts, which) => {
      equal(feed(pieces(bytes, cuts), which), feed([bytes], which));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("ProxyInput: a client's address comes through as it was given", () => {
  const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
  fc.assert(fc.property(octets, fc.nat(65535), (ip, port) => {
    const hex = ip.map((one) => one.toString(16).padStart(2, "0")).join("");
    const header = binary("21", "11", `${hex}7f000001${port.toString(16).padStart(4, "0")}0019`);
    deepEqual(read(header), `${ip.join(".")} ${port}`);
    deepEqual(read(`PROXY TCP4 ${ip.join(".")} 127.0.0.1 ${port} 25\r\n`), `${ip.join(".")} ${port}`);
  }));
});
