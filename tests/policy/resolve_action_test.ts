import assert from "node:assert/strict";
import { defaultRelay } from "../../lib/policy/defaults.ts";
import { loadText, printAll } from "./config_fixture.ts";

function actionOf(line: string) {
  const result = loadText(`table t file:/t\n${line}\nmatch action a\n`);
  assert.equal(result.kind, "ok", result.kind === "errors" ? printAll(result.errors) : "");
  return result.kind === "ok" ? result.policy.actions["a"] : undefined;
}

const place = { file: "smtpd.conf", line: 2, column: 1 };
const local = {
  kind: "local",
  name: "a",
  method: { kind: "maildir", path: null, junk: false },
  wrapper: null,
  user: null,
  alias: null,
  virtual: null,
  userbase: "<getpwnam>",
  ttlMs: null,
  place,
};

Deno.test("resolveAction() fills in what the line leaves out", () => {
  assert.deepEqual(actionOf("action a maildir"), local);
  assert.deepEqual(actionOf("action a relay"), { ...defaultRelay, name: "a", place });
});

Deno.test("resolveAction() takes every option", () => {
  assert.deepEqual(actionOf('action a maildir "~/M" alias <t> userbase <t> user u ttl 1h'), {
    ...local,
    method: { kind: "maildir", path: "~/M", junk: false },
    alias: "t",
    userbase: "t",
    user: "u",
    ttlMs: 3_600_000,
  });
  assert.deepEqual(actionOf("action a maildir virtual <t>"), { ...local, virtual: "t" });
  assert.deepEqual(actionOf("action a relay host <t> ttl 1s"), {
    ...defaultRelay,
    name: "a",
    host: "t",
    ttlMs: 1000,
    place,
  });
});

Deno.test("resolveAction() takes an absolute path, a home and a format for a maildir", () => {
  for (const path of ["/m", "~/m", "%{user.directory}/m"]) {
    const action = actionOf(`action a maildir "${path}"`);
    assert.equal(action?.kind === "local" && action.method.kind === "maildir" && action.method.path, path);
  }
});
