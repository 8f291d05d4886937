import { equal, match, ok } from "node:assert/strict";
import { join } from "@std/path";
import { runTask } from "../support/command.ts";
import { inFolder } from "../support/folder.ts";

/** Holds the demo's usual port, unless somebody else does so already. */
function takePort(): Disposable {
  try {
    return Deno.listen({ hostname: "127.0.0.1", port: 2525 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    return { [Symbol.dispose]: () => {} };
  }
}

const names = (folder: string): string[] => [...Deno.readDirSync(folder)].map((entry) => entry.name);

Deno.test("demo brings two messages to a Maildir, shows each step, and leaves nothing behind", async () => {
  await inFolder(async (tmp) => {
    const { code, stdout, stderr } = await runTask("demo", [], { env: { TMPDIR: tmp }, limitMs: 30_000 });
    equal(code, 0, stdout + stderr);
    equal(stderr, "");
    match(stdout, /\$ deno task makemap -t aliases .*\/aliases\n[^]*\npostmaster\tann\nhello\tann\n/);
    match(stdout, /\n>>> MAIL FROM:<friend@example\.net>.*\n[^]*\n<<< 250 2\.0\.0 [0-9a-f]{8} Message accepted/);
    match(stdout, /\$ deno task smtpctl show queue\n(?:[0-9a-f]{16}\|.*\|pending\|.*\n){2}\n/);
    match(
      stdout,
      /\nReturn-Path: <ann@example\.org>\nDelivered-To: postmaster@example\.org\n[^]*\nSubject: Hello by sen/,
    );
    match(
      stdout,
      /\nReturn-Path: <friend@example\.net>\nDelivered-To: hello@example\.org\n[^]*\nSubject: Hello by SMTP/,
    );
    equal(stdout.match(/ result=Ok stat=Delivered\n/g)?.length, 2);
    match(stdout, /\nsmtpd: exiting\n\nHow to go on from here\n/);
    ok(!stdout.includes("\x1b"), "colours in a pipe");
    equal(names(tmp).join(), "");
  });
});

Deno.test("demo takes another port when its own is taken, and keeps its directory when told to", async () => {
  await inFolder(async (tmp) => {
    using _taken = takePort();
    const { code, stdout } = await runTask("demo", ["--keep"], { env: { TMPDIR: tmp }, limitMs: 30_000 });
    equal(code, 0, stdout);
    const port = Number(/Port 2525 is taken on this machine, so smtpd gets port (\d+)\./.exec(stdout)?.[1]);
    ok(port > 0 && port !== 2525, stdout);
    await Deno.connect({ hostname: "127.0.0.1", port }).then(
      (connection) => {
        connection.close();
        throw new Error("smtpd still runs");
      },
      (error) => ok(error instanceof Deno.errors.ConnectionRefused),
    );
    const [name = "", ...others] = names(tmp);
    equal(others.length, 0);
    const folder = join(tmp, name);
    equal(names(join(folder, "ann/Maildir/new")).length, 2);
    ok(!names(join(folder, "state")).some((one) => one.endsWith(".sock")));
    // What it tells to try afterwards works.
    const conf = join(folder, "smtpd.conf");
    ok(stdout.includes(`\n$ deno task smtpd -d --same-user -f ${conf} --state ${join(folder, "state")}\n`));
    const check = await runTask("smtpd", ["-n", "-v", "--same-user", "-f", conf]);
    equal(check.code, 0, check.stderr);
  });
});

Deno.test("demo explains itself and refuses what it does not know", async () => {
  const help = await runTask("demo", ["--help"]);
  equal(help.code, 0);
  match(help.stdout, /^NAME\n {2}demo - /);
  const wrong = await runTask("demo", ["--kep"]);
  equal(wrong.code, 64);
  equal(wrong.stderr, "demo: Unknown option --kep; did you mean --keep?\nusage: deno task demo [--keep]\n");
  const none = await runTask("demo", [], { env: { TMPDIR: "/nonexistent/tmp" } });
  equal(none.code, 1);
  equal(none.stderr, "demo: cannot begin: no directory for temporary files; set TMPDIR to one\n");
});
