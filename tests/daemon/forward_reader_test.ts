/** On the machine's own disk: this is about owners and modes. Everything belongs to who runs the test. Links, which
 * take more rights to make, are in tests/e2e/exec_test.ts. */

import { deepEqual, equal } from "node:assert/strict";
import { join } from "@std/path";
import { readForward } from "../../lib/daemon/forward_reader.ts";
import { hostDisk } from "../../lib/host/disk.ts";
import type { ForwardFile } from "../../lib/policy/forward.ts";

async function inHome(check: (home: string, read: (uid?: number) => Promise<ForwardFile>) => Promise<void>) {
  const home = await Deno.makeTempDir();
  try {
    const { uid } = await Deno.stat(home);
    await check(home, (other) => readForward(hostDisk, home, other ?? uid ?? -1));
  } finally {
    await Deno.chmod(home, 0o755);
    await Deno.remove(home, { recursive: true });
  }
}

async function put(home: string, text: string | Uint8Array, mode = 0o644): Promise<string> {
  const path = join(home, ".forward");
  if (typeof text === "string") await Deno.writeTextFile(path, text);
  else await Deno.writeFile(path, text);
  await Deno.chmod(path, mode);
  return path;
}

const problemOf = (file: ForwardFile) => file.kind === "refused" ? file.problem : file.kind;

Deno.test("readForward() gives the text, and nothing of an empty file", () =>
  inHome(async (home, read) => {
    deepEqual(await read(), { kind: "absent" });
    await put(home, "bob\nzoë@a.test\n");
    deepEqual(await read(), { kind: "text", text: "bob\nzoë@a.test\n" });
    await put(home, "");
    deepEqual(await read(), { kind: "absent" });
    await put(home, "x".repeat(4095));
    equal((await read()).kind, "text");
  }));

Deno.test("readForward() refuses a file, or a home, that somebody else could have written", () =>
  inHome(async (home, read) => {
    await put(home, "bob\n", 0o664);
    equal(problemOf(await read()), "writableByOthers");
    await put(home, "bob\n", 0o602);
    equal(problemOf(await read()), "writableByOthers");
    const path = await put(home, "bob\n", 0o600);
    const { uid } = await Deno.stat(path);
    equal(problemOf(await read((uid ?? 0) + 1)), "wrongOwner");
    await Deno.chmod(home, 0o775);
    equal(problemOf(await read()), "directoryWritable");
    await Deno.chmod(home, 0o1755);
    equal(problemOf(await read()), "homeSticky");
  }));

Deno.test("readForward() opens no directory, and takes no long or broken text", () =>
  inHome(async (home, read) => {
    await Deno.mkdir(join(home, ".forward"));
    equal(problemOf(await read()), "notRegular");
    await Deno.remove(join(home, ".forward"));
    await put(home, "x".repeat(4096));
    equal(problemOf(await read()), "tooLong");
    await put(home, new Uint8Array([0x62, 0xff, 0x0a]));
    equal(problemOf(await read()), "notText");
    await put(home, "a\0b");
    equal(problemOf(await read()), "notText");
  }));

Deno.test("readForward() says when there is no home", () =>
  inHome(async (home) => {
    deepEqual(await readForward(hostDisk, join(home, "none"), 0), { kind: "absent" });
  }));
