import { deepEqual } from "node:assert/strict";
import { type Handling, plainHandling } from "../../lib/smtp/handling.ts";
import {
  type MailParameters,
  type ParameterOffer,
  parseMailParameters,
  parseRcptParameters,
  type RcptParameters,
} from "../../lib/smtp/parameter.ts";
import { replies, type Reply } from "../../lib/smtp/reply.ts";

const none: MailParameters = { size: null, handling: plainHandling, ret: null, envId: null };
const now = Date.UTC(2026, 10, 27, 8, 0, 0);
const offer: ParameterOffer = {
  dsn: true,
  binaryMime: false,
  requireTls: false,
  submission: "none",
  holdMaxMs: 0,
  now,
};
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
  ["BODY=7BIT", " BODY=7BIT", false, {}],
  ["BODY=8BITMIME", " BODY=8BitMime", false, { handling: { ...plainHandling, body: "8bitmime" } }],
  ["BODY=BINARYMIME", " BODY=BINARYMIME", false, syntax("BODY")],
  ["BODY without value", " BODY", false, syntax("BODY")],
  ["AUTH=<>", " AUTH=<>", false, {}],
  ["AUTH of an address", " AUTH=x@a.test", false, {}],
  ["AUTH that is no xtext", " AUTH=a+zz", false, syntax("AUTH")],
  ["AUTH without value", " AUTH", false, syntax("AUTH")],
  ["several", " SIZE=1  BODY=8BITMIME ", false, { size: 1, handling: { ...plainHandling, body: "8bitmime" } }],
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
    deepEqual(parseMailParameters(text, { ...offer, dsn }), expected);
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
    deepEqual(parseRcptParameters(text, { dsn }, false), expected);
  });
}

const allowed: Partial<ParameterOffer> = { submission: "allowed", holdMaxMs: 86_400_000 };
const { parameterDenied: denied } = replies;
const tooLong = replies.holdTooLong(86_400_000);

const handlingCases: readonly (readonly [string, string, Partial<ParameterOffer>, Partial<Handling> | Reply])[] = [
  ["SMTPUTF8", " smtputf8", {}, { smtpUtf8: true }],
  ["SMTPUTF8 with a value", " SMTPUTF8=1", {}, syntax("SMTPUTF8")],
  ["BODY=BINARYMIME where it is offered", " BODY=binarymime", { binaryMime: true }, { body: "binarymime" }],
  ["REQUIRETLS under TLS", " REQUIRETLS", { requireTls: true }, { requireTls: true }],
  ["REQUIRETLS in clear text", " REQUIRETLS", {}, unknown("REQUIRETLS")],
  ["REQUIRETLS with a value", " REQUIRETLS=1", { requireTls: true }, syntax("REQUIRETLS")],
  ["MT-PRIORITY", " MT-PRIORITY=9", allowed, { priority: 9 }],
  ["MT-PRIORITY below zero", " mt-priority=-9", allowed, { priority: -9 }],
  ["MT-PRIORITY of zero", " MT-PRIORITY=0", allowed, {}],
  ["MT-PRIORITY with a plus", " MT-PRIORITY=+1", allowed, syntax("MT-PRIORITY")],
  ["MT-PRIORITY of minus zero", " MT-PRIORITY=-0", allowed, syntax("MT-PRIORITY")],
  ["MT-PRIORITY of ten", " MT-PRIORITY=10", allowed, syntax("MT-PRIORITY")],
  ["MT-PRIORITY from strangers", " MT-PRIORITY=1", {}, unknown("MT-PRIORITY")],
  ["MT-PRIORITY before AUTH", " MT-PRIORITY=1", { submission: "offered" }, denied("MT-PRIORITY")],
  ["HOLDFOR", " HOLDFOR=3600", allowed, { holdUntil: now + 3_600_000 }],
  ["HOLDFOR of the longest time", " HOLDFOR=86400", allowed, { holdUntil: now + 86_400_000 }],
  ["HOLDFOR of a second more", " HOLDFOR=86401", allowed, tooLong],
  ["HOLDFOR of zero", " HOLDFOR=0", allowed, syntax("HOLDFOR")],
  ["HOLDFOR with a leading zero", " HOLDFOR=01", allowed, syntax("HOLDFOR")],
  ["HOLDFOR without value", " HOLDFOR", allowed, syntax("HOLDFOR")],
  ["HOLDFOR where nothing is held", " HOLDFOR=1", { ...allowed, holdMaxMs: 0 }, unknown("HOLDFOR")],
  ["HOLDFOR before AUTH", " HOLDFOR=1", { ...allowed, submission: "offered" }, denied("HOLDFOR")],
  ["HOLDUNTIL", " HOLDUNTIL=2026-11-27T09:00:00Z", allowed, { holdUntil: now + 3_600_000 }],
  ["HOLDUNTIL in lower case", " HOLDUNTIL=2026-11-27t09:00:00.25z", allowed, { holdUntil: now + 3_600_000 }],
  ["HOLDUNTIL with an offset", " HOLDUNTIL=2026-11-27T10:30:00+01:30", allowed, { holdUntil: now + 3_600_000 }],
  ["HOLDUNTIL west of it", " HOLDUNTIL=2026-11-27T01:00:00-08:00", allowed, { holdUntil: now + 3_600_000 }],
  ["HOLDUNTIL of the past", " HOLDUNTIL=2020-01-01T00:00:00Z", allowed, {}],
  ["HOLDUNTIL that is too late", " HOLDUNTIL=2026-11-28T08:00:01Z", allowed, tooLong],
  ["HOLDUNTIL without a zone", " HOLDUNTIL=2026-11-27T09:00:00", allowed, syntax("HOLDUNTIL")],
  ["HOLDUNTIL on no day", " HOLDUNTIL=2027-02-29T09:00:00Z", allowed, syntax("HOLDUNTIL")],
  ["HOLDUNTIL in no month", " HOLDUNTIL=2026-13-01T09:00:00Z", allowed, syntax("HOLDUNTIL")],
  ["HOLDUNTIL at no hour", " HOLDUNTIL=2026-11-27T24:00:00Z", allowed, syntax("HOLDUNTIL")],
  ["both of HOLDFOR and HOLDUNTIL", " HOLDFOR=1 HOLDUNTIL=2026-11-27T09:00:00Z", allowed, repeated("HOLDUNTIL")],
  ["BY to be returned", " BY=120;R", allowed, { deliverBy: { at: now + 120_000, mode: "return", trace: false } }],
  ["BY to be told", " BY=+0;nt", allowed, { deliverBy: { at: now, mode: "notify", trace: true } }],
  ["BY of the past, to be told", " BY=-5;N", allowed, { deliverBy: { at: now - 5000, mode: "notify", trace: false } }],
  ["BY of the past, to be returned", " BY=-5;R", allowed, syntax("BY")],
  ["BY of no time, to be returned", " BY=0;R", allowed, syntax("BY")],
  ["BY without a mode", " BY=120", allowed, syntax("BY")],
  ["BY with another mode", " BY=120;X", allowed, syntax("BY")],
  ["BY of ten digits", " BY=1234567890;R", allowed, syntax("BY")],
  ["BY without value", " BY", allowed, syntax("BY")],
  ["BY from strangers", " BY=1;R", {}, unknown("BY")],
  ["BY before AUTH", " BY=1;R", { submission: "offered" }, denied("BY")],
  ["BY before the message is let go", " HOLDFOR=120 BY=120;R", allowed, syntax("BY")],
  ["BY after the message is let go", " HOLDFOR=119 BY=120;R", allowed, {
    holdUntil: now + 119_000,
    deliverBy: { at: now + 120_000, mode: "return", trace: false },
  }],
];

for (const [name, text, change, want] of handlingCases) {
  Deno.test(`parseMailParameters() reads ${name}`, () => {
    const handling = { ...plainHandling, ...want };
    const expected = "code" in want ? { kind: "bad", reply: want } : { kind: "ok", value: { ...none, handling } };
    deepEqual(parseMailParameters(text, { ...offer, ...change }), expected);
  });
}

const utf8Cases: readonly (readonly [string, string, boolean, string | null])[] = [
  ["escapes", " ORCPT=utf-8;j\\x{FC}rgen@x.test", false, "utf-8;jürgen@x.test"],
  ["escapes with SMTPUTF8", " ORCPT=UTF-8;j\\x{FC}rgen@x.test", true, "UTF-8;jürgen@x.test"],
  ["Unicode with SMTPUTF8", " ORCPT=utf-8;jürgen@x.test", true, "utf-8;jürgen@x.test"],
  ["Unicode without SMTPUTF8", " ORCPT=utf-8;jürgen@x.test", false, null],
  ["an escaped control character", " ORCPT=utf-8;\\x{0A}@x.test", true, null],
  ["xtext of another type beyond ASCII", " ORCPT=rfc822;jürgen@x.test", true, null],
];

for (const [name, text, smtpUtf8, want] of utf8Cases) {
  Deno.test(`parseRcptParameters() reads an ORCPT of ${name}`, () => {
    const read = parseRcptParameters(text, { dsn: true }, smtpUtf8);
    deepEqual(read.kind === "ok" ? read.value.originalRecipient : null, want);
  });
}
