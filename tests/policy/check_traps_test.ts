import assert from "node:assert/strict";
import { TrafficJudge } from "../../lib/policy/check_traffic.ts";
import { findTraps } from "../../lib/policy/check_traps.ts";
import { policyOf } from "./tables.ts";

function traps(text: string, values: readonly string[] | null = null): string {
  const policy = policyOf(text);
  const found = findTraps(policy, new TrafficJudge(policy, new Map()), () => values);
  return found.map((trap) => `${trap.kind} ${"rule" in trap ? trap.rule.place.line : trap.listener.place.line}`).join();
}

const actions = 'action "in" maildir\naction "out" relay\n';

Deno.test("findTraps() finds each kind of trap", () => {
  for (
    const [text, want] of [
      [`listen on eth0\n${actions}match from any for any action "out"\n`, "openRelay 4"],
      // Who cannot connect cannot relay.
      [`listen on lo\n${actions}match from any for any action "out"\n`, ""],
      [`listen on socket\n${actions}match from any for any action "out"\n`, ""],
      // They come through a proxy.
      [`listen on lo proxy-v2 from 127.0.0.1\n${actions}match from any for any action "out"\n`, "openRelay 4"],
      [`listen on eth0\n${actions}match for domain a.test action "in"\nmatch for any action "out"\n`, "unreachable 4"],
      [
        `listen on eth0\n${actions}match from any for domain "*.test" action "in"\nmatch for domain { a.test, x.test } action "in"\nmatch for any action "out"\n`,
        "",
      ],
      [
        `listen on eth0\n${actions}match from any for rcpt-to "@b.test" action "in"\nmatch for domain a.test action "in"\nmatch for any action "out"\n`,
        "unreachable 5",
      ],
      [`listen on eth0\n${actions}match for any action "out"\n`, "deafListener 1"],
      [
        `listen on eth0\n${actions}match for any action "out"\nmatch for local action "in"\n`,
        "deafListener 1,relayedFirst 5",
      ],
      [`listen on eth0\n${actions}match from any for local action "in"\n`, "noWayOut 4"],
      [
        `listen on 127.0.0.1 senders { ann = a@b.test }\n${actions}match for local action "in"\nmatch for any action "out"\n`,
        "idleSenders 1",
      ],
      [`listen on lo\n${actions}match auth for local action "in"\n`, "noLogin 4"],
      [`listen on lo\n${actions}match tls for local action "in"\n`, "noTls 4"],
      [`listen on lo\n${actions}match tag X for local action "in"\n`, "noTag 4"],
      [`listen on lo\n${actions}match !tag X for local action "in"\nmatch for any action "out"\n`, ""],
    ] as const
  ) assert.equal(traps(text), want, text);
});

Deno.test("findTraps() looks for aliases that lead elsewhere", () => {
  const text = 'listen on lo\naction "in" maildir alias { x = y }\nmatch for local action "in"\n';
  assert.equal(traps(text, ["ann", "|command", "bob@localhost"]), "");
  assert.equal(traps(text, ["ann", "carl, bob@far.test"]), "noWayOut 3");
  // What is no value at all is told of elsewhere.
  assert.equal(traps(text, ["bob@@"]), "");
});
