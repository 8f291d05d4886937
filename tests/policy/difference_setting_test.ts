import { deepEqual, equal, ok } from "node:assert/strict";
import { defaultQueuePolicy, emptyPolicy } from "../../lib/policy/defaults.ts";
import { settingsOf } from "../../lib/policy/difference_setting.ts";
import { parseDomain } from "../../lib/mail/domain.ts";

const name = parseDomain("mx.example.org");
ok(name);
const empty = emptyPolicy(name);

Deno.test("settingsOf() names each setting once", () => {
  const names = settingsOf(empty).map((one) => one.name);
  equal(new Set(names).size, names.length);
});

Deno.test("settingsOf() has limits by their names in smtpd.conf, times with units", () => {
  const values = new Map(settingsOf(empty).map((one) => [one.name, one.value]));
  deepEqual(
    ["mta limit session-keepalive", "mta limit max-conn-per-host", "mda limit max-session-per-user", "queue ttl"]
      .map((one) => values.get(one)),
    ["10s", "10", "7", "4d"],
  );
});

Deno.test("settingsOf() tells keys apart without showing them", () => {
  const keyed = (key: string) =>
    settingsOf({
      ...empty,
      srs: { key, backupKey: null, ttlDays: 4 },
      queue: { ...defaultQueuePolicy, encryption: { kind: "key", key } },
    });
  const [a, b] = [keyed("SECRET-A"), keyed("SECRET-B")];
  const differing = a.filter((one, index) => one.content !== b[index]?.content);
  deepEqual(differing.map((one) => `${one.line}`), ["queue encryption yes", "srs key set"]);
  equal(a.some(({ line, value }) => `${line}${value}`.includes("SECRET")), false);
});
