import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { parseFromRole, roleTextMax } from "../../lib/daemon/supervision_parse.ts";
import type { FromRole } from "../../lib/daemon/supervision.ts";

const request = { key: "k", action: "box", user: "ann", uid: 1001, gid: 100, home: "/home/ann" };
const owner = { uid: 1001, gid: 100, home: "/home/ann" };

Deno.test("parseFromRole() takes each message of a role as it is", () => {
  const messages: readonly FromRole[] = [
    { kind: "received" },
    { kind: "ready", version: 1 },
    { kind: "notReady", reason: "Cannot read /etc/mail/aliases: ENOENT" },
    { kind: "inForce", version: 2 },
    { kind: "reload", request: 1, check: true },
    { kind: "serving" },
    { kind: "stopDaemon" },
    { kind: "distrust", name: "smtp-in#1" },
    { kind: "paused", paused: [] },
    { kind: "paused", paused: ["mda", "mta", "smtp"] },
    { kind: "mayDeliver", ...owner },
    { kind: "mayDeliver", ...owner, uid: 0, gid: 0xfffffffe },
    { kind: "needAgent", ...request },
  ];
  for (const message of messages) deepEqual(parseFromRole(message), message);
});

Deno.test("parseFromRole() leaves out what does not belong", () => {
  deepEqual(parseFromRole({ kind: "mayDeliver", ...owner, user: "root", more: {} }), { kind: "mayDeliver", ...owner });
});

Deno.test("parseFromRole() refuses whatever is no message", () => {
  for (const value of [undefined, null, 0, "ready", [], {}, { kind: null }, { kind: "init" }, { kind: ["ready"] }]) {
    equal(parseFromRole(value), null, JSON.stringify(value));
  }
  equal(parseFromRole({ kind: "distrust", name: 7 }), null);
  for (const paused of [undefined, "mda", ["all"], [["mda"]], ["mda", "mda"], ["mda", "mta", "smtp", "mda"], {}]) {
    equal(parseFromRole({ kind: "paused", paused }), null, JSON.stringify(paused));
  }
});

Deno.test("parseFromRole() refuses an account that is not two numbers and a path", () => {
  const bad = [undefined, null, "0", "1001", [0], {}, -1, -0.5, 0.5, NaN, Infinity, 0xffffffff, 2 ** 53, true];
  for (const id of bad) {
    for (const name of ["uid", "gid"]) {
      equal(parseFromRole({ kind: "mayDeliver", ...owner, [name]: id }), null, `${name} ${JSON.stringify(id)}`);
      equal(parseFromRole({ kind: "needAgent", ...request, [name]: id }), null, `${name} ${JSON.stringify(id)}`);
    }
  }
  for (const text of [undefined, null, 7, ["/home/ann"], "/a\0b", "x".repeat(roleTextMax + 1)]) {
    equal(parseFromRole({ kind: "mayDeliver", ...owner, home: text }), null);
    for (const name of ["key", "action", "user", "home"]) {
      equal(parseFromRole({ kind: "needAgent", ...request, [name]: text }), null, name);
    }
  }
});

Deno.test("parseFromRole() takes anything and never throws", () => {
  const kinds = fc.constantFrom("received", "ready", "serving", "stopDaemon", "mayDeliver", "needAgent", "paused");
  fc.assert(
    fc.property(fc.anything(), kinds, fc.object(), (value, kind, fields) => {
      parseFromRole(value);
      parseFromRole({ ...fields, kind });
    }),
    { numRuns: 300 },
  );
});
