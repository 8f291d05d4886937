import { makeFileFor } from "../../lib/host/make_file.ts";
import { ownUid } from "../../lib/host/state.ts";

Deno.test("makeFileFor() makes a file for its owner alone, and leaves what has the name", async () => {
  const dir = await Deno.makeTempDir();
  const owner = { uid: ownUid() ?? 0, gid: Deno.gid() ?? 0 };
  makeFileFor(`${dir}/ann`, owner);
  const { mode, uid, size } = await Deno.stat(`${dir}/ann`);
  if ((mode ?? 0) % 0o1000 !== 0o600 || uid !== owner.uid || size !== 0) throw new Error("not as it was to be");
  await Deno.writeTextFile(`${dir}/ann`, "mail");
  makeFileFor(`${dir}/ann`, owner);
  if (await Deno.readTextFile(`${dir}/ann`) !== "mail") throw new Error("it was made anew");
  await Deno.remove(dir, { recursive: true });
});
