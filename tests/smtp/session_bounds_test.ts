import { equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { defaultSessionBounds, Patience } from "../../lib/smtp/session_bounds.ts";

const bounds = {
  ...defaultSessionBounds,
  helloTimeoutMs: 10_000,
  dataTimeoutMs: 30_000,
  messageTimeoutMs: 100_000,
  minRate: 10,
  rateGraceMs: 40_000,
};

/** A patience at the beginning of content, at 1,000. */
function inContent(changed: Partial<typeof bounds> = {}): Patience {
  const patience = new Patience({ ...bounds, ...changed }, 20_000);
  patience.connect(0);
  patience.command(500);
  patience.content(1000, 0);
  return patience;
}

Deno.test("Patience has a time for the first command, and one for each further one", () => {
  const patience = new Patience(bounds, 20_000);
  patience.connect(1000);
  equal(`${patience.deadline} ${patience.overrun}`, "11000 hello-timeout");
  patience.command(2000);
  equal(`${patience.deadline} ${patience.overrun}`, "22000 command-timeout");
});

Deno.test("Patience has a time for a handshake, and never more than for a command", () => {
  const patience = new Patience({ ...bounds, tlsTimeoutMs: 5000 }, 20_000);
  patience.handshake(1000);
  equal(`${patience.deadline} ${patience.overrun}`, "6000 tls-timeout");
  const hasty = new Patience(bounds, 2000);
  hasty.handshake(1000);
  equal(`${hasty.deadline} ${hasty.overrun}`, "3000 tls-timeout");
});

Deno.test("Patience ends with silence within content", () => {
  const patience = inContent();
  equal(`${patience.deadline} ${patience.overrun}`, "31000 data-timeout");
  patience.content(20_000, 1000);
  equal(`${patience.deadline} ${patience.overrun}`, "50000 data-timeout");
});

Deno.test("Patience ends when content comes too slowly, once the grace is over", () => {
  const patience = inContent();
  patience.content(25_000, 10);
  equal(`${patience.deadline} ${patience.overrun}`, "41000 min-rate");
  patience.content(26_000, 600);
  // 610 octets are enough for 61 seconds.
  patience.content(50_000, 0);
  equal(`${patience.deadline} ${patience.overrun}`, "62000 min-rate");
  const unhurried = inContent({ minRate: 0 });
  unhurried.content(25_000, 1);
  equal(unhurried.overrun, "data-timeout");
});

Deno.test("Patience ends when the whole of content takes too long", () => {
  const patience = inContent();
  patience.content(99_000, 1_000_000);
  equal(`${patience.deadline} ${patience.overrun}`, "101000 message-timeout");
});

Deno.test("Patience begins anew with each content", () => {
  const patience = inContent();
  patience.content(2000, 1_000_000);
  patience.endContent(3000);
  equal(`${patience.deadline} ${patience.overrun}`, "23000 command-timeout");
  patience.content(10_000, 0);
  patience.content(35_000, 1);
  equal(`${patience.deadline} ${patience.overrun}`, "50000 min-rate");
  const command = new Patience(bounds, 20_000);
  command.connect(0);
  command.endContent(5);
  equal(command.overrun, "hello-timeout");
});

Deno.test("Patience leaves out what is not the client's fault", () => {
  const patience = inContent();
  patience.excuse(7000);
  equal(`${patience.deadline} ${patience.overrun}`, "38000 data-timeout");
  patience.content(38_000, 0);
  equal(`${patience.deadline} ${patience.overrun}`, "48000 min-rate");
});

Deno.test("Patience: who keeps to the rate and the pauses has until the end of the whole time", () => {
  fc.assert(fc.property(fc.array(fc.nat(29_999), { maxLength: 40 }), (pauses) => {
    const patience = inContent();
    patience.content(1000, 300);
    let at = 1000;
    for (const pause of pauses) {
      at += pause;
      if (at >= 101_000) break;
      equal(patience.deadline > at, true, `${at}`);
      patience.content(at, 300);
    }
  }));
});
