/** Code that only some runs of a command need. */

/** Where the module `specifier` beside the module `base` is, for `import()`. Deno reads what a literal `import()` names, and
 * all that those modules import, before it runs anything: a millisecond and 10 kB of memory for each. What a function
 * gives back it reads no sooner than it is asked to; the process needs the right to read the file then. The types do not
 * see it: whoever imports says what it is, `typeof import("./x.ts")`. */
export function later(specifier: string, base: string): string {
  return new URL(specifier, base).href;
}
