/** What the tests of expansion work with. */

import assert from "node:assert/strict";
import { expandRecipient, type Expansion } from "../../lib/policy/expand.ts";
import { describeReply } from "../../lib/smtp/reply.ts";
import { mailbox, originAt, policyOf, tablesOf } from "./tables.ts";

export type Options = Parameters<typeof tablesOf>[1] & { readonly from?: string };

/** System users. */
export const users = ["ann", "bob", "carl", "root"];

/** Expands one recipient of a configuration. */
export async function expand(conf: string, rcpt: string, options: Options = {}) {
  const policy = policyOf(conf);
  const tables = tablesOf(policy, { users, ...options });
  const candidate = { origin: originAt(options.from ?? "local"), sender: mailbox("ann@a.test"), rcpt: mailbox(rcpt) };
  return { result: await expandRecipient(candidate, policy, tables), asked: tables.asked };
}

/** A short form: `user+tag for dest` and `relay dest`, or the reply. */
export function describe(result: Expansion): readonly string[] | string {
  if (result.kind === "refused") return describeReply(result.reply);
  return result.targets.map((target) => {
    const dest = `${target.dest.localPart}@${target.dest.domain}`;
    if (target.kind === "relay") return `${target.action}: relay ${dest}`;
    const { user, subAddress, exec } = target;
    const what = exec === null ? "" : ` ${exec.kind} ${exec.text} (${exec.from})`;
    return `${target.action}: ${user}${subAddress === "" ? "" : `+${subAddress}`}${what} for ${dest}`;
  });
}

/** Local mail with the aliases given as the inside of an inline table, and everything else relayed. */
export function aliasConf(entries: string): string {
  return `action "local" maildir alias { ${entries} }\naction "out" relay\n` +
    'match for local action "local"\nmatch for domain a.test action "local"\nmatch for any action "out"\n';
}

/** Recipients and what they come to. */
export async function check(
  conf: string,
  cases: Readonly<Record<string, readonly string[] | string>>,
  options: Options = {},
) {
  for (const [rcpt, want] of Object.entries(cases)) {
    assert.deepEqual(describe((await expand(conf, rcpt, options)).result), want, rcpt);
  }
}
