import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import {
  formatUserinfo,
  homeLengthMax,
  keyLengthMax,
  lowerAscii,
  matchingOf,
  normalizeKey,
  parseId,
  parseUserinfo,
  sendersOf,
} from "../../lib/table/service.ts";

Deno.test("matchingOf() gives each service its rule", () => {
  const table = {
    alias: "exact",
    domain: "domain",
    credentials: "exact",
    netaddr: "netaddr",
    userinfo: "exact",
    source: "exact",
    mailaddr: "mailaddr",
    mailaddrmap: "exact",
    addrname: "exact",
    relayhost: "exact",
    string: "exact",
    regex: "regex",
  } as const;
  for (const service of Object.keys(table) as (keyof typeof table)[]) {
    assert.equal(matchingOf(service), table[service], service);
  }
});

Deno.test("lowerAscii() changes ASCII letters and nothing else", () => {
  const table = [["", ""], ["Bob+X@A.Test", "bob+x@a.test"], ["ÄÖ İ", "ÄÖ İ"], ["BÜRO", "bÜro"], [
    "[Z]^_`{",
    "[z]^_`{",
  ]];
  for (const [text, want] of table) assert.equal(lowerAscii(text!), want);
});

Deno.test("normalizeKey() faults on a key that is too long, and never says that it is absent", () => {
  assert.equal(normalizeKey("t", "A".repeat(keyLengthMax)), "a".repeat(keyLengthMax));
  assert.throws(
    () => normalizeKey("t", "a".repeat(keyLengthMax + 1)),
    (error) => error instanceof Fault && error.kind === "malformed" && error.message.includes("table t"),
  );
});

Deno.test("parseUserinfo() reads uid:gid:home and nothing else", () => {
  assert.deepEqual(parseUserinfo("0:0:/root"), { uid: 0, gid: 0, home: "/root" });
  assert.deepEqual(parseUserinfo("1000:100:/home/a:b c"), { uid: 1000, gid: 100, home: "/home/a:b c" });
  const bad = ["", "1", "1:2", "1:2:", "1:2:home", ":2:/h", "1::/h", "-1:2:/h", "x:2:/h", "1:4294967295:/h", "1 :2:/h"];
  for (const text of [...bad, "1:2:/h\0"]) assert.equal(parseUserinfo(text), null, text);
  assert.equal(formatUserinfo({ uid: 1, gid: 2, home: "/h" }), "1:2:/h");
});

Deno.test("parseId() takes digits up to 2^32-2", () => {
  const table: readonly (readonly [string, number | null])[] = [
    ["0", 0],
    ["65534", 65534],
    ["4294967294", 4294967294],
    ["4294967295", null],
    ["99999999999", null],
    ["", null],
    ["1e3", null],
    ["+1", null],
  ];
  for (const [text, want] of table) assert.equal(parseId(text), want, text);
});

Deno.test("parseUserinfo() takes no home that is too long for a path", () => {
  const home = (length: number) => `/${"h".repeat(length - 1)}`;
  assert.deepEqual(parseUserinfo(`1:1:${home(homeLengthMax)}`)?.home.length, homeLengthMax);
  assert.deepEqual(parseUserinfo(`1:1:${home(homeLengthMax + 1)}`), null);
});

Deno.test("sendersOf() divides at commas", () => {
  assert.deepEqual(sendersOf("a@b.test, @c.test ,,\td "), ["a@b.test", "@c.test", "d"]);
  assert.deepEqual(sendersOf(" , "), []);
});
