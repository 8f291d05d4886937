import { equal } from "node:assert/strict";
import { deliveryEvent, formatDelay, noSession, resultOf } from "../../lib/delivery/relay_log.ts";
import type { Outcome } from "../../lib/delivery/outcome.ts";
import { formatEvent } from "../../lib/event_log.ts";
import type { Domain } from "../../lib/mail/address.ts";
import { parseEvpId } from "../../lib/spool/id.ts";

const delays: readonly (readonly [number, string])[] = [
  [-5, "0s"],
  [0, "0s"],
  [999, "0s"],
  [1_000, "1s"],
  [61_000, "1m1s"],
  [3_600_000, "1h"],
  [3_720_000, "1h2m"],
  [90_061_000, "1d1h1m1s"],
];

for (const [ms, want] of delays) {
  Deno.test(`formatDelay() writes ${ms} ms as ${want}`, () => equal(formatDelay(ms), want));
}

const outcome: Outcome = { kind: "relayed", enhanced: "2.0.0", text: "250 2.0.0 queued as 1", by: "" };
const b = { localPart: "b", domain: "b.test" as Domain };
const envelope = parseEvpId("0123456789abcdef");

function line(rcpt: typeof b, what: Outcome = outcome): string {
  if (envelope === null) throw new Error("an envelope id");
  const attempt = { session: "00000000deadbeef", source: "198.51.100.1", relay: "192.0.2.1 (mx.test)" };
  const recipient = { envelope, dest: b, rcpt, notify: [], originalRecipient: null, createdAt: 0 };
  return formatEvent(deliveryEvent(attempt, null, recipient, what, 62_000), "text");
}

Deno.test("deliveryEvent() makes OpenSMTPD's line", () => {
  equal(
    line(b),
    "00000000deadbeef mta delivery evpid=0123456789abcdef from=<> to=<b@b.test> rcpt=- source=198.51.100.1 " +
      'relay="192.0.2.1 (mx.test)" delay=1m2s result=Ok stat="250 2.0.0 queued as 1"',
  );
});

Deno.test("deliveryEvent() tells for whom a forwarded message was", () => {
  equal(/ rcpt=(\S+) /.exec(line({ ...b, localPart: "alias" }))?.[1], "<alias@b.test>");
});

Deno.test("resultOf() has a word for each outcome", () => {
  const words = { delivered: "Ok", relayed: "Ok", delayed: "TempFail", failed: "PermFail" } as const;
  for (const kind of ["delivered", "relayed", "delayed", "failed"] as const) {
    equal(resultOf({ ...outcome, kind }), words[kind]);
  }
});

Deno.test("noSession has the form of a session", () => equal(/^0{16}$/.test(noSession), true));
