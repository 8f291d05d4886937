/** The rules of the house: layers, sizes, the mirror rule, banned words. A rule that has to give way says so here. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { dirname, join, relative } from "@std/path";
import { partFor, parts } from "./run.ts";
import { readSource, type SourceFacts } from "./support/source.ts";

/** Rooms from left to right; imports point left. */
const rooms = ["base", "mail", "smtp", "table", "trust", "policy", "spool", "delivery", "daemon", "cli"];
const baseFiles = [
  "lib/port.ts",
  "lib/port_database.ts",
  "lib/port_tls.ts",
  "lib/fault.ts",
  "lib/event_log.ts",
  "lib/nearest.ts",
  "deno.json",
];
/** Who may touch the world directly. */
const isHostUser = (path: string) => /^lib\/daemon\/(role_main|main_\w+|supervisor)\.ts$/.test(path);

const fileLinesMax = 400;
const functionLinesMax = 60;
/** A suite of tests in one function may be longer. */
const suiteLinesMax = 130;

/** Logic that no test of its own name covers, and what covers it instead. */
const untested: Readonly<Record<string, string>> = {
  "lib/daemon/role_main.ts": "tests/e2e/roles_test.ts, in real processes",
  "lib/daemon/main_agent.ts": "tests/e2e/roles_test.ts, in real processes",
  "lib/daemon/main_delivery.ts": "tests/e2e/roles_test.ts, in real processes",
  "lib/daemon/main_lookup.ts": "tests/e2e/roles_test.ts, in real processes",
  "lib/daemon/main_queue.ts": "tests/e2e/roles_test.ts, in real processes",
  "lib/daemon/main_smtp_in.ts": "tests/e2e/roles_test.ts, in real processes",
  "lib/daemon/main_table_host.ts": "tests/e2e/roles_test.ts, in real processes",
  "lib/daemon/main_verifier.ts": "tests/e2e/roles_test.ts, in real processes",
  "lib/daemon/supervisor.ts":
    "tests/e2e/start_test.ts; tests/e2e/stop_test.ts and tests/fault/kill_test.ts, over real processes",
  "lib/daemon/fields.ts": "tests/daemon/imsg_parse_test.ts",
  "lib/smtp/session_hello.ts": "fixtures/smtp/server, and tests/smtp/session_test.ts",
  "lib/smtp/session_mail.ts": "fixtures/smtp/server, and tests/smtp/session_test.ts",
  "lib/smtp/session_wait.ts": "tests/smtp/session_test.ts",
  "cli/smtpd_probe.ts": "tests/cli/smtpd_facts_test.ts",
  "lib/host/parent.ts": "tests/host/process_test.ts, with the child of tests/host/child.ts",
  "lib/host/postgres.ts": "tests/interop/postgres_table_test.ts, and tests/host/databases_test.ts",
  "lib/host/mysql.ts": "tests/interop/mysql_table_test.ts, and tests/host/databases_test.ts",
  "lib/host/redis.ts": "tests/interop/redis_table_test.ts, and tests/host/databases_test.ts",
  "lib/host/ldap.ts": "tests/interop/ldap_table_test.ts, and tests/host/databases_test.ts",
  "lib/table/asked.ts": "tests/table/sql_server_test.ts",
  "lib/table/postgres.ts": "tests/table/sql_server_test.ts",
  "lib/table/mysql.ts": "tests/table/sql_server_test.ts",
};
const manualHeadings = [
  "NAME",
  "SYNOPSIS",
  "DESCRIPTION",
  "OPTIONS",
  "FILES",
  "EXIT STATUS",
  "SEE ALSO",
  "STANDARDS",
];

/** Names that reach for the clock, chance or the machine. deno lint sees to the global `process`. */
const bannedNames = new Set([
  "Date.now",
  "Math.random",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "performance",
  "crypto",
  "Deno",
  "console",
  "fetch",
]);
/** A role's last words go to its standard error when its log is not there yet. */
const isBanned = (path: string, name: string) => bannedNames.has(name) && !(name === "console" && isHostUser(path));
/** Types and pure functions only. */
const allowedBuiltins = ["node:buffer"];

/** Folders in tests/ that follow no room. */
const testFolders = ["contract", "e2e", "fault", "fuzz", "interop", "sim", "support"];

/** Tests of the tree as a whole. */
const wholeTests = [
  "tests/tidy_test.ts",
  "tests/transcript_test.ts",
  "tests/readme_test.ts",
  "tests/keyword_test.ts",
  "tests/cve_test.ts",
];

const root = join(import.meta.dirname ?? "", "..");
const textOf = (path: string): string => Deno.readTextFileSync(join(root, path));
const files = [...walk("")].sort();
const sources = files.filter((path) => path.endsWith(".ts"));
const facts = new Map<string, SourceFacts>();
const manifest: { imports: Record<string, string>; tasks: Record<string, unknown> } = JSON.parse(textOf("deno.json"));

function* walk(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(join(root, folder))) {
    if ([".git", ".bench", "coverage", "node_modules"].includes(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* walk(path);
    else if (entry.isFile) yield path;
  }
}

function factsOf(path: string): SourceFacts {
  let found = facts.get(path);
  if (!found) facts.set(path, found = readSource(path, textOf(path)));
  return found;
}

/** The room of a file, null for what stands outside (tests, bench). `mod.ts` may see all but daemon and host. */
function roomOf(path: string): string | null {
  if (baseFiles.includes(path)) return "base";
  const [top, room] = path.split("/");
  if (top === "cli") return "cli";
  if (path === "mod.ts") return "mod";
  return top === "lib" ? (room ?? "") : null;
}

/** Why `from` may not import `to`; null when it may. */
function judgeImport(from: string, to: string): string | null {
  const here = roomOf(from);
  const there = roomOf(to);
  if (here === null) return null;
  if (there === null) return "leaves the house";
  if (here === there) return null;
  if (here === "mod") return ["daemon", "cli", "host"].includes(there) ? "is outside the library's face" : null;
  if (here === "host") {
    return ["lib/port.ts", "lib/port_database.ts", "lib/port_tls.ts", "lib/fault.ts"].includes(to)
      ? null
      : "host/ imports ports and faults only";
  }
  if (there === "host") return here === "cli" || isHostUser(from) ? null : "only roles' mains may touch host/";
  const [a, b] = [rooms.indexOf(here), rooms.indexOf(there)];
  if (a < 0 || b < 0) return `is in a room that is not on the plan`;
  return b < a ? null : "points right";
}

/** What a specifier names: a file of the tree, or null for a package or a built-in. */
function targetOf(from: string, specifier: string): string | null {
  return specifier.startsWith(".") ? relative(root, join(root, dirname(from), specifier)) : null;
}

const isPure = (path: string) => path === "mod.ts" || (path.startsWith("lib/") && !path.startsWith("lib/host/"));

function none(violations: readonly string[]): void {
  deepEqual(violations, []);
}

Deno.test("judgeImport() lets imports point left and nowhere else", () => {
  for (
    const [from, to, may] of [
      ["lib/smtp/session.ts", "lib/mail/address.ts", true],
      ["lib/mail/address.ts", "lib/smtp/session.ts", false],
      ["lib/mail/a.ts", "lib/mail/b.ts", true],
      ["lib/mail/a.ts", "lib/fault.ts", true],
      ["lib/fault.ts", "lib/mail/a.ts", false],
      ["lib/host/disk.ts", "lib/port.ts", true],
      ["lib/host/disk.ts", "lib/mail/a.ts", false],
      ["lib/daemon/queue.ts", "lib/host/disk.ts", false],
      ["lib/daemon/role_main.ts", "lib/host/disk.ts", true],
      ["lib/daemon/main_queue.ts", "lib/host/disk.ts", true],
      ["cli/smtpd.ts", "lib/host/disk.ts", true],
      ["lib/daemon/queue.ts", "cli/smtpd.ts", false],
      ["mod.ts", "lib/spool/store.ts", true],
      ["mod.ts", "lib/daemon/imsg.ts", false],
      ["lib/shed/a.ts", "lib/port.ts", false],
      ["lib/mail/a.ts", "tests/support/source.ts", false],
      ["tests/mail/a_test.ts", "lib/host/disk.ts", true],
    ] as const
  ) equal(judgeImport(from, to) === null, may, `${from} -> ${to}`);
});

Deno.test("layers: every import points left", () => {
  none(sources.flatMap((path) =>
    factsOf(path).imports.flatMap(({ specifier, line }) => {
      const target = targetOf(path, specifier);
      const why = target === null ? null : judgeImport(path, target);
      return why === null ? [] : [`${path}:${line}: ${specifier} ${why}`];
    })
  ));
});

Deno.test("imports: a file of the tree by its path, a package by its bare name in deno.json", () => {
  const bare = Object.keys(manifest.imports);
  const known = (specifier: string) => bare.some((name) => specifier === name || specifier.startsWith(name + "/"));
  none(sources.flatMap((path) =>
    factsOf(path).imports.flatMap(({ specifier, line }) => {
      const target = targetOf(path, specifier);
      const good = target !== null ? files.includes(target) : specifier.startsWith("node:") || known(specifier);
      return good ? [] : [`${path}:${line}: ${specifier}`];
    })
  ));
});

Deno.test("deno.json: packages are pinned to exact versions of the npm registry", () => {
  for (const [name, target] of Object.entries(manifest.imports)) {
    ok(/^npm:.+@\d+\.\d+\.\d+$/.test(target) || /^node:/.test(target), `${name}: ${target}`);
  }
});

Deno.test("purity: no clock, chance or machine outside lib/host", () => {
  none(
    sources.filter(isPure).flatMap((path) => {
      const { names, clocks, imports } = factsOf(path);
      const builtins = imports.filter((one) =>
        one.specifier.startsWith("node:") && !one.typeOnly && !allowedBuiltins.includes(one.specifier)
      );
      return [
        ...[...names.filter((name) => isBanned(path, name.text)), ...clocks].map((one) =>
          `${path}:${one.line}: ${one.text}`
        ),
        ...builtins.map((one) => `${path}:${one.line}: ${one.specifier}`),
      ];
    }),
  );
});

Deno.test(`sizes: a file has at most ${fileLinesMax} lines`, () => {
  none(sources.flatMap((path) => {
    const lines = textOf(path).split("\n").length - 1;
    return lines > fileLinesMax ? [`${path}: ${lines}`] : [];
  }));
});

Deno.test(`sizes: a function has at most ${functionLinesMax} lines`, () => {
  none(
    sources.flatMap((path) =>
      factsOf(path).functions.filter((one) =>
        one.lines > (path.startsWith("tests/") ? suiteLinesMax : functionLinesMax)
      )
        .map((one) => `${path}:${one.line}: ${one.name} has ${one.lines}`)
    ),
  );
});

Deno.test("mirror: every test stands where its subject stands", () => {
  const tests = sources.filter((path) => path.startsWith("tests/") && path.endsWith("_test.ts"));
  none(tests.filter((path) => {
    const subject = path.slice("tests/".length).replace(/_test\.ts$/, ".ts");
    if (testFolders.some((folder) => subject.startsWith(folder + "/")) || wholeTests.includes(path)) return false;
    return !["", "lib/", "tests/"].some((place) => files.includes(place + subject));
  }));
});

Deno.test("mirror: every file of logic has its test", () => {
  const logic = sources.filter((path) => /^(lib|cli)\//.test(path) && factsOf(path).hasLogic);
  const missing = logic.filter((path) =>
    !files.includes(`tests/${path.replace(/^lib\//, "").replace(/\.ts$/, "_test.ts")}`)
  );
  none(missing.filter((path) => !(path in untested)));
  none(Object.keys(untested).filter((path) => !missing.includes(path)));
  const substitutes = Object.values(untested).flatMap((text) => text.match(/tests\/\S+_test\.ts/g) ?? [""]);
  none(substitutes.filter((path) => !files.includes(path)));
});

Deno.test("style: no default exports, no drawers for odds and ends", () => {
  none(sources.filter((path) => factsOf(path).defaultExports.length > 0));
  none(sources.filter((path) => /(^|[/_])(utils?|helpers?|misc|common)\.ts$/.test(path)));
});

Deno.test("permissions: nothing asks for all rights or for native code", () => {
  const isAllRights = (path: string, text: string) => text === "-" + "A" && !path.includes("/sendmail_");
  const broad = /--allow-(all|ffi)\b/;
  const all = /\bdeno[^|;&\n]* -[a-zA-Z]*A[a-zA-Z]*( |"|'|$)/m;
  const inSource = sources.flatMap((path) =>
    factsOf(path).strings.filter(({ text }) => broad.test(text) || all.test(text) || isAllRights(path, text))
      .map((one) => `${path}:${one.line}: ${one.text}`)
  );
  const others = files.filter((path) =>
    !/\.(ts|md|lock)$/.test(path) && (path.startsWith(".ci/") || !path.includes("/"))
  );
  none([...inSource, ...others.filter((path) => broad.test(textOf(path)) || all.test(textOf(path)))]);
});

Deno.test("manuals: every command begins with its manual page", () => {
  const commands = sources.filter((path) => path.startsWith("cli/") && factsOf(path).isProgram);
  ok(commands.length > 0);
  none(commands.flatMap((path) => {
    const lines = factsOf(path).firstComment.split("\n").map((line) =>
      line.replace(/^\s*(\/\*\*?|\*|\/\/)\s?/, "").trim()
    );
    return manualHeadings.filter((heading) => !lines.includes(heading)).map((heading) => `${path}: no ${heading}`);
  }));
});

Deno.test("the tree names no path of the machine it stands on", () => {
  const here = root.replace(/\/$/, "");
  if (here.split("/").length < 3) return;
  none(files.filter((path) => textOf(path).includes(here + "/")));
});

Deno.test("run: every test file belongs to exactly one part", () => {
  const tests = sources.filter((path) => path.endsWith("_test.ts"));
  none(tests.filter((path) => partFor(path) === null));
  none(parts.filter((part) => !files.some((path) => partFor(path) === part)).map((part) => part.name));
});
