import assert from "node:assert/strict";
import { defaultListenerOptions, defaultSmtpLimits } from "../../lib/policy/defaults.ts";
import { hostNames, loadPolicy } from "../../lib/policy/resolve.ts";
import {
  answersBeside,
  expectedFiles,
  fixtureNames,
  fixtureUrl,
  loadText,
  machine,
  printAll,
} from "./config_fixture.ts";

const rule = 'action "out" relay\nmatch for any action "out"\n';

function policyOf(text: string) {
  const result = loadText(text);
  assert.equal(result.kind, "ok", result.kind === "errors" ? printAll(result.errors) : "");
  return result.kind === "ok" ? result.policy : assert.fail();
}

for (const folder of ["good", "bad"] as const) {
  for (const name of fixtureNames(folder)) {
    Deno.test(`loadPolicy() of fixtures/conf/${folder}/${name} gives what stands beside it`, () => {
      const files = expectedFiles(folder, name);
      assert.ok(files !== null, `it is not ${folder}`);
      for (const [file, text] of Object.entries(files)) {
        assert.equal(text, Deno.readTextFileSync(fixtureUrl(folder, file)), file);
      }
      assert.deepEqual(answersBeside(folder, name), Object.keys(files).sort());
    });
  }
}

Deno.test("fixtures/conf holds no answer without its question", () => {
  const names = (["good", "bad"] as const).flatMap((folder) =>
    [...Deno.readDirSync(fixtureUrl(folder, ""))].filter((entry) => entry.isFile).map((entry) =>
      `${folder}/${entry.name}`
    )
  );
  const lost = names.filter((name) => !names.includes(name.replace(/\.(policy\.json|warning|error)$/, ".conf")));
  assert.deepEqual(lost, []);
  assert.ok(fixtureNames("good").length >= 25);
  assert.ok(fixtureNames("bad").length >= 50);
});

Deno.test("loadPolicy() freezes the policy all the way down", () => {
  const policy = policyOf(`table t { a = b }\nlisten on lo\n${rule}match for domain { x } reject\n`);
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    assert.ok(Object.isFrozen(value), JSON.stringify(value));
    Object.values(value).forEach(visit);
  };
  visit(policy);
});

Deno.test("loadPolicy() gives a policy that survives JSON", () => {
  const policy = policyOf(`table t { a = b }\nlisten on lo port 26\n${rule}`);
  assert.deepEqual(JSON.parse(JSON.stringify(policy)), policy);
});

Deno.test("loadPolicy() uses the defaults of smtpd.conf(5)", () => {
  const { queue, smtp, listeners, rules } = policyOf(rule);
  assert.deepEqual(queue, {
    ttlMs: 345_600_000,
    directory: null,
    warnAfterMs: [14_400_000],
    compression: false,
    encryption: null,
  });
  assert.deepEqual(smtp, {
    // Ours.
    ...defaultSmtpLimits,
    maxMessageSize: 36_700_160,
    maxRecipients: 1000,
    maxMails: 100,
    subAddressDelimiter: "+",
    maxHops: 100,
    maxHoldMs: 604_800_000,
    maxHeaderSize: 262_144,
    maxHeaders: 1000,
    maxLineLength: 65_535,
    idleTimeoutMs: 300_000,
  });
  assert.deepEqual(listeners, [{ ...defaultListenerOptions(machine.serverName), kind: "socket", place: null }]);
  assert.deepEqual(rules[0]?.from, { kind: "local", negated: false });
});

Deno.test("loadPolicy() says why the main file cannot be read", () => {
  for (
    const [fault, words] of [
      ["notFound", "no such file"],
      ["denied", "permission denied"],
      ["malformed", "it is not UTF-8 text"],
      ["io", "it cannot be read"],
    ] as const
  ) {
    const result = loadPolicy({
      ...machine,
      path: "/etc/mail/smtpd.conf",
      readFile: () => ({ kind: "failed", fault }),
      macros: new Map(),
    });
    assert.equal(result.kind, "errors");
    assert.equal(
      result.kind === "errors" && printAll(result.errors),
      `/etc/mail/smtpd.conf:1:1: error: cannot read the configuration: ${words}\n`,
    );
  }
});

Deno.test("loadPolicy() gives warnings among the errors, in the order of places", () => {
  const result = loadText('action "out" relay\nmatch !from any for any action "out"\nqueue ttl x\n');
  assert.ok(result.kind === "errors");
  assert.deepEqual(result.errors.map(({ severity, line }) => [severity, line]), [["warning", 2], ["error", 3]]);
});

Deno.test("hostNames() gives the names that only a resolver knows", () => {
  const text = `listen on lo\nlisten on "192.0.2.1"\nlisten on ::1\nlisten on a.test\nlisten on localhost\n` +
    `listen on a.test port 26\nlisten on socket\n`;
  const names = hostNames({
    interfaces: machine.interfaces,
    serverName: machine.serverName,
    tableHelper: machine.tableHelper,
    servicePort: machine.servicePort,
    isProgram: machine.isProgram,
    path: "smtpd.conf",
    readFile: () => ({ kind: "ok", text }),
    macros: new Map(),
  });
  assert.deepEqual(names, ["a.test", "localhost"]);
});
