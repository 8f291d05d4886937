/** The daemon as a whole, under one seed at a time: what it promises (README, ARCHITECTURE) holds whatever dies when. */

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { offerWaitMs } from "../../lib/daemon/queue_offers.ts";
import { policyOf } from "../daemon/rig.ts";
import { House, standing } from "./house.ts";
import { copies, newHouse, send } from "./house_site.ts";
import type { FakePeer } from "./peer.ts";
import { SeededRandom } from "./random.ts";
import { Sender } from "./sender.ts";

const hour = 3_600_000;

Deno.test("a message from SMTP is in its Maildir", async () => {
  const { house, peers } = await newHouse(1);
  const sender = send(house, "m1", ["bob@example.org"], "x@c.test");
  await house.world.advance(100);
  deepEqual([sender.state, sender.codes], ["accepted", [220, 250, 250, 250, 354, 250, 221]]);
  deepEqual([...copies(house, peers)], [["m1 bob@example.org", 1]]);
  const [text] = house.mailboxes().get("bob") ?? [];
  match(text ?? "", /^Return-Path: <x@c\.test>\nDelivered-To: bob@example\.org\nReceived: from client\.test /);
  match(text ?? "", /\n\nHello\.\n$/);
  await house.checkAtRest();
});

Deno.test("a message goes to aliases, to users and to another server at once", async () => {
  const { house, peers } = await newHouse(2);
  const sender = send(house, "m1", ["root@example.org", "bob@example.org", "x@b.test", "y@b.test"]);
  await house.world.advance(100);
  equal(sender.state, "accepted");
  deepEqual([...copies(house, peers).keys()].toSorted(), [
    "m1 ann@example.org",
    "m1 bob@example.org",
    "m1 x@b.test",
    "m1 y@b.test",
  ]);
  equal(peers.length, 1, "both recipients of the server go in one transaction");
  await house.checkAtRest();
});

Deno.test("a user who does not exist is refused, and the others get the message", async () => {
  const { house, peers } = await newHouse(3);
  const sender = send(house, "m1", ["nobody@example.org", "bob@example.org"]);
  await house.world.advance(100);
  deepEqual([sender.state, sender.codes], ["accepted", [220, 250, 250, 550, 250, 354, 250, 221]]);
  deepEqual([...copies(house, peers)], [["m1 bob@example.org", 1]]);
});

Deno.test("a big message goes to a Maildir and to a server whole", async () => {
  const { house, peers } = await newHouse(4, { hello: () => "250-peer.test\n250 8BITMIME" });
  const line = "0123456789".repeat(7) + "\r\n";
  const content = "Subject: big\r\n\r\n" + line.repeat(10_000);
  const sender = new Sender(house.connect(), {
    from: "x@c.test",
    to: ["bob@example.org", "y@b.test"],
    content,
  });
  for (let n = 0; n < 20; n++) await house.world.advance(100);
  equal(sender.state, "accepted");
  const body = content.slice(content.indexOf("\r\n\r\n"));
  ok(house.mailboxes().get("bob")?.[0]?.endsWith(body.replaceAll("\r\n", "\n")));
  ok(peers[0]?.taken[0]?.content.endsWith(body));
  await house.checkAtRest();
});

Deno.test("what a server refuses for good comes back to the sender, once for all recipients", async () => {
  const { house, peers } = await newHouse(5);
  send(house, "m1", ["no1@b.test", "no2@b.test", "yes@b.test"]);
  await house.world.advance(5000);
  const [report, ...others] = house.mailboxes().get("ann") ?? [];
  equal(others.length, 0);
  match(report ?? "", /^Return-Path: <>\n/);
  match(report ?? "", /no1@b\.test/);
  match(report ?? "", /no2@b\.test/);
  match(report ?? "", /Subject: m1/);
  ok(!/yes@b\.test/.test(report ?? ""));
  equal(copies(house, peers).get("m1 yes@b.test"), 1);
  await house.checkAtRest();
});

Deno.test("a report that cannot be delivered ends there", async () => {
  const { house, peers } = await newHouse(6);
  send(house, "m1", ["no1@b.test"], "no2@b.test");
  await house.world.advance(hour);
  deepEqual([...copies(house, peers)], []);
  equal(house.log.filter(({ what }) => what === "double-bounce").length, 1);
  await house.checkAtRest();
});

Deno.test("a message waits for a server that is busy, and is there when the server is", async () => {
  let isBusy = true;
  const { house, peers } = await newHouse(7, {
    greeting: () => (isBusy ? "421 4.3.2 Later" : "220 peer.test ESMTP"),
  });
  send(house, "m1", ["x@b.test"]);
  await house.world.advance(hour);
  deepEqual([...copies(house, peers)], []);
  isBusy = false;
  await house.world.advance(2 * hour);
  deepEqual([...copies(house, peers)], [["m1 x@b.test", 1]]);
  await house.checkAtRest();
});

Deno.test("smtpctl schedule has a server tried again that is left alone because it failed", async () => {
  let isBusy = true;
  const { house, peers } = await newHouse(11, {
    greeting: () => (isBusy ? "421 4.3.2 Later" : "220 peer.test ESMTP"),
  });
  for (const token of ["m1", "m2", "m3", "m4"]) {
    send(house, token, ["x@b.test"]);
    await house.world.advance(20 * 60_000);
  }
  isBusy = false;
  deepEqual(await house.ask({ kind: "schedule", target: { kind: "all" } }), [{ kind: "done", count: 4 }]);
  await house.world.advance(1000);
  deepEqual([...copies(house, peers).keys()], ["m1 x@b.test", "m2 x@b.test", "m3 x@b.test", "m4 x@b.test"]);
  await house.checkAtRest();
});

Deno.test("what smtpctl pauses stays paused when queue dies, and goes on when it is resumed", async () => {
  const { house, peers } = await newHouse(12);
  const parts = ["mda", "mta", "smtp"] as const;
  equal(await accepted(house, send(house, "m1", ["bob@example.org", "x@b.test"])), true);
  for (const what of parts) deepEqual(await house.ask({ kind: "pause", what }), [{ kind: "done", count: 1 }]);
  for (const restartMs of [0, 100]) {
    house.kill("queue", restartMs);
    await house.world.advance(1000);
    deepEqual(await running(house), [false, false, false]);
    const refused = send(house, "m2", ["bob@example.org"]);
    await house.world.advance(1000);
    deepEqual(refused.codes, [421]);
  }
  for (const what of ["mta", "smtp"] as const) await house.ask({ kind: "resume", what });
  house.kill("queue", 0);
  await house.world.advance(1000);
  deepEqual(await running(house), [false, true, true]);
  equal(await accepted(house, send(house, "m3", ["bob@example.org", "y@b.test"])), true);
  deepEqual([...copies(house, peers).keys()], ["m1 bob@example.org", "m1 x@b.test", "m3 y@b.test"]);
  await house.ask({ kind: "resume", what: "mda" });
  await house.world.advance(1000);
  equal(copies(house, peers).get("m3 bob@example.org"), 1);
  await house.checkAtRest();
});

async function running(house: House): Promise<readonly boolean[]> {
  const answers = await house.ask({ kind: "showStatus" });
  return answers.flatMap((one) => one.kind === "item" && one.item.kind === "status" ? [one.item.running] : []);
}

Deno.test("a commit waits for what lookup says to queue, and fails when lookup dies before", async () => {
  const { house, peers } = await newHouse(10);
  house.holdOffers(true);
  const late = send(house, "m1", ["bob@example.org", "x@b.test"]);
  equal(await accepted(house, late), false);
  equal(late.state, "open");
  house.holdOffers(false);
  equal(await accepted(house, late), true);
  house.holdOffers(true);
  const lost = send(house, "m2", ["bob@example.org", "x@b.test"]);
  await house.world.advance(1000);
  house.kill("lookup", 0, Infinity);
  await house.world.advance(offerWaitMs);
  deepEqual([lost.state, lost.codes.at(-1)], ["refused", 451]);
  equal(await accepted(house, send(house, "m3", ["bob@example.org"])), true);
  deepEqual([...copies(house, peers).keys()], ["m1 bob@example.org", "m3 bob@example.org", "m1 x@b.test"]);
  await house.checkAtRest();
});

Deno.test("a full disk delays local mail, and loses none", async () => {
  const { house, peers } = await newHouse(8);
  house.disk.capacity = 10;
  equal(await accepted(house, send(house, "m1", ["bob@example.org"])), true);
  await house.world.advance(60_000);
  deepEqual([...copies(house, peers)], []);
  house.disk.capacity = Infinity;
  await house.world.advance(hour);
  deepEqual([...copies(house, peers)], [["m1 bob@example.org", 1]]);
  await house.checkAtRest();
});

async function accepted(house: House, sender: Sender): Promise<boolean> {
  await house.world.advance(1000);
  return sender.state === "accepted";
}

Deno.test("more users than agents may run at once all get their mail soon", async () => {
  const users = Array.from({ length: 45 }, (_, n) => `u${n}`);
  const table = users.map((user, n) => `${user} = ${2000 + n}:100:/home/${user}`).join(", ");
  const house = new House(
    policyOf(`
table users { ${table} }
listen on 192.0.2.10
action "box" maildir "/mail/%{user.username}" userbase <users>
match from any for domain "example.org" action "box"
`),
    9,
  );
  await house.start();
  send(house, "m1", users.map((user) => `${user}@example.org`));
  await house.world.advance(1000);
  equal(copies(house, []).size, 45);
  await house.checkAtRest();
});

/** A message that was submitted. Everybody in `to` is to get it; for `no…` the sender is to get a report. */
interface Posted {
  readonly token: string;
  readonly to: readonly string[];
  readonly sender: Sender;
}

/** A role to kill before a step. */
interface Blow {
  readonly victim: (typeof standing)[number] | "agent";
  readonly step: number;
  /** Wait before the role is back, ms. */
  readonly restartMs: number;
  /** Messages to each peer that die with it. */
  readonly lost: number;
}

interface Day {
  readonly house: House;
  readonly peers: readonly FakePeer[];
  readonly posted: readonly Posted[];
  /** Steps until everything had been submitted and tried once. */
  readonly steps: number;
  readonly story: string;
}

/** A body that is stored in two pieces, and read by delivery in as many. */
const longBody = ("x".repeat(70) + "\r\n").repeat(4000);

/** Submits a message for each of `mail`, deals the blows, and ends at rest. One call of the spool in `faultOnceIn` fails
 * while messages come in; 0 for none. Every third message is long. */
async function day(
  seed: number,
  mail: readonly (readonly string[])[],
  blows: readonly Blow[],
  faultOnceIn = 0,
): Promise<Day> {
  const { house, peers } = await newHouse(seed);
  const weather = new SeededRandom(seed);
  const isFault = () => faultOnceIn > 0 && weather.u32() % faultOnceIn === 0;
  house.storeFaults = (call) => call === "recover" || !isFault() ? null : weather.u32() % 2 === 0 ? "io" : "noSpace";
  const from = house.world.steps;
  for (const { victim, step, restartMs, lost } of blows) {
    const kill = () => victim === "agent" ? house.killAgent(lost) : house.kill(victim, restartMs, lost);
    house.world.before(from + step, kill);
  }
  const posted: Posted[] = [];
  for (const [n, to] of mail.entries()) {
    const sender = send(house, `m${n}`, to, undefined, n % 3 === 2 ? longBody : undefined);
    posted.push({ token: `m${n}`, to, sender });
    await house.world.advance(n % 3 === 0 ? 0 : 1);
  }
  await house.world.advance(2000);
  house.storeFaults = () => null;
  const steps = house.world.steps - from;
  // Long enough for two retries and a report after that.
  await house.world.advance(2 * hour);
  return { house, peers, posted, steps, story: `seed ${seed}: ${JSON.stringify(blows)}` };
}

/** Every message answered 250 is there for everybody who was taken and nobody who was not, at most `most` times, and
 * nothing is left over. Returns how many
 * copies there are too many. */
async function checkPromises({ house, peers, posted, story }: Day, most: number): Promise<number> {
  const found = copies(house, peers);
  const reports = (house.mailboxes().get("ann") ?? []).filter((text) => /^Return-Path: <>/.test(text));
  let surplus = 0;
  for (const { token, to, sender } of posted) {
    ok(sender.state !== "open", `${story}: ${token} has no answer`);
    for (const rcpt of to) {
      const count = rcpt.startsWith("no")
        ? reports.filter((text) => new RegExp(`^Subject: ${token}$`, "m").test(text)).length
        : found.get(`${token} ${rcpt}`) ?? 0;
      if (sender.state === "accepted" && sender.taken.includes(rcpt)) {
        ok(count > 0, `${story}: ${token} for ${rcpt} is lost`);
      } else if (sender.state === "accepted" && !rcpt.startsWith("no")) {
        equal(count, 0, `${story}: ${token} came to ${rcpt}, who was refused`);
      }
      ok(count <= most, `${story}: ${token} for ${rcpt} came ${count} times`);
      surplus += Math.max(0, count - 1);
    }
  }
  await house.checkAtRest();
  return surplus;
}

/** One of each kind. */
const mixed = [["bob@example.org", "x@b.test", "no1@b.test"]];

for (const victim of [...standing, "agent"] as const) {
  const most = victim === "smtp-in" || victim === "lookup" ? 1 : 2;
  const often = most === 1 ? "once" : "once or twice";
  Deno.test(`a message answered 250 arrives ${often} whenever ${victim} is killed`, async () => {
    const { steps } = await day(1, mixed, []);
    ok(steps > 100, `${steps} steps are too few to be a delivery`);
    let [surplus, accepted] = [0, 0];
    for (let step = 0; step < steps; step += 2) {
      const blow = { victim, step, restartMs: step % 4 === 0 ? 100 : 0, lost: Math.floor(step / 4) % 2 };
      const end = await day(1, mixed, [blow]);
      surplus += await checkPromises(end, most);
      if (end.posted[0]?.sender.state === "accepted") accepted++;
    }
    ok(accepted > 10, `${accepted} were accepted`);
    // The blow has hit where it hurts: a test that never sees a second copy has not tried hard enough.
    if (most > 1) ok(surplus > 0, "no copy was ever made twice");
  });
}

Deno.test("nothing is lost when roles are killed again and again and the disk fails (seeds)", async () => {
  const choices = [["bob@example.org"], ["x@b.test"], ["bob@example.org", "y@b.test"], ["no1@b.test"]];
  for (let seed = 1; seed <= 45; seed++) {
    const random = new SeededRandom(seed);
    const pick = <T>(all: readonly T[]): T => all[random.u32() % all.length]!;
    const mail = Array.from({ length: 6 }, () => pick(choices));
    const kills = 1 + seed % 5;
    const blows = Array.from({ length: kills }, (): Blow => ({
      victim: pick([...standing, "agent"] as const),
      step: random.u32() % 700,
      restartMs: pick([0, 100]),
      lost: random.u32() % 3,
    }));
    await checkPromises(await day(seed, mail, blows, [0, 20, 5][seed % 3]), 1 + kills);
  }
});
