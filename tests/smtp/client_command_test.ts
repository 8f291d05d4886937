import { deepEqual, equal } from "node:assert/strict";
import type { Domain } from "../../lib/mail/address.ts";
import {
  type ClientHandling,
  type ClientMessage,
  type ClientRecipient,
  formatMail,
  formatRcpt,
  isSendable,
  noExtensions,
  parseExtensions,
  type PeerExtensions,
  plainClientHandling,
} from "../../lib/smtp/client_command.ts";

const extensions: readonly (readonly [readonly string[], Partial<PeerExtensions>])[] = [
  [["mx.test"], {}],
  [["PIPELINING"], {}],
  [["mx.test", "PIPELINING"], { pipelining: true }],
  [["mx.test", "pipelining", "8BitMime", "dsn"], { pipelining: true, eightBitMime: true, dsn: true }],
  [["mx.test", " 8BITMIME "], { eightBitMime: true }],
  [["mx.test", "SMTPUTF8", "MT-PRIORITY NSEP", "DELIVERBY 240"], { smtpUtf8: true, priority: true, deliverBy: true }],
  [["mx.test", "SIZE"], { size: 0 }],
  [["mx.test", "SIZE 0"], { size: 0 }],
  [["mx.test", "SIZE 35882577"], { size: 35882577 }],
  [["mx.test", "SIZE many"], { size: 0 }],
  [["mx.test", "SIZE -1"], { size: 0 }],
  [["mx.test", "SIZE=5"], {}],
  [["mx.test", "PIPELINING2", "XDSN", ""], {}],
  [["mx.test", "STARTTLS", "AUTH PLAIN"], {}],
];

for (const [lines, want] of extensions) {
  Deno.test(`parseExtensions() reads ${JSON.stringify(lines)}`, () => {
    deepEqual(parseExtensions({ code: 250, enhanced: null, lines }), { ...noExtensions, ...want });
  });
}

const domain = "b.test" as Domain;
const recipient: ClientRecipient = { path: { localPart: "b", domain }, notify: [], originalRecipient: null };
const message: ClientMessage = {
  sender: { localPart: "a", domain },
  recipients: [recipient],
  size: 42,
  eightBit: false,
  ret: null,
  envId: null,
};
const all: PeerExtensions = { ...noExtensions, pipelining: true, eightBitMime: true, dsn: true, size: 0 };
const utf8: PeerExtensions = { ...noExtensions, dsn: true, smtpUtf8: true, priority: true, deliverBy: true };
const jürgen = { localPart: "jürgen", domain };
const by = { seconds: 60, mode: "return", trace: false } as const;

function asking(handling: Partial<ClientHandling>): Partial<ClientMessage> {
  return { handling: { ...plainClientHandling, ...handling } };
}

const mails: readonly (readonly [string, Partial<ClientMessage>, PeerExtensions, string])[] = [
  ["nothing offered", { eightBit: true, ret: "full", envId: "x" }, noExtensions, "MAIL FROM:<a@b.test>"],
  ["the null path", { sender: null }, noExtensions, "MAIL FROM:<>"],
  ["SIZE", {}, { ...noExtensions, size: 0 }, "MAIL FROM:<a@b.test> SIZE=42"],
  ["7-bit content", {}, all, "MAIL FROM:<a@b.test> SIZE=42"],
  ["8-bit content", { eightBit: true }, all, "MAIL FROM:<a@b.test> SIZE=42 BODY=8BITMIME"],
  ["content nobody looked at", { eightBit: null }, all, "MAIL FROM:<a@b.test> SIZE=42 BODY=8BITMIME"],
  ["RET=FULL", { ret: "full" }, all, "MAIL FROM:<a@b.test> SIZE=42 RET=FULL"],
  ["RET and ENVID", { ret: "hdrs", envId: "a b+" }, all, "MAIL FROM:<a@b.test> SIZE=42 RET=HDRS ENVID=a+20b+2B"],
  ["SMTPUTF8 for a sender", { sender: jürgen }, utf8, "MAIL FROM:<jürgen@b.test> SMTPUTF8"],
  ["SMTPUTF8 for a recipient", { recipients: [{ ...recipient, path: jürgen }] }, utf8, "MAIL FROM:<a@b.test> SMTPUTF8"],
  ["SMTPUTF8 for a header", asking({ utf8Header: true }), utf8, "MAIL FROM:<a@b.test> SMTPUTF8"],
  ["no SMTPUTF8 for nothing", asking({}), utf8, "MAIL FROM:<a@b.test>"],
  ["a priority", asking({ priority: -4 }), utf8, "MAIL FROM:<a@b.test> MT-PRIORITY=-4"],
  ["no priority where none is known", asking({ priority: 4, by }), noExtensions, "MAIL FROM:<a@b.test>"],
  ["BY", asking({ by }), utf8, "MAIL FROM:<a@b.test> BY=60;R"],
  ["BY that is over", asking({ by: { ...by, seconds: -3 } }), utf8, "MAIL FROM:<a@b.test> BY=1;R"],
  [
    "BY with a notice",
    asking({ by: { seconds: -3, mode: "notify", trace: true } }),
    utf8,
    "MAIL FROM:<a@b.test> BY=-3;NT",
  ],
  ["a quoted local part", { sender: { localPart: "a b", domain } }, noExtensions, 'MAIL FROM:<"a b"@b.test>'],
];

for (const [name, change, offered, want] of mails) {
  Deno.test(`formatMail() writes ${name}`, () => equal(formatMail({ ...message, ...change }, offered), want + "\r\n"));
}

const rcpts: readonly (readonly [string, Partial<ClientRecipient>, PeerExtensions, string, boolean?])[] = [
  ["ORCPT of type utf-8", { originalRecipient: "utf-8;jürgen" }, all, "RCPT TO:<b@b.test> ORCPT=utf-8;j\\x{FC}rgen"],
  [
    "ORCPT of type utf-8 with SMTPUTF8",
    { path: jürgen, originalRecipient: "utf-8;jürgen+x" },
    utf8,
    "RCPT TO:<jürgen@b.test> ORCPT=utf-8;jürgen\\x{2B}x",
    true,
  ],
  ["a path", {}, all, "RCPT TO:<b@b.test>"],
  ["no DSN", { notify: ["never"], originalRecipient: "rfc822;x" }, noExtensions, "RCPT TO:<b@b.test>"],
  ["NOTIFY", { notify: ["success", "failure"] }, all, "RCPT TO:<b@b.test> NOTIFY=SUCCESS,FAILURE"],
  ["ORCPT", { originalRecipient: "rfc822;a=b@c.test" }, all, "RCPT TO:<b@b.test> ORCPT=rfc822;a+3Db@c.test"],
  ["ORCPT without a type", { originalRecipient: "b@c.test" }, all, "RCPT TO:<b@b.test>"],
];

for (const [name, change, offered, want, smtpUtf8 = false] of rcpts) {
  Deno.test(`formatRcpt() writes ${name}`, () => {
    equal(formatRcpt({ ...recipient, ...change }, offered, smtpUtf8), want + "\r\n");
  });
}

Deno.test("isSendable() lets printable ASCII through, UTF-8 where it is offered, and nothing else", () => {
  const [ascii, unicode] = [{ smtpUtf8: false }, { smtpUtf8: true }];
  equal(isSendable(jürgen, unicode), true);
  equal(isSendable({ localPart: "ü\r\nb", domain }, unicode), false);
  equal(isSendable({ localPart: "ü\u0085", domain }, unicode), false);
  for (
    const [localPart, want] of [["a", true], ["a b", true], ["\u00fc", false], ["a\r\nb", false], ["a\u0000", false], [
      "\u007f",
      false,
    ]] as const
  ) equal(isSendable({ localPart, domain }, ascii), want, JSON.stringify(localPart));
  equal(isSendable({ localPart: "a", domain: "b\u00fc.test" as Domain }, ascii), false);
  equal(isSendable(null, ascii), true);
});
