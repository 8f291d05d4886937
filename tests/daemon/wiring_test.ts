import { deepEqual } from "node:assert/strict";
import type { StandingRole } from "../../lib/daemon/privilege.ts";
import { isJoined, isLinked, links, type Place } from "../../lib/daemon/wiring.ts";

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

const member = (role: StandingRole, version: number, isRetired = false): Place => ({ role, version, isRetired });

const pairs: readonly (readonly [name: string, a: Place, b: Place, joined: boolean])[] = [
  ["a session's smtp-in and its lookup", member("smtp-in", 1, true), member("lookup", 1, true), true],
  ["a session's smtp-in and the next lookup", member("smtp-in", 1), member("lookup", 2), false],
  ["a new smtp-in and the former lookup", member("smtp-in", 2), member("lookup", 1), false],
  ["queue and a former smtp-in", member("queue", 1), member("smtp-in", 1, true), true],
  ["queue and a former lookup", member("queue", 1), member("lookup", 1, true), true],
  ["queue and a former delivery", member("queue", 1), member("delivery", 1, true), false],
  ["queue and a new delivery", member("queue", 1), member("delivery", 2), true],
  ["a delivery that stays and the next lookup", member("delivery", 1), member("lookup", 2), true],
  ["a new delivery and the former lookup", member("delivery", 2), member("lookup", 1), false],
  ["a delivery that stays and a former lookup", member("delivery", 1), member("lookup", 1, true), false],
  ["smtp-in and delivery", member("smtp-in", 1), member("delivery", 1), false],
];
for (const [name, a, b, joined] of pairs) {
  Deno.test(`isJoined() ${joined ? "joins" : "does not join"} ${name}`, () => {
    deepEqual([isJoined(a, b), isJoined(b, a)], [joined, joined]);
  });
}
