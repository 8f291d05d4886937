import assert from "node:assert/strict";
import { Fault, type FaultKind } from "../../lib/fault.ts";
import { diskFault, hostDisk } from "../../lib/host/disk.ts";
import { inFolder } from "../support/folder.ts";

const text = new TextEncoder();

/** Deno itself makes links only with rights to every file. */
async function makeLink(target: string, path: string): Promise<void> {
  const { success } = await new Deno.Command("ln", { args: ["-s", target, path] }).output();
  assert.ok(success);
}

function isFault(kind: FaultKind): (error: unknown) => boolean {
  return (error) => error instanceof Fault && error.kind === kind && error.blame === "world";
}

Deno.test("open() with createNew writes, syncs and reads back", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a`;
    const file = await hostDisk.open(path, { write: true, createNew: true, mode: 0o600 });
    await file.write(text.encode("hello "));
    await file.write(text.encode("world"));
    await file.sync();
    file.close();
    await hostDisk.syncDir(folder);
    assert.equal(new TextDecoder().decode(await hostDisk.readFile(path)), "hello world");
    const stat = await hostDisk.stat(path);
    assert.equal(stat?.kind, "file");
    assert.equal(stat?.size, 11);
    assert.equal(stat?.mode, 0o600);
    assert.equal(stat?.links, 1);
    assert.equal(stat?.uid, Deno.uid());
    assert.equal(stat?.gid, Deno.gid());
    assert.ok((stat?.inode ?? 0) > 0);
  }));

Deno.test("open() with createNew faults with exists when the name is taken", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a`, "");
    await assert.rejects(hostDisk.open(`${folder}/a`, { write: true, createNew: true }), isFault("exists"));
  }));

Deno.test("readAt() reads anywhere and stops at the end", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a`;
    await Deno.writeTextFile(path, "0123456789");
    const file = await hostDisk.open(path, { read: true });
    const into = new Uint8Array(4);
    assert.equal(file.readAt(6, into), 4);
    assert.equal(new TextDecoder().decode(into), "6789");
    assert.equal(file.readAt(8, into), 2);
    assert.equal(file.readAt(0, into), 4);
    assert.equal(new TextDecoder().decode(into), "0123");
    assert.equal(file.readAt(10, into), 0);
    assert.equal(file.readAt(1e9, into), 0);
    assert.equal((await file.stat()).size, 10);
    file.close();
    file.close();
  }));

Deno.test("readAt() leaves the position of a file that is also written", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a`;
    const file = await hostDisk.open(path, { read: true, write: true, createNew: true });
    await file.write(text.encode("abc"));
    const into = new Uint8Array(1);
    assert.equal(file.readAt(0, into), 1);
    await file.write(text.encode("def"));
    file.close();
    assert.equal(await Deno.readTextFile(path), "abcdef");
  }));

Deno.test("a closed file faults with closed", () =>
  inFolder(async (folder) => {
    const file = await hostDisk.open(`${folder}/a`, { write: true, create: true });
    file.close();
    await assert.rejects(file.write(text.encode("x")), isFault("closed"));
    assert.throws(() => file.readAt(0, new Uint8Array(1)), isFault("closed"));
  }));

Deno.test("stat() is null for nothing and does not follow a symlink", () =>
  inFolder(async (folder) => {
    assert.equal(await hostDisk.stat(`${folder}/none`), null);
    await Deno.writeTextFile(`${folder}/a`, "");
    assert.equal(await hostDisk.stat(`${folder}/a/below`), null);
    await makeLink(`${folder}/none`, `${folder}/link`);
    assert.equal((await hostDisk.stat(`${folder}/link`))?.kind, "symlink");
    assert.equal((await hostDisk.stat(folder))?.kind, "directory");
  }));

Deno.test("missing names fault with notFound", () =>
  inFolder(async (folder) => {
    const none = `${folder}/none`;
    await assert.rejects(hostDisk.open(none, { read: true }), isFault("notFound"));
    await assert.rejects(hostDisk.readFile(none), isFault("notFound"));
    await assert.rejects(hostDisk.rename(none, `${folder}/b`), isFault("notFound"));
    await assert.rejects(hostDisk.remove(none), isFault("notFound"));
    await assert.rejects(hostDisk.syncDir(none), isFault("notFound"));
    await assert.rejects(hostDisk.makeDir(`${none}/b`, { parents: false, mode: 0o700 }), isFault("notFound"));
  }));

Deno.test("makeDir() makes parents with the mode and lets a directory be", () =>
  inFolder(async (folder) => {
    await hostDisk.makeDir(`${folder}/a/b`, { parents: true, mode: 0o700 });
    await hostDisk.makeDir(`${folder}/a/b`, { parents: true, mode: 0o755 });
    assert.equal((await hostDisk.stat(`${folder}/a`))?.mode, 0o700);
    assert.equal((await hostDisk.stat(`${folder}/a/b`))?.mode, 0o700);
    await assert.rejects(hostDisk.makeDir(`${folder}/a/b`, { parents: false, mode: 0o700 }), isFault("exists"));
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["a"]);
  }));

Deno.test("rename() replaces and remove() removes", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/new`, "new");
    await Deno.writeTextFile(`${folder}/old`, "old");
    const before = await hostDisk.stat(`${folder}/old`);
    await hostDisk.rename(`${folder}/new`, `${folder}/old`);
    assert.equal(await Deno.readTextFile(`${folder}/old`), "new");
    assert.notEqual((await hostDisk.stat(`${folder}/old`))?.inode, before?.inode);
    await hostDisk.remove(`${folder}/old`);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));

Deno.test({
  name: "open() of a file the process has no permission for faults with denied",
  permissions: { read: false, write: false },
  fn: async () => {
    await assert.rejects(hostDisk.open("/etc/passwd", { read: true }), isFault("denied"));
    await assert.rejects(hostDisk.stat("/etc/passwd"), isFault("denied"));
  },
});

Deno.test("diskFault() names each kind", () => {
  const withCode = (code: string) => Object.assign(new Error("text"), { code });
  const table: readonly (readonly [unknown, FaultKind])[] = [
    [withCode("ENOENT"), "notFound"],
    [withCode("ENOTDIR"), "notFound"],
    [withCode("EEXIST"), "exists"],
    [withCode("EACCES"), "denied"],
    [withCode("EPERM"), "denied"],
    [withCode("EROFS"), "denied"],
    [withCode("ENOSPC"), "noSpace"],
    [withCode("EDQUOT"), "noSpace"],
    [withCode("EIO"), "io"],
    [withCode("EISDIR"), "io"],
    [new Deno.errors.NotFound("x"), "notFound"],
    [new Deno.errors.AlreadyExists("x"), "exists"],
    [new Deno.errors.PermissionDenied("x"), "denied"],
    [new Deno.errors.NotCapable("x"), "denied"],
    [new Deno.errors.BadResource("x"), "closed"],
    [new TypeError("bad"), "io"],
    ["thrown text", "io"],
  ];
  for (const [error, kind] of table) assert.equal(diskFault("open", "/p", error).kind, kind);
  assert.equal(diskFault("open", "/p", withCode("EIO")).message, "Cannot open /p: the disk failed (EIO)");
  const fault = new Fault("timeout", "kept");
  assert.equal(diskFault("open", "/p", fault), fault);
});
