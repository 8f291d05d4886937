import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { getopt, type OptionSpec, UsageError } from "../../cli/getopt.ts";

const spec: OptionSpec = {
  flags: "itv",
  valued: "fFo",
  optional: "E",
  long: { state: "valued", json: "flag", help: "flag" },
};

/** `i f=a@b E` and the operands after a bar. */
function show(args: readonly string[]): string {
  const { options, operands } = getopt(args, spec);
  const words = options.map(({ name, value }) => value === null ? name : `${name}=${value}`);
  return `${words.join(" ")}|${operands.join(" ")}`;
}

const table: readonly [name: string, args: readonly string[], want: string][] = [
  ["nothing", [], "|"],
  ["operands", ["a", "b"], "|a b"],
  ["a flag", ["-i"], "i|"],
  ["joined flags", ["-tv", "x"], "t v|x"],
  ["a value in the next word", ["-f", "a@b", "x"], "f=a@b|x"],
  ["a joined value", ["-fa@b"], "f=a@b|"],
  ["a flag joined to a valued letter and its value", ["-tFName"], "t F=Name|"],
  ["a flag joined to a valued letter, value next", ["-tF", "A Name"], "t F=A Name|"],
  ["an old-style -oi", ["-oi", "x"], "o=i|x"],
  ["an old-style -oem", ["-oem"], "o=em|"],
  ["a value that looks like an option", ["-f", "-t"], "f=-t|"],
  ["a value that is empty", ["-f", ""], "f=|"],
  ["an optional argument that is there", ["-Ex", "y"], "E=x|y"],
  ["an optional argument that is not", ["-E", "y"], "E|y"],
  ["the end of options", ["-i", "--", "-t"], "i|-t"],
  ["options after an operand, which are operands", ["x", "-i"], "|x -i"],
  ["a lone dash, which is an operand", ["-i", "-", "-t"], "i|- -t"],
  ["a long flag", ["--json"], "json|"],
  ["a long value in the next word", ["--state", "/d", "x"], "state=/d|x"],
  ["a long value after =", ["--state=/d=e"], "state=/d=e|"],
  ["an empty long value", ["--state="], "state=|"],
];

for (const [name, args, want] of table) Deno.test(`getopt() reads ${name}`, () => assert.equal(show(args), want));

const refused: readonly [args: readonly string[], message: string][] = [
  [["-Q"], "Unknown option -Q"],
  [["-iQ"], "Unknown option -Q"],
  [["-h"], "Unknown option -h; did you mean --help?"],
  [["-s"], "Unknown option -s; did you mean --state?"],
  [["-f"], "Option -f needs an argument"],
  [["-tF"], "Option -F needs an argument"],
  [["--stat"], "Unknown option --stat; did you mean --state?"],
  [["--sttae=/d"], "Unknown option --sttae; did you mean --state?"],
  [["--jason"], "Unknown option --jason; did you mean --json?"],
  [["--frobnicate"], "Unknown option --frobnicate"],
  [["--constructor"], "Unknown option --constructor"],
  [["--state"], "Option --state needs an argument"],
  [["--json=yes"], "Option --json takes no argument"],
];

for (const [args, message] of refused) {
  Deno.test(`getopt() refuses ${args.join(" ")}`, () => {
    assert.throws(() => getopt(args, spec), (error) => error instanceof UsageError && error.message === message);
  });
}

Deno.test("getopt() gives back every word that follows --", () => {
  const words = fc.array(fc.oneof(fc.constantFrom("-i", "--", "--json", "-f", "x"), fc.string()));
  fc.assert(
    fc.property(words, (operands) => assert.deepEqual(getopt(["-i", "--", ...operands], spec).operands, operands)),
    { numRuns: 200 },
  );
});
