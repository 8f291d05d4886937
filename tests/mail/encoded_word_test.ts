import assert from "node:assert/strict";
import { decodeEncodedWords } from "../../lib/mail/encoded_word.ts";

Deno.test("decodeEncodedWords() shows what a reader of mail shows", () => {
  for (
    const [text, want] of [
      ["", ""],
      ["plain text", "plain text"],
      ["=?utf-8?q?J=C3=BCrgen?=", "Jürgen"],
      ["=?UTF-8?B?SsO8cmdlbg==?=", "Jürgen"],
      ["=?iso-8859-1?Q?J=FCrgen_L?= x", "Jürgen L x"],
      ["=?us-ascii*en?q?a?=", "a"],
      // RFC 2047 §6.2.
      ["=?utf-8?q?a?= =?utf-8?q?b?=", "ab"],
      ["=?utf-8?q?a?=\t  =?utf-8?q?b?= c", "ab c"],
      ["  =?utf-8?q?a?=", "  a"],
      // What is lenient is taken, too.
      ['"=?utf-8?q?a b?="', '"a b"'],
      ["x=?utf-8?q?a?=y", "xay"],
      ["=?utf-8?q?a=4?=", "a=4"],
      ["=?utf-8?B?SsO8cmdlbg?=", "Jürgen"],
      ["=?utf-8?B?SsO8 cmdl\tbg==?=", "Jürgen"],
      ["=?utf-8?q?\u0140=FCx\uff20?=", null],
      ["=?utf-8?q?\u0140x\uff20?=", "\u0140x\uff20"],
      // No encoded words.
      ["=?utf-8?x?a?=", "=?utf-8?x?a?="],
      ["=?utf-8?q?a", "=?utf-8?q?a"],
      ["=??q?a?=", null],
      ["=?x-none?q?a?=", null],
      // What one reader decodes, and another otherwise or not at all.
      ["=?utf-8?q?=FF?=", null],
      ["=?utf-8?q?=C3?= =?utf-8?q?=BC?=", null],
      ["=?utf-8?b?YQ==Yg==?=", null],
      ["=?utf-8?b?YQ==Yg?=", null],
      ["=?utf-8?b?YW!I=?=", null],
      ["=?utf-8?b?-_8=?=", null],
      ["=?utf-16?b?AGEAYg==?=", null],
      ["=?utf-16le?b?YQBiAA==?=", null],
      ["=?utf-16be?b?AGEA?= =?utf-16be?b?YgBj?=", null],
      ["=?iso-2022-jp?q?=1B$B!w?=", null],
      ["=?shift_jis?q?=81?= =?shift_jis?q?=97?=", null],
      ["=?iso-2022-jp?q?=1B$B!w=1B(B?=", "\uff20"],
      ["=?gb2312?q?=C4=E3?=", "\u4f60"],
    ] as const
  ) assert.equal(decodeEncodedWords(text), want, text);
});
