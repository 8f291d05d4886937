import { deepEqual, equal } from "node:assert/strict";
import type { Domain } from "../../lib/mail/address.ts";
import { type Job, type Link, messageOf, nameOf, relayText } from "../../lib/delivery/link.ts";
import { plainManner } from "../../lib/delivery/relay.ts";
import { RouteBook } from "../../lib/delivery/route.ts";
import { mtaLimits } from "../../lib/delivery/limits.ts";
import { plainHandling } from "../../lib/smtp/handling.ts";
import { evpIdOf, msgIdOf } from "../../lib/spool/id.ts";
import { mailbox } from "../policy/tables.ts";
import { text } from "./dispatch_world.ts";

const message = msgIdOf(1);
const recipient = {
  envelope: evpIdOf(message, 1),
  dest: mailbox("x@b.test"),
  rcpt: mailbox("list@us.test"),
  notify: ["failure" as const],
  originalRecipient: null,
  createdAt: 0,
};
const job: Job = {
  task: {
    relay: { kind: "domain", domain: "b.test" as Domain },
    manner: plainManner,
    message,
    sender: mailbox("ann@a.test"),
    senderIfSpfFails: mailbox("srs@us.test"),
    recipients: [recipient, recipient],
    size: 4,
    eightBit: null,
    handling: { ...plainHandling, deliverBy: { at: 90_500, mode: "return", trace: true } },
    ret: "hdrs",
    envId: "id",
    pardon: false,
    content: text("hi\r\n"),
    report: () => {},
  },
  recipients: [recipient],
  sender: mailbox("srs@us.test"),
  retried: false,
};

Deno.test("messageOf() has the sender that was chosen, the job's recipients, and the time that is left", () => {
  deepEqual(messageOf(job, 30_000), {
    sender: mailbox("srs@us.test"),
    recipients: [{ path: recipient.dest, notify: ["failure"], originalRecipient: null }],
    size: 4,
    eightBit: null,
    ret: "hdrs",
    envId: "id",
    handling: {
      utf8Header: plainHandling.smtpUtf8,
      priority: plainHandling.priority,
      by: { seconds: 60, mode: "return", trace: true },
    },
  });
});

Deno.test("nameOf() and relayText() name a host by its name and address", () => {
  const link = (name: string, address: string): Link => ({
    session: "0123456789abcdef",
    host: { name, preference: 0, addresses: [address] },
    address,
    route: new RouteBook(mtaLimits).at(address, 25),
    connection: null,
    state: "idle",
    job: null,
    served: 0,
    keepalive: null,
  });
  equal(nameOf(link("mx.test", "192.0.2.1")), "mx.test [192.0.2.1]:25");
  equal(nameOf(link("mx.test", "2001:db8::1")), "mx.test [2001:db8::1]:25");
  equal(relayText(link("mx.test", "192.0.2.1")), "192.0.2.1 (mx.test)");
  equal(relayText(link("192.0.2.1", "192.0.2.1")), "192.0.2.1");
});
