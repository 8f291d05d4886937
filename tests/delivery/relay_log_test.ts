import { equal } from "node:assert/strict";
import { deliveryEvent, noSession } from "../../lib/delivery/relay_log.ts";
import type { Outcome } from "../../lib/delivery/outcome.ts";
import { formatEvent } from "../../lib/event_log.ts";
import type { Domain } from "../../lib/mail/address.ts";
import { parseEvpId } from "../../lib/spool/id.ts";

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

Deno.test("noSession has the form of a session", () => equal(/^0{16}$/.test(noSession), true));
