import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import { printPolicy } from "../../lib/policy/print.ts";
import { fixtureNames, loadFixture, loadText, printAll } from "./config_fixture.ts";
import { configurations } from "./random_config.ts";

/** The policy without places, with tables and chains that have no name numbered in the order of their use. */
function comparable(policy: Policy): unknown {
  const numbers = new Map<string, string>();
  const rename = (text: string): string =>
    text.replace(/^<(dynamic|dynchain):.*>$/, (name, kind) => {
      if (!numbers.has(name)) numbers.set(name, `<${kind}#${numbers.size}>`);
      return numbers.get(name)!;
    });
  const strip = (value: unknown): unknown => {
    if (typeof value === "string") return rename(value);
    if (Array.isArray(value)) return value.map(strip);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).filter(([key]) => key !== "place").map(([key, one]) => [rename(key), strip(one)]),
    );
  };
  // Uses come before the tables and filters themselves, which are then sorted by their new names.
  const { tables, filters, ...rest } = policy;
  const stripped = strip(rest);
  const named = (all: unknown): unknown =>
    Object.fromEntries(Object.entries(strip(all) as object).sort(([a], [b]) => (a < b ? -1 : 1)));
  const others = { filters: named(filters) };
  return { ...stripped as object, ...others, tables: named(tables) };
}

/** `like` has the settings of databases, which stand in files of their own. */
function reload(text: string, like: Policy): Policy {
  const files = Object.values(like.tables).flatMap((spec) =>
    "settings" in spec
      ? [
        [
          spec.path,
          spec.settings.length === 0
            ? "SQLite format 3\0"
            : spec.settings.map(([keyword, value]) => `${keyword} ${value}\n`).join(""),
        ] as const,
      ]
      : []
  );
  const result = loadText(text, Object.fromEntries(files));
  if (result.kind === "errors") assert.fail(`${text}\n${printAll(result.errors)}`);
  return result.policy;
}

for (const name of fixtureNames("good")) {
  Deno.test(`printPolicy() of fixtures/conf/good/${name} loads as the same policy`, () => {
    const loaded = loadFixture("good", name);
    assert.ok(loaded.kind === "ok");
    const text = printPolicy(loaded.policy, "shown");
    const again = reload(text, loaded.policy);
    assert.deepEqual(comparable(again), comparable(loaded.policy), text);
    assert.equal(printPolicy(again, "shown"), text);
  });
}

Deno.test("printPolicy() of any policy loads as the same policy", () => {
  let loaded = 0;
  fc.assert(
    fc.property(configurations, (config) => {
      const first = loadText(config);
      if (first.kind === "errors") return;
      loaded++;
      const text = printPolicy(first.policy, "shown");
      const again = reload(text, first.policy);
      assert.deepEqual(comparable(again), comparable(first.policy), text);
      assert.equal(printPolicy(again, "shown"), text);
    }),
    { numRuns: 400 },
  );
  assert.ok(loaded > 300, `only ${loaded} of the configurations load`);
});

Deno.test("printPolicy() inlines macros, includes and anonymous tables, and leaves out what holds anyway", () => {
  const loaded = loadText(
    'where = "eth0"\ninclude "more.conf"\nlisten on $where port 25\nlisten on socket\n' +
      'action "out" relay host { "smtp://a.test", smtp://b.test } ttl 24h\nmatch from local for any action "out"\n' +
      "match from any for domain { $d, other.test } reject\nqueue ttl 96h\nsmtp limit max-mails 5\n",
    { "more.conf": "d = example.net\n" },
  );
  assert.ok(loaded.kind === "ok");
  assert.equal(
    printPolicy(loaded.policy, "hidden"),
    `smtp limit max-mails 5

listen on eth0
listen on socket

action "out" relay host { smtp://a.test, smtp://b.test } ttl 1d

match for any action "out"
match from any for domain { example.net, other.test } reject
`,
  );
});

const secrets = `queue encryption 0123456789abcdef0123456789abcdef
srs key "s3cret"
srs key backup "0ld"
table creds { lab = "user:p4ss" }
action "out" relay host smtp+tls://lab@a.test auth <creds> srs
match for any action "out"
`;

Deno.test("printPolicy() shows no key and no password when they are hidden, and what it gives then does not load", () => {
  const { policy } = loadText(secrets) as { policy: Policy };
  const text = printPolicy(policy, "hidden");
  for (const secret of ["0123456789abcdef", "s3cret", "0ld", "p4ss"]) assert.ok(!text.includes(secret), text);
  assert.match(text, /^queue encryption \*\*\*$/m);
  assert.match(text, /^table creds \{ lab = \*\*\* \}$/m);
  const again = loadText(text);
  assert.ok(again.kind === "errors");
  assert.deepEqual(again.errors.slice(0, 4).map(({ line }) => line), [1, 3, 5, 6]);
  assert.ok(printPolicy(policy, "shown").includes("s3cret"));
});

Deno.test("printPolicy() breaks long lists", () => {
  const names = Array.from({ length: 20 }, (_, at) => `domain-${at}.test`);
  const loaded = loadText(`table d { ${names.join(" ")} }\nmatch from any for domain <d> reject\n`);
  assert.ok(loaded.kind === "ok");
  const text = printPolicy(loaded.policy, "shown");
  assert.ok(text.split("\n").every((line) => line.length <= 100));
  assert.match(text, /^table d \{\n\tdomain-0\.test,\n/);
});
