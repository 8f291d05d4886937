import { deepEqual, equal, rejects } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  formatMboxDate,
  FromQuoter,
  mboxLockStaleMs,
  mboxLockWaitMs,
  type MboxRequest,
  openMbox,
} from "../../lib/delivery/mbox.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeDisk } from "../sim/disk.ts";

const path = "/var/mail/ann";
const prefix = "Return-Path: <carl@b.test>\r\nDelivered-To: ann@a.test\r\n";
const request: MboxRequest = { path, dotLock: false, from: "carl@b.test", prefix, owner: null };
const bytes = (text: string) => new TextEncoder().encode(text);

function world() {
  const [clock, disk] = [new FakeClock(), new FakeDisk()];
  disk.plantDir("/var/mail");
  return { clock, disk };
}

async function append(at: ReturnType<typeof world>, text: string, change: Partial<MboxRequest> = {}): Promise<void> {
  const sink = await openMbox(at, { ...request, ...change });
  await sink.write(bytes(text));
  await sink.commit();
}

const firstLine = (at: ReturnType<typeof world>, from = "carl@b.test") => `From ${from} ${formatMboxDate(at.clock)}\n`;

Deno.test("openMbox() appends messages with a From line before and an empty line behind, durably", async () => {
  const at = world();
  await append(at, "Subject: x\r\n\r\nHello\r\nFrom here\r\n from there\r\n");
  await append(at, "Subject: y\r\n\r\nno end", { from: "" });
  at.disk.crash();
  const fields = "Return-Path: <carl@b.test>\nDelivered-To: ann@a.test\n";
  // The crash forgot the name, which nobody synced; the content is what counts here.
  const again = world();
  await append(again, "Subject: x\r\n\r\nHello\r\nFrom here\r\n from there\r\n");
  await append(again, "Subject: y\r\n\r\nno end", { from: "" });
  equal(
    again.disk.textOf(path),
    `${firstLine(again)}${fields}Subject: x\n\nHello\n>From here\n from there\n\n` +
      `${firstLine(again, "MAILER-DAEMON")}${fields}Subject: y\n\nno end\n\n`,
  );
  equal(again.disk.count("sync"), 2);
});

Deno.test("openMbox() makes one word of a sender that has blanks or line ends", async () => {
  const at = world();
  await append(at, "\r\n", { from: "a b\nFrom c@d.test" });
  equal(at.disk.textOf(path)?.split("\n")[0], firstLine(at, "a_b_From_c@d.test").trimEnd());
});

Deno.test("openMbox() leaves nothing of a message that is not written whole", async () => {
  for (const op of ["write", "sync"] as const) {
    const at = world();
    at.disk.plant(path, "From old\n\nkept\n\n");
    const sink = await openMbox(at, request);
    at.disk.faults = (one) => (one.op === op ? "noSpace" : null);
    await sink.write(bytes("x".repeat(300_000))).catch(() => {});
    await rejects(sink.commit(), { kind: "noSpace" });
    equal(at.disk.textOf(path), "From old\n\nkept\n\n", op);
    at.disk.faults = () => null;
    await append(at, "next\r\n");
  }
});

Deno.test("openMbox() takes out what a full disk took of a message", async () => {
  const at = world();
  at.disk.plant(path, "From old\n\nkept\n\n");
  at.disk.capacity = 300_000;
  const sink = await openMbox(at, request);
  await sink.write(bytes("x".repeat(290_000)));
  await sink.write(bytes("x".repeat(290_000))).catch(() => {});
  await rejects(sink.commit(), { kind: "noSpace" });
  equal(at.disk.textOf(path), "From old\n\nkept\n\n");
});

Deno.test("openMbox() forgets a message that is abandoned, and lets the next one in", async () => {
  const at = world();
  const sink = await openMbox(at, { ...request, dotLock: true });
  await sink.write(bytes("x".repeat(300_000)));
  await sink.abandon();
  equal(at.disk.textOf(path), "");
  deepEqual(at.disk.namesIn("/var/mail"), ["ann"]);
  await append(at, "next\r\n");
});

Deno.test("openMbox() begins on a line of its own behind what a crash cut short", async () => {
  const at = world();
  at.disk.plant(path, "From old\n\ncut sho");
  await append(at, "x\r\n", { prefix: "" });
  equal(at.disk.textOf(path), `From old\n\ncut sho\n\n${firstLine(at)}x\n\n`);
});

Deno.test("openMbox() waits for whoever has the file, and not for ever", async () => {
  const at = world();
  const first = await openMbox(at, request);
  const second = openMbox(at, request);
  let isOpen = false;
  second.then(() => isOpen = true, () => {});
  await at.clock.advance(5_000);
  equal(isOpen, false);
  await first.commit();
  await at.clock.advance(1_000);
  equal(isOpen, true);
  const third = openMbox(at, request);
  const refused = rejects(third, { kind: "unavailable" });
  await at.clock.advance(mboxLockWaitMs + 1_000);
  await refused;
  await (await second).commit();
});

Deno.test("openMbox() makes a lock file beside a spool, waits for another's, and breaks one that is old", async () => {
  const at = world();
  const sink = await openMbox(at, { ...request, dotLock: true });
  deepEqual(at.disk.namesIn("/var/mail"), ["ann", "ann.lock"]);
  await sink.commit();
  deepEqual(at.disk.namesIn("/var/mail"), ["ann"]);
  // The fake's files are as old as the epoch.
  at.disk.plant(`${path}.lock`, "");
  equal(at.clock.now() > mboxLockStaleMs, true);
  const opened = openMbox(at, { ...request, dotLock: true });
  await at.clock.advance(1_000);
  await (await opened).commit();
  deepEqual(at.disk.namesIn("/var/mail"), ["ann"]);
});

Deno.test("openMbox() does without a lock file where the directory is not ours to write", async () => {
  const at = world();
  at.disk.faults = ({ op, path: on }) => (op === "open" && on.endsWith(".lock") ? "denied" : null);
  await append(at, "x\r\n", { dotLock: true });
  deepEqual(at.disk.namesIn("/var/mail"), ["ann"]);
  equal(at.disk.count("remove"), 0);
});

Deno.test("FromQuoter quotes each From line, however the text is cut", () => {
  const word = fc.constantFrom("F", "From", "From ", "rom ", "\n", " ", "x", ">");
  fc.assert(fc.property(fc.array(word, { maxLength: 20 }), (pieces) => {
    const quoter = new FromQuoter();
    const got = pieces.map((piece) => quoter.push(piece)).join("") + quoter.finish();
    equal(got, pieces.join("").replace(/^From /gm, ">From "));
  }));
});

Deno.test("formatMboxDate() is local time as asctime(3) has it", () => {
  const clock = { now: () => Date.UTC(2026, 2, 3, 8, 4, 5), zone: () => ({ offsetMinutes: 60, name: "CET" }) };
  equal(formatMboxDate(clock), "Tue Mar  3 09:04:05 2026");
});

Deno.test("openMbox() appends to no mailbox of somebody else", async () => {
  const at = world();
  at.disk.plant(path, "From old\n\nkept\n\n");
  at.disk.owner = 1001;
  await rejects(append(at, "x\r\n", { owner: 1002, dotLock: true }), { kind: "denied" });
  equal(at.disk.textOf(path), "From old\n\nkept\n\n");
  equal(at.disk.textOf(`${path}.lock`), null, "the lock is given back");
  await append(at, "x\r\n", { owner: 1001, dotLock: true });
});
