import { deepEqual, equal } from "node:assert/strict";
import type { Domain } from "../../lib/mail/address.ts";
import {
  type ClientMessage,
  type ClientRecipient,
  formatMail,
  formatRcpt,
  isSendable,
  noExtensions,
  parseExtensions,
  type PeerExtensions,
} from "../../lib/smtp/client_command.ts";

const extensions: readonly (readonly [readonly string[], Partial<PeerExtensions>])[] = [
  [["mx.test"], {}],
  [["PIPELINING"], {}],
  [["mx.test", "PIPELINING"], { pipelining: true }],
  [["mx.test", "pipelining", "8BitMime", "dsn"], { pipelining: true, eightBitMime: true, dsn: true }],
  [["mx.test", " 8BITMIME "], { eightBitMime: true }],
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
const all: PeerExtensions = { pipelining: true, eightBitMime: true, dsn: true, size: 0 };

const mails: readonly (readonly [string, Partial<ClientMessage>, PeerExtensions, string])[] = [
  ["nothing offered", { eightBit: true, ret: "full", envId: "x" }, noExtensions, "MAIL FROM:<a@b.test>"],
  ["the null path", { sender: null }, noExtensions, "MAIL FROM:<>"],
  ["SIZE", {}, { ...noExtensions, size: 0 }, "MAIL FROM:<a@b.test> SIZE=42"],
  ["7-bit content", {}, all, "MAIL FROM:<a@b.test> SIZE=42"],
  ["8-bit content", { eightBit: true }, all, "MAIL FROM:<a@b.test> SIZE=42 BODY=8BITMIME"],
  ["content nobody looked at", { eightBit: null }, all, "MAIL FROM:<a@b.test> SIZE=42 BODY=8BITMIME"],
  ["RET=FULL", { ret: "full" }, all, "MAIL FROM:<a@b.test> SIZE=42 RET=FULL"],
  ["RET and ENVID", { ret: "hdrs", envId: "a b+" }, all, "MAIL FROM:<a@b.test> SIZE=42 RET=HDRS ENVID=a+20b+2B"],
  ["a quoted local part", { sender: { localPart: "a b", domain } }, noExtensions, 'MAIL FROM:<"a b"@b.test>'],
];

for (const [name, change, offered, want] of mails) {
  Deno.test(`formatMail() writes ${name}`, () => equal(formatMail({ ...message, ...change }, offered), want + "\r\n"));
}

const rcpts: readonly (readonly [string, Partial<ClientRecipient>, PeerExtensions, string])[] = [
  ["a path", {}, all, "RCPT TO:<b@b.test>"],
  ["no DSN", { notify: ["never"], originalRecipient: "rfc822;x" }, noExtensions, "RCPT TO:<b@b.test>"],
  ["NOTIFY", { notify: ["success", "failure"] }, all, "RCPT TO:<b@b.test> NOTIFY=SUCCESS,FAILURE"],
  ["ORCPT", { originalRecipient: "rfc822;a=b@c.test" }, all, "RCPT TO:<b@b.test> ORCPT=rfc822;a+3Db@c.test"],
  ["ORCPT without a type", { originalRecipient: "b@c.test" }, all, "RCPT TO:<b@b.test>"],
];

for (const [name, change, offered, want] of rcpts) {
  Deno.test(`formatRcpt() writes ${name}`, () => {
    equal(formatRcpt({ ...recipient, ...change }, offered), want + "\r\n");
  });
}

Deno.test("isSendable() lets printable ASCII through and nothing else", () => {
  for (
    const [localPart, want] of [["a", true], ["a b", true], ["\u00fc", false], ["a\r\nb", false], ["a\u0000", false], [
      "\u007f",
      false,
    ]] as const
  ) equal(isSendable({ localPart, domain }), want, JSON.stringify(localPart));
  equal(isSendable({ localPart: "a", domain: "b\u00fc.test" as Domain }), false);
  equal(isSendable(null), true);
});
