import { deepEqual, equal, ok } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { askMachine, launchCommand, unreachableForOthers } from "../../lib/host/launch.ts";

const hostile = ["--allow-read=/a b/$(id)/'q'", "two\nlines", "`x`", "$HOME", "*", "-n", ""];

Deno.test("launchCommand() never has Deno's own path among the words", () => {
  const { argv, env } = launchCommand({ flags: ["--no-prompt"], account: null, module: import.meta.url, args: ["x"] });
  ok(!argv.some((word) => word.includes(Deno.execPath())));
  ok(Object.values(env).includes(Deno.execPath()));
});

Deno.test("launchCommand() blocks SIGUSR1, which would open the inspector", async () => {
  const script = await Deno.makeTempFile();
  await Deno.writeTextFile(script, "#!/bin/sh\nwhile read -r key value; do echo $key $value; done </proc/$$/status\n");
  await Deno.chmod(script, 0o755);
  // Whether that can be done the process finds out, or has been found out before.
  for (const [blocks, want] of [[null, 0x200n], [true, 0x200n], [false, 0n]] as const) {
    const { argv, env } = launchCommand({ flags: [], account: null, module: import.meta.url, args: [] }, blocks);
    const [program = "", ...args] = argv;
    const name = Object.keys(env).find((key) => env[key] === Deno.execPath()) ?? "";
    const output = await new Deno.Command(program, { args, env: { ...env, [name]: script }, clearEnv: true }).output();
    const blocked = /^SigBlk: ([0-9a-f]+)$/m.exec(new TextDecoder().decode(output.stdout))?.[1];
    // Bit 9 is signal 10.
    equal(BigInt(`0x${blocked}`) & 0x200n, want, String(blocks));
  }
});

Deno.test("askMachine() asks for the limit of descriptors, and whether signals can be blocked", async () => {
  const { descriptors, blocks } = await askMachine();
  ok(descriptors === null || descriptors > 2);
  equal(blocks, true);
});

Deno.test("askMachine() tells whether standard error is a file, also one that has no name any more", async () => {
  const dir = await Deno.makeTempDir();
  const module = new URL("../../lib/host/launch.ts", import.meta.url).href;
  const script = `${dir}/ask.ts`;
  await Deno.writeTextFile(
    script,
    `import { askMachine } from ${JSON.stringify(module)};\nconsole.log((await askMachine()).logsToFile);\n`,
  );
  const run = 'exec "$0" run --no-prompt --cached-only --no-check --allow-env --allow-run=/bin/sh "$1"';
  const places = [
    ['2>"$2"', "true"],
    ['2>"$2"; rm "$2"', "true"],
    ["2>&-", "false"],
    ["2>&1", "false"],
  ] as const;
  for (const [place, want] of places) {
    const args = ["-c", `exec ${place}; ${run}`, Deno.execPath(), script, `${dir}/err`];
    const { stdout } = await new Deno.Command("/bin/sh", { args, stderr: "inherit" }).output();
    equal(new TextDecoder().decode(stdout).trim(), want, place);
  }
});

Deno.test("launchCommand() hands every word to Deno as it is", async () => {
  const { argv, env } = launchCommand({ flags: hostile, account: null, module: import.meta.url, args: hostile });
  const [program = "", ...args] = argv;
  // In Deno's place stands a program that prints its arguments.
  const name = Object.keys(env).find((key) => env[key] === Deno.execPath()) ?? "";
  const script = await Deno.makeTempFile();
  await Deno.writeTextFile(script, `#!/bin/sh\nprintf '%s\\0' "$@"\n`);
  await Deno.chmod(script, 0o755);
  const output = await new Deno.Command(program, { args, env: { ...env, [name]: script }, clearEnv: true }).output();
  const words = new TextDecoder().decode(output.stdout).split("\0").slice(0, -1);
  deepEqual(words, ["run", ...hostile, fileURLToPath(import.meta.url), ...hostile]);
});

Deno.test("launchCommand() drops groups and capabilities for another account", () => {
  const account = { name: "bob", uid: 1234, gid: 1235, groups: false };
  const { argv } = launchCommand({ flags: [], account, module: import.meta.url, args: [] });
  equal(argv[0]?.endsWith("/setpriv"), true);
  for (const word of ["--reuid=1234", "--regid=1235", "--clear-groups", "--no-new-privs", "--bounding-set=-all"]) {
    ok(argv.includes(word), word);
  }
});

Deno.test("unreachableForOthers() names a directory that others may not enter", async () => {
  const base = await Deno.makeTempDir();
  await Deno.mkdir(`${base}/inner`);
  await Deno.writeTextFile(`${base}/inner/module.ts`, "");
  await Deno.chmod(base, 0o700);
  const found = unreachableForOthers(new URL(`file://${base}/inner/module.ts`).href);
  // Deno itself or its cache may be out of reach as well; then that is named first.
  ok(found !== null && [base, `${base}/inner`].includes(found) || !found?.startsWith(base));
  ok(found !== null);
});
