/** Sessions with a server: few, replaced when dead, and never the end of anything but a look-up. */

import assert from "node:assert/strict";
import { Fault, type FaultKind } from "../../lib/fault.ts";
import {
  poolAgeMs,
  poolBackoffMaxMs,
  poolBackoffMinMs,
  poolIdleMs,
  poolSessionsMax,
  poolWaitersMax,
  SessionPool,
} from "../../lib/table/pool.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeServer } from "../sim/database.ts";

function makePool(count = 1) {
  const clock = new FakeClock();
  const servers = Array.from({ length: count }, () => new FakeServer<string, string>((key) => `value of ${key}`));
  const pool = new SessionPool({ servers, clock, timeoutMs: 1000 });
  const [server] = servers;
  assert.ok(server);
  return { clock, servers, server, pool };
}

const isFault = (kind: FaultKind, text: RegExp) => (error: unknown) => {
  assert.match(String(error), text);
  return error instanceof Fault && error.kind === kind;
};

Deno.test("ask() opens a session when it is needed, and uses it again", async () => {
  const { pool, server, clock } = makePool();
  assert.equal(server.opened, 0);
  assert.equal(await pool.ask("a"), "value of a");
  assert.equal(await pool.ask("b"), "value of b");
  assert.equal(server.opened, 1);
  assert.equal(clock.pending, 0);
  pool.close();
  assert.equal(server.sessions.size, 0);
});

Deno.test("many questions at once share few sessions, and each gets its own answer", async () => {
  const { pool, server } = makePool();
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => pool.ask(String(i))));
  assert.deepEqual(answers, Array.from({ length: 50 }, (_, i) => `value of ${i}`));
  assert.equal(server.opened, poolSessionsMax);
});

Deno.test("more questions than may wait are refused", async () => {
  const { pool, server } = makePool();
  server.state = "silent";
  const waiting = Array.from({ length: poolWaitersMax }, () => pool.ask("x"));
  await assert.rejects(pool.ask("y"), isFault("unavailable", /over 1000 lookups wait/));
  pool.close();
  for (const one of waiting) await assert.rejects(one, isFault("closed", /closed/));
});

Deno.test("an error of the server leaves the session in use", async () => {
  const { pool, server } = makePool();
  server.answer = () => {
    throw new Fault("unavailable", "no such table");
  };
  await assert.rejects(pool.ask("a"), isFault("unavailable", /no such table/));
  server.answer = (key) => key;
  assert.equal(await pool.ask("a"), "a");
  assert.equal(server.opened, 1);
});

Deno.test("something that is no Fault becomes one", async () => {
  const { pool, server } = makePool();
  server.answer = () => {
    throw new TypeError("odd");
  };
  await assert.rejects(pool.ask("a"), isFault("unavailable", /odd/));
});

Deno.test("sessions that died in a restart are replaced, whether or not their end was heard", async () => {
  for (const isTold of [true, false]) {
    const { pool, server } = makePool();
    await Promise.all(Array.from({ length: poolSessionsMax }, () => pool.ask("a")));
    server.restart(isTold);
    assert.equal(await pool.ask("b"), "value of b");
    assert.equal(server.opened, poolSessionsMax + 1);
  }
});

Deno.test("a question is asked twice at most", async () => {
  const { pool, server } = makePool();
  server.answer = () => {
    throw new Fault("closed", "gone");
  };
  await assert.rejects(pool.ask("a"), isFault("unavailable", /gone/));
  assert.deepEqual(server.asked, ["a", "a"]);
});

Deno.test("a server that is away fails what is asked at once, and is tried again after a growing while", async () => {
  const { pool, server, clock } = makePool();
  server.state = "refuses";
  let delayMs = poolBackoffMinMs;
  for (let i = 0; i < 8; i++) {
    await assert.rejects(pool.ask("a"), isFault("unavailable", /cannot reach db/));
    server.state = "up";
    // It is up again, and nobody looks yet.
    await clock.advance(delayMs - 1);
    await assert.rejects(pool.ask("a"), isFault("unavailable", /cannot reach db/));
    server.state = "refuses";
    await clock.advance(1);
    delayMs = Math.min(delayMs * 2, poolBackoffMaxMs);
  }
  assert.equal(delayMs, poolBackoffMaxMs);
  server.state = "up";
  assert.equal(await pool.ask("a"), "value of a");
  server.restart(true);
  server.state = "refuses";
  await assert.rejects(pool.ask("a"));
  server.state = "up";
  await clock.advance(poolBackoffMinMs);
  assert.equal(await pool.ask("a"), "value of a");
});

Deno.test("a server that ends each session at once is no endless loop", async () => {
  const { pool, server } = makePool();
  server.state = "drops";
  await assert.rejects(pool.ask("a"), isFault("unavailable", /ended the session at once/));
  assert.equal(server.opened, 1);
});

Deno.test("silence is a timeout: while connecting, and after a question, whose session is given up", async () => {
  const { pool, server, clock } = makePool();
  server.state = "silent";
  const first = assert.rejects(pool.ask("a"), isFault("timeout", /no session with the server within 1 s/));
  await clock.advance(1000);
  await first;
  await clock.settle();
  server.state = "up";
  await clock.advance(poolBackoffMinMs);
  assert.equal(await pool.ask("a"), "value of a");
  server.state = "silent";
  const second = assert.rejects(pool.ask("b"), isFault("timeout", /no answer from the server within 1 s/));
  await clock.settle();
  await clock.advance(1000);
  await second;
  assert.equal(server.sessions.size, 0);
  server.state = "up";
  assert.equal(await pool.ask("c"), "value of c");
});

Deno.test("a late answer is nobody's", async () => {
  const { pool, server, clock } = makePool();
  const answer = Promise.withResolvers<string>();
  server.answer = () => answer.promise;
  const late = assert.rejects(pool.ask("a"), isFault("timeout", /no answer/));
  await clock.settle();
  await clock.advance(1000);
  await late;
  answer.resolve("of a");
  server.answer = (key) => `of ${key}`;
  assert.equal(await pool.ask("b"), "of b");
});

Deno.test("a session that was idle for long, or is old, is replaced", async () => {
  const { pool, server, clock } = makePool();
  await pool.ask("a");
  await clock.advance(poolIdleMs - 1);
  await pool.ask("a");
  assert.equal(server.opened, 1);
  await clock.advance(poolIdleMs);
  await pool.ask("a");
  assert.equal(server.opened, 2);
  for (let at = 0; at < poolAgeMs; at += poolIdleMs / 2) {
    await clock.advance(poolIdleMs / 2);
    await pool.ask("a");
  }
  assert.equal(server.opened, 3);
  assert.equal(server.sessions.size, 1);
});

Deno.test("the second server is asked while the first is away", async () => {
  const { pool, servers } = makePool(2);
  servers[0]!.state = "refuses";
  assert.equal(await pool.ask("a"), "value of a");
  assert.deepEqual(servers.map(({ opened }) => opened), [0, 1]);
});

Deno.test("renew() sees whether the server answers, in spite of a wait", async () => {
  const { pool, server } = makePool();
  await pool.ask("a");
  await pool.renew();
  assert.equal(server.opened, 2);
  server.restart(true);
  server.state = "refuses";
  await assert.rejects(pool.renew(), isFault("unavailable", /cannot reach db/));
  server.state = "up";
  await pool.renew();
});

Deno.test("close() ends what waits and what comes", async () => {
  const { pool, server, clock } = makePool();
  server.state = "silent";
  const waiting = assert.rejects(pool.ask("a"), isFault("closed", /closed/));
  pool.close();
  await waiting;
  await assert.rejects(pool.ask("b"), isFault("closed", /closed/));
  await clock.settle();
  assert.equal(clock.pending, 0);
});
