/** What RFC 7208 wants of a check, as a table: records, who sends, and the result. */

import type { SpfResult } from "../../lib/trust/spf_result.ts";
import type { SpfCase, Zone } from "./spf_zone.ts";

const row = (name: string, record: string | null, want: SpfResult, rest: Partial<SpfCase> = {}): SpfCase => ({
  name,
  record,
  want,
  ...rest,
});

const hosts: Zone = {
  "h.test": ["A 192.0.2.1", "A 198.51.100.9", "AAAA 2001:db8::1"],
  "near.test": ["A 192.0.2.200", "AAAA 2001:db8::ffff"],
  "empty.test": ["TXT nothing"],
  "down.test": "servfail",
};
const mail: Zone = {
  ...hosts,
  "m.test": ["MX 20 near.test", "MX 10 h.test"],
  "nullmx.test": ["MX 0 "],
  "others.test": ["TXT v=spf1 ip4:203.0.113.0/24 -all"],
  "yes.test": ["TXT v=spf1 ip4:192.0.2.0/24 -all"],
  "soft.test": ["TXT v=spf1 ~all"],
  "neutral.test": ["TXT v=spf1 ?all"],
  "wrong.test": ["TXT v=spf1 foo"],
  "none.test": ["TXT hello"],
};
const six = { ip: "2001:db8::1" };
const numbered = (count: number, make: (i: number) => string) => Array.from({ length: count }, (_, i) => make(i));
const named = (count: number, make: (i: number) => readonly [string, readonly string[]]): Zone =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => make(i)));

const records: readonly SpfCase[] = [
  row("no TXT record", null, "none"),
  row("a name without TXT", null, "none", { zone: { "a.test": ["A 192.0.2.1"] } }),
  row("the server fails", null, "temperror", { zone: { "a.test": "servfail" } }),
  row("another TXT record", "hello v=spf1 -all", "none"),
  row("version 10", "v=spf10 -all", "none"),
  row("version and no blank", "v=spf1-all", "none"),
  row("a tab is no blank", "v=spf1\t-all", "none"),
  row("a blank before", " v=spf1 -all", "none"),
  row("version alone", "v=spf1", "neutral"),
  row("blanks at the end", "v=spf1 -all  ", "fail"),
  row("several blanks", "v=spf1   -all", "fail"),
  row("capitals", "V=SPF1 -ALL", "fail"),
  row("one record among others", null, "fail", { zone: { "a.test": ["TXT x", "TXT v=spf1 -all", "TXT y"] } }),
  row("two records", null, "permerror", { zone: { "a.test": ["TXT v=spf1 -all", "TXT v=spf1 -all"] } }),
  row("a character that is not ASCII", "v=spf1 include:\u00e4.test -all", "permerror"),
  row("an error behind the match", "v=spf1 ip4:192.0.2.1 foo:bar", "permerror"),
  row("an unknown mechanism", "v=spf1 foo -all", "permerror"),
  row("an unknown modifier", "v=spf1 foo=bar -all", "fail"),
  row("an unknown modifier with signs", "v=spf1 moo.cow-far_out=man:dog/cat -all", "fail"),
  row("a modifier that is no macro string", "v=spf1 foo=%x -all", "permerror"),
  row("a modifier without a name", "v=spf1 =bar -all", "permerror"),
  row("a modifier that begins with a digit", "v=spf1 1a=b -all", "permerror"),
  row("a qualifier alone", "v=spf1 - -all", "permerror"),
  row("two qualifiers", "v=spf1 --all", "permerror"),
  row("a lone colon", "v=spf1 : -all", "permerror"),
];

const directives: readonly SpfCase[] = [
  row("all", "v=spf1 all", "pass"),
  row("+all", "v=spf1 +all", "pass"),
  row("-all", "v=spf1 -all", "fail"),
  row("~all", "v=spf1 ~all", "softfail"),
  row("?all", "v=spf1 ?all", "neutral"),
  row("all takes nothing", "v=spf1 all:x.test", "permerror"),
  row("all takes no bits", "v=spf1 all/8", "permerror"),
  row("nothing matches", "v=spf1 ip4:203.0.113.1", "neutral"),
  row("the first match counts", "v=spf1 ~ip4:192.0.2.0/24 -ip4:192.0.2.1 all", "softfail"),
  row("ip4", "v=spf1 ip4:192.0.2.1 -all", "pass"),
  row("ip4 of another", "v=spf1 ip4:192.0.2.2 -all", "fail"),
  row("ip4 with bits", "v=spf1 ip4:192.0.2.128/24 -all", "pass"),
  row("ip4 with odd bits", "v=spf1 ip4:192.0.2.2/31 -all", "fail"),
  row("ip4 /0", "v=spf1 ip4:10.0.0.0/0 -all", "pass"),
  row("ip4 /33", "v=spf1 ip4:192.0.2.1/33 -all", "permerror"),
  row("ip4 /024", "v=spf1 ip4:192.0.2.1/024 -all", "permerror"),
  row("ip4 /", "v=spf1 ip4:192.0.2.1/ -all", "permerror"),
  row("ip4 //32", "v=spf1 ip4:192.0.2.1//32 -all", "permerror"),
  row("ip4 without an address", "v=spf1 ip4 -all", "permerror"),
  row("ip4 cut short", "v=spf1 ip4:192.0.2 -all", "permerror"),
  row("ip4 with a name", "v=spf1 ip4:h.test -all", "permerror"),
  row("ip4 with an IPv6 address", "v=spf1 ip4:2001:db8::1 -all", "permerror"),
  row("ip4 with a port", "v=spf1 ip4:192.0.2.1:25 -all", "permerror"),
  row("ip4 and an IPv6 client", "v=spf1 ip4:0.0.0.0/0 -all", "fail", six),
  row("ip4 and a mapped client", "v=spf1 ip4:192.0.2.1 -all", "pass", { ip: "::ffff:192.0.2.1" }),
  row("ip6", "v=spf1 ip6:2001:db8::1 -all", "pass", six),
  row("ip6 in another form", "v=spf1 ip6:2001:DB8:0:0:0:0:0:1 -all", "pass", six),
  row("ip6 with bits", "v=spf1 ip6:2001:db8::/32 -all", "pass", six),
  row("ip6 of another", "v=spf1 ip6:2001:db9::/32 -all", "fail", six),
  row("ip6 /129", "v=spf1 ip6:2001:db8::/129 -all", "permerror", six),
  row("ip6 in brackets", "v=spf1 ip6:[2001:db8::1] -all", "permerror", six),
  row("ip6 with an IPv4 address", "v=spf1 ip6:192.0.2.1 -all", "permerror", six),
  row("ip6 and an IPv4 client", "v=spf1 ip6:::/0 -all", "fail"),
];

const aAndMx: readonly SpfCase[] = [
  row("a", "v=spf1 a -all", "pass", {
    zone: { "a.test": ["TXT v=spf1 a -all", "A 192.0.2.1"] },
  }),
  row("a of a name", "v=spf1 a:h.test -all", "pass", { zone: hosts }),
  row("a, an IPv6 client", "v=spf1 a:h.test -all", "pass", { zone: hosts, ...six }),
  row("a of another", "v=spf1 a:near.test -all", "fail", { zone: hosts }),
  row("a with bits", "v=spf1 a:near.test/24 -all", "pass", { zone: hosts }),
  row("a with bits for IPv6", "v=spf1 a:near.test//112 -all", "pass", { zone: hosts, ...six }),
  row("a with both", "v=spf1 a:near.test/32//112 -all", "pass", { zone: hosts, ...six }),
  row("a, bits for IPv4 mean nothing to IPv6", "v=spf1 a:near.test/8 -all", "fail", { zone: hosts, ...six }),
  row("a /0", "v=spf1 a:near.test/0 -all", "pass", { zone: hosts }),
  row("a /33", "v=spf1 a:h.test/33 -all", "permerror", { zone: hosts }),
  row("a //129", "v=spf1 a:h.test//129 -all", "permerror", { zone: hosts }),
  row("a / alone", "v=spf1 a/ -all", "permerror", { zone: hosts }),
  row("a: alone", "v=spf1 a: -all", "permerror", { zone: hosts }),
  row("a:/24", "v=spf1 a:/24 -all", "permerror", { zone: hosts }),
  row("a of a top label", "v=spf1 a:museum -all", "permerror"),
  row("a of a top label with a dot", "v=spf1 a:museum. -all", "permerror"),
  row("a of a numeric top label", "v=spf1 a:192.0.2.1 -all", "permerror"),
  row("a with a final dot", "v=spf1 a:h.test. -all", "pass", { zone: hosts }),
  row("a of an address with a slash in the name", "v=spf1 a:x/y.h.test -all", "fail", { zone: hosts }),
  row("a with a zero octet in it", "v=spf1 a:h\0.test -all", "permerror", { zone: hosts }),
  row("a of an over-long label", `v=spf1 a:${"x".repeat(64)}.test -all`, "fail", { zone: hosts }),
  row("a of an empty label", "v=spf1 a:h..test -all", "fail", { zone: hosts }),
  row("a of no name", "v=spf1 a:gone.test -all", "fail", { zone: hosts }),
  row("a of a server that fails", "v=spf1 a:down.test -all", "temperror", { zone: hosts }),
  row("mx", "v=spf1 mx -all", "pass", {
    zone: { ...mail, "a.test": ["TXT v=spf1 mx -all", "MX 10 h.test"] },
  }),
  row("mx of a name", "v=spf1 mx:m.test -all", "pass", { zone: mail }),
  row("mx with bits", "v=spf1 mx:m.test/28 -all", "pass", { zone: mail, ip: "192.0.2.14" }),
  row("mx of another", "v=spf1 mx:m.test -all", "fail", { zone: mail, ip: "203.0.113.1" }),
  row("mx of a name without MX", "v=spf1 mx:h.test -all", "fail", { zone: mail }),
  row("mx, a null MX", "v=spf1 mx:nullmx.test -all", "fail", { zone: mail }),
  row("mx of a server that fails", "v=spf1 mx:down.test -all", "temperror", { zone: mail }),
  row("mx, a host that cannot be looked up", "v=spf1 mx:x.test -all", "temperror", {
    zone: { ...mail, "x.test": ["MX 5 down.test"] },
  }),
  row("mx with 10 hosts", "v=spf1 mx:ten.test -all", "pass", {
    zone: {
      "ten.test": numbered(10, (i) => `MX ${i} h${i}.test`),
      ...named(10, (i) => [`h${i}.test`, [i === 9 ? "A 192.0.2.1" : "A 203.0.113.1"]]),
    },
  }),
  row("mx with 11 hosts", "v=spf1 mx:ten.test -all", "permerror", {
    zone: {
      "ten.test": numbered(11, (i) => `MX ${i} h${i}.test`),
      ...named(11, (i) => [`h${i}.test`, [i === 10 ? "A 192.0.2.1" : "A 203.0.113.1"]]),
    },
  }),
];

const includes: readonly SpfCase[] = [
  row("include that passes", "v=spf1 include:yes.test -all", "pass", { zone: mail }),
  row("include with a qualifier", "v=spf1 ~include:yes.test -all", "softfail", { zone: mail }),
  row("include that fails", "v=spf1 include:others.test ?all", "neutral", { zone: mail }),
  row("include that fails softly", "v=spf1 include:soft.test -all", "fail", { zone: mail }),
  row("include that is neutral", "v=spf1 include:neutral.test -all", "fail", { zone: mail }),
  row("include without a record", "v=spf1 include:none.test -all", "permerror", { zone: mail }),
  row("include of no name", "v=spf1 include:gone.test -all", "permerror", { zone: mail }),
  row("include with an error", "v=spf1 include:wrong.test -all", "permerror", { zone: mail }),
  row("include of a server that fails", "v=spf1 include:down.test -all", "temperror", { zone: mail }),
  row("include of nothing", "v=spf1 include: -all", "permerror"),
  row("include alone", "v=spf1 include -all", "permerror"),
  row("include with bits", "v=spf1 include:yes.test/24 -all", "permerror", { zone: mail }),
  row("include of itself", "v=spf1 include:a.test -all", "permerror"),
  row("%{d} in an include is the included domain", "v=spf1 include:d.test -all", "pass", {
    zone: { "d.test": ["TXT v=spf1 exists:%{d}.x.test -all"], "d.test.x.test": ["A 127.0.0.2"] },
  }),
  row("%{o} in an include is the sender's domain", "v=spf1 include:d.test -all", "pass", {
    zone: { "d.test": ["TXT v=spf1 exists:%{o}.x.test -all"], "a.test.x.test": ["A 127.0.0.2"] },
  }),
  row("redirect", "v=spf1 redirect=yes.test", "pass", { zone: mail }),
  row("redirect that fails", "v=spf1 redirect=others.test", "fail", { zone: mail }),
  row("redirect to a top label", "v=spf1 redirect=%{d1}", "permerror", { zone: { test: ["TXT v=spf1 all"] } }),
  row("include of a top label", "v=spf1 include:%{d1} -all", "permerror", { zone: { test: ["TXT v=spf1 all"] } }),
  row("redirect to an address literal", "v=spf1 redirect=%{h}", "permerror", {
    helo: "[192.0.2.1]",
    zone: { "[192.0.2.1]": ["TXT v=spf1 all"] },
  }),
  row("redirect stands anywhere", "v=spf1 redirect=yes.test ip4:203.0.113.1", "pass", { zone: mail }),
  row("redirect is not asked behind all", "v=spf1 ?all redirect=yes.test", "neutral", { zone: mail }),
  row("redirect is not asked before all", "v=spf1 redirect=yes.test -all", "fail", { zone: mail }),
  row("redirect without a record", "v=spf1 redirect=none.test", "permerror", { zone: mail }),
  row("redirect of a server that fails", "v=spf1 redirect=down.test", "temperror", { zone: mail }),
  row("redirect twice", "v=spf1 redirect=yes.test redirect=yes.test", "permerror", { zone: mail }),
  row("redirect of nothing", "v=spf1 redirect=", "permerror"),
  row("redirect to itself", "v=spf1 redirect=a.test", "permerror"),
  row("redirect of an include ends there", "v=spf1 include:r.test -all", "pass", {
    zone: { ...mail, "r.test": ["TXT v=spf1 redirect=yes.test"] },
  }),
  row("exp says nothing about the result", "v=spf1 exp=why.test -all", "fail"),
  row("exp twice", "v=spf1 exp=why.test exp=why.test -all", "permerror"),
  row("exp of nothing", "v=spf1 exp= -all", "permerror"),
  row("exists", "v=spf1 exists:h.test -all", "pass", { zone: hosts }),
  row("exists asks for A alone", "v=spf1 exists:h.test -all", "pass", { zone: hosts, ...six }),
  row("exists of AAAA alone", "v=spf1 exists:x.test -all", "fail", { zone: { "x.test": ["AAAA ::1"] }, ...six }),
  row("exists of no name", "v=spf1 exists:gone.test -all", "fail", { zone: hosts }),
  row("exists of a server that fails", "v=spf1 exists:down.test -all", "temperror", { zone: hosts }),
  row("exists alone", "v=spf1 exists -all", "permerror"),
  row("exists with bits", "v=spf1 exists:h.test/24 -all", "permerror", { zone: hosts }),
];

const reverse = "1.2.0.192.in-addr.arpa";
const ptrZone: Zone = {
  [reverse]: ["PTR mail.a.test", "PTR fake.b.test"],
  "mail.a.test": ["A 192.0.2.1"],
  "fake.b.test": ["A 203.0.113.1"],
};
const six1 = `1.${"0.".repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`;
const ptrs: readonly SpfCase[] = [
  row("ptr", "v=spf1 ptr -all", "pass", { zone: ptrZone }),
  row("ptr of a name", "v=spf1 ptr:a.test -all", "pass", { zone: ptrZone }),
  row("ptr of the name itself", "v=spf1 ptr:mail.a.test -all", "pass", { zone: ptrZone }),
  row("ptr of the end of a label", "v=spf1 ptr:il.a.test -all", "fail", { zone: ptrZone }),
  row("ptr that does not hold", "v=spf1 ptr:b.test -all", "fail", { zone: ptrZone }),
  row("ptr of an address without names", "v=spf1 ptr -all", "fail"),
  row("ptr of a server that fails", "v=spf1 ptr -all", "fail", { zone: { [reverse]: "servfail" } }),
  row("ptr, a name that cannot be looked up", "v=spf1 ptr -all", "pass", {
    zone: { ...ptrZone, [reverse]: ["PTR down.test", "PTR mail.a.test"], "down.test": "servfail" },
  }),
  row("ptr, an IPv6 client", "v=spf1 ptr -all", "pass", {
    zone: { [six1]: ["PTR m.a.test"], "m.a.test": ["AAAA 2001:db8::1"] },
    ...six,
  }),
  row("ptr with bits", "v=spf1 ptr/24 -all", "permerror", { zone: ptrZone }),
  row("ptr: alone", "v=spf1 ptr: -all", "permerror", { zone: ptrZone }),
  row("ptr, the eleventh name is not looked at", "v=spf1 ptr -all", "fail", {
    zone: {
      [reverse]: [...numbered(10, (i) => `PTR p${i}.b.test`), "PTR mail.a.test"],
      ...named(10, (i) => [`p${i}.b.test`, ["A 203.0.113.1"]]),
      "mail.a.test": ["A 192.0.2.1"],
    },
  }),
];

const macro = (name: string, spec: string, asked: string, rest: Partial<SpfCase> = {}): SpfCase =>
  row(`${name}: ${spec}`, `v=spf1 exists:${spec} -all`, "pass", { zone: { [asked]: ["A 127.0.0.2"] }, ...rest });
const bad = (name: string, spec: string): SpfCase => row(`${name}: ${spec}`, `v=spf1 exists:${spec} -all`, "permerror");
const from = "strong-bad@email.a.test";
const at = (spec: string, asked: string): SpfCase => ({
  ...row(`RFC 7208 §7.4: ${spec}`, null, "pass"),
  from,
  zone: { "email.a.test": [`TXT v=spf1 exists:${spec}.z.test -all`], [`${asked}.z.test`]: ["A 127.0.0.2"] },
});

const macros: readonly SpfCase[] = [
  at("%{s}", "strong-bad@email.a.test"),
  at("%{o}", "email.a.test"),
  at("%{d}", "email.a.test"),
  at("%{d4}", "email.a.test"),
  at("%{d3}", "email.a.test"),
  at("%{d2}", "a.test"),
  at("%{d1}", "test"),
  at("%{dr}", "test.a.email"),
  at("%{d2r}", "a.email"),
  at("%{l}", "strong-bad"),
  at("%{l-}", "strong.bad"),
  at("%{lr}", "strong-bad"),
  at("%{lr-}", "bad.strong"),
  at("%{l1r-}", "strong"),
  at("%{ir}.%{v}._spf.%{d2}", "1.2.0.192.in-addr._spf.a.test"),
  at("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.a.test"),
  macro("i, IPv6", "%{ir}.%{v}.x.test", `1.${"0.".repeat(23)}8.b.d.0.1.0.0.2.ip6.x.test`, six),
  macro("h", "%{h}.x.test", "mx.b.test.x.test"),
  macro("p", "%{p}.x.test", "mail.a.test.x.test", {
    zone: { ...ptrZone, "mail.a.test.x.test": ["A 127.0.0.2"] },
  }),
  macro("p prefers the domain itself", "%{p}.x.test", "a.test.x.test", {
    zone: {
      ...ptrZone,
      [reverse]: ["PTR mail.a.test", "PTR a.test"],
      "a.test": ["TXT v=spf1 exists:%{p}.x.test -all", "A 192.0.2.1"],
      "a.test.x.test": ["A 127.0.0.2"],
    },
  }),
  macro("p of an address without a name", "%{p}.x.test", "unknown.x.test"),
  macro("several delimiters", "%{l+-_}.x.test", "a.b.c.d.x.test", { from: "a+b-c_d@a.test" }),
  macro("a delimiter that is a slash", "%{l/}.x.test", "a.b.x.test", { from: "a/b@a.test" }),
  macro("a capital escapes", "%{L}.x.test", "a%20b%26c.x.test", { from: '"a b&c"@a.test' }),
  macro("%%", "a%%b.x.test", "a%b.x.test"),
  macro("%-", "a%-b.x.test", "a%20b.x.test"),
  macro(
    "a name that is too long loses labels",
    `%{l}.${"y".repeat(60)}.${"z".repeat(60)}.x.test`,
    [
      ...Array.from({ length: 3 }, () => "c".repeat(40)),
      "y".repeat(60),
      "z".repeat(60),
      "x.test",
    ].join("."),
    { from: `${Array.from({ length: 4 }, () => "c".repeat(40)).join(".")}@a.test` },
  ),
  row("%_ is a blank, which no name has", "v=spf1 exists:a%_b.x.test -all", "fail"),
  row("a local part that is not ASCII", "v=spf1 exists:%{l}.x.test -all", "fail", { from: "\u00e4@a.test" }),
  row("a macro in a redirect", "v=spf1 redirect=%{l}.x.test", "fail", { zone: { "ann.x.test": ["TXT v=spf1 -all"] } }),
  row("a macro in an include", "v=spf1 include:%{d}.x.test -all", "pass", {
    zone: { "a.test.x.test": ["TXT v=spf1 all"] },
  }),
  row("a macro in a modifier that nobody knows", "v=spf1 foo=%{s}%%%_%- -all", "fail"),
  bad("c is for explanations", "%{c}.x.test"),
  bad("r is for explanations", "%{r}.x.test"),
  bad("t is for explanations", "%{t}.x.test"),
  bad("a letter that is none", "%{a}.x.test"),
  bad("no part is kept", "%{d0}.x.test"),
  bad("no letter", "%{}.x.test"),
  bad("no end", "%{d.x.test"),
  bad("a lone %", "a%b.x.test"),
  bad("a % at the end", "x.test.%"),
  bad("a delimiter that is none", "%{l*}.x.test"),
  bad("no dot behind a macro", "%{d}test"),
  bad("digits behind r", "%{dr2}.x.test"),
];

const limits: readonly SpfCase[] = [
  row("10 terms", `v=spf1 ${numbered(10, (i) => `a:h${i}.test`).join(" ")} -all`, "fail", {
    zone: named(10, (i) => [`h${i}.test`, ["A 203.0.113.1"]]),
  }),
  row("11 terms", `v=spf1 ${numbered(11, (i) => `a:h${i}.test`).join(" ")} -all`, "permerror", {
    zone: named(11, (i) => [`h${i}.test`, ["A 203.0.113.1"]]),
  }),
  row("a match before the eleventh", `v=spf1 a:h.test ${numbered(11, (i) => `a:h${i}.test`).join(" ")} -all`, "pass", {
    zone: hosts,
  }),
  row("11 terms over includes", "v=spf1 include:i1.test include:i2.test -all", "permerror", {
    zone: {
      "i1.test": ["TXT v=spf1 a:h1.test a:h1.test a:h1.test a:h1.test -all"],
      "i2.test": ["TXT v=spf1 a:h1.test a:h1.test a:h1.test a:h1.test a:h1.test -all"],
      "h1.test": ["A 203.0.113.1"],
    },
  }),
  row(
    "a redirect is the eleventh term",
    `v=spf1 ${numbered(10, () => "a:h1.test").join(" ")} redirect=yes.test`,
    "permerror",
    {
      zone: { ...mail, "h1.test": ["A 203.0.113.1"] },
    },
  ),
  row("%{p} counts as ptr does", `v=spf1 a:%{p}.x.test ${numbered(9, () => "a:h1.test").join(" ")} -all`, "permerror", {
    zone: { "unknown.x.test": ["A 203.0.113.1"], "h1.test": ["A 203.0.113.1"] },
  }),
  row("%{p} counts once", `v=spf1 ${numbered(9, () => "a:%{p}.x.test").join(" ")} -all`, "fail", {
    zone: { "unknown.x.test": ["A 203.0.113.1"] },
  }),
  row("ip4, ip6 and all are not counted", `v=spf1 ${numbered(30, (i) => `ip4:203.0.113.${i}`).join(" ")} -all`, "fail"),
  row("2 void look-ups", "v=spf1 a:v1.test exists:v2.test -all", "fail"),
  row("3 void look-ups", "v=spf1 a:v1.test exists:v2.test mx:v3.test -all", "permerror"),
  row("a name without such records is void", "v=spf1 a:empty.test a:empty.test a:empty.test -all", "permerror", {
    zone: hosts,
  }),
  row("void look-ups over includes", "v=spf1 a:v1.test include:i.test a:v4.test -all", "permerror", {
    zone: { "i.test": ["TXT v=spf1 a:v2.test -all"] },
  }),
  row("a chain of redirects", "v=spf1 redirect=r1.test", "permerror", {
    zone: named(12, (i) => [`r${i}.test`, [`TXT v=spf1 redirect=r${i + 1}.test`]]),
  }),
];

const identities: readonly SpfCase[] = [
  row("a null sender: EHLO counts", null, "fail", { from: "", zone: { "mx.b.test": ["TXT v=spf1 -all"] } }),
  row("a null sender is postmaster", null, "pass", {
    from: "",
    zone: { "mx.b.test": ["TXT v=spf1 exists:%{s}.x.test -all"], "postmaster@mx.b.test.x.test": ["A 127.0.0.2"] },
  }),
  row("a null sender and EHLO with an address", null, "none", { from: "", helo: "[192.0.2.1]" }),
  row("EHLO with one label", null, "none", { from: "", helo: "localhost", zone: { localhost: ["TXT v=spf1 -all"] } }),
  row("a sender at an address", null, "none", { from: "ann@[192.0.2.1]" }),
  row("EHLO does not matter beside a sender", "v=spf1 ip4:192.0.2.1 -all", "pass", {
    zone: { "mx.b.test": ["TXT v=spf1 -all"] },
  }),
];

/** All rows. */
export const spfCases: readonly SpfCase[] = [
  ...records,
  ...directives,
  ...aAndMx,
  ...includes,
  ...ptrs,
  ...macros,
  ...limits,
  ...identities,
];
