/** What tests with real accounts share. */

import { equal } from "node:assert/strict";
import { join } from "@std/path";
import { root, runProgram } from "../support/command.ts";
import type { Place } from "./daemon.ts";

/** The uid of an account; null when there is none. */
export async function uidOf(account: string): Promise<number | null> {
  const { code, stdout } = await runProgram("id", ["-u", account]).catch(() => ({ code: 1, stdout: "" }));
  return code === 0 ? Number(stdout) : null;
}

/** Deno, its cache and our sources where every account can read them: a checkout below /root is out of reach. */
export async function publicPlace(dir: string): Promise<Place> {
  const copy = async (from: string, to: string) => {
    const { code, stderr } = await runProgram("cp", ["-r", from, to]);
    equal(code, 0, stderr);
  };
  const info: { denoDir: string } = JSON.parse((await runProgram(Deno.execPath(), ["info", "--json"])).stdout);
  const checkout = join(dir, "checkout");
  await Deno.mkdir(checkout);
  await copy(Deno.execPath(), join(dir, "deno"));
  // What is compiled of this checkout is of no use to another.
  await Deno.mkdir(join(dir, "cache"));
  await copy(join(info.denoDir, "npm"), join(dir, "cache"));
  for (const name of ["deno.json", "deno.lock", "cli", "lib"]) await copy(join(root, name), checkout);
  await runProgram("chmod", ["-R", "a+rX", dir]);
  return { deno: join(dir, "deno"), checkout, env: { DENO_DIR: join(dir, "cache") } };
}

/** Fields of /proc/PID/status. */
export async function statusOf(pid: number): Promise<Map<string, string>> {
  const { stdout } = await runProgram("cat", [`/proc/${pid}/status`]);
  return new Map(stdout.split("\n").map((line) => [line.split(":")[0] ?? "", line.split(":")[1]?.trim() ?? ""]));
}
