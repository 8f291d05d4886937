import { equal, rejects } from "node:assert/strict";
import { checkSender } from "../../lib/daemon/sender_check.ts";
import { Fault } from "../../lib/fault.ts";
import { tablesOf } from "../policy/tables.ts";
import { mailboxOf } from "../support/envelope.ts";
import { policyOf } from "./rig.ts";

const policy = policyOf(`
pki mx.test cert "/etc/mail/cert.pem"
pki mx.test key "/etc/mail/key.pem"
table who { ann = "ann@a.test, sales@a.test", bob = "@b.test", cat = "@", dan = "dan", ida = "@bücher.test" }
listen on 192.0.2.10 tls pki mx.test auth-optional { ann = x } senders <who>
listen on 192.0.2.12 tls pki mx.test auth-optional { ann = x } senders <who> header-from
listen on 192.0.2.11 tls pki mx.test auth-optional { ann = x }
action "box" maildir
match from any for any action "box"
`);
const listener = policy.listeners.findIndex((one) => one.kind === "inet" && one.senders !== null);

Deno.test("checkSender(): the entry of the user's name says what he may send as", async () => {
  for (
    const [username, sender, want] of [
      ["ann", "ann@a.test", "allowed"],
      ["Ann", "ANN@A.test", "allowed"],
      ["ann", "ann+tag@a.test", "allowed"],
      ["ann", "sales@a.test", "allowed"],
      ["ann", "bob@a.test", "refused"],
      ["ann", "ann@b.test", "refused"],
      ["ann", null, "refused"],
      ["bob", "anybody@b.test", "allowed"],
      ["bob", "anybody@sub.b.test", "refused"],
      ["cat", "anybody@else.test", "allowed"],
      ["cat", null, "allowed"],
      ["dan", "dan@any.test", "allowed"],
      ["eve", "eve@a.test", "refused"],
      ["ida", "x@xn--bcher-kva.test", "allowed"],
      ["ida", "x@xn--bcher-kv.test", "refused"],
    ] as const
  ) {
    const ask = { kind: "sender", username, sender: sender === null ? null : mailboxOf(sender) } as const;
    equal(await checkSender({ listener, ask }, policy, tablesOf(policy)), want, `${username} as ${sender}`);
  }
});

Deno.test("checkSender(): where authors are bound, the null sender is open to all; authors are not", async () => {
  for (const [username, sender, want] of [["ann", null, "allowed"], ["eve", null, "allowed"]] as const) {
    const ask = { kind: "sender", username, sender } as const;
    equal(await checkSender({ listener: listener + 1, ask }, policy, tablesOf(policy)), want);
  }
  const ask = { kind: "sender", username: "ann", sender: mailboxOf("bob@a.test") } as const;
  equal(await checkSender({ listener: listener + 1, ask }, policy, tablesOf(policy)), "refused");
});

Deno.test("checkSender(): no table, no sender; a table that cannot be read is no answer", async () => {
  const ask = { kind: "sender", username: "cat", sender: null } as const;
  for (const other of [listener + 2, 99]) {
    equal(await checkSender({ listener: other, ask }, policy, tablesOf(policy)), "refused");
  }
  await rejects(checkSender({ listener, ask }, policy, tablesOf(policy, { broken: ["who"] })), Fault);
});
