import { deepEqual, equal } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { parseFromRole, roleTextMax } from "../../lib/daemon/supervision_parse.ts";
import { authSourcesHandedMax } from "../../lib/trust/auth_limit.ts";
import type { FromRole } from "../../lib/daemon/supervision.ts";

const owner = {
  table: "users",
  user: "ann",
  account: null,
  uid: 1001,
  gid: 100,
  home: "/home/ann",
  accountHome: "/var/vmail",
};
const { table: _table, account: _account, ...account } = owner;
const request = { key: "k", action: "box", ...account, exec: null };
const exec = { kind: "command", text: "|x", from: "forward" } as const;
const forward = { request: 1, name: "ann", uid: 1001, gid: 100, home: "/home/ann" };

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
    { kind: "authLevels", levels: [] },
    { kind: "authLevels", levels: [["192.0.2.7", 2.5], ["2001:db8::/64", 1]] },
    { kind: "mayDeliver", ...owner },
    { kind: "mayDeliver", ...owner, uid: 0, gid: 0xfffffffe },
    { kind: "mayDeliver", ...owner, account: "vmail" },
    { kind: "needAgent", ...request },
    { kind: "needAgent", ...request, exec },
    { kind: "mayRun", action: "box", user: "ann", exec },
    { kind: "mayRun", action: "box", user: "ann", exec: { kind: "maildir", text: "/m", from: "table" } },
    { kind: "needForward", ...forward },
    { kind: "forwardRead", file: { kind: "absent" } },
    { kind: "forwardRead", file: { kind: "text", text: "bob\n" } },
    { kind: "forwardRead", file: { kind: "refused", problem: "tooLong", detail: "/home/ann" } },
  ];
  for (const message of messages) deepEqual(parseFromRole(message), message);
});

Deno.test("parseFromRole() leaves out what does not belong", () => {
  deepEqual(parseFromRole({ kind: "mayDeliver", ...owner, key: "root", more: {} }), { kind: "mayDeliver", ...owner });
});

Deno.test("parseFromRole() takes failed logins of addresses, and not too many", () => {
  const bad = [["192.0.2.7"], ["192.0.2.7", "1"], ["192.0.2.7", 0], ["192.0.2.7", -1], ["192.0.2.7", NaN], ["x\n", 1], [
    7,
    1,
  ]];
  for (const level of [...bad, ["1".repeat(40), 1], ["192.0.2.7", 1, 1], "ab", null]) {
    equal(parseFromRole({ kind: "authLevels", levels: [level] }), null, JSON.stringify(level));
  }
  const many = Array.from({ length: authSourcesHandedMax + 1 }, (_, i) => [`10.0.${i >> 8}.${i & 255}`, 1]);
  equal(parseFromRole({ kind: "authLevels", levels: many }), null);
  equal(parseFromRole({ kind: "authLevels", levels: many.slice(1) })?.kind, "authLevels");
  equal(parseFromRole({ kind: "authLevels", levels: {} }), null);
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

Deno.test("parseFromRole() refuses a file or command, and an answer about a .forward, that is none", () => {
  for (
    const bad of [null, {}, { ...exec, kind: "shell" }, { ...exec, from: "peer" }, { ...exec, text: "" }, {
      ...exec,
      text: "a\0b",
    }]
  ) {
    equal(parseFromRole({ kind: "mayRun", action: "box", user: "ann", exec: bad }), null, JSON.stringify(bad));
    if (bad !== null) equal(parseFromRole({ kind: "needAgent", ...request, exec: bad }), null, JSON.stringify(bad));
  }
  for (
    const file of [null, {}, { kind: "text" }, { kind: "text", text: "x".repeat(4096) }, {
      kind: "refused",
      problem: "toString",
      detail: "/x",
    }]
  ) equal(parseFromRole({ kind: "forwardRead", file }), null, JSON.stringify(file)?.slice(0, 60));
  equal(parseFromRole({ kind: "needForward", ...forward, uid: -1 }), null);
  equal(parseFromRole({ kind: "needForward", ...forward, home: 7 }), null);
});
