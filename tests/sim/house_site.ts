/** A house with servers around it, for tests of the daemon as a whole. */

import { policyOf } from "../daemon/rig.ts";
import { House } from "./house.ts";
import { FakePeer, type PeerScript } from "./peer.ts";
import { Sender } from "./sender.ts";

/** A house with mail servers for b.test, which takes everything but mail for `no…`. */
export async function newHouse(seed: number, script: PeerScript = {}): Promise<{ house: House; peers: FakePeer[] }> {
  const house = new House(policyOf(), seed);
  const peers: FakePeer[] = [];
  house.dns.mx("b.test", "10 mx.b.test").host("mx.b.test", "203.0.113.1");
  house.net.listen("203.0.113.1", 25, (stream) => {
    const rcpt = (_peer: FakePeer, argument: string) =>
      argument.startsWith("no") ? "550 5.1.1 No such user" : "250 2.1.5 Ok";
    peers.push(new FakePeer(stream, { rcpt, ...script }));
  });
  return { house: await house.start(), peers };
}

/** How often each token was delivered to whom: `token mailbox`. Tokens are in the subject. */
export function copies(house: House, peers: readonly FakePeer[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const count = (text: string, where: string) => {
    const token = /^Subject: (\S+)/m.exec(text)?.[1] ?? "none";
    const key = `${token} ${where}`;
    found.set(key, (found.get(key) ?? 0) + 1);
  };
  for (const [user, texts] of house.mailboxes()) for (const text of texts) count(text, `${user}@example.org`);
  for (const { taken } of peers) {
    for (const { content, recipients } of taken) for (const recipient of recipients) count(content, recipient);
  }
  return found;
}

export function send(
  house: House,
  token: string,
  to: readonly string[],
  from = "ann@example.org",
  body = "Hello.\r\n",
): Sender {
  return new Sender(house.connect(), { from, to, content: `Subject: ${token}\r\n\r\n${body}` });
}
