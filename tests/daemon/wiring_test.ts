import { deepEqual } from "node:assert/strict";
import type { StandingRole } from "../../lib/daemon/privilege.ts";
import { isLinked, links } from "../../lib/daemon/wiring.ts";

const roles: readonly StandingRole[] = ["smtp-in", "lookup", "queue", "delivery"];

Deno.test("isLinked() joins exactly the pairs of the diagram, in either order", () => {
  const joined = roles.flatMap((a) => roles.filter((b) => isLinked(a, b)).map((b) => `${a} ${b}`)).sort();
  deepEqual(joined, links.flatMap(([a, b]) => [`${a} ${b}`, `${b} ${a}`]).sort());
});

Deno.test("who talks to strangers outside and who talks to strangers inside have no connection", () => {
  deepEqual([isLinked("smtp-in", "delivery"), isLinked("delivery", "smtp-in")], [false, false]);
});

Deno.test("no role is linked to itself: several smtp-in know nothing of each other", () => {
  deepEqual(roles.filter((role) => isLinked(role, role)), []);
});
