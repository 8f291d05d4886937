import assert from "node:assert/strict";
import { ownTraffic, strangersAt, TrafficJudge } from "../../lib/policy/check_traffic.ts";
import { policyOf } from "./tables.ts";

function verdict(options: string, listen: string, choice: "theirs" | "not theirs" | "unknown", keys: string[] = []) {
  const policy = policyOf(`table f file:/f\nlisten on ${listen}\nmatch ${options} reject\n`);
  const judge = new TrafficJudge(policy, new Map(keys.length > 0 ? [["f", keys]] : []));
  const listener = policy.listeners.find((one) => one.kind === "inet")!;
  return [...new Set(strangersAt(listener).map((one) => judge.judge(policy.rules[0]!, one, choice)))].join();
}

Deno.test("TrafficJudge knows what strangers meet", () => {
  for (
    const [options, choice, want] of [
      ["from any for any", "unknown", "yes"],
      ["for any", "unknown", "no"],
      ["!from local for any", "unknown", "yes"],
      ["from any", "unknown", "no"],
      ["from any for domain <f>", "unknown", "no"],
      ["from any !for domain <f>", "unknown", "yes"],
      ["from any auth for any", "theirs", "no"],
      ["from any !auth for any", "theirs", "yes"],
      ["from any auth <f> for any", "theirs", "no"],
      ["from any tls for any", "theirs", "no"],
      ["from any mail-from <f> for any", "theirs", "yes"],
      ["from any mail-from <f> for any", "not theirs", "no"],
      ["from any mail-from <f> for any", "unknown", "maybe"],
      ["from any helo a.test for any", "theirs", "yes"],
      ["from rdns for any", "unknown", "maybe"],
      ["from rdns a.test for any", "theirs", "no"],
      ["!from rdns a.test for any", "theirs", "maybe"],
      ["from any tag IN for any", "theirs", "yes"],
      ["from any tag OUT for any", "theirs", "no"],
      ["from socket for any", "theirs", "no"],
      ["from src { 10.0.0.0/8, 192.168.0.0/16, 203.0.113.0/24 } for any", "theirs", "no"],
    ] as const
  ) assert.equal(verdict(options, "eth0 inet4 tag IN", choice), want, `${options}, ${choice}`);
  assert.equal(verdict("from src <f> for any", "eth0 inet4", "theirs", ["0.0.0.0/0"]), "yes");
  assert.equal(verdict("from src <f> for any", "eth0 inet6", "theirs", ["0.0.0.0/0"]), "no");
  // One network of many is not everybody.
  assert.equal(verdict("from src 9.0.0.0/8 for any", "eth0 inet4", "theirs"), "yes,no");
});

Deno.test("TrafficJudge knows what this machine itself sends", () => {
  const policy = policyOf(
    'match for any reject\nmatch from socket for any reject\nmatch for any mail-from "@a.test" reject\n',
  );
  const judge = new TrafficJudge(policy, new Map());
  const of = (what: "report" | "forward") => policy.rules.map((rule) => judge.judge(rule, ownTraffic[what], "unknown"));
  assert.deepEqual(of("report"), ["yes", "yes", "no"]);
  assert.deepEqual(of("forward"), ["yes", "no", "maybe"]);
});

Deno.test("TrafficJudge.has() tells unknown content from absent keys", () => {
  const policy = policyOf("table f file:/f\ntable g file:/g\nmatch for domain <f> reject\n");
  const judge = new TrafficJudge(policy, new Map([["f", ["*.A.test"]]]));
  assert.equal(judge.has("f", "domain", "x.a.test"), true);
  assert.equal(judge.has("f", "domain", "b.test"), false);
  assert.equal(judge.has("g", "domain", "b.test"), null);
  assert.deepEqual(judge.keys("f"), ["*.A.test"]);
  assert.equal(judge.keys("g"), null);
});
