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

Deno.test("smtpd -n prints an error with its line, a caret and what to do", async () => {
  const text = 'listen on 127.0.0.1 port 70000\naction "a" relay\nmatch for any action "b"\n';
  const { code, stdout, stderr } = await smtpd(text, "-n");
  equal(code, 1);
  equal(stdout, "");
  equal(
    stderr,
    [
      "smtpd.conf:1:26: error: invalid port: 70000",
      "    1 | listen on 127.0.0.1 port 70000",
      "      |                          ^^^^^",
      "      = a port is a number from 1 to 65535",
      'smtpd.conf:3:22: error: no such action: "b"',
      '    3 | match for any action "b"',
      "      |                      ^^^",
      "",
    ].join("\n"),
  );
});

Deno.test("smtpd -D wants macro=value, and its value wins over the file's", async () => {
  for (const word of ["dom", "=x"]) {
    const { code, stderr } = await smtpd(good, "-n", "-D", word);
    equal(code, 1);
    match(stderr, new RegExp(`^smtpd: -D needs macro=value, not ${word}\n`));
  }
  const own = await smtpd(`p = "70000"\n${good.replace("2525", "$p")}`, "-n", "-Dp=2525", "-Ddom=b.test");
  equal(own.code, 0, own.stderr);
});

Deno.test("smtpd -h prints the manual, --version the version, and an operand is refused", async () => {
  match((await smtpd(good, "-h")).stdout, /^NAME\n {2}smtpd - /);
  match((await smtpd(good, "--version")).stdout, /^Postern \d/);
  const operand = await smtpd(good, "-n", "start");
  equal(operand.code, 1);
  match(operand.stderr, /^smtpd: Unexpected argument start\nusage: /);
});

Deno.test("smtpd -T is refused: there is no tracing that could be left out in silence", async () => {
  for (const words of [["-n", "-T", "smtp"], ["-nTsmtp"]]) {
    const { code, stdout, stderr } = await smtpd(good, ...words);
    equal(code, 1);
    equal(stdout, "");
    match(stderr, /^smtpd: -T: tracing is not supported yet; -v shows .*\nusage: smtpd /);
  }
});

Deno.test("smtpd without a configuration says what one looks like, and that one is right", async () => {
  const none = await smtpd(good, "-n", "-f", "/nonexistent/smtpd.conf");
  equal(none.code, 1);
  match(
    none.stderr,
    /^\/nonexistent\/smtpd\.conf:1:1: error: .*no such file\n {2}Write one there, or name one with -f/,
  );
  const example = none.stderr.split("\n").filter((line) => line.startsWith("    ")).join("\n") + "\n";
  const checked = await smtpd(example, "-n");
  equal(checked.stderr, "configuration OK\n");
  const json = await smtpd(good, "-n", "--json", "-f", "/nonexistent/smtpd.conf");
  equal(JSON.parse(json.stderr).length, 1);
});

Deno.test("smtpd -n warns of what is not active, with its line, and is content all the same", async () => {
  const text =
    'queue compression\nlisten on 127.0.0.1 port 2525 proxy-v2\naction "a" relay tls\nmatch for any action "a"\n';
  const { code, stderr } = await smtpd(text, "-n");
  equal(code, 0);
  equal(
    stderr,
    [
      "smtpd.conf:2:1: warning: `proxy-v2` is not active yet: this listener is not opened",
      "smtpd.conf:3:1: warning: TLS required for relaying, and TLS is not active yet: mail of this action waits in the queue",
      "smtpd.conf: warning: `queue compression` is not active yet: messages are stored as they are",
      "configuration OK",
      "",
    ].join("\n"),
  );
  const json = JSON.parse((await smtpd(text, "-n", "--json")).stderr);
  deepEqual(json.map((one: { severity: string; line: number }) => [one.severity, one.line]), [
    ["warning", 2],
    ["warning", 3],
    ["warning", 0],
  ]);
});
