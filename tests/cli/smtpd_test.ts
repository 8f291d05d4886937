import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "@std/path";
import { root, runProgram } from "../support/command.ts";

const good = `table users { bob = "1000:1000:/home/bob" }
listen on 127.0.0.1 port 2525
action "local" maildir userbase <users>
match from any for domain "$dom" action "local"
`;

async function smtpd(text: string, ...args: readonly string[]) {
  const folder = await Deno.makeTempDir();
  const conf = join(folder, "smtpd.conf");
  await Deno.writeTextFile(conf, text);
  const rights = [
    "--allow-read",
    "--allow-env",
    "--allow-sys",
    "--allow-net",
    "--allow-run",
    `--allow-write=${folder}`,
  ];
  const words = ["run", "--no-prompt", "--cached-only", ...rights, join(root, "cli/smtpd.ts"), "-f", conf];
  const done = await runProgram(Deno.execPath(), [...words, "--state", join(folder, "state"), ...args]);
  return { ...done, stderr: done.stderr.replaceAll(conf, "smtpd.conf") };
}

Deno.test("smtpd -n says that a configuration is right, with macros of the command line", async () => {
  const { code, stderr } = await smtpd(good, "-n", "-D", "dom=example.org");
  equal(stderr, "configuration OK\n");
  equal(code, 0);
});

Deno.test("smtpd -n shows every error at its place, and ends with 1", async () => {
  const { code, stderr } = await smtpd("lsten on lo\naction a maildir alias <nope>\nmatch action a\n", "-n");
  equal(code, 1);
  match(stderr, /smtpd\.conf:1:1: error: /);
  match(stderr, /did you mean `listen`\?/);
  match(stderr, /smtpd\.conf:2:\d+: error: no such table/);
});

Deno.test("smtpd -n --json gives errors as data", async () => {
  const { code, stderr } = await smtpd("lsten on lo\n", "-n", "--json");
  equal(code, 1);
  equal(JSON.parse(stderr)[0].line, 1);
});

Deno.test("smtpd -n -v prints what each role may do, smtp-in nothing at all", async () => {
  const table = await smtpd(good, "-n", "-v", "--same-user", "-D", "dom=example.org");
  match(table.stdout, /\nsmtp-in\n(.*\n)? *read +nothing\n *write +nothing\n *network +nothing/);
  const json = await smtpd(good, "-n", "-v", "--json", "--same-user", "-D", "dom=example.org");
  const row = JSON.parse(json.stdout).find((one: { role: string }) => one.role === "smtp-in");
  deepEqual([row.read, row.write, row.run], [[], [], []]);
  equal(row.flags.some((flag: string) => flag.startsWith("--allow-")), false);
});

Deno.test("smtpd explains a command line that it does not know", async () => {
  const { code, stderr } = await smtpd(good, "--stat");
  equal(code, 1);
  match(stderr, /Unknown option --stat; did you mean --state\?\n *usage: smtpd/);
});
