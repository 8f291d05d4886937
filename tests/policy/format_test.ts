import { deepEqual, equal, match, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { parseMailbox } from "../../lib/mail/address.ts";
import {
  checkFormat,
  expandFormat,
  expandKnown,
  expandPieces,
  formatLengthMax,
  formatTokenMax,
  type FormatValues,
  staticPrefix,
  stripSubAddress,
} from "../../lib/policy/format.ts";

const mailbox = (text: string) => {
  const parsed = parseMailbox(text, null);
  ok(parsed, text);
  return parsed;
};

const values: FormatValues = {
  sender: mailbox("Carl+x@beta.test"),
  rcpt: mailbox("Ann+T?g@alpha.test"),
  dest: mailbox("ann@local.test"),
  username: "ann",
  directory: "/home/ann",
  subAddressDelimiter: "+",
};

function expand(template: string, changes: Partial<FormatValues> = {}): string | null {
  const result = expandFormat(template, { ...values, ...changes });
  return result.kind === "ok" ? result.text : null;
}

const table: readonly [template: string, want: string | null][] = [
  // The specification's vectors.
  ["%{rcpt}", "Ann+T:g@alpha.test"],
  ["%{rcpt:raw}", "Ann+T?g@alpha.test"],
  ["%{rcpt:lowercase|strip}", "ann@alpha.test"],
  ["%{rcpt.domain[0]}", "a"],
  ["%{rcpt.domain[0:4]}", "alpha"],
  ["%{rcpt.domain[-4:]}", "test"],
  ["%{rcpt.domain[0:-6]}", "alph"],
  ["%{rcpt.domain[3:50]}", "ha.test"],
  ["%{rcpt.domain[10]}", null],
  ["%{rcpt.domain[-20:]}", null],
  ["%{rcpt.domain[4:2]}", null],
  ["%{nope}", null],
  ["100%%", "100%"],
  // Range and modifier together work, unlike in OpenSMTPD.
  ["%{rcpt.domain[0:4]:uppercase}", "ALPHA"],
  ["%{rcpt[0:2]:strip|lowercase}", "ann"],
  ["%{rcpt.user[-1]:strip}", "n"],
  ["%{rcpt.user[4]:strip}", null],
  // Tokens.
  ["%{sender}", "Carl+x@beta.test"],
  ["%{sender.user}", "Carl+x"],
  ["%{sender.domain}", "beta.test"],
  ["%{rcpt.user}", "Ann+T:g"],
  ["%{rcpt.domain}", "alpha.test"],
  ["%{dest}", "ann@local.test"],
  ["%{dest.user}", "ann"],
  ["%{dest.domain}", "local.test"],
  ["%{user.username}", "ann"],
  ["%{user.directory}", "/home/ann"],
  ["%{mbox.from}", "Carl+x@beta.test"],
  ["%{USER.UserName}", "ann"],
  // Modifiers.
  ["%{dest:UPPERCASE}", "ANN@LOCAL.TEST"],
  ["%{rcpt.user:strip}", "Ann"],
  ["%{rcpt.domain:strip}", "alpha.test"],
  ["%{rcpt.user:raw|uppercase}", "ANN+T?G"],
  ["%{rcpt:}", null],
  ["%{rcpt:lowercase|}", null],
  ["%{rcpt:shout}", null],
  ["%{rcpt:lowercase,strip}", null],
  // Ranges.
  ["%{dest.user[:]}", "ann"],
  ["%{dest.user[:1]}", "an"],
  ["%{dest.user[1:]}", "nn"],
  ["%{dest.user[-1]}", "n"],
  ["%{dest.user[-3]}", "a"],
  ["%{dest.user[-4]}", null],
  ["%{dest.user[0:-1]}", "an"],
  ["%{dest.user[0:-2]}", "a"],
  ["%{dest.user[0:-3]}", null],
  ["%{dest.user[]}", null],
  ["%{dest.user[x]}", null],
  ["%{dest.user[1:2:3]}", null],
  ["%{dest.user[1}", null],
  ["%{dest.user1]}", null],
  ["%{dest.user][}", null],
  ["%{dest.user[0][0]}", null],
  ["%{dest.user:lowercase[0]}", null],
  ["%{dest.user[99999999999]}", null],
  // Percent, home, and what is no specifier.
  ["", ""],
  ["%", "%"],
  ["50% of %d", "50% of %d"],
  ["%%{rcpt}", "%{rcpt}"],
  ["%%%{dest.user}", "%ann"],
  ["a}b{c", "a}b{c"],
  ["~/Maildir", "/home/ann/Maildir"],
  ["~ann/Maildir", "~ann/Maildir"],
  ["x~/Maildir", "x~/Maildir"],
  ["~", "~"],
  ["/m/%{dest.domain}/%{dest.user}/", "/m/local.test/ann/"],
  ["%{", null],
  ["a%{rcpt", null],
  ["%{dest.user} %{rcpt", null],
  ["%{}", null],
  ["%{ rcpt }", null],
];

Deno.test("expandFormat() expands each form of specifier", () => {
  for (const [template, want] of table) equal(expand(template), want, template);
});

Deno.test("expandFormat() says what is wrong", () => {
  for (
    const [template, want] of [
      ["a%{rcpt", /without a closing brace/],
      ["%{nope}", /unknown token "nope"/],
      ["%{rcpt:shout}", /unknown modifier "shout"/],
      ["%{rcpt[x]}", /bad range in "%\{rcpt\[x\]\}"/],
      ["%{rcpt.domain[10]}", /outside the value/],
      ["%{rcpt[1}", /cannot read/],
    ] as const
  ) {
    const result = expandFormat(template, values);
    ok(result.kind === "error");
    match(result.message, want);
  }
});

Deno.test("expandFormat() gives the null sender no text, and ranges of nothing are nothing", () => {
  for (
    const [template, want] of [
      ["%{sender}", ""],
      ["%{sender.user}", ""],
      ["%{sender.domain}", ""],
      ["%{sender.user[3]}", ""],
      ["%{sender.user[4:2]}", ""],
      ["%{mbox.from}", "MAILER-DAEMON"],
    ] as const
  ) equal(expand(template, { sender: null }), want, template);
});

Deno.test("expandFormat() replaces shell characters except in the home and in raw", () => {
  const rcpt = mailbox('"a!#$%&\'*?`{|}~z"@a.test');
  const replaced = ":".repeat(13);
  equal(expand("%{rcpt.user}", { rcpt }), `a${replaced}z`);
  equal(expand("%{rcpt.user:raw}", { rcpt }), "a!#$%&'*?`{|}~z");
  equal(expand("%{user.username}", { username: "a$b" }), "a:b");
  equal(expand("%{user.directory}", { directory: "/home/a$b" }), "/home/a$b");
  equal(expand("$HOME %{mbox.from}", { sender: mailbox("a|b@c.test") }), "$HOME a:b@c.test");
});

Deno.test("expandFormat() cuts a final slash off the home", () => {
  equal(expand("~/M", { directory: "/home/ann//" }), "/home/ann/M");
  equal(expand("%{user.directory}", { directory: "/" }), "/");
});

Deno.test("expandFormat() holds to its lengths", () => {
  equal(expand("x".repeat(formatLengthMax))?.length, formatLengthMax);
  equal(expand("x".repeat(formatLengthMax + 1)), null);
  equal(expand("x".repeat(formatLengthMax - 2) + "%{dest.user}"), null);
  equal(expand("x".repeat(formatLengthMax - 3) + "%{dest.user}")?.length, formatLengthMax);
  const long = "rcpt:" + "raw|".repeat(30) + "raw"; // 128
  equal(long.length, formatTokenMax + 1);
  equal(expand(`%{${long}}`), null);
  equal(expand(`%{${long.slice(4)}}`), null, "no token left");
  equal(expand(`%{rcpt:${"raw|".repeat(29)}raw}`), "Ann+T?g@alpha.test");
});

Deno.test("expandPieces() tells written from filled in", () => {
  const result = expandPieces("~/a%%%{sender}b%{dest.user}", { ...values, sender: null });
  ok(result.kind === "ok");
  deepEqual(result.pieces, [
    { literal: false, text: "/home/ann", mda: false },
    { literal: true, text: "/a%", mda: false },
    { literal: false, text: "", mda: false },
    { literal: true, text: "b", mda: false },
    { literal: false, text: "ann", mda: false },
  ]);
});

Deno.test("checkFormat() judges the template alone", () => {
  equal(checkFormat("~/%{rcpt.user[5000]}"), null);
  match(checkFormat("~/%{rcpt.usr}") ?? "", /unknown token "rcpt.usr"/);
});

Deno.test("staticPrefix() is the part that the recipient cannot change", () => {
  const home = { username: "ann", directory: "/home/ann/" };
  for (
    const [template, known, want] of [
      ["/var/mail/x", {}, "/var/mail/x"],
      ["/var//mail/x/", {}, "/var/mail/x"],
      ["~/Maildir", home, "/home/ann/Maildir"],
      ["%{user.directory}/M", home, "/home/ann/M"],
      ["~/Maildir", {}, null],
      ["~/Maildir", { directory: "" }, null],
      ["/m/%{user.username}", home, "/m/ann"],
      ["/m/%{user.username}/%{rcpt.domain}/x", home, "/m/ann"],
      ["/m/%{user.username:raw}/x", home, "/m"],
      ["/m/%{user.username}", {}, "/m"],
      ["/m/x%{rcpt.domain}y/z", {}, "/m"],
      ["/m/x/%{rcpt.domain}", {}, "/m/x"],
      ["/%{rcpt.user}", {}, "/"],
      ["%{rcpt.user}", {}, null],
      ["relative/path", {}, null],
      ["~/../%{rcpt.user}", home, null],
      ["/a/./b", {}, null],
      ["/a/%{rcpt.user}/../b", {}, "/a"],
      ["/a/%{nope}", {}, null],
      ["/100%%/x", {}, "/100%/x"],
    ] as const
  ) equal(staticPrefix(template, known), want, template);
});

Deno.test("staticPrefix() holds every expansion, whatever the recipient is", () => {
  const atom = fc.stringMatching(/^[a-z!#$%&'*?{|}~+]{1,8}$/);
  const segment = fc.constantFrom(
    "m",
    "%{user.username}",
    "%{rcpt.user}",
    "x%{dest.domain}",
    "%{rcpt.user:raw}y",
    "%%",
  );
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.boolean(), atom, (segments, home, local) => {
      const template = (home ? "~/" : "/") + segments.join("/");
      const prefix = staticPrefix(template, { username: "ann", directory: "/home/ann" });
      const path = expand(template, { rcpt: { ...values.rcpt, localPart: local } });
      return prefix !== null && path !== null &&
        (path === prefix || path.startsWith(prefix === "/" ? "/" : prefix + "/"));
    }),
    { numRuns: 300 },
  );
});

Deno.test("expandFormat() is total", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."%{}[]:|-~/09arcptuseb. ") }), (template) => {
      const result = expandFormat(template, values);
      return result.kind === "error" ? result.message !== "" : result.text.length <= formatLengthMax;
    }),
    { numRuns: 2000 },
  );
});

Deno.test("stripSubAddress() keeps what stands first, and the domain", () => {
  for (
    const [text, delimiter, want] of [
      ["ann+x@a.test", "+", "ann@a.test"],
      ["ann+x+y", "+", "ann"],
      ["+x@a.test", "+", "+x@a.test"],
      ["ann@my-host.test", "-", "ann@my-host.test"],
      ["ann", "+", "ann"],
      ["a+b", "", "a+b"],
    ] as const
  ) equal(stripSubAddress(text, delimiter), want, text);
});

Deno.test("%{mda} is for wrappers, and stands alone", () => {
  equal(checkFormat("x %{mda}"), '"%{mda}" is for wrappers only');
  equal(checkFormat("x %{mda}", "wrapper"), null);
  equal(checkFormat("x %{mda:raw}", "wrapper"), null);
  equal(checkFormat("x %{mda:lowercase}", "wrapper"), '"%{mda}" takes no range and no modifier but raw');
  const result = expandPieces("a %{MDA} %{dest.user}", values, "wrapper");
  deepEqual(result.kind === "ok" && result.pieces.map(({ literal, mda }) => [literal, mda]), [
    [true, false],
    [false, true],
    [true, false],
    [false, false],
  ]);
});

for (
  const [template, want] of [
    ["store.test:24", "store.test:24"],
    ["/run/%{user.username}/lmtp", "/run/ann/lmtp"],
    ["~/lmtp", "/home/ann/lmtp"],
    ["%{USER.directory}/100%%", "/home/ann/100%"],
    ["%{user.username:uppercase}:24", null],
    ["/run/%{rcpt.domain}", null],
    ["/run/%{nope}", null],
  ] as const
) {
  Deno.test(`expandKnown() makes ${want ?? "nothing"} of ${template}`, () => {
    equal(expandKnown(template, { username: "ann", directory: "/home/ann/" }), want);
  });
}
