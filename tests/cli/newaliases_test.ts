import assert from "node:assert/strict";
import { join } from "@std/path";
import type { ControlAnswer } from "../../lib/daemon/control.ts";
import { type Ended, root, runProgram, runTask } from "../support/command.ts";
import { inFolder } from "../support/folder.ts";

const rights = ["--allow-read", "--allow-write", "--allow-net", "--allow-env", "--allow-sys"];

/** Runs newaliases for the state directory `folder`, where no daemon is unless a test puts one there. */
function newaliases(folder: string, args: readonly string[]): Promise<Ended> {
  const script = join(root, "cli/newaliases.ts");
  return runProgram(Deno.execPath(), ["run", "--no-prompt", ...rights, script, "--state", folder, ...args], {
    cwd: folder,
  });
}

const dump = async (path: string) => (await runTask("makemap", ["-U", path])).stdout;

/** Answers one request on the control socket of `folder`; resolves to the lines that came. */
async function answerOnce(folder: string, answer: ControlAnswer, run: () => Promise<void>): Promise<string[]> {
  const listener = Deno.listen({ transport: "unix", path: `${folder}/smtpd.sock` });
  const served = (async () => {
    using connection = await listener.accept();
    const buffer = new Uint8Array(4096);
    let text = "";
    while (text.split("\n").length < 3) {
      const count = await connection.read(buffer);
      if (count === null) break;
      text += new TextDecoder().decode(buffer.subarray(0, count));
    }
    await connection.write(new TextEncoder().encode(`${JSON.stringify(answer)}\n`));
    return text.trimEnd().split("\n");
  })();
  try {
    await run();
    return await served;
  } finally {
    listener.close();
  }
}

Deno.test("newaliases builds the table that the configuration names", () =>
  inFolder(async (folder) => {
    const forms = { "db:": ".db", "file:": "", "": "" };
    for (const [prefix, suffix] of Object.entries(forms)) {
      await Deno.writeTextFile(`${folder}/smtpd.conf`, `table aliases "${prefix}${folder}/al${suffix}"\n`);
      await Deno.writeTextFile(`${folder}/al`, "root: ann\nann: ann@example.org\n");
      assert.deepEqual(await newaliases(folder, ["-f", "smtpd.conf"]), {
        code: 0,
        stdout: `${folder}/al: 2 aliases\n`,
        stderr: "",
      });
      assert.equal(await dump(`${folder}/al.db`), "root\tann\nann\tann@example.org\n");
      await Deno.remove(`${folder}/al.db`);
    }
  }));

Deno.test("newaliases builds an SQLite map for a table of that kind", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/smtpd.conf`, `table aliases "sqlite:${folder}/al.sqlite"\n`);
    await Deno.writeTextFile(`${folder}/al`, "root: ann\n");
    const { code, stdout } = await newaliases(folder, ["-f", "smtpd.conf"]);
    assert.deepEqual({ code, stdout }, { code: 0, stdout: `${folder}/al: 1 aliases\n` });
    assert.equal(await dump(`${folder}/al.sqlite`), "root\tann\n");
    await Deno.writeTextFile(`${folder}/smtpd.conf`, `table aliases "sqlite:${folder}/sqlite.conf"\n`);
    const other = await newaliases(folder, ["-f", "smtpd.conf"]);
    assert.equal(other.code, 1);
    assert.match(other.stderr, /table aliases is no map: its entries are kept by another program/);
  }));

Deno.test("newaliases without the table builds the file aliases beside the configuration", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/smtpd.conf`, "table other { a = b }\n");
    await Deno.writeTextFile(`${folder}/aliases`, "root: ann\n");
    const { stdout } = await newaliases(folder, ["-f", `${folder}/smtpd.conf`]);
    assert.equal(stdout, `${folder}/aliases: 1 aliases\n`);
  }));

Deno.test("newaliases --alias-file and makemap -bi build what they are told", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/al`, "root: ann\n");
    assert.equal((await newaliases(folder, ["--alias-file", "al"])).stdout, `${folder}/al: 1 aliases\n`);
    const makemap = join(root, "cli/makemap.ts");
    const ended = await runProgram(
      Deno.execPath(),
      ["run", "--no-prompt", ...rights, makemap, "-bi", "-OAliasFile=al"],
      {
        cwd: folder,
        env: { SMTPD_STATE: folder },
      },
    );
    assert.deepEqual(ended, { code: 0, stdout: `${folder}/al: 1 aliases\n`, stderr: "" });
  }));

Deno.test("newaliases tells errors with their place and keeps the old map", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/al`, "root: first last\nroot: ann\n");
    await Deno.writeTextFile(`${folder}/al.db`, "old");
    const { code, stdout, stderr } = await newaliases(folder, ["--alias-file", "al"]);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(stderr, new RegExp(`^${folder}/al:1: invalid entry: .*\n$`));
    assert.equal(await Deno.readTextFile(`${folder}/al.db`), "old");
  }));

Deno.test("newaliases tells a running smtpd", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/al`, "root: ann\n");
    const lines = await answerOnce(folder, { kind: "done", count: 1 }, async () => {
      assert.equal((await newaliases(folder, ["--alias-file", "al"])).code, 0);
    });
    assert.deepEqual(JSON.parse(lines[1] ?? ""), { kind: "updateTable", table: "aliases" });
  }));

Deno.test("newaliases takes a table that smtpd does not have for none of its business", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/al`, "root: ann\n");
    await answerOnce(folder, { kind: "error", code: "notFound", message: "no such table" }, async () => {
      const { code, stdout } = await newaliases(folder, ["--alias-file", "al", "--json"]);
      assert.equal(code, 0);
      assert.deepEqual(JSON.parse(stdout).smtpd, { kind: "no such table" });
    });
    await Deno.writeTextFile(`${folder}/smtpd.conf`, "table aliases { root = ann }\n");
    const inline = await newaliases(folder, ["-f", "smtpd.conf", "--json"]);
    assert.match(JSON.parse(inline.stderr).error, /smtpd.conf: the entries of table aliases are in the configuration/);
  }));

Deno.test("newaliases fails when smtpd cannot read the new table", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/al`, "root: ann\n");
    await answerOnce(folder, { kind: "error", code: "failed", message: "disk on fire" }, async () => {
      const { code, stdout, stderr } = await newaliases(folder, ["--alias-file", "al"]);
      assert.equal(code, 1);
      assert.equal(stdout, `${folder}/al: 1 aliases\n`);
      assert.equal(stderr, "newaliases: smtpd did not take the new table: disk on fire\n");
    });
  }));

Deno.test("newaliases --json prints one object", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/al`, "root: ann\n");
    const { stdout } = await newaliases(folder, ["--alias-file", "al", "--json"]);
    assert.deepEqual(JSON.parse(stdout), {
      source: `${folder}/al`,
      map: `${folder}/al.db`,
      aliases: 1,
      converted: 0,
      smtpd: { kind: "not running" },
    });
  }));

Deno.test("newaliases says what it cannot find", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/inline.conf`, "table aliases { root = ann }\n");
    await Deno.writeTextFile(`${folder}/broken.conf`, 'table aliases "file:/etc\n');
    const table: readonly (readonly [args: readonly string[], stderr: RegExp])[] = [
      [["-f", "none.conf"], /none\.conf.*cannot read the configuration: no such file/],
      [["-f", "inline.conf"], /the entries of table aliases are in the configuration/],
      [["-f", "broken.conf"], /broken\.conf:1:/],
      [["--alias-file", "none"], /^newaliases: Cannot read \S+\/none: no such file or directory \(ENOENT\)\n$/],
      [["extra"], /^newaliases: Unexpected operand extra\nusage: /],
      [["-x"], /^newaliases: Unknown option -x\nusage: /],
    ];
    for (const [args, stderr] of table) {
      const ended = await newaliases(folder, args);
      assert.equal(ended.code, 1, args.join(" "));
      assert.match(ended.stderr, stderr);
      assert.equal(ended.stdout, "");
    }
  }));

Deno.test("newaliases --help prints the manual page", () =>
  inFolder(async (folder) => {
    assert.match((await newaliases(folder, ["--help"])).stdout, /^NAME\n {2}newaliases - /);
  }));
