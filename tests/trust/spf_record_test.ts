import { deepEqual, equal, ok } from "node:assert/strict";
import fc, { anyText } from "../support/fast_check.ts";
import { parseIp } from "../../lib/mail/ip.ts";
import { findBadTerm, isNear, parseSpfRecord, spfTexts } from "../../lib/trust/spf_record.ts";

const ip = (text: string) => {
  const parsed = parseIp(text);
  ok(parsed !== null);
  return parsed;
};

Deno.test("spfTexts() picks the records of this version", () => {
  const texts = [
    "v=spf1",
    "v=spf1 -all",
    "V=SPF1 a",
    "v=spf10",
    "v=spf1a",
    "spf2.0/pra",
    "x v=spf1",
    "",
    "v=spf1\t-all",
  ];
  deepEqual(spfTexts(texts), ["v=spf1", "v=spf1 -all", "V=SPF1 a"]);
});

Deno.test("parseSpfRecord() reads directives in order, and modifiers wherever they stand", () => {
  const text = (value: string) => [{ kind: "text", text: value }];
  deepEqual(parseSpfRecord("v=spf1 redirect=b.test ~a:c.test/24//64 ?Exists:d.test exp=e.test x=y -all"), {
    directives: [
      { qualifier: "softfail", mechanism: { kind: "a", domain: text("c.test"), prefix: { four: 24, six: 64 } } },
      { qualifier: "neutral", mechanism: { kind: "exists", domain: text("d.test") } },
      { qualifier: "fail", mechanism: { kind: "all" } },
    ],
    redirect: text("b.test"),
  });
  deepEqual(parseSpfRecord("v=spf1"), { directives: [], redirect: null });
});

Deno.test("parseSpfRecord() reads the bits of a and mx apart from the name", () => {
  const table: readonly (readonly [string, { readonly four: number; readonly six: number } | null])[] = [
    ["mx", { four: 32, six: 128 }],
    ["mx/0", { four: 0, six: 128 }],
    ["mx//0", { four: 32, six: 0 }],
    ["mx/8//32", { four: 8, six: 32 }],
    ["mx:b.test/8", { four: 8, six: 128 }],
    ["mx/08", null],
    ["mx/8/32", null],
    ["mx//", null],
    ["mx/-1", null],
    ["mx/8//129", null],
    ["mx/1000000000000", null],
  ];
  const got = table.map(([term]) => {
    const mechanism = parseSpfRecord(`v=spf1 ${term}`)?.directives[0]?.mechanism;
    return [term, mechanism?.kind === "mx" ? mechanism.prefix : null];
  });
  deepEqual(got, table);
});

Deno.test("parseSpfRecord() takes time in proportion to the record", () => {
  const long = `v=spf1 a:${"x/".repeat(100_000)} ${"/1".repeat(100_000)}`;
  equal(parseSpfRecord(long), null);
});

Deno.test("parseSpfRecord() never throws", () => {
  fc.assert(fc.property(anyText(), (text) => {
    const record = parseSpfRecord(`v=spf1 ${text}`);
    ok(record === null || record.directives.length <= text.length);
  }));
});

Deno.test("isNear() compares leading bits, of one version", () => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ["192.0.2.200", "192.0.2.1", true],
    ["192.0.3.1", "192.0.2.1", false],
    ["2001:db8:0:1::", "2001:db8::1", true],
    ["2001:db9::", "2001:db8::1", false],
    ["192.0.2.1", "2001:db8::1", false],
    ["rubbish", "192.0.2.1", false],
  ];
  deepEqual(
    table.map(([one, other]) => isNear(one, ip(other), { four: 24, six: 32 })),
    table.map(([, , want]) => want),
  );
});

Deno.test("findBadTerm() names what makes parseSpfRecord() refuse a record", () => {
  const table: readonly (readonly [string, string | null])[] = [
    ["v=spf1 a ip4:192.0.2.1/33 -all", "ip4:192.0.2.1/33"],
    ["v=spf1 ipv4:192.0.2.1 bogus", "ipv4:192.0.2.1"],
    ["v=spf1 include: -all", "include:"],
    ["v=spf1 redirect=a.test redirect=b.test", null],
    ["v=spf1 a -all", null],
  ];
  for (const [text, want] of table) equal(findBadTerm(text), want, text);
});
