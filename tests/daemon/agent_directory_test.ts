import { equal } from "node:assert/strict";
import { agentDirectory } from "../../lib/daemon/agent_directory.ts";
import type { LocalAction } from "../../lib/policy/policy.ts";

function action(path: string | null, user: string | null = null): LocalAction {
  return {
    kind: "local",
    name: "box",
    method: { kind: "maildir", path, junk: false },
    wrapper: null,
    user,
    alias: null,
    virtual: null,
    userbase: "<getpwnam>",
    ttlMs: null,
    place: { file: "t.conf", line: 1, column: 1 },
  };
}

const ann = { user: "ann", home: "/home/ann" };

Deno.test("agentDirectory() is as narrow as the path lets us know", () => {
  for (
    const [path, user, want] of [
      [null, null, "/home/ann/Maildir"],
      ["~/Maildir", null, "/home/ann/Maildir"],
      ["~/mail/%{dest.domain}/in", null, "/home/ann/mail"],
      ["/var/mail/%{user.username}", null, "/var/mail/ann"],
      ["/var/mail/%{user.username}/%{rcpt.user}", null, "/var/mail/ann"],
      ["/var/mail/%{rcpt.user}/%{user.username}", null, "/var/mail"],
      ["/var/mail/x%{rcpt.user}", null, "/var/mail"],
      ["%{user.directory}/Maildir", null, "/home/ann/Maildir"],
      // One account writes many mailboxes: their user is no part of the directory, and homes share their parent.
      [null, "vmail", "/home"],
      ["~/Maildir", "vmail", "/home"],
      ["%{user.directory}/Maildir", "vmail", "/home"],
      ["/var/vmail/%{dest.domain}/%{user.username}", "vmail", "/var/vmail"],
      ["/var/vmail/%{user.username}", "vmail", "/var/vmail"],
      ["/var/vmail/%{user.directory}", "vmail", "/var/vmail/home/ann"],
    ] as const
  ) equal(agentDirectory(action(path, user), ann), want, `${path} ${user}`);
});

Deno.test("agentDirectory() gives none rather than the root, a relative path or a way up", () => {
  for (
    const [path, owner] of [
      ["/%{rcpt.user}", ann],
      ["%{rcpt.user}/Maildir", ann],
      ["mail", ann],
      ["/var/mail/../%{user.username}", ann],
      ["/var/mail/%{user.username}", { user: "..", home: "/home/ann" }],
      ["/var/mail/%{user.username}/in", { user: "../../etc", home: "/home/ann" }],
      ["~/Maildir", { user: "ann", home: "/home/../root" }],
    ] as const
  ) equal(agentDirectory(action(path), owner), null, `${path} ${owner.user} ${owner.home}`);
});

Deno.test("agentDirectory() never gives the root to an account shared by many", () => {
  for (
    const [home, path, want] of [
      ["/ann", null, "/ann/Maildir"],
      ["/ann", "%{user.directory}", "/ann"],
      ["/", null, "/Maildir"],
      ["/", "%{user.directory}", null],
      ["/home/ann/", null, "/home"],
    ] as const
  ) equal(agentDirectory(action(path, "vmail"), { user: "ann", home }), want, `${path} ${home}`);
});
