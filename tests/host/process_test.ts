import { deepEqual, equal, throws } from "node:assert/strict";
import { spawnChild } from "../../lib/host/process.ts";

Deno.test("spawnChild() refuses a command that names Deno itself", () => {
  throws(() => spawnChild([Deno.execPath(), "run"], {}, []), /would hold every permission/);
  throws(() => spawnChild(["/bin/sh", "-c", `exec ${Deno.execPath()}`], {}, []), /would hold every permission/);
});

Deno.test("spawnChild() tells how a child ended, and that one which is gone gets no message", async () => {
  const child = spawnChild(["/bin/sh", "-c", "exit 7"], { PATH: "/bin" }, []);
  const status = await new Promise((resolve) => child.onExit(resolve));
  deepEqual(status, { code: 7, signal: null });
  const unsent = await new Promise((resolve) => child.send({ a: 1 }, undefined, () => resolve(true)));
  equal(unsent, true);
});

Deno.test("spawnChild() gives a child exactly the environment it is told", async () => {
  const file = await Deno.makeTempFile();
  const child = spawnChild(["/bin/sh", "-c", `env >${file}`], { ONLY: "this", PATH: "/usr/bin:/bin" }, []);
  await new Promise((resolve) => child.onExit(resolve));
  const names = (await Deno.readTextFile(file)).split("\n").map((line) => line.split("=")[0] ?? "");
  const own = ["", "PWD", "SHLVL", "_", "OLDPWD"];
  const given = names.filter((name) => !own.includes(name) && !name.startsWith("NODE_"));
  deepEqual(given.sort(), ["ONLY", "PATH"]);
  equal(names.includes("HOME"), false);
});
