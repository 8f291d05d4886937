import { deepEqual, equal } from "node:assert/strict";
import fc, { anyText } from "../support/fast_check.ts";
import { parseIp } from "../../lib/mail/ip.ts";
import {
  expandDomain,
  expandMacros,
  formatMacroString,
  type MacroValues,
  nameToAsk,
  parseDomainSpec,
  parseMacroString,
  spfNameLengthMax,
  usesLocalPart,
  usesValidated,
} from "../../lib/trust/spf_macro.ts";

const values: MacroValues = {
  localPart: "strong-bad",
  senderDomain: "email.example.com",
  domain: "d.example.com",
  ip: parseIp("192.0.2.3") ?? { version: 4, octets: [] },
  helo: "mx.example.org",
  validated: "mx.example.org",
};

Deno.test("expandMacros() puts in what each letter stands for", () => {
  const table: readonly (readonly [string, string | null])[] = [
    ["%{s}", "strong-bad@email.example.com"],
    ["%{l}", "strong-bad"],
    ["%{o}", "email.example.com"],
    ["%{d}", "d.example.com"],
    ["%{i}", "192.0.2.3"],
    ["%{p}", "mx.example.org"],
    ["%{v}", "in-addr"],
    ["%{h}", "mx.example.org"],
    ["%{o2r}", "example.email"],
    ["%{o9}", "email.example.com"],
    ["%{o99999999999999999999}", "email.example.com"],
    ["%{lr-}", "bad.strong"],
    ["%{l1-}", "bad"],
    ["%{S}", "strong-bad%40email.example.com"],
    ["a%%b%_c%-d", "a%b c%20d"],
    ["", ""],
    ["%{c}", null],
    ["%{d00}", null],
    ["%{dR}", "com.example.d"],
    ["a b", null],
    ["%", null],
  ];
  const got = table.map(([text]) => {
    const parts = parseMacroString(text);
    return [text, parts === null ? null : expandMacros(parts, values)];
  });
  deepEqual(got, table);
});

Deno.test("expandMacros() writes an IPv6 address as digits with dots", () => {
  const ip = parseIp("2001:db8::cb01") ?? values.ip;
  const parts = parseMacroString("%{ir}.%{v}") ?? [];
  equal(expandMacros(parts, { ...values, ip }), `1.0.b.c.${"0.".repeat(20)}8.b.d.0.1.0.0.2.ip6`);
});

Deno.test("parseDomainSpec() wants a macro or a top label at the end", () => {
  const good = [
    "a.test",
    "a.test.",
    "%{d}",
    "a.%{d}",
    "%{d}.test",
    "a%%",
    "a%_",
    "a/b:c.test",
    "a.1a",
    "a.x--y",
    "a.xn--p1ai",
  ];
  const bad = ["", "test", "test.", "a.", "a.123", "a.-b", "a.b-", "a.b_c", "%{d}test", "%%-", "a..", ".", "a b.test"];
  deepEqual(good.filter((text) => parseDomainSpec(text) === null), []);
  deepEqual(bad.filter((text) => parseDomainSpec(text) !== null), []);
});

Deno.test("nameToAsk() gives a name that can be asked for, or none", () => {
  const label = "x".repeat(60);
  const long = [label, label, label, label, "a.test"].join(".");
  const table: readonly (readonly [string, string | null])[] = [
    ["A.Test.", "a.test"],
    ["", null],
    [".", null],
    ["a..b", null],
    ["a b.test", null],
    ["\u00e4.test", null],
    [`${"x".repeat(64)}.test`, null],
    ["x".repeat(300), null],
    [long, [label, label, label, label, "a.test"].join(".")],
    [`y.y.y.y.${long}`, `y.${long}`],
    [`a.${label}.${long}`, [label, label, label, label, "a.test"].join(".")],
  ];
  deepEqual(table.map(([text]) => [text, nameToAsk(text)]), table);
});

Deno.test("usesLocalPart() and usesValidated() know letters in both cases", () => {
  const one = (text: string) => {
    const parts = parseMacroString(text) ?? [];
    return [usesLocalPart(parts), usesValidated(parts)];
  };
  deepEqual(["%{s}", "%{L}", "%{p}", "%{P}x", "%{o}l.s.p"].map(one), [
    [true, false],
    [true, false],
    [false, true],
    [false, true],
    [false, false],
  ]);
});

Deno.test("what a spec comes to is always a name that can be asked for", () => {
  fc.assert(fc.property(anyText(), fc.string(), (localPart, text) => {
    const parts = parseDomainSpec(`${text.replaceAll("%", "%{l}")}.%{s}.a.test`);
    const name = parts === null ? "a" : expandDomain(parts, { ...values, localPart });
    equal(name === null || (name.length > 0 && name.length <= spfNameLengthMax), true);
  }));
});

Deno.test("formatMacroString() writes what parseMacroString() reads", () => {
  for (const text of ["", "a.test", "%%%_%-", "%{i}", "%{ir}.%{V}._spf.%{d2}", "%{L1r+-}", "x%{s12}y"]) {
    const parts = parseMacroString(text);
    equal(parts === null ? null : formatMacroString(parts), text);
  }
  equal(formatMacroString(parseMacroString("%{o2R.}") ?? []), "%{o2r}");
});
