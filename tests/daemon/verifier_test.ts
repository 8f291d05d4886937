import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { LookupToVerifier, VerifierToLookup } from "../../lib/daemon/imsg.ts";
import { decoyStored, Verifier } from "../../lib/daemon/verifier.ts";
import { hostDigests } from "../../lib/host/hash.ts";
import type { PasswordFunctions } from "../../lib/port.ts";
import { parseStored } from "../../lib/trust/stored_password.ts";
import { channelPair } from "../sim/channel.ts";
import { FakeClock } from "../sim/clock.ts";

const salt = "abcdefghijklmnopqrstuu";
/** Of these functions the password is the digest. */
const bcryptOf = (password: string) => `$2b$05$${salt}${password.padEnd(31, ".")}`;

async function world(shadow: string | null = null) {
  const clock = new FakeClock();
  const calls: string[] = [];
  let isBroken = false;
  const functions: PasswordFunctions = {
    bcrypt(password, _salt, cost) {
      if (isBroken) return Promise.reject(new Error("out of memory"));
      calls.push(`bcrypt ${cost}`);
      return Promise.resolve(Buffer.from(password).toString().padEnd(31, "."));
    },
    argon2id: () => Promise.reject(new Error("not asked")),
    scrypt: () => Promise.reject(new Error("not asked")),
    shaCrypt(password) {
      calls.push("sha");
      return Promise.resolve(password.padEnd(86, "."));
    },
    pbkdf2: (password) => Promise.resolve(Buffer.alloc(32, password)),
  };
  const verifier = new Verifier({
    clock,
    functions,
    digests: hostDigests,
    readShadow: shadow === null ? null : () => Promise.resolve(shadow),
  });
  const [lookup, own] = channelPair<LookupToVerifier, VerifierToLookup>(clock);
  verifier.setLookup(own);
  const heard: VerifierToLookup[] = [];
  lookup.onMessage((message) => void heard.push(message));
  const ask = async (message: LookupToVerifier) => {
    lookup.send(message);
    await clock.settle();
    return heard.at(-1);
  };
  await clock.settle();
  return { ask, calls, breakDown: () => void (isBroken = true), heard, lookup, clock };
}

const check = (stored: string, password: string, isDecoy = false) =>
  ({ kind: "check", request: 7, stored, password, isDecoy }) as const;

Deno.test("verifier holds passwords against what is stored", async () => {
  const { ask } = await world();
  const right = { kind: "checked", request: 7, result: "right", problem: null };
  deepEqual(await ask(check(bcryptOf("pw"), "pw")), right);
  deepEqual(await ask(check(bcryptOf("pw"), "other")), { ...right, result: "wrong" });
  deepEqual(await ask(check("{PLAIN}pw", "pw")), right);
});

Deno.test("verifier: a decoy is checked and never right", async () => {
  const { ask, calls } = await world();
  deepEqual(await ask(check(bcryptOf("pw"), "pw", true)), {
    kind: "checked",
    request: 7,
    result: "wrong",
    problem: null,
  });
  deepEqual(calls, ["bcrypt 5"]);
});

Deno.test("verifier: what cannot be checked is wrong, takes its time, and is told of", async () => {
  const { ask, calls } = await world();
  const said = await ask(check("$y$j9T$abc$def", "pw"));
  ok(said?.kind === "checked" && said.result === "wrong");
  equal(said.problem, "its hash is yescrypt, which cannot be checked here; make another with `smtpctl encrypt`");
  deepEqual(calls, ["bcrypt 10"]);
});

Deno.test("verifier: the system's users", async () => {
  const text = `root:*:1\nann:$6$abc$${"pw".padEnd(86, ".")}:1::::::\nbob:$6$abc$${"pw".padEnd(86, ".")}:1:::::5:\n`;
  const { ask, calls } = await world(text);
  const system = (username: string, password: string) => ask({ kind: "system", request: 7, username, password });
  const wrong = { kind: "checked", request: 7, result: "wrong", problem: null };
  deepEqual(await system("ann", "pw"), { ...wrong, result: "right" });
  deepEqual(await system("ann", "other"), wrong);
  deepEqual(await system("root", "*"), {
    ...wrong,
    problem: "it is locked; have passwd(1) store it as SHA-512, or name a table of users in smtpd.conf",
  });
  deepEqual(await system("bob", "pw"), { ...wrong, problem: "the account has expired" });
  deepEqual(await system("cat", "pw"), wrong);
  // Who is not there, or has no password, costs as much as who has one.
  deepEqual(calls, ["sha", "sha", "sha", "sha", "sha"]);
});

Deno.test("verifier: one without a right to the system's passwords says so", async () => {
  const { ask } = await world();
  deepEqual(await ask({ kind: "system", request: 7, username: "ann", password: "pw" }), {
    kind: "checked",
    request: 7,
    result: "failed",
    problem: "the system's passwords cannot be read",
  });
});

Deno.test("verifier makes what SCRAM needs of a password", async () => {
  const { ask } = await world();
  deepEqual(await ask({ kind: "salt", request: 7, password: "p", salt: "YWJj", iterations: 4096 }), {
    kind: "salted",
    request: 7,
    octets: Buffer.alloc(32, "p").toString("base64"),
  });
});

Deno.test("verifier: a library that fails is answered for, and the next check goes on", async () => {
  const { ask, breakDown } = await world();
  breakDown();
  const said = await ask(check(bcryptOf("pw"), "pw"));
  ok(said?.kind === "checked" && said.result === "failed");
  const next = await ask(check("{PLAIN}pw", "pw"));
  ok(next?.kind === "checked" && next.result === "right");
});

Deno.test("verifier answers in the order in which it was asked", async () => {
  const { lookup, heard, clock } = await world();
  for (let request = 0; request < 5; request++) lookup.send({ ...check(bcryptOf("pw"), "pw"), request });
  await clock.settle();
  deepEqual(heard.map(({ request }) => request), [0, 1, 2, 3, 4]);
});

Deno.test("the decoy is a hash that can be checked", () => {
  equal(parseStored(decoyStored).kind, "bcrypt");
});
