import { deepEqual, equal, rejects } from "node:assert/strict";
import type { Domain } from "../../lib/mail/address.ts";
import { type LmtpRequest, openLmtp, parseLmtpDestination } from "../../lib/delivery/lmtp.ts";
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

Deno.test("parseLmtpDestination() reads paths and addresses", () => {
  const inet = (ip: string, port: number) => ({ kind: "inet", ip, port });
  const cases: readonly (readonly [string, unknown])[] = [
    ["/run/lmtp", { kind: "unix", path: "/run/lmtp" }],
    ["127.0.0.1:24", inet("127.0.0.1", 24)],
    ["127.0.0.1", inet("127.0.0.1", 25)],
    ["localhost:2400", inet("127.0.0.1", 2400)],
    ["[::1]:24", inet("::1", 24)],
    ["[IPv6:::1]", inet("::1", 25)],
    ["mail.test:24", "`mail.test` is no address; name the server by one"],
    ["", "`` is no address; name the server by one"],
    ["127.0.0.1:0", "`127.0.0.1:0` is neither a path nor host:port"],
    ["127.0.0.1:99999", "`127.0.0.1:99999` is neither a path nor host:port"],
    ["::1", "`::1` is neither a path nor host:port"],
  ];
  for (const [text, want] of cases) deepEqual(parseLmtpDestination(text), want, text);
});
