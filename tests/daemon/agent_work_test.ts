import { deepEqual, equal } from "node:assert/strict";
import { isShared, planAgent } from "../../lib/daemon/agent_work.ts";
import type { LocalExec } from "../../lib/policy/exec.ts";
import type { LocalAction, LocalMethod, Policy } from "../../lib/policy/policy.ts";
import { policyOf } from "./rig.ts";

const policy: Policy = {
  ...policyOf(),
  mda: { ...policyOf().mda, wrappers: { w: "filter | %{mda}", bad: "x %{nope}" } },
};
const owner = { user: "ann", home: "/home/ann", account: "ann", accountHome: "/home/ann" };

function action(method: LocalMethod, change: Partial<LocalAction> = {}): LocalAction {
  const place = { file: "x", line: 1, column: 1 };
  const base = { kind: "local", name: "box", wrapper: null, user: null, alias: null, virtual: null } as const;
  return { ...base, method, userbase: "<getpwnam>", ttlMs: null, place, ...change };
}

function targetOf(method: LocalMethod, change: Partial<LocalAction> = {}, exec: LocalExec | null = null, user = "ann") {
  const work = planAgent(policy, action(method, change), exec, { ...owner, user });
  return typeof work === "string" ? work : work.target;
}

Deno.test("planAgent() finds what each method needs", () => {
  const maildir = { kind: "maildir", path: null, junk: false } as const;
  deepEqual(targetOf(maildir), { kind: "maildir", directory: "/home/ann/Maildir" });
  deepEqual(targetOf({ kind: "mbox" }), { kind: "file", path: "/var/mail/ann", dotLock: true });
  deepEqual(targetOf({ kind: "mda", command: "x %{rcpt}" }), { kind: "command", template: "x %{rcpt}" });
  equal(targetOf({ kind: "mda", command: "x %{nope}" }), 'the command: unknown token "nope"');
  equal(targetOf({ kind: "forward-only" }), "forward-only delivers nothing");
  for (const user of ["../x", "a/b", ".x", ".."]) {
    equal(targetOf({ kind: "mbox" }, {}, null, user), "the user's name is no name of a file", user);
  }
});

Deno.test("planAgent() puts what an alias or .forward names in the place of the method", () => {
  const exec = (kind: LocalExec["kind"], text: string): LocalExec => ({ kind, text, from: "forward" });
  const method = { kind: "expand-only" } as const;
  deepEqual(targetOf(method, {}, exec("command", "x")), { kind: "command", template: "x" });
  // A user's own mistake is his to learn, and keeps nobody's mail waiting.
  deepEqual(targetOf(method, {}, exec("command", "%{nope}")), { kind: "command", template: "%{nope}" });
  deepEqual(targetOf(method, {}, exec("file", "/a//b/")), { kind: "file", path: "/a/b", dotLock: false });
  deepEqual(targetOf(method, {}, exec("maildir", "/a/b")), { kind: "maildir", directory: "/a/b" });
  for (const path of ["/a/../b", "/", "a", "/a/.", "/a\0b"]) {
    equal(targetOf(method, {}, exec("file", path)), "the path is not absolute and plain", path);
  }
});

Deno.test("planAgent() takes the wrapper along, and its work is shared by nobody", () => {
  const method = { kind: "maildir", path: null, junk: true } as const;
  const work = planAgent(policy, action(method, { wrapper: "w" }), null, owner);
  deepEqual(typeof work !== "string" && [work.wrapper, isShared(work)], ["filter | %{mda}", false]);
  const bare = planAgent(policy, action(method), null, owner);
  deepEqual(typeof bare !== "string" && [bare.wrapper, isShared(bare)], [null, true]);
  equal(targetOf(method, { wrapper: "gone" }), "there is no mda wrapper gone");
  equal(targetOf(method, { wrapper: "bad" }), 'the command: unknown token "nope"');
});

Deno.test("planAgent() finds the mail store, of the user where its destination says so, with a wrapper or without", () => {
  const lmtp = (destination: string) => ({ kind: "lmtp", destination, rcptTo: false }) as const;
  const to = (target: unknown) => ({ kind: "lmtp", to: target, rcptTo: false });
  deepEqual(targetOf(lmtp("store.test:24")), to({ kind: "host", name: "store.test", port: 24 }));
  deepEqual(targetOf(lmtp("/run/%{user.username}/lmtp")), to({ kind: "unix", path: "/run/ann/lmtp" }));
  equal(targetOf(lmtp("%{user.username}:x")), "`ann:x` is no destination of lmtp");
  equal(targetOf(lmtp("/run/%{rcpt.user}")), "the destination of lmtp depends on more than the user");
  const wrapped = planAgent(policy, action(lmtp("127.0.0.1:24"), { wrapper: "w" }), null, owner);
  deepEqual(typeof wrapped !== "string" && [wrapped.target, wrapped.wrapper], [
    to({ kind: "inet", ip: "127.0.0.1", port: 24 }),
    "filter | %{mda}",
  ]);
});
