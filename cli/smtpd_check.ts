/** All checks of a configuration that loads: `smtpd -n` shows what they find, and a start logs it. */

import { checkPolicy } from "../lib/policy/check.ts";
import { checkFiles } from "../lib/policy/check_files.ts";
import { checkTableText, tableUses } from "../lib/policy/check_table_text.ts";
import { collectErrors, type ConfigError } from "../lib/policy/error.ts";
import type { LoadResult } from "../lib/policy/resolve.ts";
import { contentsOf, gatherFacts, readTableTexts } from "./smtpd_facts.ts";

/** A configuration without errors. */
export type Loaded = Extract<LoadResult, { readonly kind: "ok" }>;

/** Finds what is wrong, or hardly meant, in the order of places; warnings of loading are among them. `files` also opens
 * all tables and reads through those in files; `quick` does what a start has time for. */
export async function checkConfiguration(
  { policy, config, warnings }: Loaded,
  depth: "files" | "quick",
): Promise<readonly ConfigError[]> {
  const texts = readTableTexts(policy);
  const uses = tableUses(policy);
  const facts = await gatherFacts(policy, depth === "files" ? "all" : "none");
  const ofTexts = depth === "quick"
    ? []
    : texts.flatMap(({ name, path, text }, at) =>
      checkTableText(path, text, uses.get(name) ?? new Set(), firstTableOrder + at)
    );
  // A file whose lines are told of is not told of as a whole.
  const told = new Set(ofTexts.filter((one) => one.severity === "error").map((one) => one.span.source.path));
  const tables = new Map([...facts.tables].filter(([name, { fault }]) => {
    const spec = policy.tables[name];
    return !(fault === "malformed" && spec?.kind === "file" && told.has(spec.path));
  }));
  const found = collectErrors([
    ...checkPolicy({ policy, config, contents: contentsOf(texts) }),
    ...checkFiles(policy, config, { ...facts, tables }),
    ...ofTexts,
  ]);
  return [...warnings, ...found];
}

/** Behind all files of the configuration. */
const firstTableOrder = 1_000_000;
