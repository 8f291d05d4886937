import { deepEqual, equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  decodeXtext,
  encodeXtext,
  type MailParameters,
  parseMailParameters,
  parseRcptParameters,
  type RcptParameters,
} from "../../lib/smtp/parameter.ts";
import { replies, type Reply } from "../../lib/smtp/reply.ts";

const none: MailParameters = { size: null, body: "7bit", ret: null, envId: null };
const { parameterSyntax: syntax, parameterUnknown: unknown, parameterRepeated: repeated } = replies;

const mailCases: readonly (readonly [string, string, boolean, Partial<MailParameters> | Reply])[] = [
  ["nothing", "", false, {}],
  ["blanks", "   ", false, {}],
  ["SIZE", " SIZE=1000", false, { size: 1000 }],
  ["SIZE in lower case", " size=1000", false, { size: 1000 }],
  ["SIZE of zero", " SIZE=0", false, { size: 0 }],
  ["SIZE of 20 digits", " SIZE=99999999999999999999", false, { size: 99999999999999999999 }],
  ["SIZE of 21 digits", " SIZE=999999999999999999999", false, syntax("SIZE")],
  ["SIZE without value", " SIZE", false, syntax("SIZE")],
  ["SIZE with empty value", " SIZE=", false, syntax("SIZE")],
  ["SIZE with a sign", " SIZE=-1", false, syntax("SIZE")],
  ["SIZE in hexadecimal", " SIZE=0x10", false, syntax("SIZE")],
  ["BODY=7BIT", " BODY=7BIT", false, { body: "7bit" }],
  ["BODY=8BITMIME", " BODY=8BitMime", false, { body: "8bitmime" }],
  ["BODY=BINARYMIME", " BODY=BinaryMIME", false, { body: "binarymime" }],
  ["a BODY that is none", " BODY=9BIT", false, syntax("BODY")],
  ["BODY without value", " BODY", false, syntax("BODY")],
  ["AUTH=<>", " AUTH=<>", false, {}],
  ["AUTH of an address", " AUTH=x@a.test", false, {}],
  ["AUTH that is no xtext", " AUTH=a+zz", false, syntax("AUTH")],
  ["AUTH without value", " AUTH", false, syntax("AUTH")],
  ["several", " SIZE=1  BODY=8BITMIME ", false, { size: 1, body: "8bitmime" }],
  ["one twice", " SIZE=1 size=1", false, repeated("SIZE")],
  ["an unknown one", " FOO", false, unknown("FOO")],
  ["an unknown one with a value", " X-Y=z", false, unknown("X-Y")],
  ["one without a name", " =x", false, unknown("")],
  ["one with a bad name", " a_b=x", false, unknown("A_B")],
  ["a value with =", " SIZE=1=2", false, syntax("SIZE")],
  ["a value of eight bits", " SIZE=\xe9", false, syntax("SIZE")],
  ["RET where DSN is off", " RET=FULL", false, unknown("RET")],
  ["ENVID where DSN is off", " ENVID=x", false, unknown("ENVID")],
  ["RET=FULL", " RET=full", true, { ret: "full" }],
  ["RET=HDRS", " RET=HDRS", true, { ret: "hdrs" }],
  ["another RET", " RET=ALL", true, syntax("RET")],
  ["RET without value", " RET", true, syntax("RET")],
  ["ENVID", " ENVID=a+2Bb+3D", true, { envId: "a+b=" }],
  ["ENVID of 100", ` ENVID=${"x".repeat(100)}`, true, { envId: "x".repeat(100) }],
  ["ENVID of 101", ` ENVID=${"x".repeat(101)}`, true, syntax("ENVID")],
  ["ENVID with a line end in it", " ENVID=a+0D+0Ab", true, syntax("ENVID")],
  ["ENVID without value", " ENVID", true, syntax("ENVID")],
];

for (const [name, text, dsn, want] of mailCases) {
  Deno.test(`parseMailParameters() reads ${name}`, () => {
    const expected = "code" in want ? { kind: "bad", reply: want } : { kind: "ok", value: { ...none, ...want } };
    deepEqual(parseMailParameters(text, dsn), expected);
  });
}

const rcptCases: readonly (readonly [string, string, boolean, Partial<RcptParameters> | Reply])[] = [
  ["nothing", "", true, {}],
  ["NOTIFY=NEVER", " NOTIFY=NEVER", true, { notify: ["never"] }],
  ["a list", " NOTIFY=SUCCESS,failure,DELAY", true, { notify: ["success", "failure", "delay"] }],
  ["a word twice", " NOTIFY=DELAY,DELAY", true, { notify: ["delay"] }],
  ["NEVER among others", " NOTIFY=SUCCESS,NEVER", true, syntax("NOTIFY")],
  ["an unknown word", " NOTIFY=ALWAYS", true, syntax("NOTIFY")],
  ["an empty word", " NOTIFY=SUCCESS,", true, syntax("NOTIFY")],
  ["NOTIFY without value", " NOTIFY", true, syntax("NOTIFY")],
  ["ORCPT", " ORCPT=rfc822;a+2Bb@c.test", true, { originalRecipient: "rfc822;a+b@c.test" }],
  ["ORCPT of another type", " ORCPT=X-y;z", true, { originalRecipient: "X-y;z" }],
  ["ORCPT without type", " ORCPT=a@c.test", true, syntax("ORCPT")],
  ["ORCPT with an empty type", " ORCPT=;a@c.test", true, syntax("ORCPT")],
  ["ORCPT with a bad type", " ORCPT=a.b;c", true, syntax("ORCPT")],
  ["ORCPT without address", " ORCPT=rfc822;", true, syntax("ORCPT")],
  ["ORCPT that is no xtext", " ORCPT=rfc822;a+2x", true, syntax("ORCPT")],
  ["ORCPT of 500", ` ORCPT=rfc822;${"x".repeat(493)}`, true, { originalRecipient: `rfc822;${"x".repeat(493)}` }],
  ["ORCPT of 501", ` ORCPT=rfc822;${"x".repeat(494)}`, true, syntax("ORCPT")],
  ["ORCPT without value", " ORCPT", true, syntax("ORCPT")],
  ["both", " ORCPT=rfc822;a NOTIFY=DELAY", true, { originalRecipient: "rfc822;a", notify: ["delay"] }],
  ["one twice", " NOTIFY=DELAY NOTIFY=DELAY", true, repeated("NOTIFY")],
  ["a parameter of MAIL", " SIZE=1", true, unknown("SIZE")],
  ["NOTIFY where DSN is off", " NOTIFY=NEVER", false, unknown("NOTIFY")],
  ["ORCPT where DSN is off", " ORCPT=rfc822;a", false, unknown("ORCPT")],
];

for (const [name, text, dsn, want] of rcptCases) {
  Deno.test(`parseRcptParameters() reads ${name}`, () => {
    const empty: RcptParameters = { notify: [], originalRecipient: null };
    const expected = "code" in want ? { kind: "bad", reply: want } : { kind: "ok", value: { ...empty, ...want } };
    deepEqual(parseRcptParameters(text, dsn), expected);
  });
}

const xtextCases: readonly (readonly [string, string | null])[] = [
  ["", ""],
  ["abc", "abc"],
  ["a+20b", "a b"],
  ["+2B+3D", "+="],
  ["+", null],
  ["+2", null],
  ["+2b", null],
  ["+GG", null],
  ["a=b", null],
  ["a b", null],
  ["+00", null],
  ["+0A", null],
  ["+FF", null],
  ["\xe9", null],
];

for (const [text, want] of xtextCases) {
  Deno.test(`decodeXtext() reads ${JSON.stringify(text)}`, () => equal(decodeXtext(text), want));
}

Deno.test("encodeXtext() and decodeXtext() are inverse for printable ASCII", () => {
  const text = fc.string({ unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)) });
  fc.assert(
    fc.property(text, (plain) => {
      const encoded = encodeXtext(plain);
      equal(/^[!-~]*$/.test(encoded) && !encoded.includes("="), true);
      equal(decodeXtext(encoded), plain);
    }),
    { numRuns: 300 },
  );
});
