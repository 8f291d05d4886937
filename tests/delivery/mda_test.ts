import { plainHandling } from "../../lib/smtp/handling.ts";
import { deepEqual, equal, match, ok } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { deliveryFields, MdaLimits, mdaLimits, type MdaLimitValues, planMaildir } from "../../lib/delivery/mda.ts";
import { type Mailbox, parseMailbox } from "../../lib/mail/address.ts";
import type { LocalAction } from "../../lib/policy/policy.ts";
import type { Envelope } from "../../lib/spool/envelope.ts";
import { evpIdOf, msgIdOf } from "../../lib/spool/id.ts";

function mailbox(text: string): Mailbox {
  const parsed = parseMailbox(text, null);
  ok(parsed, text);
  return parsed;
}

const envelope: Envelope = {
  id: evpIdOf(msgIdOf(1), 2),
  message: msgIdOf(1),
  kind: "mda",
  action: "local",
  sender: mailbox("carl@beta.test"),
  rcpt: mailbox("Root+news@alpha.test"),
  dest: mailbox("ann@alpha.test"),
  local: { user: "ann", subAddress: "news", exec: null },
  origin: { address: "local", hostname: "x", helo: "x", smtpName: "x", tag: "", username: "", tls: false },
  dsn: { notify: [], ret: null, envId: null, originalRecipient: null },
  handling: plainHandling,
  createdAt: 0,
  expiresAt: 1,
  nextAt: 0,
  attempts: 0,
  lastTryAt: 0,
  lastWarnAt: 0,
  last: null,
  suspended: false,
};

const user = { name: "ann", uid: 1000, gid: 1000, home: "/home/ann" };
const delimiter = "+";

function action(path: string | null): LocalAction {
  return {
    kind: "local",
    name: "local",
    method: { kind: "maildir", path, junk: false },
    wrapper: null,
    user: null,
    alias: null,
    virtual: null,
    userbase: "<getpwnam>",
    ttlMs: null,
    place: { file: "x", line: 1, column: 1 },
  };
}

/** The path, or the refusal's text: `failed: …`, `delayed: …`. */
function pathOf(path: string | null, changes: Partial<Envelope> = {}, home = "/home/ann"): string {
  const plan = planMaildir({ ...envelope, ...changes }, action(path), { ...user, home }, delimiter);
  return plan.kind === "write" ? plan.request.maildir : `${plan.outcome.kind}: ${plan.outcome.text}`;
}

Deno.test("planMaildir() plans the folder, the path and the fields", () => {
  deepEqual(planMaildir(envelope, action(null), user, delimiter), {
    kind: "write",
    request: {
      maildir: "/home/ann/Maildir",
      subAddress: "news",
      junk: false,
      prefix: "Return-Path: <carl@beta.test>\r\nDelivered-To: Root+news@alpha.test\r\n",
    },
  });
});

Deno.test("planMaildir() normalises paths and refuses those that lead astray", () => {
  for (
    const [template, changes, want] of [
      ["/var//mail/%{user.username}/", {}, "/var/mail/ann"],
      ["/m/%{dest.domain}/%{dest.user}", {}, "/m/alpha.test/ann"],
      ["/m/%{rcpt.user:strip|lowercase}", {}, "/m/root"],
      ["Maildir", {}, /^delayed: .*not absolute/],
      ["%{dest.user}/Maildir", {}, /^delayed: .*not absolute/],
      ["", {}, /^delayed: .*not absolute/],
      ["/", {}, /^failed: .*root directory/],
      ["~/../bob", {}, /^delayed: .*not absolute and plain/],
      ["/m/./x", {}, /^delayed: .*not absolute and plain/],
      ["/m/%{rcpt.user}/x", { rcpt: mailbox('".."@a.test') }, /^failed: .*contains "\.\."/],
      ["/m/%{rcpt.user}", { rcpt: mailbox('"."@a.test') }, /^failed: .*contains "\."/],
      ["/m/.%{rcpt.user}", { rcpt: mailbox('"."@a.test') }, /^failed: .*contains "\.\."/],
      ["/m/%{rcpt.user:raw}", { rcpt: mailbox('"../../etc"@a.test') }, "/m/..:..:etc"],
      ["/m/%{rcpt.user}", { rcpt: mailbox("bob/x@a.test") }, "/m/bob:x"],
      ["/m/%{rcpt}", { rcpt: mailbox('"a b"@a.test') }, "/m/a b@a.test"],
      ["/m/%{rcpt.user:raw}", { rcpt: { ...envelope.rcpt, localPart: "a$b\t" } }, "/m/a$b:"],
      ["/m/%{sender.user}/x", { sender: null }, /^failed: .*a part of it is empty/],
      ["/m/%{sender.user}", { sender: null }, /^failed: .*a part of it is empty/],
      ["/m/%{sender.user}%{sender.domain}/", { sender: null }, /^failed: .*a part of it is empty/],
      ["/m/x%{sender.user}/y", { sender: null }, "/m/x/y"],
      ["%{sender.user}/m", { sender: null }, /^delayed: /],
      ["/m/%{nope}", {}, /^delayed: Maildir path of action "local": unknown token "nope"/],
      ["/m/%{dest.user[7]}", {}, /^failed: .*outside the value/],
    ] as const
  ) {
    const got = pathOf(template, changes);
    if (typeof want === "string") equal(got, want, template);
    else match(got, want, template);
  }
});

Deno.test("planMaildir() takes homes as they are", () => {
  equal(pathOf(null, {}, "/"), "/Maildir");
  equal(pathOf(null, {}, "/home/ann/"), "/home/ann/Maildir");
  match(pathOf(null, {}, ""), /^delayed: .*home ""$/);
  match(pathOf(null, {}, "home/ann"), /^delayed: .*not absolute/);
});

Deno.test("planMaildir() names a folder only for a sub-address that can be one", () => {
  for (
    const [subAddress, want] of [
      ["", ""],
      ["news", "news"],
      ["a.b", "a.b"],
      ["a/b^c$d", "a:b:c:d"],
      [".", ""],
      ["./x", ""],
      ["x".repeat(300), ""],
    ] as const
  ) {
    const plan = planMaildir(
      { ...envelope, local: { user: "ann", subAddress, exec: null } },
      action(null),
      user,
      delimiter,
    );
    equal(plan.kind === "write" ? plan.request.subAddress : null, want, subAddress);
  }
});

Deno.test("planMaildir() keeps any recipient inside the template's directory", () => {
  const local = fc.string({ unit: fc.constantFrom(..."ab./$ :~%{}+\\"), minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(local, local, (rcpt, sender) => {
      const at = (localPart: string) => ({ ...envelope.dest, localPart });
      const path = pathOf("/m/%{rcpt.user:raw}/%{sender.user:raw}/box", { rcpt: at(rcpt), sender: at(sender) });
      const segments = path.split("/");
      return path.startsWith("failed: ") || (path.startsWith("/m/") && segments.length === 5 && segments[4] === "box" &&
        !segments.includes("..") && !segments.includes("."));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("deliveryFields() gives the null path its brackets and quotes what needs quotes", () => {
  equal(
    deliveryFields({ sender: null, rcpt: mailbox('"a b"@a.test') }),
    'Return-Path: <>\r\nDelivered-To: "a b"@a.test\r\n',
  );
});

Deno.test("MdaLimits counts per user and over all", () => {
  const limits = new MdaLimits({ sessions: 3, perUser: 2 });
  deepEqual(["ann", "ann", "ann", "bob", "carl"].map((name) => limits.enter(name)), [true, true, false, true, false]);
  equal(limits.running, 3);
  limits.leave("ann");
  deepEqual(["carl", "ann"].map((name) => limits.enter(name)), [true, false]);
  equal(limits.users, 3);
});

Deno.test("MdaLimits starts with OpenSMTPD's numbers", () => {
  const limits = new MdaLimits();
  let perUser = 0;
  while (limits.enter("ann")) perUser++;
  equal(perUser, 7);
  let sessions = perUser;
  for (let n = 0; limits.enter(`user${n}`); n++) sessions++;
  equal(sessions, 50);
  deepEqual(mdaLimits, { sessions: 50, perUser: 7 } satisfies MdaLimitValues);
});

Deno.test("MdaLimits never goes past its limits or below nothing", () => {
  const step = fc.record({ user: fc.constantFrom("a", "b", "c"), enter: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const limits = new MdaLimits({ sessions: 4, perUser: 2 });
      const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
      for (const { user, enter } of steps) {
        const before = counts[user] ?? 0;
        if (!enter) {
          limits.leave(user);
          counts[user] = Math.max(0, before - 1);
        } else if (limits.enter(user)) counts[user] = before + 1;
        const all = Object.values(counts);
        const sum = all.reduce((a, b) => a + b);
        if (sum !== limits.running || sum > 4 || Math.max(...all) > 2) return false;
        if (limits.users !== all.filter((count) => count > 0).length) return false;
      }
      return true;
    }),
    { numRuns: 300 },
  );
});
