import assert from "node:assert/strict";
import { hostDisk } from "../../lib/host/disk.ts";
import { openSqlReader } from "../../lib/host/sqlite.ts";
import { noBackends } from "../support/backends.ts";
import { openTable } from "../../lib/table/open.ts";
import { type Ended, runTask, taskArgs } from "../support/command.ts";
import { inFolder } from "../support/folder.ts";
import { until } from "../support/wait.ts";

/** A folder with files, and makemap run in it. */
function withFiles(
  files: Readonly<Record<string, string>>,
  run: (folder: string, makemap: (args: readonly string[], stdin?: string) => Promise<Ended>) => Promise<void>,
): Promise<void> {
  return inFolder(async (folder) => {
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
    await run(folder, (args, stdin = "") => runTask("makemap", args, { cwd: folder, stdin }));
  });
}

const namesIn = (folder: string) => [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
const quiet: Ended = { code: 0, stdout: "", stderr: "" };

Deno.test("makemap writes file.db and -U prints it", () =>
  withFiles({ m: "Root: Ann\nbob carl@example.org\n" }, async (folder, makemap) => {
    assert.deepEqual(await makemap(["m"]), quiet);
    assert.deepEqual(namesIn(folder), ["m", "m.db"]);
    assert.deepEqual(await makemap(["-U", "m.db"]), { ...quiet, stdout: "root\tAnn\nbob\tcarl@example.org\n" });
  }));

Deno.test("makemap --json tells errors and entries of a map as JSON", () =>
  withFiles({ m: "a b\nc: d\n", empty: "" }, async (folder, makemap) => {
    assert.deepEqual(JSON.parse((await makemap(["--json", "-t", "foo"])).stderr), {
      error: "Unknown type foo: it is plain, aliases or set",
      hint: "see makemap --help",
    });
    const missing = JSON.parse((await makemap(["--json", "nofile"])).stderr);
    assert.match(missing.error, /nofile/);
    assert.equal(missing.hint, null);
    await makemap(["m"]);
    assert.deepEqual(JSON.parse((await makemap(["-U", "--json", "m.db"])).stdout), [
      { key: "a", value: "b" },
      { key: "c", value: "d" },
    ]);
    assert.equal((await makemap(["--json", "empty"])).stderr, "");
    assert.deepEqual(JSON.parse((await makemap(["--json", "-U", `${folder}/empty.db`])).stdout), []);
  }));

Deno.test("makemap -d sqlite writes file.sqlite, -U prints it, and smtpd's table reads it", () =>
  withFiles({ m: "Root: Ann\nbob carl@example.org\n" }, async (folder, makemap) => {
    assert.deepEqual(await makemap(["-d", "sqlite", "m"]), quiet);
    assert.deepEqual(namesIn(folder), ["m", "m.sqlite"]);
    assert.deepEqual(await makemap(["-U", "m.sqlite"]), { ...quiet, stdout: "root\tAnn\nbob\tcarl@example.org\n" });
    const table = await openTable({ kind: "sqlite", name: "t", path: `${folder}/m.sqlite`, settings: [] }, hostDisk, {
      subAddressDelimiter: "+",
      clock: { monotonic: () => 0, now: () => 0 },
      report: () => {},
      ...noBackends,
      openSql: openSqlReader,
    });
    assert.equal(await table.lookup("alias", "ROOT"), "Ann");
    assert.equal(await table.lookup("alias", "eve"), null);
    table.close();
    assert.deepEqual(await makemap(["sqlite", "other"], "a: b\n"), quiet);
    assert.deepEqual((await makemap(["-U", "other.sqlite"])).stdout, "a\tb\n");
  }));

Deno.test("makemap -d sqlite tells every error with its place and leaves the map as it was", () =>
  withFiles({ m: "a: b\nbroken\nA: c\n", "m.sqlite": "old" }, async (folder, makemap) => {
    const { code, stderr } = await makemap(["-d", "sqlite", "m"]);
    assert.equal(code, 1);
    assert.equal(stderr, "m:2: invalid entry\nm:3: duplicate entry for a (first on line 1)\n");
    assert.deepEqual(namesIn(folder), ["m", "m.sqlite"]);
    assert.equal(await Deno.readTextFile(`${folder}/m.sqlite`), "old");
  }));

Deno.test("makemap knows its types", () =>
  withFiles({ m: "a: b\nlist: c,d\n" }, async (_folder, makemap) => {
    const dump = async (map: string) => (await makemap(["-U", map])).stdout;
    assert.deepEqual(await makemap(["-t", "aliases", "-o", "aliases.map", "m"]), quiet);
    assert.equal(await dump("aliases.map"), "a\tb\nlist\tc,d\n");
    assert.deepEqual(await makemap(["-tset", "-oset.map", "m"]), quiet);
    assert.equal(await dump("set.map"), "a: b\t<set>\nlist: c,d\t<set>\n");
    assert.deepEqual(await makemap(["-t", "plain", "-d", "hash", "-o", "plain.map", "m"]), quiet);
    assert.equal(await dump("plain.map"), "a\tb\nlist\tc,d\n");
    for (const args of [["-t", "other", "m"], ["-d", "lmdb", "m"]]) {
      const { code, stderr } = await makemap(args);
      assert.equal(code, 1);
      assert.match(stderr, /^makemap: Unknown (type other|format lmdb): it is /);
    }
  }));

Deno.test("makemap tells every error with its place and leaves the map as it was", () =>
  withFiles(
    { m: "root: ann\nbroken\n\nbob: carl@exa_mple.org\nRoot: eve\nx:\n", "m.db": "old" },
    async (folder, makemap) => {
      const { code, stdout, stderr } = await makemap(["-t", "aliases", "m"]);
      assert.equal(code, 1);
      assert.equal(stdout, "");
      const lines = stderr.trimEnd().split("\n");
      assert.equal(lines.length, 4, stderr);
      assert.equal(lines[0], "m:2: invalid entry");
      assert.match(lines[1] ?? "", /^m:4: invalid entry: .*exa_mple\.org/);
      assert.match(lines[2] ?? "", /^m:5: duplicate entry for root\b/);
      assert.equal(lines[3], "m:6: invalid entry");
      assert.deepEqual(namesIn(folder), ["m", "m.db"]);
      assert.equal(await Deno.readTextFile(`${folder}/m.db`), "old");
    },
  ));

Deno.test("makemap tells the first hundred errors and counts the others", () =>
  withFiles({ m: "broken\n".repeat(1000) }, async (_folder, makemap) => {
    const lines = (await makemap(["m"])).stderr.trimEnd().split("\n");
    assert.equal(lines.length, 101);
    assert.equal(lines[99], "m:100: invalid entry");
    assert.equal(lines[100], "m: 900 more errors");
  }));

Deno.test("makemap reads standard input", () =>
  withFiles({}, async (folder, makemap) => {
    assert.deepEqual(await makemap(["-o", "m.db", "-"], "a b\n"), quiet);
    assert.equal((await makemap(["-U", "m.db"])).stdout, "a\tb\n");
    const { code, stderr } = await makemap(["-"], "a b\n");
    assert.equal(code, 1);
    assert.match(stderr, /Standard input needs -o/);
    assert.match((await makemap(["-o", "x", "-"], "a\n")).stderr, /^-:1: invalid entry\n$/);
    assert.deepEqual(namesIn(folder), ["m.db"]);
  }));

Deno.test("makemap with two operands is sendmail's", () =>
  withFiles({}, async (folder, makemap) => {
    assert.deepEqual(await makemap(["hash", "access"], "a b\n"), quiet);
    assert.deepEqual(await makemap(["btree", "other.db"], "c d\n"), quiet);
    assert.deepEqual(namesIn(folder), ["access.db", "other.db"]);
    assert.equal((await makemap(["-U", "other.db"])).stdout, "c\td\n");
    assert.equal((await makemap(["nonsense", "x"], "")).code, 1);
  }));

Deno.test("makemap -O AliasFile and the flags that other makemaps have", () =>
  withFiles({ m: "a: b\n", bad: "a: b c\n" }, async (_folder, makemap) => {
    assert.deepEqual(await makemap(["-C", "x.cf", "-bm", "-OOther=1", "m"]), quiet);
    assert.deepEqual(await makemap(["-OAliasFile=m"]), quiet);
    assert.match((await makemap(["-OAliasFile=bad"])).stderr, /^bad:1: invalid entry/);
  }));

Deno.test("makemap gives the map the permissions of the text", () =>
  withFiles({ m: "a b\n" }, async (folder, makemap) => {
    for (const mode of [0o640, 0o600, 0o644]) {
      await Deno.chmod(`${folder}/m`, mode);
      assert.deepEqual(await makemap(["m"]), quiet);
      assert.equal((await Deno.stat(`${folder}/m.db`)).mode! & 0o777, mode);
    }
  }));

Deno.test("makemap replaces the map in one step", () =>
  withFiles({ m: "a one\n" }, async (folder, makemap) => {
    await makemap(["m"]);
    const before = await Deno.stat(`${folder}/m.db`);
    using reader = await Deno.open(`${folder}/m.db`);
    const whole = await Deno.readFile(`${folder}/m.db`);
    await Deno.writeTextFile(`${folder}/m`, "a two\n");
    await makemap(["m"]);
    assert.notEqual((await Deno.stat(`${folder}/m.db`)).ino, before.ino);
    const old = new Uint8Array(whole.length);
    await reader.read(old);
    assert.deepEqual(old, whole);
    assert.deepEqual(namesIn(folder), ["m", "m.db"]);
  }));

Deno.test("makemap refuses a text that somebody holds locked", () =>
  withFiles({ m: "a b\n" }, async (folder, makemap) => {
    using editor = await Deno.open(`${folder}/m`, { read: true, write: true });
    assert.equal(editor.tryLockSync(true), true);
    assert.deepEqual(await makemap(["m"]), { code: 1, stdout: "", stderr: "makemap: m is locked\n" });
    assert.deepEqual(namesIn(folder), ["m"]);
  }));

Deno.test("makemap warns of an empty map", () =>
  withFiles({ m: "# nothing\n" }, async (folder, makemap) => {
    const { code, stderr } = await makemap(["m"]);
    assert.equal(code, 0);
    assert.match(stderr, /warning: the map is empty/);
    assert.deepEqual(namesIn(folder), ["m", "m.db"]);
    assert.deepEqual(await makemap(["-U", "m.db"]), quiet);
  }));

Deno.test("makemap stores keys with U-labels in A-labels as well, and says so", () =>
  withFiles({ m: "ann@bücher.test: ann\nbüro: ann\n" }, async (folder, makemap) => {
    assert.deepEqual(await makemap(["m"]), {
      ...quiet,
      stderr: `makemap: ${folder}/m.db: note: 1 key is stored in A-labels (xn--...) as well, which mail has\n`,
    });
    const { stdout } = await makemap(["-U", "m.db"]);
    assert.equal(stdout, "ann@bücher.test\tann\nann@xn--bcher-kva.test\tann\nbüro\tann\n");
  }));

Deno.test("makemap --json prints one object", () =>
  withFiles({ m: "a: b\n", bad: "a\n" }, async (folder, makemap) => {
    const good = await makemap(["--json", "m"]);
    assert.deepEqual(JSON.parse(good.stdout), {
      source: "m",
      map: `${folder}/m.db`,
      type: "plain",
      entries: 1,
      converted: 0,
      errors: [],
    });
    const bad = await makemap(["--json", "-t", "aliases", "bad"]);
    assert.equal(bad.code, 1);
    assert.equal(bad.stderr, "");
    assert.deepEqual(JSON.parse(bad.stdout), {
      source: "bad",
      map: `${folder}/bad.db`,
      type: "aliases",
      errorCount: 1,
      errors: [{ line: 1, message: "invalid entry" }],
    });
  }));

Deno.test("makemap says what is wrong with a file or a command line", () =>
  withFiles({ text: "a b\n" }, async (folder, makemap) => {
    const table: readonly (readonly [args: readonly string[], stderr: RegExp])[] = [
      [["none"], /^makemap: Cannot read none: no such file or directory \(ENOENT\)\n$/],
      [["."], /^makemap: Cannot read \.: it is a directory\n$/],
      [["-U", "text"], /^makemap: Cannot read \S+\/text as a cdb map: it is too short\n$/],
      [["-U", "none"], /^makemap: Cannot open \S+\/none: no such file or directory \(ENOENT\)\n$/],
      [["-o", "none/m.db", "text"], /^makemap: Cannot open \S+none\/\S+: no such file or directory \(ENOENT\)\n$/],
      [[], /^makemap: No file given\nusage: /],
      [["a", "b", "c"], /^makemap: Too many operands\nusage: /],
      [["-U", "a", "b"], /^makemap: Too many operands\nusage: /],
      [["-x", "text"], /^makemap: Unknown option -x\nusage: /],
    ];
    for (const [args, stderr] of table) {
      const ended = await makemap(args);
      assert.equal(ended.code, 1, args.join(" "));
      assert.match(ended.stderr, stderr);
    }
    assert.deepEqual(namesIn(folder), ["text"]);
  }));

Deno.test("makemap --help prints the manual page", () =>
  withFiles({}, async (_folder, makemap) => {
    for (const flag of ["-h", "--help"]) {
      const { code, stdout } = await makemap([flag]);
      assert.equal(code, 0);
      assert.match(stdout, /^NAME\n {2}makemap - .*\n\nSYNOPSIS\n/);
      assert.match(stdout, /\nSTANDARDS\n/);
    }
    assert.match((await makemap(["--version"])).stdout, /^Postern \d/);
  }));

Deno.test("makemap removes its temporary file when a signal ends it", () =>
  withFiles({}, async (folder) => {
    const child = new Deno.Command(Deno.execPath(), {
      args: [...taskArgs("makemap"), "-o", "m.db", "-"],
      cwd: folder,
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    // Input that does not end keeps it at work.
    await until("makemap to make its file", () => namesIn(folder).length === 1);
    assert.match(namesIn(folder)[0] ?? "", /^\.m\.db\./);
    child.kill("SIGTERM");
    assert.equal((await child.status).code, 143);
    await child.stdin.abort();
    assert.deepEqual(namesIn(folder), []);
  }));
