/** Forwarded mail on real sockets: the role of delivery, a resolver that asks a DNS server, and a server that takes mail. */

import { deepEqual, match, ok } from "node:assert/strict";
import type { DeliveryToLookup, DeliveryToQueue, LookupToDelivery, QueueToDelivery } from "../../lib/daemon/imsg.ts";
import { Delivery } from "../../lib/daemon/delivery.ts";
import { hostClock, hostRandom } from "../../lib/host/clock.ts";
import { hostSha1 } from "../../lib/host/hash.ts";
import { hostDialer } from "../../lib/host/net.ts";
import { loadResolver } from "../../lib/host/resolver.ts";
import { rewritingOf } from "../../lib/policy/rewrite.ts";
import { envelopeTo } from "../daemon/delivery_rig.ts";
import { bytesOf, firstSuccessors, KeptLog, policyOf } from "../daemon/rig.ts";
import { rcode, response, startDnsServer } from "../host/dns_server.ts";
import { mailbox } from "../policy/tables.ts";
import { channelPair } from "../sim/channel.ts";
import { until } from "../support/wait.ts";
import { Sink } from "./sink.ts";

const records: Readonly<Record<string, readonly string[]>> = {
  // Texts of two strings.
  "good.test": ["v=spf1 ip4:203.0.113.0/24 inc", "lude:_spf.good.test -all"],
  "_spf.good.test": ["v=spf1 ip4:198.51.100.0/24", " ip4:127.0.0.1"],
  "strict.test": ["v=spf1 ip4:203.0.113.0/24 -all"],
};

Deno.test("mail that is forwarded keeps its sender where SPF lets this address send for it, and no other", async () => {
  const dns = await startDnsServer(({ name, type }) => {
    const texts = type === "TXT" ? records[name] : undefined;
    if (texts === undefined) return [response({ rcode: rcode.nxDomain })];
    return [response({ answers: [{ type: "TXT", name, ttl: 300, data: [...texts] }] })];
  });
  using sink = new Sink();
  const policy = policyOf(
    `srs key "secret"\naction "out" relay host smtp://127.0.0.1:${sink.port} srs when-spf-fails\n` +
      'match from any for any action "out"\n',
  );
  const log = new KeptLog();
  const delivery = new Delivery({
    clock: hostClock,
    random: hostRandom,
    log: log.log,
    policy,
    rewriting: rewritingOf(policy, hostClock, hostSha1),
    sameUser: true,
    successors: firstSuccessors,
    dns: () => loadResolver({ servers: [dns.server], timeoutMs: 5_000, attempts: 2, hosts: [] }),
    dialer: hostDialer,
    selfAddresses: new Set(),
    needAgent: () => ok(false, "nothing is delivered here"),
  });
  const [queue, toQueue] = channelPair<QueueToDelivery, DeliveryToQueue>(hostClock);
  const [lookup, toLookup] = channelPair<LookupToDelivery, DeliveryToLookup>(hostClock);
  const outcomes: string[] = [];
  queue.onMessage((message) => void (message.kind === "outcome" && outcomes.push(message.outcome.kind)));
  lookup.onMessage(({ request }) =>
    lookup.send({ kind: "relay", request, answer: { kind: "found", url: `smtp://127.0.0.1:${sink.port}` } })
  );
  delivery.setQueue(toQueue);
  delivery.addLookup(firstSuccessors.lookup, toLookup);
  try {
    const content = "Subject: hello\r\n\r\nHello.\r\n";
    for (const [i, sender] of ["ann@good.test", "ann@strict.test", "bob@strict.test"].entries()) {
      const change = { sender: mailbox(sender), rcpt: mailbox("list@us.test") };
      const envelopes = [envelopeTo("x@far.test", i + 1, change)];
      queue.send({ kind: "deliver", envelopes, size: content.length, inline: true, pardon: false }, bytesOf(content));
    }
    const senders = (await sink.received(3)).map(({ from }) => from).sort();
    match(senders[0] ?? "", /SRS0=....=..=strict\.test=ann@us\.test/);
    match(senders[1] ?? "", /SRS0=....=..=strict\.test=bob@us\.test/);
    match(senders[2] ?? "", /^<?ann@good\.test>?$/);
    await until("all outcomes are there", () => outcomes.length === 3);
    deepEqual(outcomes, ["relayed", "relayed", "relayed"]);
    const said = new Set(
      log.of("spf").map(({ fields }) => `${fields["from"]} ${fields["source"]} ${fields["result"]}`),
    );
    deepEqual([...said].sort(), [
      "<ann@good.test> 127.0.0.1 pass",
      "<ann@strict.test> 127.0.0.1 fail",
      "<bob@strict.test> 127.0.0.1 fail",
    ]);
  } finally {
    await delivery.stop(1_000);
    await dns.close();
  }
});
