/** Holds README.md to the code: its blocks, its configurations, and the claims around them. */

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { parseSmtpctl } from "../cli/smtpctl_parse.ts";
import { agentsMax } from "../lib/daemon/supervision.ts";
import { agentIdleMs } from "../lib/daemon/agent_pool.ts";
import { offerWaitMs } from "../lib/daemon/queue_offers.ts";
import { stopGraceMs } from "../lib/daemon/supervision.ts";
import { links } from "../lib/daemon/wiring.ts";
import { reservedWords } from "../lib/policy/reserved.ts";
import { nextAttempt } from "../lib/spool/backoff.ts";
import { chunkLengthMax } from "../lib/spool/envelope.ts";
import { scheduleLimits } from "../lib/spool/schedule_limit.ts";
import { loadText, printAll } from "./policy/config_fixture.ts";
import { fences, fillBlocks, root, textOf } from "./readme_blocks.ts";
import { places, wordsOf } from "./readme_keywords.ts";
import { messageKinds } from "./readme_messages.ts";
import { parts } from "./run.ts";

const readme = textOf("README.md");
const manifest: { imports: Record<string, string>; tasks: Record<string, unknown> } = JSON.parse(textOf("deno.json"));

/** README without its line breaks, which the formatter moves. */
const flowing = readme.replace(/\s+/g, " ");

/** The part of README between a heading and the next of the same rank or higher. */
function section(heading: string): string {
  const rank = /^#+/.exec(heading)?.[0].length ?? 1;
  const found = new RegExp(`^${heading}\\n([\\s\\S]*?)(?=^#{1,${rank}} |(?![\\s\\S]))`, "m").exec(readme);
  ok(found?.[1], `README has ${heading}`);
  return found[1];
}

/** The words in backquotes that begin a row of a table. */
function firstCells(text: string): readonly string[] {
  return [...text.matchAll(/^\| `([^`]+)`/gm)].map((found) => found[1] ?? "");
}

/** Files of the tree. */
function* walk(folder: string): Generator<string> {
  for (const { name, isDirectory, isFile } of Deno.readDirSync(`${root}/${folder}`)) {
    if (isDirectory) yield* walk(`${folder}/${name}`);
    else if (isFile) yield `${folder}/${name}`;
  }
}

/** Members of a union of string literals in a source. */
function unionOf(path: string, start: RegExp): readonly string[] {
  const found = start.exec(textOf(path));
  ok(found?.[1], `${path} has ${start}`);
  return [...found[1].matchAll(/"(\w+)"/g)].map((one) => one[1] ?? "");
}

Deno.test("README: its blocks are as the code makes them (else run tests/readme_update.ts)", async () => {
  const made = (await fillBlocks(readme)).split("\n");
  const old = readme.split("\n");
  deepEqual(made.filter((line) => !old.includes(line)), []);
  equal(readme, made.join("\n"));
});

Deno.test("README: every configuration loads without a word", () => {
  const configurations = fences(readme, "conf");
  ok(configurations.length >= 3);
  for (const text of configurations) {
    const loaded = loadText(text);
    equal(printAll(loaded.kind === "errors" ? loaded.errors : loaded.warnings), "");
  }
});

/** Reserved words that no line takes, and `on`, which takes no meaning of its own. */
const behind = "data-line noop on quit recipient rset smtp-in smtp-out tagged".split(" ");

Deno.test("README: every reserved word has a place, but those that no line takes", () => {
  const said = new Set(places.flatMap(wordsOf));
  const unsaid = [...reservedWords].filter((word) => !said.has(word));
  deepEqual(unsaid.filter((word) => !behind.includes(word)), []);
  deepEqual(behind.filter((word) => !unsaid.includes(word)), []);
});

Deno.test("README: what smtpctl cannot do yet it says itself", () => {
  const sentence = /^`smtpctl`: ((?:`[^`]+`,?\s*)+)\./m.exec(readme)?.[1] ?? "";
  const listed = [...sentence.matchAll(/`([^`]+)`/g)].map((found) => found[1] ?? "");
  for (const words of listed) {
    const line = parseSmtpctl(words.split(" "));
    deepEqual(line, { kind: "wrong", status: 1, text: `"${words}" is not supported yet` });
  }
  const table = /const later:[^{]*(\{[\s\S]*?^\});/m.exec(textOf("cli/smtpctl_parse.ts"))?.[1] ?? "";
  const inCode = [...table.matchAll(/^ {2}"([^"]*)": \[(.*)\]/gm)].flatMap(([, before = "", words = ""]) =>
    [...words.matchAll(/"([^"]+)"/g)].map((found) => `${before} ${found[1]}`.trim())
  );
  deepEqual([...listed].sort(), inCode.sort());
});

Deno.test("README: roles that exchange messages are those that are joined", () => {
  const pair = (a: string, b: string): string => [a, b].sort().join(" ");
  const said = new Set(messageKinds(textOf("lib/daemon/imsg.ts")).map(({ from, to }) => pair(from, to)));
  const others = [pair("agent", "delivery"), pair("lookup", "table-host"), pair("lookup", "verifier")];
  deepEqual([...said].sort(), [...links.map(([a, b]) => pair(a, b)), ...others].sort());
});

Deno.test("README: the state tables have every table of the spool and every state of an envelope", () => {
  const cells = firstCells(section("## ARCHITECTURE"));
  const tables = [...textOf("lib/spool/sqlite.ts").matchAll(/^CREATE TABLE (\w+)/gm)].map((found) => found[1] ?? "");
  const inMemory = unionOf("lib/spool/schedule.ts", /interface Entry \{[\s\S]*?state: ([^;]+);/);
  const shown = unionOf("lib/spool/schedule.ts", /export type Standing =([\s\S]*?);\n\n/).filter((one) =>
    one !== "inflight"
  );
  const kinds = unionOf("lib/spool/envelope.ts", /readonly kind: ("mda"[^;]+);/).filter((one) => !one.startsWith("m"));
  for (const state of [...tables, ...inMemory, ...shown, ...kinds]) ok(cells.includes(state), `a row for ${state}`);
  const line = / \* {3}(stored --refill--> .*)$/m.exec(textOf("lib/spool/schedule.ts"))?.[1] ?? "missing";
  ok(section("## ARCHITECTURE").includes(line), line);
});

Deno.test("README: figures in its sentences are those of the code", () => {
  const claims = [
    `at most ${agentsMax} agents at once`,
    `ends after ${agentIdleMs / 1000} idle seconds`,
    `up to ${stopGraceMs / 1000} s for what is in hand`,
    `at most ${scheduleLimits.window.toLocaleString("en-US")} of each kind`,
    `waits for envelopes still under way, ${offerWaitMs / 1000} s at most`,
    `pieces, up to ${chunkLengthMax / 1024} KiB`,
    `Attempt n is due n² × ${nextAttempt("mta", 0, 1, 0) / 1000} s after the message came in ` +
    `(${nextAttempt("mda", 0, 1, 0) / 1000} s for local delivery)`,
  ];
  for (const claim of claims) ok(flowing.includes(claim), claim);
});

Deno.test("README: every RFC that the code cites is in the list, each with yes, partial or no", () => {
  const list = section("## RFCs");
  const rows = [...list.matchAll(/^\| ([0-9, ]+) \| [^|]+ \| ([^|]+) \|/gm)];
  for (const [, , here = ""] of rows) match(here, /^(yes|partial|no)$/);
  const numbers = rows.flatMap(([, found = ""]) => found.split(", "));
  const cited = [...walk("lib"), ...walk("cli")].filter((path) => path.endsWith(".ts"))
    .flatMap((path) => [...textOf(path).matchAll(/\bRFC (\d{3,4})\b/g)].map((found) => found[1] ?? ""));
  deepEqual([...new Set(cited)].filter((number) => !numbers.includes(number)).sort(), []);
  deepEqual(numbers.filter((number, at) => numbers.indexOf(number) !== at), []);
});

Deno.test("README: every dependency is explained, and no other, and each is used", () => {
  const names = Object.keys(manifest.imports);
  deepEqual([...firstCells(section("## Dependencies"))].sort(), names.sort());
  const text = ["lib", "cli", "tests"].flatMap((folder) => [...walk(folder)]).filter((path) => path.endsWith(".ts"))
    .map(textOf).join("\n");
  // Types are found by their name, and commander is what its typings import.
  const byOthers = (name: string) => name.startsWith("@types/") || name === "commander";
  deepEqual(names.filter((name) => !byOthers(name) && !text.includes(`from "${name}`)), []);
});

Deno.test("README: the parts of the tests are those that tests/run.ts runs", () => {
  const named = [...parts.map((part) => part.name), "doc"];
  deepEqual(firstCells(section("## Tests")), named);
});

Deno.test("README: tasks that it names exist", () => {
  const named = [...readme.matchAll(/\bdeno(?:@[0-9.]+)? task ([a-z]+)/g)].map((found) => found[1] ?? "");
  ok(named.includes("demo") && named.includes("test") && named.includes("bench"));
  deepEqual([...new Set(named)].filter((name) => !Object.hasOwn(manifest.tasks, name)), []);
});

Deno.test("README: the first commands are those that .ci/run runs", () => {
  const version = /npx -y deno@([0-9.]+) task test/.exec(textOf(".ci/run"))?.[1] ?? "none";
  const [first = ""] = fences(section("## Start in two commands"), "sh");
  equal(first, `npx -y deno@${version} task demo\nnpx -y deno@${version} task test\n`);
});

Deno.test("README: files that it names are there", () => {
  const paths = [...readme.matchAll(/(?<![\w/.])((?:lib|cli|tests|fixtures|bench|\.ci)\/[\w./]*\w)/g)].map((found) =>
    found[1] ?? ""
  );
  const missing = paths.filter((path) => {
    try {
      Deno.statSync(`${root}/${path}`);
      return false;
    } catch {
      return true;
    }
  });
  deepEqual([...new Set(missing)], []);
});
