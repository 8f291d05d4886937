import { equal, ok, throws } from "node:assert/strict";
import { premisesOf, type SmtpdOptions } from "../../cli/smtpd_premises.ts";
import { loadConfiguration } from "../../cli/smtpd_config.ts";
import type { Policy } from "../../lib/policy/policy.ts";

async function policyOf(text: string): Promise<Policy> {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, text);
  const loaded = await loadConfiguration(path, new Map());
  ok(loaded.kind === "ok");
  return loaded.policy;
}

const rules = 'action "a" relay\nmatch for any action "a"\n';
const options: SmtpdOptions = {
  foreground: true,
  check: false,
  verbose: false,
  config: "/c",
  macros: new Map(),
  paused: [],
  traced: [],
  explain: null,
  dns: false,
  state: "/srv/state",
  sameUser: true,
  json: false,
};

Deno.test("premisesOf() puts the spool into the state directory, or where the configuration says", async () => {
  equal(premisesOf(await policyOf(rules), options, "run").premises.spool, "/srv/state/spool");
  const elsewhere = await policyOf(`queue directory "/srv/queue"\n${rules}`);
  equal(premisesOf(elsewhere, options, "run").premises.spool, "/srv/queue");
});

Deno.test("premisesOf() asks for no accounts with --same-user", async () => {
  equal(premisesOf(await policyOf(rules), options, "run").premises.accounts, null);
});

Deno.test("premisesOf() refuses a state directory with no room for the names of sockets", async () => {
  const policy = await policyOf(rules);
  throws(() => premisesOf(policy, { ...options, state: `/${"x".repeat(100)}` }, "run"), /no room for sockets/);
});
