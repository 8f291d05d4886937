import assert from "node:assert/strict";
import {
  evpIdOf,
  MsgIdDealer,
  msgIdOf,
  msgIdOfEvp,
  numberOfEvpId,
  numberOfMsgId,
  parseEvpId,
  parseMsgId,
} from "../../lib/spool/id.ts";

Deno.test("msgIdOf() and evpIdOf() write 8 and 16 digits, and numbers come back", () => {
  for (const n of [1, 0x1a2b3c4d, 0x80000000, 0xffffffff]) {
    const id = msgIdOf(n);
    assert.match(id, /^[0-9a-f]{8}$/);
    assert.equal(numberOfMsgId(id), n);
    const evp = evpIdOf(id, 0xffffffff - n + 1);
    assert.match(evp, /^[0-9a-f]{16}$/);
    assert.equal(msgIdOfEvp(evp), id);
    assert.equal(numberOfEvpId(evp), 0xffffffff - n + 1);
  }
});

Deno.test("parseMsgId() and parseEvpId() take ids of either case and nothing else", () => {
  const table: [string, string | null, string | null][] = [
    ["1a2b3c4d", "1a2b3c4d", null],
    ["1A2B3C4D", "1a2b3c4d", null],
    ["00000000", null, null],
    ["1a2b3c4", null, null],
    ["1a2b3c4g", null, null],
    ["1a2b3c4d00000001", null, "1a2b3c4d00000001"],
    ["1A2B3C4DFFFFFFFF", null, "1a2b3c4dffffffff"],
    ["1a2b3c4d00000000", null, null],
    ["0000000000000001", null, null],
    ["1a2b3c4d00000001 ", null, null],
    ["", null, null],
  ];
  for (const [text, message, envelope] of table) {
    assert.equal(parseMsgId(text), message, text);
    assert.equal(parseEvpId(text), envelope, text);
  }
});

Deno.test("MsgIdDealer steps by 1 to 64 from a random start, past zero", () => {
  const draws = [0xfffffff0, 63, 0, 14];
  const dealer = new MsgIdDealer({ u32: () => draws.shift() ?? 0, bytes: (length) => new Uint8Array(length) });
  assert.deepEqual([dealer.next(), dealer.next(), dealer.next()], ["00000030", "00000031", "00000040"]);
});

Deno.test("MsgIdDealer never deals zero", () => {
  const draws = [0xffffffff, 0];
  const dealer = new MsgIdDealer({ u32: () => draws.shift() ?? 0, bytes: (length) => new Uint8Array(length) });
  assert.deepEqual([dealer.next(), dealer.next()], ["00000001", "00000002"]);
});
