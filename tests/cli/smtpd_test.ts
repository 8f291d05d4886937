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

Deno.test("smtpd -n looks at the configuration, wherever the state is to be", async () => {
  const { code, stderr } = await smtpd(good, "-n", "-D", "dom=example.org", "--state", `/${"x".repeat(100)}`);
  deepEqual([code, stderr], [0, "configuration OK\n"]);
});

Deno.test("smtpd -n counts warnings and ends with 0, and with 1 for what it could not run with", async () => {
  const fine = await smtpd("listen on 0.0.0.0 port 2525\naction a relay\nmatch from any for any action a\n", "-n");
  match(fine.stderr, /^smtpd\.conf:3:1: warning: anyone may relay to anywhere: this is an open relay\n/);
  match(fine.stderr, /\nconfiguration OK, 1 warning\n$/);
  equal(fine.code, 0);
  const broken = await smtpd("table t file:/nonexistent/t\nmatch for domain <t> reject\n", "-n");
  match(broken.stderr, /smtpd\.conf:1:9: error: cannot read \/nonexistent\/t: no such file\n/);
  equal(broken.code, 1);
  const json = await smtpd("match for local reject\nmatch for local reject\n", "-n", "--json");
  deepEqual([JSON.parse(json.stderr)[0].line, json.code], [2, 0]);
});

Deno.test("smtpd --print prints the configuration in effect, and keys only when asked to", async () => {
  const text = 'm = "lo"\nlisten on $m port 2525\nqueue encryption 0123456789abcdef0123456789abcdef\n' +
    "match from local for local reject\n";
  const hidden = await smtpd(text, "--print");
  equal(hidden.stdout, "queue encryption ***\n\nlisten on lo port 2525\n\nmatch for local reject\n");
  equal(hidden.code, 0);
  match((await smtpd(text, "--print", "--secrets")).stdout, /^queue encryption 0123456789abcdef0123456789abcdef$/m);
  const json = JSON.parse((await smtpd(text, "--print", "--json")).stdout);
  deepEqual(json.queue.encryption, { kind: "key", key: "***" });
});

Deno.test("smtpd -n answers the grammar before OpenSMTPD 6.4 with a translation", async () => {
  const { code, stderr } = await smtpd("accept from any for local deliver to mbox\n", "-n");
  equal(code, 1);
  equal(
    stderr,
    `smtpd.conf:1:1: error: this is the grammar of OpenSMTPD before 6.4
    1 | accept from any for local deliver to mbox
      | ^^^^^^
      = write today:
          action "local" mbox
          match from any for local action "local"
`,
  );
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

Deno.test("smtpd -T takes what can be traced, and warns of what cannot", async () => {
  const { code, stderr } = await smtpd(good, "-n", "-T", "rules,smtp", "-Tbogus");
  equal(code, 0);
  match(
    stderr,
    /^smtpd: trace smtp has no effect; .*\nsmtpd: unknown trace flag "bogus"; there are .*\nconfiguration OK\n$/,
  );
});

Deno.test("smtpd -n --explain says what would become of mail, and its status says whether it is taken", async () => {
  const text = 'listen on 127.0.0.1 port 2525\naction "out" relay\nmatch for any action "out"\n';
  const ask = ["--explain", "--from", "ann@a.test", "--rcpt=bob@b.test"];
  const local = await smtpd(text, "-n", ...ask);
  equal(local.code, 0, local.stderr);
  match(
    local.stdout,
    /^from +<ann@a\.test>\n[^]*✓ smtpd\.conf:3 {2}match from local for any action "out"\n[^]*accepted +1 envelope\n/,
  );
  const far = await smtpd(text, "-n", ...ask, "--src", "192.0.2.1", "--json");
  equal(far.code, 2, far.stderr);
  equal(JSON.parse(far.stdout).answer.kind, "refused");
  for (
    const [words, want] of [
      [ask, /^smtpd: --explain goes with -n;/],
      [["-n", "--explain"], /^smtpd: --from is missing/],
      [
        ["-n", ...ask, "--src", "192.0.2.1", "--listener", "x"],
        /^smtpd: there is no such listener; there are .*127\.0\.0\.1:2525/,
      ],
    ] as const
  ) {
    const { code, stderr } = await smtpd(text, ...words);
    equal(code, 1);
    match(stderr, want);
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
      "smtpd.conf:1:1: warning: `queue compression` is not active yet: messages are stored as they are",
      "    1 | queue compression",
      "      | ^^^^^",
      "smtpd.conf:3:1: warning: TLS required for relaying, and it is not active yet: mail of this action waits in the queue",
      '    3 | action "a" relay tls',
      "      | ^^^^^^",
      "configuration OK, 2 warnings",
      "",
    ].join("\n"),
  );
  const json = JSON.parse((await smtpd(text, "-n", "--json")).stderr);
  deepEqual(json.map((one: { severity: string; line: number }) => [one.severity, one.line]), [
    ["warning", 1],
    ["warning", 3],
  ]);
});
