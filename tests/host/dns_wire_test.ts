import { deepEqual, equal } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type Answer, decode, encode, type Packet } from "dns-packet";
import fc from "../support/fast_check.ts";
import { encodeQuery, readAnswer, udpPayloadMax } from "../../lib/host/dns_wire.ts";
import type { DnsType } from "../../lib/port.ts";
import { flagAd, flagTc, rcode, response } from "./dns_server.ts";

const id = 0x1234;

/** Reads a response to a question for `type` of a.test. */
function read(packet: Packet & { readonly rcode?: number }, type: DnsType = "A", edns = true) {
  const octets = encode({ id, questions: [{ type, name: "a.test" }], ...response(packet) });
  return readAnswer(octets, id, { name: "a.test", type }, edns);
}

const soa = (ttl: number, minimum: number): Answer => ({
  type: "SOA",
  name: "test",
  ttl,
  data: { mname: "ns.test", rname: "root.test", serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
});
const a = (name: string, data: string, ttl = 60): Answer => ({ type: "A", name, ttl, data });
const cname = (name: string, data: string, ttl = 60): Answer => ({ type: "CNAME", name, ttl, data });

Deno.test("encodeQuery() asks one question, recursively, with EDNS and the AD bit", () => {
  const octets = encodeQuery(id, { name: "a.test", type: "MX" }, true);
  const packet = decode(Buffer.from(octets ?? []));
  equal(packet.id, id);
  deepEqual(packet.questions, [{ type: "MX", name: "a.test", class: "IN" }]);
  equal(packet.flag_rd && packet.flag_ad && !packet.flag_qr, true);
  const [opt] = packet.additionals ?? [];
  equal(opt?.type === "OPT" && opt.udpPayloadSize === udpPayloadMax && !opt.flag_do, true);
  equal(decode(Buffer.from(encodeQuery(id, { name: "a.test", type: "A" }, false) ?? [])).additionals?.length, 0);
});

Deno.test("encodeQuery() refuses names that are none", () => {
  for (const name of ["", "a..test", ".test", "x".repeat(64) + ".test", Array(128).fill("x").join(".")]) {
    equal(encodeQuery(id, { name, type: "A" }, true), null, name);
  }
});

const answers: readonly (readonly [string, DnsType, Packet & { readonly rcode?: number }, unknown])[] = [
  ["records", "A", { answers: [a("a.test", "192.0.2.1"), a("A.Test", "192.0.2.2", 30)] }, {
    kind: "records",
    secure: false,
    records: [{ type: "A", address: "192.0.2.1", ttlMs: 60_000 }, { type: "A", address: "192.0.2.2", ttlMs: 30_000 }],
  }],
  ["the AD bit", "A", { flags: flagAd, answers: [a("a.test", "192.0.2.1")] }, {
    kind: "records",
    secure: true,
    records: [{ type: "A", address: "192.0.2.1", ttlMs: 60_000 }],
  }],
  ["records of other names and types as none", "A", {
    answers: [a("b.test", "192.0.2.1"), { type: "AAAA", name: "a.test", ttl: 1, data: "2001:db8::1" }],
  }, { kind: "noData", ttlMs: 0, secure: false }],
  ["MX", "MX", {
    answers: [
      { type: "MX", name: "a.test", ttl: 5, data: { preference: 10, exchange: "MX.test" } },
      { type: "MX", name: "a.test", ttl: 5, data: { preference: 0, exchange: "." } },
    ],
  }, {
    kind: "records",
    secure: false,
    records: [
      { type: "MX", preference: 10, exchange: "mx.test", ttlMs: 5_000 },
      { type: "MX", preference: 0, exchange: "", ttlMs: 5_000 },
    ],
  }],
  ["AAAA", "AAAA", { answers: [{ type: "AAAA", name: "a.test", ttl: 1, data: "2001:db8::1" }] }, {
    kind: "records",
    secure: false,
    records: [{ type: "AAAA", address: "2001:db8::1", ttlMs: 1_000 }],
  }],
  [
    "TXT, its strings joined",
    "TXT",
    { answers: [{ type: "TXT", name: "a.test", ttl: 1, data: ["v=spf1 ", "-all"] }] },
    {
      kind: "records",
      secure: false,
      records: [{ type: "TXT", text: "v=spf1 -all", ttlMs: 1_000 }],
    },
  ],
  ["PTR", "PTR", { answers: [{ type: "PTR", name: "a.test", ttl: 1, data: "Host.test" }] }, {
    kind: "records",
    secure: false,
    records: [{ type: "PTR", name: "host.test", ttlMs: 1_000 }],
  }],
  ["CNAME, when asked for", "CNAME", { answers: [cname("a.test", "b.test")] }, {
    kind: "records",
    secure: false,
    records: [{ type: "CNAME", name: "b.test", ttlMs: 60_000 }],
  }],
  ["TLSA", "TLSA", {
    answers: [{
      type: "TLSA",
      name: "a.test",
      ttl: 1,
      data: { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.from([1, 2]) },
    }],
  }, {
    kind: "records",
    secure: false,
    records: [{ type: "TLSA", usage: 3, selector: 1, matching: 1, data: new Uint8Array([1, 2]), ttlMs: 1_000 }],
  }],
  ["a chain of aliases, as short-lived as its weakest link", "A", {
    answers: [cname("b.test", "c.test", 7), cname("a.test", "B.test"), a("c.test", "192.0.2.1")],
  }, { kind: "records", secure: false, records: [{ type: "A", address: "192.0.2.1", ttlMs: 7_000 }] }],
  ["NXDOMAIN", "A", { rcode: rcode.nxDomain, authorities: [soa(100, 50)] }, {
    kind: "noName",
    ttlMs: 50_000,
    secure: false,
  }],
  ["NXDOMAIN at the end of a chain", "A", {
    rcode: rcode.nxDomain,
    answers: [cname("a.test", "b.test", 7)],
    authorities: [soa(100, 50)],
  }, { kind: "noName", ttlMs: 7_000, secure: false }],
  ["NODATA", "MX", { authorities: [soa(20, 50)] }, { kind: "noData", ttlMs: 20_000, secure: false }],
  ["NODATA at the end of a chain", "A", { answers: [cname("a.test", "b.test")], authorities: [soa(20, 50)] }, {
    kind: "noData",
    ttlMs: 20_000,
    secure: false,
  }],
  ["SERVFAIL", "A", { rcode: rcode.servFail }, { kind: "failed", reason: "servfail", detail: "SERVFAIL" }],
  ["REFUSED", "A", { rcode: rcode.refused }, { kind: "failed", reason: "refused", detail: "REFUSED" }],
  ["NOTIMP", "A", { rcode: rcode.notImp }, { kind: "failed", reason: "refused", detail: "NOTIMP" }],
  ["another code", "A", { rcode: 9 }, { kind: "failed", reason: "refused", detail: "RCODE 9" }],
  ["an alias loop", "A", { answers: [cname("a.test", "b.test"), cname("b.test", "a.test")] }, {
    kind: "failed",
    reason: "malformed",
    detail: "the aliases of the name form a loop",
  }],
];

for (const [name, type, packet, answer] of answers) {
  Deno.test(`readAnswer() reads ${name}`, () => deepEqual(read(packet, type), { kind: "answer", answer }));
}

Deno.test("readAnswer() leaves an alias to be asked for when the server has not followed it", () => {
  deepEqual(read({ answers: [cname("a.test", "b.test", 9)] }), {
    kind: "alias",
    name: "b.test",
    ttlMs: 9_000,
    secure: false,
  });
});

Deno.test("readAnswer() asks for TCP when the answer is truncated", () => {
  deepEqual(read({ flags: flagTc }), { kind: "truncated" });
});

Deno.test("readAnswer() tells a server without EDNS from one that does not understand us", () => {
  deepEqual(read({ rcode: rcode.formErr }), { kind: "plainOnly" });
  deepEqual(read({ rcode: rcode.formErr }, "A", false), {
    kind: "answer",
    answer: { kind: "failed", reason: "refused", detail: "FORMERR" },
  });
});

const good = encode({
  id,
  questions: [{ type: "A", name: "a.test" }],
  ...response({ answers: [a("a.test", "192.0.2.1")] }),
});
const altered = (change: (octets: Buffer) => void) => {
  const octets = Buffer.from(good);
  change(octets);
  return octets;
};

const strangers: readonly (readonly [string, Uint8Array])[] = [
  ["another id", altered((octets) => octets.writeUInt16BE(id ^ 1, 0))],
  ["a query", altered((octets) => octets.writeUInt8(octets.readUInt8(2) & 0x7f, 2))],
  ["another name", altered((octets) => octets.write("b", 13))],
  ["another type", altered((octets) => octets.writeUInt16BE(28, 12 + 8))],
  ["another class", altered((octets) => octets.writeUInt16BE(3, 12 + 10))],
  ["no question", altered((octets) => octets.writeUInt16BE(0, 4))],
  ["two questions", altered((octets) => octets.writeUInt16BE(2, 4))],
  ["a longer name", encode({ id, questions: [{ type: "A", name: "a.test.x" }], ...response({}) })],
  ["half a header", good.subarray(0, 11)],
  ["half a question", good.subarray(0, 18)],
  ["nothing", new Uint8Array(0)],
];

for (const [name, octets] of strangers) {
  Deno.test(`readAnswer() does not know ${name}`, () => {
    deepEqual(readAnswer(octets, id, { name: "a.test", type: "A" }, true), { kind: "stranger" });
  });
}

Deno.test("readAnswer() takes the question in any case", () => {
  const octets = encode({
    id,
    questions: [{ type: "A", name: "A.tESt" }],
    ...response({ answers: [a("a.test", "192.0.2.1")] }),
  });
  equal(readAnswer(octets, id, { name: "a.test", type: "A" }, true).kind, "answer");
});

Deno.test("readAnswer() calls an answer malformed that ends in its middle", () => {
  deepEqual(readAnswer(good.subarray(0, good.length - 2), id, { name: "a.test", type: "A" }, true), {
    kind: "answer",
    answer: { kind: "failed", reason: "malformed", detail: "the answer cannot be read" },
  });
});

Deno.test("readAnswer() never throws", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(good.length), (noise, at) => {
      const octets = Buffer.from(good);
      octets.set(noise.subarray(0, octets.length - at), at);
      readAnswer(octets, id, { name: "a.test", type: "A" }, true);
    }),
    { numRuns: 1_000 },
  );
});
