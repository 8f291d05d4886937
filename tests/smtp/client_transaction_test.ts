import { deepEqual, equal } from "node:assert/strict";
import type { Domain } from "../../lib/mail/address.ts";
import { noExtensions } from "../../lib/smtp/client_command.ts";
import type { ClientEffect, ClientVerdict } from "../../lib/smtp/client_face.ts";
import { ClientTransaction } from "../../lib/smtp/client_transaction.ts";

const domain = "b.test" as Domain;
const why: ClientVerdict = { kind: "tooManyRefused" };

function transaction(locals: readonly string[], size = 1): ClientTransaction {
  return new ClientTransaction({
    sender: null,
    recipients: locals.map((localPart) => ({ path: { localPart, domain }, notify: [], originalRecipient: null })),
    size,
    eightBit: false,
    ret: null,
    envId: null,
  });
}

function indexes(effects: readonly ClientEffect[]): number[] {
  return effects.map((effect) => effect.kind === "recipient" ? effect.index : -1);
}

Deno.test("ClientTransaction names its recipients in order, once", () => {
  const current = transaction(["a", "b"]);
  deepEqual(current.check(noExtensions), []);
  equal(current.next()?.index, 0);
  equal(current.next()?.recipient.path.localPart, "b");
  equal(current.next(), null);
  equal(current.settled, false);
});

Deno.test("ClientTransaction settles each recipient once", () => {
  const current = transaction(["a", "b"]);
  current.check(noExtensions);
  deepEqual(indexes(current.resolve(0, why)), [0]);
  deepEqual(indexes(current.resolve(0, why)), []);
  deepEqual(indexes(current.resolveAll(why)), [1]);
  deepEqual(indexes(current.resolveAll(why)), []);
  equal(current.settled, true);
});

Deno.test("ClientTransaction.check() settles what cannot be sent", () => {
  const current = transaction(["a", "\u00fc", "c"]);
  deepEqual(current.check(noExtensions), [{ kind: "recipient", index: 1, verdict: { kind: "notAscii" } }]);
  equal(current.next()?.index, 0);
  equal(current.next()?.index, 2);
});

Deno.test("ClientTransaction.check() minds the size that the server takes", () => {
  for (
    const [limit, size, settled] of [[10, 10, false], [10, 11, true], [0, 1e9, false], [null, 1e9, false]] as const
  ) {
    const current = transaction(["a"], size);
    current.check({ ...noExtensions, size: limit });
    equal(current.settled, settled, `${limit} ${size}`);
  }
});

Deno.test("ClientTransaction.offerNoMore() settles those that were not named", () => {
  const current = transaction(["a", "b", "c"]);
  current.check(noExtensions);
  current.next();
  deepEqual(indexes(current.offerNoMore(why)), [1, 2]);
  equal(current.next(), null);
  equal(current.isOpen(0), true);
});
