import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Authentication } from "../../lib/daemon/authentication.ts";
import type { Check, CheckResult } from "../../lib/daemon/password_checks.ts";
import { SessionBook } from "../../lib/daemon/session_book.ts";
import { decoyStored } from "../../lib/daemon/verifier.ts";
import { Fault, type FaultKind } from "../../lib/fault.ts";
import { hostDigests } from "../../lib/host/hash.ts";
import { hostPasswords } from "../../lib/host/password.ts";
import type { TableSource } from "../../lib/policy/expand.ts";
import type { AuthResult } from "../../lib/smtp/session_face.ts";
import { authDelayMaxMs, authDelayMinMs } from "../../lib/trust/auth_limit.ts";
import fc from "../support/fast_check.ts";
import { FakeClock } from "../sim/clock.ts";
import { tablesOf } from "../policy/tables.ts";
import { KeptLog, policyOf } from "./rig.ts";
import { programSpec } from "../../lib/table/spec.ts";

/** Of SCRAM: RFC 7677's, for pencil. */
const scramText = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:" +
  "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
const bcryptText = "$2b$05$abcdefghijklmnopqrstuu7nFISH/8YdwlXD3lw69A4iBUf6fvWAW";

const policy = policyOf(`
pki mx.test cert "/etc/mail/cert.pem"
pki mx.test key "/etc/mail/key.pem"
table users { ann = "{PLAIN}right", bob = "bob:${bcryptText}", cat = "${scramText}", dan = "ab", eva = "*LK*" }
table other { ann = "{PLAIN}elsewhere" }
smtp limit max-auth-failures 3 auth-failure-window 60
smtp limit except { 198.51.100.0/24 }
listen on 192.0.2.10 tls pki mx.test auth <users> mechanisms "SCRAM-SHA-256 PLAIN LOGIN"
listen on 192.0.2.11 tls pki mx.test auth
listen on 192.0.2.12 tls pki mx.test
table certificates { "${"AB".repeat(32)}" = " ann ", "${"cd".repeat(32)}" = "" }
ca mx.test cert "/etc/mail/ca.pem"
listen on 192.0.2.14 tls pki mx.test ca mx.test auth <users> auth-external <certificates>
listen on 192.0.2.13 tls pki mx.test auth <users>
action "box" maildir
match from any for any action "box"
`);
const listenerAt = (address: string) =>
  policy.listeners.findIndex((one) => one.kind === "inet" && one.address === address);

interface Setup {
  readonly tables?: (tables: TableSource) => Pick<TableSource, "table">;
  /** Answers checks; by default `right` is the right password. */
  readonly check?: (check: Check) => CheckResult;
  readonly broken?: readonly string[];
  readonly kind?: "proc";
}

function world({ tables = (one) => one, check, broken = [], kind }: Setup = {}) {
  const [clock, log] = [new FakeClock(), new KeptLog()];
  const asked: Check[] = [];
  const salted = { count: 0 };
  let chance = 0;
  const random = {
    u32: () => 0,
    bytes: (length: number) => Buffer.alloc(length, ++chance),
  };
  const usual = (one: Check): CheckResult => ({
    result: "password" in one && one.password === "right" && !("isDecoy" in one && one.isDecoy) ? "right" : "wrong",
    problem: null,
  });
  const ours = kind === undefined ? policy : {
    ...policy,
    tables: { ...policy.tables, users: programSpec("users", "/bin/helper", null) },
  };
  const authentication = new Authentication({
    clock,
    random,
    digests: hostDigests,
    policy: ours,
    tables: tables(tablesOf(policy, { broken })),
    checks: {
      check(one) {
        asked.push(one);
        return Promise.resolve((check ?? usual)(one));
      },
      salted(password, salt, iterations) {
        salted.count++;
        return hostPasswords.pbkdf2(Buffer.from(password), salt, iterations);
      },
    },
    log: log.log,
  });
  const book = new SessionBook();
  const entryOf = (session: string) => book.enter(session, 0)!;
  const begun = (
    mechanism: string,
    response: string | null,
    { session = "0123456789abcdef", step = 0, address = "192.0.2.7", listener = "192.0.2.10", certificate = "" } = {},
  ) =>
    authentication.authenticate({
      entry: entryOf(session),
      listener: listenerAt(listener),
      address,
      ask: { kind: "authenticate", mechanism, step, response, certificate: certificate === "" ? null : certificate },
    });
  /** Waits out the delay of a failure. */
  const say = async (...args: Parameters<typeof begun>): Promise<AuthResult> => {
    let result: AuthResult | null = null;
    // SCRAM's key takes real time.
    const done = begun(...args).then((one) => result = one);
    await Promise.race([done, clock.settle()]);
    if (result === null) await clock.advance(2 * authDelayMaxMs);
    return await done;
  };
  const plain = (user: string, password: string, more: Parameters<typeof begun>[2] = {}) =>
    say("PLAIN", `\0${user}\0${password}`, more);
  return { book, clock, log, asked, salted, begun, say, plain };
}

Deno.test("a user logs in with his password, and with no other", async () => {
  const { plain, asked } = world();
  deepEqual(await plain("ann", "right"), { kind: "accepted", username: "ann", data: null });
  deepEqual(await plain("bob", "wrong"), { kind: "refused", username: "bob" });
  deepEqual(asked, [
    { kind: "check", stored: "{PLAIN}right", password: "right", isDecoy: false },
    { kind: "check", stored: bcryptText, password: "wrong", isDecoy: false },
  ]);
});

Deno.test("LOGIN goes in steps", async () => {
  const { say } = world();
  deepEqual(await say("LOGIN", null), { kind: "challenge", text: "Username:" });
  deepEqual(await say("LOGIN", "ann", { step: 1 }), { kind: "challenge", text: "Password:" });
  deepEqual(await say("LOGIN", "right", { step: 2 }), { kind: "accepted", username: "ann", data: null });
});

Deno.test("EXTERNAL: the table says whose certificate it is, and it is nobody else's", async () => {
  const { say, asked, log } = world();
  const mine = { listener: "192.0.2.14", certificate: "ab".repeat(32), address: "127.0.0.1" };
  const ann = { kind: "accepted", username: "ann", data: null };
  deepEqual(await say("EXTERNAL", null, mine), { kind: "challenge", text: "" });
  deepEqual(await say("EXTERNAL", "", { ...mine, step: 1 }), ann);
  deepEqual(await say("EXTERNAL", "ann", mine), ann);
  const wrong = [["ab", "bob"], ["ab", "Ann"], ["", ""], ["aa", "ann"], ["cd", ""]];
  for (const [octet = "", username = ""] of wrong) {
    const certificate = octet.repeat(32);
    deepEqual(await say("EXTERNAL", username, { ...mine, certificate }), { kind: "refused", username }, octet);
  }
  equal(log.of("certificate-unusable").length, 1);
  const elsewhere = await say("EXTERNAL", "", { ...mine, listener: "192.0.2.13" });
  deepEqual(elsewhere, { kind: "failed", username: "" }, "where it is not offered");
  // The certificate is the one that the exchange began with.
  await say("EXTERNAL", null, { ...mine, certificate: "" });
  deepEqual(await say("EXTERNAL", "", { ...mine, step: 1 }), { kind: "refused", username: "" });
  deepEqual(asked, [], "no password is checked");
});

Deno.test("EXTERNAL: failures are counted as those of passwords are; a table that cannot be read is none", async () => {
  const { begun, clock } = world();
  const other = { listener: "192.0.2.14", certificate: "aa".repeat(32) };
  const results = [..."1234"].map((digit) => begun("EXTERNAL", "", { ...other, session: digit.repeat(16) }));
  await clock.settle();
  await clock.advance(2 * authDelayMaxMs);
  deepEqual((await Promise.all(results)).map(({ kind }) => kind), ["refused", "refused", "refused", "limited"]);
  const { say } = world({ broken: ["certificates"] });
  for (let i = 0; i < 10; i++) deepEqual(await say("EXTERNAL", "", other), { kind: "failed", username: "" });
});

Deno.test("an unknown user is refused, and costs what the last known one cost", async () => {
  const { plain, asked } = world();
  deepEqual(await plain("eve", "right"), { kind: "refused", username: "eve" });
  await plain("bob", "right");
  deepEqual(await plain("eve", "right", { address: "192.0.2.8" }), { kind: "refused", username: "eve" });
  deepEqual(asked.map((one) => "stored" in one && [one.stored, one.isDecoy]), [
    [decoyStored, true],
    [bcryptText, false],
    [bcryptText, true],
  ]);
});

Deno.test("the listener says whose users they are", async () => {
  const { plain, asked, say } = world();
  await plain("ann", "right", { listener: "192.0.2.11" });
  deepEqual(asked, [{ kind: "system", username: "ann", password: "right" }]);
  const nobody = { kind: "failed", username: "" };
  deepEqual(await plain("ann", "right", { listener: "192.0.2.12" }), nobody);
  deepEqual(await plain("ann", "right", { listener: "192.0.2.99" }), nobody);
  deepEqual(await say("SCRAM-SHA-256", "n,,n=cat,r=abc", { listener: "192.0.2.13" }), nobody);
});

Deno.test("steps that do not follow on each other come to nothing", async () => {
  const { say, book } = world();
  const nobody = { kind: "failed", username: "" };
  deepEqual(await say("LOGIN", "ann", { step: 1 }), nobody);
  await say("LOGIN", null);
  deepEqual(await say("LOGIN", "ann", { step: 2 }), nobody);
  deepEqual(await say("LOGIN", "ann", { step: 1 }), nobody, "the exchange is over");
  await say("LOGIN", null);
  deepEqual(await say("PLAIN", "\0ann\0right", { step: 1 }), nobody);
  await say("LOGIN", null);
  book.leave("0123456789abcdef");
  deepEqual(await say("LOGIN", "ann", { step: 1 }), nobody);
  await say("LOGIN", null);
  deepEqual(await say("LOGIN", "ann", { step: 1, session: "f".repeat(16) }), nobody, "of another session");
});

Deno.test("a table that cannot be read, and a verifier that cannot say, are no failure of the client's", async () => {
  const broken = world({ broken: ["users"] });
  for (let i = 0; i < 10; i++) deepEqual(await broken.plain("ann", "right"), { kind: "failed", username: "ann" });
  equal(broken.log.of("table").length, 10);
  const busy = world({ check: () => ({ result: "failed", problem: "nobody can check passwords now" }) });
  for (let i = 0; i < 10; i++) deepEqual(await busy.plain("ann", "right"), { kind: "failed", username: "ann" });
});

Deno.test("a stored password that is of no use is told of once, without it", async () => {
  const { plain, log, asked } = world();
  await plain("bob", "wrong", { address: "127.0.0.1" });
  for (let i = 0; i < 3; i++) await plain("eva", "right", { address: "127.0.0.1" });
  await plain("dan", "right", { address: "127.0.0.1" });
  deepEqual(log.of("password-unusable").map(({ fields }) => fields), [
    { user: "eva", table: "users", reason: "it is locked; make another with `smtpctl encrypt`" },
    { user: "dan", table: "users", reason: "its entry is not user:password" },
  ]);
  deepEqual(asked.slice(1).map((one) => "stored" in one && [one.stored, one.isDecoy]), [
    [bcryptText, true],
    [bcryptText, true],
    [bcryptText, true],
    [bcryptText, true],
  ]);
});

Deno.test("failures are answered late, each later than the last, and hold up nobody else", async () => {
  const { begun, clock, plain } = world();
  const ended: number[] = [];
  for (let i = 0; i < 2; i++) {
    const at = clock.monotonic();
    void begun("PLAIN", "\0ann\0wrong", { session: `${i}`.repeat(16) }).then(() => ended.push(clock.monotonic() - at));
    await clock.settle();
    equal(ended.length, i, "not answered at once");
    deepEqual(await plain("ann", "right", { address: "127.0.0.1" }), { kind: "accepted", username: "ann", data: null });
    await clock.advance(authDelayMinMs * 4);
  }
  ok((ended[0] ?? 0) >= authDelayMinMs && (ended[1] ?? 0) > (ended[0] ?? 0), ended.join());
});

Deno.test("after so many failures a source is told to come later, whatever its password; others are not", async () => {
  const { plain, clock, log } = world();
  const from = (address: string) => ({ address });
  const started = clock.monotonic();
  for (let i = 0; i < 3; i++) equal((await plain("ann", "wrong", from("203.0.113.5"))).kind, "refused");
  // What time gives back is used up.
  while ((await plain("ann", "wrong", from("203.0.113.5"))).kind === "refused") ok(clock.monotonic() < started + 3e5);
  deepEqual(await plain("ann", "right", from("203.0.113.5")), { kind: "limited", username: "ann" });
  equal((await plain("ann", "right", from("203.0.113.6"))).kind, "accepted");
  deepEqual(log.of("auth-limit").map(({ fields }) => fields), [{ source: "203.0.113.5" }]);
  await clock.advance(60_000);
  equal((await plain("ann", "right", from("203.0.113.5"))).kind, "accepted");
});

Deno.test("this machine and excepted networks are never shut out", async () => {
  const { plain } = world();
  for (const address of ["127.0.0.1", "[::1]", "198.51.100.7"]) {
    for (let i = 0; i < 10; i++) equal((await plain("ann", "wrong", { address })).kind, "refused");
  }
});

Deno.test("attempts at once are counted before any of them ends", async () => {
  const { begun, clock } = world({ check: () => ({ result: "wrong", problem: null }) });
  const results: AuthResult[] = [];
  for (let i = 0; i < 10; i++) {
    const session = i.toString(16).repeat(16);
    void begun("PLAIN", "\0ann\0wrong", { session }).then((one) => results.push(one));
  }
  await clock.settle();
  deepEqual(results.map(({ kind }) => kind), Array.from({ length: 7 }, () => "limited"));
});

Deno.test("another authzid is refused without a check, and counts", async () => {
  const { say, asked, plain } = world();
  for (let i = 0; i < 3; i++) {
    deepEqual(await say("PLAIN", "bob\0ann\0right"), { kind: "refused", username: "ann" });
  }
  equal(asked.length, 0);
  equal((await plain("ann", "wrong", { address: "192.0.2.7" })).kind === "accepted", false);
});

/** A client of SCRAM-SHA-256 that knows `password`. */
async function scram(say: ReturnType<typeof world>["say"], user: string, password: string): Promise<AuthResult> {
  const bare = `n=${user},r=abc`;
  const challenge = await say("SCRAM-SHA-256", `n,,${bare}`);
  if (challenge.kind !== "challenge") return challenge;
  const [, nonce = "", salt = "", iterations = ""] = /^r=(.*),s=(.*),i=(.*)$/.exec(challenge.text) ?? [];
  const salted = await hostPasswords.pbkdf2(Buffer.from(password), Buffer.from(salt, "base64"), Number(iterations));
  const { hmacSha256, sha256 } = hostDigests;
  const clientKey = hmacSha256(salted, Buffer.from("Client Key"));
  const unproved = `c=biws,r=${nonce}`;
  const signed = Buffer.from(`${bare},${challenge.text},${unproved}`);
  const signature = hmacSha256(sha256(clientKey), signed);
  const proof = Buffer.from(clientKey.map((octet, i) => octet ^ signature[i]!)).toString("base64");
  const result = await say("SCRAM-SHA-256", `${unproved},p=${proof}`, { step: 1 });
  if (result.kind === "accepted") {
    const serverKey = hmacSha256(salted, Buffer.from("Server Key"));
    equal(result.data, `v=${Buffer.from(hmacSha256(serverKey, signed)).toString("base64")}`);
  }
  return result;
}

Deno.test("SCRAM works with a verifier and with a password in clear text", async () => {
  const { say } = world();
  equal((await scram(say, "cat", "pencil")).kind, "accepted");
  equal((await scram(say, "ann", "right")).kind, "accepted");
  deepEqual(await scram(say, "ann", "wrong"), { kind: "refused", username: "ann" });
});

Deno.test("SCRAM: who is unknown or has another hash looks like anybody, and always the same", async () => {
  const { say, log } = world();
  for (const user of ["eve", "bob", "dan", "eva"]) {
    const first = await say("SCRAM-SHA-256", `n,,n=${user},r=abc`, { address: "127.0.0.1" });
    const again = await say("SCRAM-SHA-256", `n,,n=${user},r=abc`, { address: "127.0.0.1" });
    const saltOf = (one: AuthResult) => one.kind === "challenge" && /,s=.*,i=4096$/.exec(one.text)?.[0];
    ok(saltOf(first));
    equal(saltOf(first), saltOf(again));
    equal((await scram(say, user, "right")).kind, "refused");
  }
  const advice = "SCRAM needs a verifier: `smtpctl encrypt --method scram`";
  const told = log.of("password-unusable").map(({ fields: { user, reason } }) => `${user}: ${reason}`);
  deepEqual(told, [`bob: ${advice}`, "dan: its entry is not user:password", `eva: it is locked; ${advice}`]);
});

Deno.test("SCRAM: who is unknown has the iterations of those who are known, and takes a verifier where they do", async () => {
  const more = scramText.replace("$4096:", "$9999:");
  let value: string | null = null;
  const { say, salted } = world({
    tables: (all) => ({ table: (name) => ({ ...all.table(name), lookup: () => Promise.resolve(value) }) }),
  });
  const countOf = async (stored: string | null) => {
    value = stored;
    const said = await say("SCRAM-SHA-256", "n,,n=eve,r=abc", { address: "127.0.0.1" });
    return said.kind === "challenge" ? Number(/,i=(\d+)$/.exec(said.text)?.[1]) : said.kind;
  };
  deepEqual([await countOf(null), await countOf(more), await countOf(null)], [4096, 9999, 9999]);
  equal(salted.count, 0);
  deepEqual([await countOf("{PLAIN}right"), await countOf(null)], [9999, 9999]);
  equal(salted.count, 2);
});

Deno.test("a helper that checks passwords is asked, and not lower-cased out of its wits", async () => {
  const keys: string[] = [];
  const tables = (all: TableSource): Pick<TableSource, "table"> => ({
    table: (name) => ({
      ...all.table(name),
      check(service, key) {
        keys.push(`${service} ${key}`);
        return Promise.resolve(key === "ann:RiGht");
      },
    }),
  });
  const { plain, asked } = world({ kind: "proc", tables });
  equal((await plain("ann", "RiGht")).kind, "accepted");
  equal((await plain("ann", "right")).kind, "refused");
  equal((await plain("an:n", "right", { address: "127.0.0.1" })).kind, "refused");
  deepEqual(keys, ["auth ann:RiGht", "auth ann:right"]);
  equal(asked.length, 0);
});

Deno.test("a helper without service auth is looked up in, and one that fails is no answer", async () => {
  let kind: FaultKind = "unsupported";
  const tables = (all: TableSource): Pick<TableSource, "table"> => ({
    table: (name) => {
      const table = all.table(name);
      return {
        name,
        shape: "dynamic",
        check: () => Promise.reject(new Fault(kind, "Cannot check auth in table users")),
        lookup: (service, key) => table.lookup(service, key),
        fetch: (service) => table.fetch(service),
        update: () => table.update(),
        close() {},
      };
    },
  });
  const { plain } = world({ kind: "proc", tables });
  equal((await plain("ann", "right")).kind, "accepted");
  kind = "unavailable";
  equal((await plain("ann", "right")).kind, "failed");
});

Deno.test("no password is in the log, whoever fails and however", async () => {
  const password = fc.string({ minLength: 6, maxLength: 20, unit: fc.constantFrom("s", "3", "c", "r") });
  const user = fc.constantFrom("ann", "bob", "cat", "dan", "eve");
  await fc.assert(
    fc.asyncProperty(user, password, fc.constantFrom("right", "wrong", "failed"), async (name, secret, result) => {
      const { plain, log } = world({ check: () => ({ result, problem: result === "failed" ? "trouble" : null }) });
      const said = await plain(name, secret);
      return !JSON.stringify(log.events).includes(secret) && !JSON.stringify(said).includes(secret);
    }),
    { numRuns: 50 },
  );
});

Deno.test("a response that comes amid the check of another one ends the exchange, and changes nobody's name", async () => {
  const { begun } = world();
  const first = begun("PLAIN", "\0ann\0right");
  deepEqual(await begun("PLAIN", "\0bob\0wrong", { step: 1 }), { kind: "failed", username: "" });
  deepEqual(await first, { kind: "failed", username: "" });
});
