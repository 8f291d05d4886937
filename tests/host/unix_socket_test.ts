import { equal, rejects } from "node:assert/strict";
import { join } from "@std/path";
import { openSocket } from "../../lib/host/unix_socket.ts";
import { hostDialer } from "../../lib/host/net.ts";

const open = { mode: 0o600, user: null, group: null };

Deno.test("openSocket() gives a socket its permissions, and its owner by name", async () => {
  const path = join(await Deno.makeTempDir(), "s");
  const held = await openSocket({ kind: "unix", path }, { mode: 0o620, user: null, group: null });
  equal((await Deno.stat(path)).mode! & 0o777, 0o620);
  (await hostDialer.dial({ kind: "unix", path }, { timeoutMs: 5000 })).destroy();
  held.release();
  if (Deno.uid() !== 0) return;
  const other = join(await Deno.makeTempDir(), "s");
  const owned = await openSocket({ kind: "unix", path: other }, { mode: 0o660, user: "daemon", group: "daemon" });
  const { uid, gid } = await Deno.stat(other);
  equal(`${uid} ${gid}`, "1 1");
  owned.release();
});

Deno.test("openSocket() takes the place of a socket that nobody answers on, and of nothing else", async () => {
  const folder = await Deno.makeTempDir();
  const at = { kind: "unix", path: join(folder, "s") } as const;
  const first = await openSocket(at, open);
  await rejects(openSocket(at, open), /another program answers there/);
  first.release();
  // Its name is still there.
  (await openSocket(at, open)).release();
  const file = join(folder, "file");
  await Deno.writeTextFile(file, "mail");
  await rejects(openSocket({ kind: "unix", path: file }, open), /something stands there that is no socket/);
  equal(await Deno.readTextFile(file), "mail");
});

Deno.test("openSocket() refuses owners that do not exist", async () => {
  const path = join(await Deno.makeTempDir(), "s");
  await rejects(openSocket({ kind: "unix", path }, { ...open, user: "no-such-user" }), /no such name/);
  await rejects(openSocket({ kind: "unix", path }, { ...open, group: "no-such-group" }), /no such name/);
  await rejects(Deno.stat(path), Deno.errors.NotFound);
});
