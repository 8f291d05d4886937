import { deepEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { folderOf, hostPart, type MaildirRequest, MaildirWriter, storeFailure } from "../../lib/delivery/maildir.ts";
import { Fault, type FaultKind } from "../../lib/fault.ts";
import type { Random } from "../../lib/port.ts";
import { FakeClock } from "../sim/clock.ts";
import { FakeDisk } from "../sim/disk.ts";
import { SeededRandom } from "../sim/random.ts";

const box = "/home/ann/Maildir";
const request: MaildirRequest = { maildir: box, subAddress: "", junk: false, prefix: "Return-Path: <>\r\n" };
const bytes = (text: string) => new TextEncoder().encode(text);

function world(random: Random = new SeededRandom(7)) {
  const disk = new FakeDisk();
  disk.plantDir("/home/ann");
  const clock = new FakeClock(1_780_000_000_123);
  const make = (rng = random) => new MaildirWriter({ disk, clock, random: rng, hostname: "mx.test" });
  return { disk, clock, make, writer: make() };
}

async function deliver(writer: MaildirWriter, text: string, changes: Partial<MaildirRequest> = {}): Promise<void> {
  const sink = await writer.open({ ...request, ...changes });
  await sink.write(bytes(text));
  await sink.commit();
}

/** The texts of all messages in a folder's `new`. */
function messages(disk: FakeDisk, folder = box): (string | null)[] {
  return (disk.namesIn(folder + "/new") ?? []).map((name) => disk.textOf(`${folder}/new/${name}`));
}

Deno.test("commit() puts one message with LF line ends into new", async () => {
  const { disk, writer } = world();
  await deliver(writer, "Subject: x\r\n\r\nhello\r\n");
  deepEqual(messages(disk), ["Return-Path: <>\nSubject: x\n\nhello\n"]);
  deepEqual(disk.namesIn(box), ["cur", "new", "tmp"]);
  deepEqual(disk.namesIn(box + "/tmp"), []);
  match(disk.namesIn(box + "/new")?.[0] ?? "", /^1780000000\.[0-9a-f]{8}\.mx\.test$/);
});

Deno.test("open() makes files 0600 and directories 0700", async () => {
  const { disk, writer } = world();
  await deliver(writer, "x\r\n", { maildir: "/home/ann/mail/box" });
  for (const path of ["/home/ann/mail", "/home/ann/mail/box", "/home/ann/mail/box/tmp", "/home/ann/mail/box/new"]) {
    equal((await disk.stat(path))?.mode, 0o700, path);
  }
  const name = disk.namesIn("/home/ann/mail/box/new")?.[0];
  equal((await disk.stat(`/home/ann/mail/box/new/${name}`))?.mode, 0o600);
});

Deno.test("write() changes CRLF to LF wherever the content is cut, and nothing else", async () => {
  const piece = fc.constantFrom("\r", "\n", "\r\n", "a", "é", "\r\r\n");
  const content = fc.array(piece, { maxLength: 30 }).map((parts) => bytes(parts.join("")));
  await fc.assert(
    fc.asyncProperty(content, fc.array(fc.nat(40), { maxLength: 8 }), async (whole, cuts) => {
      const { disk, writer } = world();
      const sink = await writer.open({ ...request, prefix: "" });
      let start = 0;
      for (const cut of cuts.sort((a, b) => a - b).filter((cut) => cut < whole.length)) {
        await sink.write(whole.subarray(start, cut));
        start = cut;
      }
      await sink.write(whole.subarray(start));
      await sink.commit();
      return messages(disk)[0] === new TextDecoder().decode(whole).replaceAll("\r\n", "\n");
    }),
    { numRuns: 300 },
  );
});

Deno.test("write() keeps every octet, in pieces that go to the file one by one", async () => {
  const { disk, writer } = world();
  const sink = await writer.open({ ...request, prefix: "X: é\r\n" });
  const octets = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256);
  const plain = octets.map((octet) => octet === 13 ? 0 : octet);
  const piece = plain.slice();
  const first = sink.write(piece);
  piece.fill(0); // The caller may reuse it.
  await first;
  void sink.write(plain);
  await sink.commit();
  equal(disk.count("write"), 2);
  const name = disk.namesIn(box + "/new")?.[0];
  const stored = await disk.readFile(`${box}/new/${name}`);
  const head = bytes("X: é\n");
  deepEqual(stored.subarray(0, head.length), head);
  deepEqual(stored.subarray(head.length, head.length + plain.length), plain);
  deepEqual(stored.subarray(head.length + plain.length), plain);
});

Deno.test("a small message costs one open, write, fsync and rename", async () => {
  const { disk, writer } = world();
  await deliver(writer, "first\r\n");
  disk.log.length = 0;
  const sink = await writer.open(request);
  for (let n = 0; n < 10; n++) await sink.write(bytes("line\r\n"));
  await sink.commit();
  deepEqual(disk.log.map((one) => one.op), ["open", "write", "sync", "rename", "syncDir"]);
});

Deno.test("deliveries into one directory share its fsync", async () => {
  const { disk, writer } = world();
  await deliver(writer, "first\r\n");
  disk.log.length = 0;
  await Promise.all(Array.from({ length: 20 }, (_, n) => deliver(writer, `${n}\r\n`)));
  equal(messages(disk).length, 21);
  ok(disk.count("syncDir") <= 4, `${disk.count("syncDir")} fsyncs of directories`);
});

Deno.test("first deliveries at the same time make the Maildir once", async () => {
  const { disk, writer } = world();
  await Promise.all(Array.from({ length: 5 }, (_, n) => deliver(writer, `${n}\r\n`)));
  equal(messages(disk).length, 5);
  equal(disk.count("makeDir", "/Maildir/new"), 1);
});

Deno.test("a name that is taken is never overwritten", async () => {
  const numbers = [1, 1, 1, 2, 2, 3];
  const random = { u32: () => numbers.shift() ?? 9, bytes: () => new Uint8Array(0) };
  const { disk, writer } = world(random);
  disk.plant(`${box}/tmp/1780000000.00000002.mx.test`, "somebody else's");
  for (const text of ["a\r\n", "b\r\n", "c\r\n"]) await deliver(writer, text, { prefix: "" });
  deepEqual(messages(disk).sort(), ["a\n", "b\n", "c\n"]);
  equal(disk.textOf(`${box}/tmp/1780000000.00000002.mx.test`), "somebody else's");
});

Deno.test("mail that is marked as spam goes to the folder Junk, whatever the sub-address, if that is wanted", async () => {
  const { disk, writer } = world();
  disk.plantDir(box + "/.news");
  await deliver(writer, "X-Spam: Yes\r\n\r\n", { subAddress: "news" });
  await deliver(writer, "X-Spam: Yes\r\n\r\n", { subAddress: "news", junk: true });
  await deliver(writer, "Subject: x\r\n\r\nX-Spam: Yes\r\n", { junk: true });
  equal(messages(disk, box + "/.news").length, 1);
  equal(messages(disk, box + "/.Junk").length, 1);
  equal(messages(disk).length, 1);
  disk.crash();
  equal(messages(disk, box + "/.Junk").length, 1);
});

Deno.test("the folder of a sub-address is used only if it exists", async () => {
  const { disk, writer } = world();
  await deliver(writer, "1\r\n", { subAddress: "news" });
  equal(messages(disk).length, 1);
  disk.plantDir(box + "/.news");
  await deliver(writer, "2\r\n", { subAddress: "news" });
  await deliver(writer, "3\r\n", { subAddress: "news" });
  await deliver(writer, "4\r\n", { subAddress: "new" });
  equal(messages(disk, box + "/.news").length, 2);
  equal(messages(disk).length, 2);
  equal(disk.namesIn(box + "/.new"), null);
});

Deno.test("a sub-address cannot leave the Maildir", async () => {
  const { disk, writer } = world();
  for (const subAddress of [".", "..", "/../..", "./x", "x/../../y"]) await deliver(writer, "x\r\n", { subAddress });
  equal(messages(disk).length, 5);
  deepEqual(disk.namesIn("/home/ann"), ["Maildir"]);
});

Deno.test("folderOf() makes sub-addresses safe", () => {
  for (
    const [subAddress, want] of [
      ["", null],
      ["news", ".news"],
      ["a.b", ".a.b"],
      ["a/b", ".a:b"],
      ["a^b$c`d|e", ".a:b:c:d:e"],
      ["a\u0000b\nc", ".a:b:c"],
      [".", null],
      [".x", null],
      ["é".repeat(127), "." + "é".repeat(127)],
      ["é".repeat(128), null],
    ] as const
  ) equal(folderOf(subAddress), want, subAddress);
});

Deno.test("hostPart() keeps a host name from being a path or a flag", () => {
  for (
    const [name, want] of [
      ["mx.test", "mx.test"],
      ["a/b:c", "a\\057b\\072c"],
      ["a b\né", "a_b__"],
      ["", "localhost"],
      ["x".repeat(300), "x".repeat(200)],
    ] as const
  ) equal(hostPart(name), want);
});

Deno.test("abandon() leaves nothing, before and after the file was begun", async () => {
  const { disk, writer } = world();
  const small = await writer.open(request);
  await small.write(bytes("x\r\n"));
  await small.abandon();
  equal(disk.count("open"), 0);
  const large = await writer.open(request);
  await large.write(new Uint8Array(300_000));
  equal(disk.namesIn(box + "/tmp")?.length, 1);
  await large.abandon();
  await large.abandon();
  await large.write(bytes("late"));
  deepEqual([disk.namesIn(box + "/tmp"), disk.namesIn(box + "/new")], [[], []]);
});

Deno.test("abandon() after commit() changes nothing", async () => {
  const { disk, writer } = world();
  const sink = await writer.open(request);
  const committed = sink.commit();
  await sink.abandon();
  await committed;
  equal(messages(disk).length, 1);
});

Deno.test("a Maildir that was removed under way is made again", async () => {
  const { disk, writer } = world();
  await deliver(writer, "1\r\n");
  for (const path of [...(disk.namesIn(box + "/new") ?? []).map((name) => "new/" + name), "new", "tmp", "cur"]) {
    await disk.remove(`${box}/${path}`);
  }
  await deliver(writer, "2\r\n", { prefix: "" });
  deepEqual(messages(disk), ["2\n"]);
  // Without its `new` alone, the message in hand fails and the next one mends it.
  await disk.remove(`${box}/new/${disk.namesIn(box + "/new")?.[0]}`);
  await disk.remove(box + "/new");
  await rejects(deliver(writer, "3\r\n"), { kind: "notFound" });
  deepEqual(disk.namesIn(box + "/tmp"), []);
  await deliver(writer, "4\r\n", { prefix: "" });
  deepEqual(messages(disk), ["4\n"]);
});

Deno.test("a fault of any step rejects commit() and leaves neither message nor leftovers", async () => {
  for (
    const [op, kind] of [
      ["open", "noSpace"],
      ["open", "denied"],
      ["write", "noSpace"],
      ["write", "io"],
      ["sync", "io"],
      ["rename", "io"],
      ["syncDir", "io"],
    ] as const
  ) {
    const { disk, writer } = world();
    await deliver(writer, "first\r\n", { prefix: "" });
    let left = 1;
    disk.faults = (one) => one.op === op && left-- > 0 ? kind : null;
    await rejects(deliver(writer, "second\r\n"), { kind }, `${op} ${kind}`);
    deepEqual(messages(disk), ["first\n"], `${op} ${kind}`);
    deepEqual(disk.namesIn(box + "/tmp"), [], `${op} ${kind}`);
    await deliver(writer, "third\r\n", { prefix: "" });
    equal(messages(disk).length, 2, `${op} ${kind}`);
  }
});

Deno.test("a failed piece is reported by commit() too", async () => {
  const { disk, writer } = world();
  const sink = await writer.open(request);
  disk.capacity = 1000;
  await rejects(sink.write(new Uint8Array(300_000)), { kind: "noSpace" });
  await rejects(sink.write(bytes("x")), { kind: "noSpace" });
  await rejects(sink.commit(), { kind: "noSpace" });
  deepEqual([disk.namesIn(box + "/tmp"), disk.namesIn(box + "/new")], [[], []]);
});

Deno.test("making the Maildir can fail, and is tried again", async () => {
  const { disk, writer } = world();
  disk.faults = (one) => one.op === "makeDir" ? "denied" : null;
  await rejects(deliver(writer, "1\r\n"), { kind: "denied" });
  disk.faults = () => null;
  await deliver(writer, "2\r\n", { prefix: "" });
  deepEqual(messages(disk), ["2\n"]);
});

Deno.test("directories above that may not be looked at are taken as given", async () => {
  const { disk, writer } = world();
  disk.faults = ({ op, path }) => op !== "makeDir" && !path.startsWith(box) ? "denied" : null;
  await deliver(writer, "1\r\n", { prefix: "" });
  deepEqual(messages(disk), ["1\n"]);
});

Deno.test("what commit() promised survives a crash, at any depth of new directories", async () => {
  for (const maildir of [box, "/home/ann/a/b/c", "/x/y"]) {
    const { disk, writer } = world();
    await deliver(writer, "kept\r\n", { maildir, prefix: "" });
    disk.crash();
    deepEqual(messages(disk, maildir), ["kept\n"], maildir);
    deepEqual(disk.namesIn(maildir + "/tmp"), [], maildir);
    deepEqual(disk.namesIn(maildir + "/cur"), [], maildir);
  }
});

Deno.test("a crash before commit() leaves new as it was", async () => {
  const { disk, writer } = world();
  await deliver(writer, "first\r\n", { prefix: "" });
  const sink = await writer.open(request);
  await sink.write(new Uint8Array(300_000));
  disk.crash();
  deepEqual(messages(disk), ["first\n"]);
  await rejects(sink.commit());
  deepEqual(messages(disk), ["first\n"]);
});

Deno.test("a crash at any moment keeps all that was promised, and nothing in part", async () => {
  const text = "0123456789\r\n".repeat(3);
  let outcomes = 0;
  for (let moment = 0; moment < 60; moment++) {
    const { disk, writer } = world();
    let left = moment;
    // After the crash there is nobody left who could do anything.
    disk.faults = () => {
      if (left-- === 0) disk.crash();
      return left < 0 ? "io" : null;
    };
    const results = await Promise.allSettled([deliver(writer, text), deliver(writer, text), deliver(writer, text)]);
    disk.faults = () => null;
    const promised = results.filter((one) => one.status === "fulfilled").length;
    outcomes |= 1 << promised;
    disk.crash();
    const found = messages(disk);
    ok(found.length >= promised, `moment ${moment}: ${found.length} of ${promised}`);
    for (const one of found) equal(one, "Return-Path: <>\n" + text.replaceAll("\r", ""), `moment ${moment}`);
  }
  equal(outcomes & 0b1001, 0b1001, "some crashes came before, some after all commits");
});

Deno.test("storeFailure() words faults for the delivery role and throws bugs on", () => {
  const causes: Readonly<Record<FaultKind, string>> = {
    noSpace: "noSpace",
    denied: "denied",
    malformed: "malformed",
    io: "io",
    notFound: "io",
    exists: "io",
    closed: "io",
    timeout: "io",
    refused: "io",
    reset: "io",
    unreachable: "io",
    unavailable: "io",
    unsupported: "io",
  };
  for (const [kind, cause] of Object.entries(causes)) {
    deepEqual(storeFailure(new Fault(kind as FaultKind, "Cannot do it")), { cause, text: "Cannot do it" });
  }
  throws(() => storeFailure(new TypeError("bug")), /bug/);
});
