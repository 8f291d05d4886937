/** smtp-in and TLS in a world of fakes: what becomes of octets, sockets and sessions around a handshake. */

import { Buffer } from "node:buffer";
import { deepEqual, equal, match } from "node:assert/strict";
import { SmtpIn } from "../../lib/daemon/smtp_in.ts";
import type { Stream } from "../../lib/port.ts";
import type { TlsOutcome, TlsServer } from "../../lib/port_tls.ts";
import { defaultSessionBounds } from "../../lib/smtp/session_bounds.ts";
import { KeptLog, policyOf } from "../daemon/rig.ts";
import { Client } from "../daemon/smtp_in_rig.ts";
import { transcriptTls as tls } from "../../lib/smtp/transcript_replay.ts";
import fc from "../support/fast_check.ts";
import { FakeClock } from "./clock.ts";
import { streamPair } from "./net.ts";
import { SeededRandom } from "./random.ts";

const text = `pki p cert "/c" key "/k"
listen on 192.0.2.10 port 25 tls pki p
listen on 192.0.2.10 port 465 smtps pki p
action "out" relay
match from any for any action "out"
`;

/** A TLS that takes the socket and waits for what the test says of it. */
class FakeTls implements TlsServer {
  taken: Stream | null = null;
  isDropped = false;
  #done: ((outcome: TlsOutcome) => void) | null = null;

  begin(stream: Stream, done: (outcome: TlsOutcome) => void) {
    this.taken = stream;
    // From here on its octets are for TLS.
    stream.attach({ data: () => {}, drain: () => {}, end: () => {}, close: () => {} });
    this.#done = done;
    return {
      destroy: () => {
        this.isDropped = true;
        this.#done = null;
        stream.destroy();
      },
    };
  }

  finish(outcome: TlsOutcome): void {
    this.#done?.(outcome);
  }
}

/** An smtp-in, and a connection to the listener with this port. */
async function world(port: 25 | 465) {
  const clock = new FakeClock();
  const log = new KeptLog();
  const policy = policyOf(text);
  const server = new FakeTls();
  const smtpIn = new SmtpIn({
    clock,
    random: new SeededRandom(1),
    log: log.log,
    policy,
    limits: policy.smtp,
    processes: 1,
    descriptors: null,
  });
  const index = policy.listeners.findIndex((one) => one.kind === "inet" && one.port === port);
  smtpIn.setTls(new Map([[index, server]]));
  let take: (stream: Stream) => void = () => {};
  smtpIn.serve({ accept: (run) => void (take = run), close: () => {} }, policy.listeners, index);
  const ends = streamPair(clock);
  const client = new Client(ends.client);
  take(ends.server);
  await clock.settle();
  /** The handshake is done: a client that talks through it. */
  const secured = async (): Promise<Client> => {
    const inner = streamPair(clock);
    const inside = new Client(inner.client);
    server.finish({ kind: "secure", stream: inner.server, tls });
    await clock.settle();
    return inside;
  };
  const say = async (to: Client, words: string): Promise<readonly string[]> => {
    to.write(words);
    await clock.settle();
    return to.codes();
  };
  return { clock, log, smtpIn, server, client, secured, say };
}

Deno.test("STARTTLS: the session goes on inside TLS, and knows it", async () => {
  const { client, server, secured, say, log } = await world(25);
  deepEqual(await say(client, "EHLO a.test\r\n"), ["220", "250"]);
  deepEqual(await say(client, "STARTTLS\r\n"), ["220"]);
  equal(server.taken !== null, true);
  const inside = await secured();
  deepEqual(await say(inside, "MAIL FROM:<x@a.test>\r\n"), ["503"]);
  deepEqual(await say(inside, "EHLO a.test\r\n"), ["250"]);
  deepEqual(await say(inside, "STARTTLS\r\n"), ["503"]);
  equal(log.of("tls").length, 1);
});

Deno.test("TLS from the first octet: nothing is said or read in clear text", async () => {
  const { client, server, secured, say } = await world(465);
  equal(server.taken !== null, true);
  deepEqual(await say(client, "EHLO a.test\r\nQUIT\r\n"), []);
  const inside = await secured();
  deepEqual(inside.codes(), ["220"]);
  deepEqual(await say(inside, "EHLO a.test\r\n"), ["250"]);
  deepEqual(await say(inside, "QUIT\r\n"), ["221"]);
});

for (const port of [25, 465] as const) {
  const begin = async () => {
    const made = await world(port);
    if (port === 465) return made;
    await made.say(made.client, "EHLO a.test\r\n");
    await made.say(made.client, "STARTTLS\r\n");
    return made;
  };

  Deno.test(`a handshake on port ${port} that fails ends the session with its reason`, async () => {
    const { server, log, smtpIn, clock } = await begin();
    server.finish({ kind: "failed", reason: "received corrupt message\r\nx" });
    await clock.settle();
    const [event] = log.of("disconnected");
    match(String(event?.fields["reason"]), /^io-error: handshake failed: received corrupt message/);
    await smtpIn.stop(1000);
  });

  Deno.test(`a handshake on port ${port} that does not end is given up, and says nothing`, async () => {
    const { server, log, smtpIn, clock, client } = await begin();
    client.said = "";
    await clock.advance(defaultSessionBounds.tlsTimeoutMs + 2000);
    equal(server.isDropped, true);
    deepEqual(log.of("disconnected").map(({ fields }) => fields["reason"]), ["timeout"]);
    equal(client.said, "");
    await smtpIn.stop(1000);
  });

  Deno.test(`a handshake on port ${port} is given up when the daemon stops`, async () => {
    const { server, log, smtpIn } = await begin();
    await smtpIn.stop(1000);
    equal(server.isDropped, true);
    deepEqual(log.of("disconnected").map(({ fields }) => fields["reason"]), ["shutdown"]);
  });
}

Deno.test("no octet of before the handshake reaches the session behind it, however it is cut", () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom("NOOP\r\n", "EHLO evil.test\r\n", "MAIL FROM:<evil@a.test>\r\n", "\x16\x03\x01", "QUIT\r\n"),
      fc.array(fc.tuple(fc.nat(40), fc.boolean()), { maxLength: 6 }),
      async (injected, cuts) => {
        const { client, server, secured, say, clock, log } = await world(25);
        await say(client, "EHLO a.test\r\n");
        const bytes = `STARTTLS\r\n${injected}`;
        let from = 0;
        for (const [length, isSettled] of cuts) {
          client.stream.write(Buffer.from(bytes.slice(from, from + length), "latin1"));
          from += length;
          if (isSettled) await clock.settle();
        }
        client.stream.write(Buffer.from(bytes.slice(from), "latin1"));
        await clock.settle();
        if (server.taken === null) return equal(log.of("disconnected").length, 1, "it closed instead");
        client.codes();
        const inside = await secured();
        deepEqual(inside.codes(), []);
        deepEqual(client.codes(), []);
        equal(log.of("failed-command").length, 0);
        deepEqual(await say(inside, "MAIL FROM:<x@a.test>\r\n"), ["503"]);
      },
    ),
    { numRuns: 60 },
  ));
