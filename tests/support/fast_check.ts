/** fast-check, with one seed for all properties. Tests import it from here: the same tests run on each machine, so that
 * what fails for one fails for all. `deno task fuzz` gives other seeds (FUZZ_SEED), as many as there is time for. */

import fc from "fast-check";

/** The seed of `deno task test`. */
export const usualSeed = 20_260_303;

fc.configureGlobal({ seed: seedOf(told()) });

export { default } from "fast-check";

/** What the environment says, where it may be looked at. */
function told(): string {
  const { state } = Deno.permissions.querySync({ name: "env", variable: "FUZZ_SEED" });
  return state === "granted" ? Deno.env.get("FUZZ_SEED") ?? "" : "";
}

/** A seed as text; the usual one for anything else. */
export function seedOf(text: string): number {
  return /^-?[0-9]{1,10}$/.test(text) ? Number(text) | 0 : usualSeed;
}
