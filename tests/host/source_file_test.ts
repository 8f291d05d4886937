import assert from "node:assert/strict";
import { Fault, type FaultKind } from "../../lib/fault.ts";
import { openSource, ownerOf, removeOnSignal, setOwner } from "../../lib/host/source_file.ts";
import { inFolder } from "../support/folder.ts";

const isFault = (kind: FaultKind) => (error: unknown) => error instanceof Fault && error.kind === kind;

Deno.test("openSource() reads to the end and knows the owner", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/f`, "hello", { mode: 0o640 });
    const source = await openSource(`${folder}/f`);
    const into = new Uint8Array(3);
    assert.equal(await source.read(into), 3);
    assert.equal(await source.read(into), 2);
    assert.equal(await source.read(into), null);
    assert.deepEqual(source.owner, { uid: Deno.uid(), gid: Deno.gid(), mode: 0o640 });
    assert.equal(source.size, 5);
    source.close();
  }));

Deno.test("openSource() respects a lock and shares with other readers", () =>
  inFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeTextFile(path, "hello");
    const one = await openSource(path);
    const other = await openSource(path);
    one.close();
    other.close();
    const editor = await Deno.open(path, { read: true, write: true });
    assert.equal(editor.tryLockSync(true), true);
    await assert.rejects(openSource(path), (error) =>
      isFault("unavailable")(error) && String(error).includes("is locked"));
    editor.close();
    (await openSource(path)).close();
  }));

Deno.test("openSource() faults on what is not there and on a directory", () =>
  inFolder(async (folder) => {
    await assert.rejects(openSource(`${folder}/none`), isFault("notFound"));
    await assert.rejects(openSource(folder), isFault("io"));
  }));

Deno.test("setOwner() sets permissions, and the owner as far as it may", () =>
  inFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeTextFile(path, "", { mode: 0o600 });
    await setOwner(path, { uid: Deno.uid() ?? 0, gid: Deno.gid() ?? 0, mode: 0o644 });
    assert.deepEqual(await ownerOf(path), { uid: Deno.uid(), gid: Deno.gid(), mode: 0o644 });
    await setOwner(path, { uid: 12345, gid: 12346, mode: 0o604 });
    const isRoot = Deno.uid() === 0;
    assert.deepEqual(await ownerOf(path), {
      uid: isRoot ? 12345 : Deno.uid(),
      gid: isRoot ? 12346 : Deno.gid(),
      mode: 0o604,
    });
  }));

Deno.test("ownerOf() is null for nothing", () =>
  inFolder(async (folder) => {
    assert.equal(await ownerOf(`${folder}/none`), null);
  }));

Deno.test("removeOnSignal() removes the file when a signal ends the process", () =>
  inFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeTextFile(path, "");
    const module = new URL("../../lib/host/source_file.ts", import.meta.url).href;
    const script = `${folder}/script.ts`;
    await Deno.writeTextFile(
      script,
      `import { removeOnSignal } from ${JSON.stringify(module)};
removeOnSignal(${JSON.stringify(path)});
Deno.kill(Deno.pid, "SIGTERM");
setInterval(() => {}, 1000);
`,
    );
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--no-config",
        "--no-lock",
        "--allow-read",
        `--allow-write=${folder}`,
        "--allow-run",
        script,
      ],
      stderr: "null",
    }).output();
    assert.equal(code, 143);
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  }));

Deno.test("removeOnSignal() can be ended", () => {
  removeOnSignal("/nowhere")();
});
