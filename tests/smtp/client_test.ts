/** Every file of fixtures/smtp/client is played whole, octet by octet and in random pieces; all must give what the
 * file says. `deno test --allow-read --allow-write=fixtures tests/smtp/client_test.ts -- --update` rewrites them. */

import { equal, ok, throws } from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { join } from "@std/path";
import type { Domain } from "../../lib/mail/address.ts";
import { clientLimits, type ClientMessage, ClientSession } from "../../lib/smtp/client.ts";
import { SeededRandom } from "../sim/random.ts";
import { playTranscript } from "./client_play.ts";

const root = join(import.meta.dirname ?? "", "../../fixtures/smtp/client");
const names = [...Deno.readDirSync(root)].map((entry) => entry.name).sort();

if (Deno.args.includes("--update")) {
  for (const name of names) Deno.writeTextFileSync(join(root, name), playTranscript(read(name), whole).text);
}

Deno.test("client transcripts: there are enough of them, each a smtp file with a title", () => {
  ok(names.length >= 60, `${names.length} files`);
  equal(names.filter((name) => !/^[a-z0-9_]+\.smtp$/.test(name) || !/^# \S/.test(read(name))).join(), "");
});

for (const name of names) {
  Deno.test(`client transcript ${name}`, () => {
    const text = read(name);
    const played = playTranscript(text, whole);
    equal(played.text, text);
    if (played.isWhole) return;
    equal(playTranscript(text, (bytes) => pieces(bytes, () => 1)).text, text, "octet by octet");
    for (const seed of [1, 2, 3]) {
      const random = new SeededRandom(seed);
      equal(playTranscript(text, (bytes) => pieces(bytes, () => 1 + random.u32() % 20)).text, text, `seed ${seed}`);
    }
  });
}

Deno.test("ClientSession is silent once it is closed", () => {
  const session = inContent(1);
  session.step({ kind: "eof", at: 0, fault: null });
  equal(session.deadline, null);
  equal(session.step({ kind: "content", at: 0, bytes: new Uint8Array(1), last: true }).length, 0);
  equal(session.step({ kind: "quit", at: 0 }).length, 0);
  equal(session.step({ kind: "tick", at: 1e9 }).length, 0);
});

Deno.test("ClientSession takes a message only when it is ready", () => {
  const session = newSession();
  throws(() => session.step({ kind: "send", at: 0, message }), /Assertion failed/);
});

const message: ClientMessage = {
  sender: null,
  recipients: [{ path: { localPart: "b", domain: "b.test" as Domain }, notify: [], originalRecipient: null }],
  size: 1,
  eightBit: false,
  ret: null,
  envId: null,
};

function newSession(): ClientSession {
  const session = new ClientSession({
    session: "0123456789abcdef",
    helo: "client.test" as Domain,
    protocol: "smtp",
    limits: clientLimits,
  });
  session.step({ kind: "connected", at: 0 });
  return session;
}

/** A session whose server waits for the content. */
function inContent(size: number): ClientSession {
  const session = newSession();
  const say = (text: string) => session.step({ kind: "bytes", at: 0, bytes: new TextEncoder().encode(text) });
  say("220 hi\r\n");
  say("250-hi\r\n250 PIPELINING\r\n");
  session.step({ kind: "send", at: 0, message: { ...message, size } });
  const effects = say("250 ok\r\n250 ok\r\n354 go\r\n");
  equal(effects.at(-1)?.kind, "needContent");
  return session;
}

function read(name: string): string {
  return Deno.readTextFileSync(join(root, name));
}

function whole(bytes: Buffer): Buffer[] {
  return [bytes];
}

function pieces(bytes: Buffer, length: () => number): Buffer[] {
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + length());
    out.push(bytes.subarray(at, end));
    at = end;
  }
  return out;
}
