import { deepEqual, equal, rejects } from "node:assert/strict";
import type { Domain } from "../../lib/mail/address.ts";
import { type LmtpRequest, openLmtp } from "../../lib/delivery/lmtp.ts";
import { classifyVerdict } from "../../lib/delivery/outcome.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeNet } from "../sim/net.ts";
import { FakePeer, type PeerScript } from "../sim/peer.ts";
import { mailboxOf } from "../support/envelope.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function world(script: PeerScript = {}) {
  const clock = new FakeClock();
  const dialer = new FakeNet(clock);
  const peers: FakePeer[] = [];
  dialer.listen("127.0.0.1", 24, (stream) => void peers.push(new FakePeer(stream, script)));
  return { at: { clock, dialer, hostname: "mx.test" as Domain }, clock, peers };
}

const request: LmtpRequest = {
  to: { kind: "inet", ip: "127.0.0.1", port: 24 },
  sender: mailboxOf("carl@b.test"),
  rcpt: mailboxOf("ann@a.test"),
  size: 9,
  prefix: "A: b\r\n",
};

async function send(script: PeerScript, change: Partial<LmtpRequest>, ...pieces: readonly string[]) {
  const { at, clock, peers } = world(script);
  const size = pieces.join("").length;
  const opening = openLmtp(at, { ...request, size, ...change });
  await clock.settle();
  const sink = await opening;
  for (const piece of pieces) {
    const writing = sink.write(bytes(piece));
    await clock.settle();
    await writing;
  }
  const ended = sink.commit();
  await clock.settle();
  await ended;
  await clock.settle();
  const outcome = sink.verdict === null ? null : classifyVerdict(sink.verdict, "lmtp");
  return { outcome: `${outcome?.kind} ${outcome?.enhanced} ${outcome?.text}`, peer: peers[0]! };
}

Deno.test("openLmtp() hands a message over, and delivered is what the store says", async () => {
  const { outcome, peer } = await send({}, {}, "Subj", "ect: x\r\n\r\n.dot\r\n");
  equal(outcome, "delivered 2.0.0 250 2.0.0 Taken");
  deepEqual(
    peer.taken,
    [{
      sender: "<carl@b.test>",
      recipients: ["<ann@a.test>"],
      content: "A: b\r\nSubject: x\r\n\r\n.dot\r\n",
    }].map((one) => ({ ...one, sender: peer.taken[0]?.sender ?? "", recipients: peer.taken[0]?.recipients ?? [] })),
  );
  equal(peer.commands[0], "LHLO mx.test");
  equal(peer.commands.some((line) => line.startsWith("RCPT TO:<ann@a.test>")), true);
  equal(peer.state, "quit");
});

Deno.test("openLmtp() names a user without a domain, and the null sender", async () => {
  const { peer } = await send({}, { sender: null, rcpt: { localPart: "ann", domain: "" as Domain } }, "x\r\n");
  equal(peer.commands.includes("RCPT TO:<ann>"), true, peer.commands.join("; "));
  equal(peer.commands.some((line) => line.startsWith("MAIL FROM:<>")), true);
});

Deno.test("openLmtp() tells what the store refuses, and waits for nobody when it does so early", async () => {
  const refused = await send({ rcpt: () => "550 5.1.1 Nobody" }, {}, "x\r\n", "y\r\n", "z\r\n");
  equal(refused.outcome, "failed 5.1.1 550 5.1.1 Nobody");
  const later = await send({ dot: () => "452 4.2.2 Full" }, {}, "x\r\n");
  equal(later.outcome, "delayed 4.2.2 452 4.2.2 Full");
  const lost = await send(
    {
      data: (peer) => {
        peer.stream.destroy();
        return null;
      },
    },
    {},
    "x\r\n",
  );
  equal(lost.outcome.split(" ")[0], "delayed");
});

Deno.test("openLmtp() rejects when nobody listens", async () => {
  const { at, clock } = world();
  const opening = rejects(openLmtp(at, { ...request, to: { kind: "unix", path: "/none" } }), { kind: "unreachable" });
  await clock.settle();
  await opening;
});

Deno.test("openLmtp() hangs up on a message that is abandoned", async () => {
  const { at, clock, peers } = world();
  const opening = openLmtp(at, request);
  await clock.settle();
  await (await opening).abandon();
  await clock.settle();
  deepEqual([peers[0]?.state, peers[0]?.taken], ["gone", []]);
});

Deno.test("openLmtp() makes CRLF of a program's line ends and gives no SIZE, for nobody knows it", async () => {
  const { outcome, peer } = await send({}, { size: null, prefix: "" }, "Subject: x\n\n", "a\r", "\nb\rc", "\n.d");
  equal(outcome, "delivered 2.0.0 250 2.0.0 Taken");
  equal(peer.taken[0]?.content, "Subject: x\r\n\r\na\r\nb\r\nc\r\n.d\r\n");
  equal(peer.commands.some((line) => line.includes("SIZE=")), false, peer.commands.join("; "));
});

Deno.test("openLmtp() goes to a host by its name", async () => {
  const clock = new FakeClock();
  const dialer = new FakeNet(clock);
  const peers: FakePeer[] = [];
  dialer.listen("store.test", 24, (stream) => void peers.push(new FakePeer(stream, {})));
  const to = { kind: "host", name: "store.test", port: 24 } as const;
  const opening = openLmtp({ clock, dialer, hostname: "mx.test" as Domain }, { ...request, to });
  await clock.settle();
  await opening;
  deepEqual([dialer.dialled, peers.length], [["store.test:24"], 1]);
});
