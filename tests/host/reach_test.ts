import { equal } from "node:assert/strict";
import { barrierOf, type Ownership } from "../../lib/host/reach.ts";

Deno.test("barrierOf() goes by the class that an account is in, on each step of the way", () => {
  const own = (mode: number, uid = 0, gid = 0): Ownership => ({ uid, gid, mode });
  const open = { "/": own(0o755), "/d": own(0o755), "/d/f": own(0o644) };
  const cases: readonly (readonly [string, Readonly<Record<string, Ownership>>, string | null])[] = [
    ["everybody", open, null],
    ["a closed directory", { ...open, "/d": own(0o700) }, "/d"],
    ["one that can be entered only", { ...open, "/d": own(0o711) }, null],
    ["a closed file", { ...open, "/d/f": own(0o600) }, "/d/f"],
    ["the owner's file", { ...open, "/d/f": own(0o600, 5) }, null],
    ["the owner has less than others", { ...open, "/d/f": own(0o044, 5) }, "/d/f"],
    ["the group's file", { ...open, "/d/f": own(0o640, 0, 6) }, null],
    ["the group has less than others", { ...open, "/d/f": own(0o604, 0, 6) }, "/d/f"],
    ["what is not there", { "/": own(0o755) }, null],
  ];
  for (const [name, files, want] of cases) {
    equal(barrierOf("/d/f", { uid: 5, gid: 6 }, 4, (path) => files[path] ?? null), want, name);
  }
  equal(barrierOf("/d/f", { uid: 0, gid: 0 }, 4, () => own(0)), null, "root");
  equal(barrierOf("/d", { uid: 5, gid: 6 }, 1, (path) => path === "/d" ? own(0o754) : own(0o755)), "/d", "a directory");
});
