/** fast-check, with one seed for all properties. Tests import it from here: the same tests run on each machine, so that
 * what fails for one fails for all. `deno task fuzz` gives other seeds (FUZZ_SEED), as many as there is time for. */

import fc from "fast-check";

/** The seed of `deno task test`. */
export const usualSeed = 20_260_303;

fc.configureGlobal({ seed: seedOf(told()) });

export { default } from "fast-check";

/** Text of any characters, as `fc.string({ unit: "binary" })` has it. That one takes seconds to be made, once for each
 * file of tests. */
export function anyText({ maxLength }: { readonly maxLength?: number } = {}): fc.Arbitrary<string> {
  // No half of a pair of surrogates: it could not be written as UTF-8.
  const character = fc.oneof(fc.nat(0x7f), fc.nat(0xf7ff), fc.nat(0x10f7ff));
  return fc.array(character, maxLength === undefined ? {} : { maxLength })
    .map((units) => String.fromCodePoint(...units.map((unit) => unit < 0xd800 ? unit : unit + 0x800)));
}

/** What the environment says, where it may be looked at. */
function told(): string {
  const { state } = Deno.permissions.querySync({ name: "env", variable: "FUZZ_SEED" });
  return state === "granted" ? Deno.env.get("FUZZ_SEED") ?? "" : "";
}

/** A seed as text; the usual one for anything else. */
export function seedOf(text: string): number {
  return /^-?[0-9]{1,10}$/.test(text) ? Number(text) | 0 : usualSeed;
}
