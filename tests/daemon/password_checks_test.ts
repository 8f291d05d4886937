import { deepEqual, equal } from "node:assert/strict";
import type { LookupToVerifier, VerifierToLookup } from "../../lib/daemon/imsg.ts";
import { checkBudgetMs, type CheckResult, PasswordChecks } from "../../lib/daemon/password_checks.ts";
import type { VerifierPool } from "../../lib/daemon/verifier_grant.ts";
import { channelPair } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";

const none: CheckResult = { result: "failed", problem: "nobody can check passwords now" };

function world(queueMax = 100) {
  const clock = new FakeClock();
  const checks = new PasswordChecks(clock, queueMax);
  const results: CheckResult[] = [];
  const ask = (password: string) =>
    void checks.check({ kind: "check", stored: "s", password, isDecoy: false }).then((one) => results.push(one));
  const connect = (pool: VerifierPool = "tables") => {
    const [lookup, verifier] = channelPair<LookupToVerifier, VerifierToLookup>(clock);
    const heard: LookupToVerifier[] = [];
    verifier.onMessage((message) => void heard.push(message));
    checks.attach(pool, lookup);
    const answer = (at: number, result: CheckResult["result"] = "right") =>
      verifier.send({ kind: "checked", request: heard[at]?.request ?? -1, result, problem: null });
    return { heard, answer, verifier };
  };
  return { clock, checks, results, ask, connect };
}

Deno.test("a verifier gets one check at a time, in order", async () => {
  const { clock, ask, connect, results } = world();
  const { heard, answer } = connect();
  for (const password of ["a", "b", "c"]) ask(password);
  await clock.settle();
  deepEqual(heard.map((one) => "password" in one && one.password), ["a"]);
  answer(0);
  await clock.settle();
  answer(1, "wrong");
  await clock.settle();
  deepEqual(heard.map((one) => "password" in one && one.password), ["a", "b", "c"]);
  deepEqual(results.map(({ result }) => result), ["right", "wrong"]);
});

Deno.test("two verifiers work at once", async () => {
  const { clock, ask, connect } = world();
  const [one, other] = [connect(), connect()];
  for (const password of ["a", "b", "c"]) ask(password);
  await clock.settle();
  deepEqual([one.heard.length, other.heard.length], [1, 1]);
});

Deno.test("a check waits for a verifier that is being started, for so long", async () => {
  const { clock, ask, connect, results } = world();
  ask("a");
  await clock.advance(checkBudgetMs - 1);
  const { heard } = connect();
  await clock.settle();
  equal(heard.length, 1);
  await clock.advance(1);
  deepEqual(results, [none]);
});

Deno.test("when too many wait, further ones are not begun", async () => {
  const { clock, ask, connect, results } = world(2);
  const { answer, heard } = connect();
  for (const password of ["a", "b", "c", "d"]) ask(password);
  await clock.settle();
  deepEqual(results, [none], "one is being checked and two wait");
  for (let at = 0; at < 3; at++) {
    answer(at);
    await clock.settle();
  }
  equal(heard.length, 3);
  equal(results.length, 4);
  equal(clock.pending, 0);
});

Deno.test("what a verifier was at when it ended is failed; the rest waits for the next", async () => {
  const { clock, ask, connect, results } = world();
  const first = connect();
  ask("a");
  ask("b");
  await clock.settle();
  first.verifier.close();
  await clock.settle();
  deepEqual(results, [none]);
  const second = connect();
  await clock.settle();
  deepEqual(second.heard.map((one) => "password" in one && one.password), ["b"]);
});

Deno.test("passwords of the system's users go to who may read them, and no others do", async () => {
  const { clock, checks, ask, connect } = world();
  const [tables, system] = [connect("tables"), connect("system")];
  void checks.check({ kind: "system", username: "ann", password: "pw" });
  ask("a");
  await clock.settle();
  deepEqual(tables.heard.map(({ kind }) => kind), ["check"]);
  deepEqual(system.heard.map(({ kind }) => kind), ["system"]);
});

Deno.test("salted passwords come back as octets; a wrong kind of answer is none", async () => {
  const { clock, checks, connect } = world();
  const { heard, verifier } = connect();
  const got: (Uint8Array | null)[] = [];
  for (let i = 0; i < 2; i++) void checks.salted("pw", new Uint8Array([1, 2, 3]), 4096).then((one) => got.push(one));
  await clock.settle();
  deepEqual(heard[0], { kind: "salt", request: 1, password: "pw", salt: "AQID", iterations: 4096 });
  verifier.send({ kind: "salted", request: 1, octets: "AQID" });
  await clock.settle();
  verifier.send({ kind: "checked", request: 2, result: "right", problem: null });
  await clock.settle();
  deepEqual(got.map((one) => one === null ? null : [...one]), [[1, 2, 3], null]);
});
