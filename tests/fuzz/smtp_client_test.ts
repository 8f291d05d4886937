/** Whatever a server says, and whenever, a client session keeps its promises. */

import { equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import { Fault } from "../../lib/fault.ts";
import type { Domain } from "../../lib/mail/address.ts";
import { type ClientEffect, clientLimits, type ClientMessage, ClientSession } from "../../lib/smtp/client.ts";

const domain = "b.test" as Domain;
const paths = ["a", "b", "c"].map((localPart) => ({ localPart, domain }));
const message: ClientMessage = {
  sender: null,
  recipients: paths.map((path) => ({ path, notify: [], originalRecipient: null })),
  size: 20,
  eightBit: null,
  ret: null,
  envId: null,
};

const replies = [
  "220 mx.test\r\n",
  "250-mx.test\r\n250-PIPELINING\r\n250 SIZE 100\r\n",
  "250 mx.test\r\n",
  "250-mx.test\r\n250 SIZE 5\r\n",
  "250 2.1.5 Ok\r\n",
  "250 Ok\r\n250 Ok\r\n250 Ok\r\n250 Ok\r\n354 Go\r\n",
  "354 Go\r\n",
  "221 Bye\r\n",
  "421 4.3.2 no\r\n",
  "450 4.7.1 later\r\n",
  "550 5.1.1 no\r\n",
  "552 full\r\n",
  "25",
  "0 x\r\n",
  "250-\r\n",
  "554-a\r\n250 b\r\n",
  "\r\n",
];

type Move =
  | { readonly kind: "say"; readonly octets: Buffer }
  | { readonly kind: "wait" | "eof" | "reset" | "quit" | "fail" | "abort" };

const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.constantFrom(...replies).map((text): Move => ({ kind: "say", octets: Buffer.from(text) })),
  },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 40 }).map((octets): Move => ({ kind: "say", octets: Buffer.from(octets) })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("wait", "eof", "reset", "quit", "fail", "abort").map((kind): Move => ({ kind })),
  },
);

/** The owner's side: gives messages and content when asked, and checks what comes back. */
class Owner {
  readonly session: ClientSession;
  at = 0;
  closed = false;
  /** Recipients of the message in hand that have no verdict; null when none is in hand. */
  open: Set<number> | null = null;
  pieces = 0;

  constructor(protocol: "smtp" | "lmtp") {
    this.session = new ClientSession({ session: "0".repeat(16), helo: domain, protocol, limits: clientLimits });
    this.take(this.session.step({ kind: "connected", at: 0 }));
  }

  make(move: Move): void {
    const at = this.at++;
    if (move.kind === "say") this.take(this.session.step({ kind: "bytes", at, bytes: move.octets }));
    else if (move.kind === "wait") this.take(this.session.step({ kind: "tick", at: this.at += 700_000 }));
    else if (move.kind === "eof") this.take(this.session.step({ kind: "eof", at, fault: null }));
    else if (move.kind === "reset") this.take(this.session.step({ kind: "eof", at, fault: new Fault("reset", "x") }));
    else if (move.kind === "quit") this.take(this.session.step({ kind: "quit", at }));
    else if (move.kind === "abort") this.take(this.session.step({ kind: "abort", at, detail: "x" }));
    else this.take(this.session.step({ kind: "contentFailed", at }));
  }

  take(effects: readonly ClientEffect[]): void {
    for (const [index, effect] of effects.entries()) {
      ok(!this.closed, "nothing comes after close");
      if (effect.kind === "ready" || effect.kind === "needContent" || effect.kind === "close") {
        equal(index, effects.length - 1, `${effect.kind} comes last`);
      }
      switch (effect.kind) {
        case "write":
          ok(effect.bytes.length > 0 || this.open !== null, "no empty write outside content");
          break;
        case "recipient":
          ok(this.open?.delete(effect.index), "a verdict to each recipient, once");
          break;
        case "done":
          equal(this.open?.size, 0, "done after every verdict");
          this.open = null;
          break;
        case "close":
          this.closed = true;
          equal(this.open, null, "close leaves nothing open");
          equal(this.session.deadline, null);
          break;
        case "ready":
          equal(this.open, null, "ready between messages");
          this.open = new Set(message.recipients.keys());
          this.take(this.session.step({ kind: "send", at: this.at, message }));
          break;
        case "needContent":
          this.take(
            this.session.step({
              kind: "content",
              at: this.at,
              bytes: Buffer.from(".a\r\n.\r\n"),
              last: this.pieces++ % 3 === 2,
            }),
          );
          break;
      }
    }
  }
}

Deno.test("ClientSession gives each recipient one verdict and ends in order, whatever the server says", () => {
  fc.assert(
    fc.property(fc.constantFrom("smtp", "lmtp"), fc.array(move, { maxLength: 40 }), (protocol, moves) => {
      const owner = new Owner(protocol);
      for (const one of moves) owner.make(one);
      ok(owner.closed || owner.open === null || owner.session.deadline !== null, "what is open has a deadline");
      owner.make({ kind: "eof" });
      ok(owner.closed);
    }),
    { numRuns: 2_000 },
  );
});
