import { deepEqual, equal, ok } from "node:assert/strict";
import { hideSecrets } from "../../lib/policy/secret.ts";
import { policyOf } from "./tables.ts";

const text = `queue encryption 0123456789abcdef0123456789abcdef
srs key s3cret
srs key backup 0ld
table creds { lab = "user:p4ss" }
table aliases { root = "ann" }
action "in" maildir alias <aliases>
action "out" relay host { "smtps://lab@a.test" } auth <creds>
action "two" relay host { "smtps://lab@b.test" } auth { lab = "u:h1dden" }
match for local action "in"
match for any action "out"
`;

Deno.test("hideSecrets() leaves no key and no password of the configuration", () => {
  const hidden = hideSecrets(policyOf(text));
  const json = JSON.stringify(hidden);
  for (const secret of ["0123456789abcdef", "s3cret", "0ld", "p4ss", "h1dden"]) ok(!json.includes(secret), secret);
  deepEqual(hidden.srs, { key: "***", backupKey: "***", ttlDays: 4 });
  ok(json.includes('["root","ann"]'));
});

Deno.test("hideSecrets() takes passwords out of settings of databases and leaves the rest", () => {
  const settings = [
    ["host", "db.test"],
    ["password", "one"],
    ["bindpw", "two"],
    ["conninfo", "host=db.test password='th\\' ree' user=x"],
    ["conninfo", "user=u password=si\\ x host=h"],
    ["conninfo", "postgres://ann:four@db.test/mail?password=five&sslmode=require"],
    ["query_alias", "SELECT v FROM t WHERE k = ?"],
  ] as const;
  const policy = policyOf("match for local reject\n");
  const spec = { kind: "mysql", name: "db", path: "/db", settings } as const;
  const hidden = hideSecrets({ ...policy, tables: { db: spec } }).tables["db"];
  ok(hidden !== undefined && "settings" in hidden);
  deepEqual(hidden.settings.map(([, value]) => value), [
    "db.test",
    "***",
    "***",
    "host=db.test password=*** user=x",
    "user=u password=*** host=h",
    "postgres://ann:***@db.test/mail?password=***&sslmode=require",
    "SELECT v FROM t WHERE k = ?",
  ]);
});

Deno.test("hideSecrets() gives a policy without secrets as it is", () => {
  const policy = policyOf("match for local reject\n");
  equal(JSON.stringify(hideSecrets(policy)), JSON.stringify(policy));
});
