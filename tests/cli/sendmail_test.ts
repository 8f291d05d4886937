import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "@std/path";

const sourceOf = (name: string) => new URL(`../../cli/${name}.ts`, import.meta.url).pathname;
const command = sourceOf("sendmail");
/** Where Deno keeps compiled sources: the children have another HOME. */
const cache = Deno.env.get("DENO_DIR") ??
  join(Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`, "deno");

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A state directory, a home, and as long as `answer` is given a server on the submission socket. */
class Scene {
  readonly state = Deno.makeTempDirSync();
  readonly home = Deno.makeTempDirSync();
  /** What each connection said, whole. */
  readonly sessions: string[] = [];
  #listener: Deno.Listener | null = null;
  #serving: Promise<void> = Promise.resolve();

  [Symbol.dispose](): void {
    this.#listener?.close();
    for (const path of [this.state, this.home]) Deno.removeSync(path, { recursive: true });
  }

  /** Answers each line, and the dot, with what `answer` says; null closes the connection. */
  serve(answer: (line: string) => string | null, greeting = "220 mx.home.test ESMTP Postern\r\n"): void {
    const listener = Deno.listen({ transport: "unix", path: join(this.state, "submit.sock") });
    this.#listener = listener;
    this.#serving = this.#accept(listener, answer, greeting);
  }

  /** The session that has just ended. */
  async session(): Promise<string> {
    this.#listener?.close();
    this.#listener = null;
    await this.#serving;
    assert.equal(this.sessions.length, 1);
    return this.sessions[0] ?? "";
  }

  async run(
    args: readonly string[],
    input: string,
    flags: readonly string[] = this.flags(),
    source = command,
  ): Promise<Ended> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--cached-only", "--frozen", ...flags, source, "--state", this.state, ...args],
      clearEnv: true,
      env: { HOME: this.home, DENO_DIR: cache, NO_COLOR: "1", TZ: "UTC" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    // A command that does not read its input closes it.
    await writer.write(Buffer.from(input, "latin1")).then(() => writer.close()).catch(() => {});
    const { code, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /** The rights that sendmail needs for all it does. */
  flags(): readonly string[] {
    return [
      `--allow-read=/etc/passwd,/etc/mailname,${command},${this.state},${this.home}`,
      `--allow-write=${this.state},${this.home}`,
      `--allow-net=unix:${this.state}/submit.sock`,
      "--allow-env=SMTPD_STATE,XDG_STATE_HOME,HOME,LOGNAME,USER",
      "--allow-sys=uid,hostname",
    ];
  }

  /** Names of the files that wait. */
  kept(): string[] {
    try {
      return [...Deno.readDirSync(join(this.state, "offline"))].map((entry) => join(this.state, "offline", entry.name));
    } catch {
      return [];
    }
  }

  async #accept(listener: Deno.Listener, answer: (line: string) => string | null, greeting: string): Promise<void> {
    for await (const connection of listener) await this.#converse(connection, answer, greeting);
  }

  async #converse(connection: Deno.Conn, answer: (line: string) => string | null, greeting: string): Promise<void> {
    const decoder = new TextDecoder("latin1");
    let [seen, at, isContent] = ["", 0, false];
    const say = (text: string) => connection.write(Buffer.from(text));
    try {
      await say(greeting);
      for await (const bytes of connection.readable) {
        seen += decoder.decode(bytes, { stream: true });
        for (let end = seen.indexOf("\r\n", at); end >= 0; end = seen.indexOf("\r\n", at)) {
          const line = seen.slice(at, end);
          at = end + 2;
          if (isContent && line !== ".") continue;
          const reply = answer(line);
          if (reply === null) return;
          isContent = reply.startsWith("354");
          await say(`${reply}\r\n`);
        }
      }
    } catch {
      // The client has gone.
    } finally {
      this.sessions.push(seen);
      try {
        connection.close();
      } catch {
        // Closed with its readable side.
      }
    }
  }
}

/** A server that takes everything and offers everything. */
function obliging(line: string): string {
  const replies: Readonly<Record<string, string>> = {
    EHLO: "250-mx.home.test Hello\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 100000\r\n250 DSN",
    DATA: "354 Enter mail",
    ".": "250 2.0.0 1a2b3c4d Message accepted for delivery",
    QUIT: "221 2.0.0 Bye",
  };
  return replies[line.split(" ")[0] ?? ""] ?? "250 2.0.0 Ok";
}

const mail = "To: Bob <bob>, carl@y.test\nBcc: dora@z.test\nSubject: caf\xe9\n\n.\nhello\n";

Deno.test("sendmail hands a message to the daemon, and says nothing", async () => {
  using scene = new Scene();
  scene.serve(obliging);
  const ended = await scene.run(["-t", "-oi", "-fann@x.test", "-FAnn", "-Nsuccess", "-Rhdrs", "-Vjob"], mail);
  assert.deepEqual(ended, { code: 0, stdout: "", stderr: "" });
  const lines = (await scene.session()).split("\r\n");
  assert.deepEqual(lines.slice(0, 5).concat(lines[5] ?? ""), [
    "EHLO localhost",
    lines[1],
    "RCPT TO:<bob@mx.home.test> NOTIFY=SUCCESS",
    "RCPT TO:<carl@y.test> NOTIFY=SUCCESS",
    "RCPT TO:<dora@z.test> NOTIFY=SUCCESS",
    "DATA",
  ]);
  assert.match(lines[1] ?? "", /^MAIL FROM:<ann@x\.test> SIZE=\d+ BODY=8BITMIME RET=HDRS ENVID=job$/);
  const content = lines.slice(6);
  assert.deepEqual(content.slice(0, 3), [
    "To: Bob <bob@mx.home.test>, carl@y.test",
    "Subject: caf\xe9",
    "From: Ann <ann@x.test>",
  ]);
  assert.match(content[3] ?? "", /^Date: \w{3}, \d+ \w{3} \d{4} \d\d:\d\d:\d\d \+0000$/);
  assert.match(content[4] ?? "", /^Message-ID: <[0-9a-f]{32}@mx\.home\.test>$/);
  assert.deepEqual(content.slice(5), ["", "..", "hello", ".", "QUIT", ""]);
});

Deno.test("sendmail takes the caller for sender, and shows the dialogue with -v", async () => {
  using scene = new Scene();
  scene.serve(obliging);
  const { code, stdout } = await scene.run(["-v", "bob@x.test"], "hi\n");
  assert.equal(code, 0);
  assert.match(stdout, /^<<< 220 mx\.home\.test ESMTP Postern\n>>> EHLO localhost\n<<< 250-mx\.home\.test Hello\n/);
  assert.match(stdout, />>> MAIL FROM:<[^@>]+@mx\.home\.test> SIZE=\d+\n/);
  assert.match(
    stdout,
    />>> \.\n<<< 250 2\.0\.0 1a2b3c4d Message accepted for delivery\n>>> QUIT\n<<< 221 2\.0\.0 Bye\n$/,
  );
  await scene.session();
});

Deno.test("sendmail hands over a message of several megabytes whole", async () => {
  using scene = new Scene();
  scene.serve((line) => line.startsWith("EHLO") ? "250 mx.home.test" : obliging(line));
  const body = ".line\n\xff\n".repeat(400_000);
  assert.equal((await scene.run(["-f", "a@b.test", "c@d.test"], `Subject: big\n\n${body}`)).code, 0);
  const session = await scene.session();
  assert.equal(
    session.slice(session.indexOf("\r\n\r\n") + 4),
    `${body.replaceAll("\n", "\r\n").replace(/^\./gm, "..")}.\r\nQUIT\r\n`,
  );
});

Deno.test("sendmail puts a refused message into dead.letter, for all recipients, and exits with 70", async () => {
  using scene = new Scene();
  scene.serve((line) => line.includes("bad@") ? "550 5.1.1 Invalid recipient: <bad@x.test>" : obliging(line));
  const { code, stderr } = await scene.run(["-f", "a@b.test", "good@x.test", "bad@x.test"], "Subject: x\n\nhi\n");
  const path = join(scene.home, "dead.letter");
  assert.equal(code, 70);
  assert.equal(
    stderr,
    `sendmail: command failed: 550 5.1.1 Invalid recipient: <bad@x.test>; the message is in ${path}\n`,
  );
  assert.match(Deno.readTextFileSync(path), /^From MAILER-DAEMON .*\nSubject: x\nFrom: <a@b\.test>\n[^]*\n\nhi\n\n$/);
  assert.doesNotMatch(await scene.session(), /DATA/);
  assert.deepEqual(scene.kept(), []);
});

Deno.test("sendmail offers no message that is over the daemon's size, and exits with 70", async () => {
  using scene = new Scene();
  scene.serve(obliging);
  const { code, stderr } = await scene.run(["a@b.test"], "x\n".repeat(60_000));
  assert.equal(code, 70);
  assert.match(stderr, /over the 100000 octets that the server takes/);
  assert.equal(await scene.session(), "EHLO localhost\r\nQUIT\r\n");
});

Deno.test("sendmail exits with 1 when the daemon takes no mail now", async () => {
  using scene = new Scene();
  scene.serve(obliging, "421 4.3.2 Paused\r\n");
  const { code, stderr } = await scene.run(["a@b.test"], "hi\n");
  assert.equal(code, 1);
  assert.match(stderr, /^sendmail: server disallowed submission request: 421 4\.3\.2 Paused; the message is in /);
});

const mistakes: readonly [name: string, args: readonly string[], code: number, stderr: RegExp][] = [
  [
    "an unknown option, in JSON",
    ["--json", "-n"],
    1,
    /^\{"error":"Unknown option -n","hint":"see sendmail --help"\}\n$/,
  ],
  ["an unknown option", ["-n", "a@b.test"], 1, /^sendmail: Unknown option -n\nusage: sendmail \[-tv\]/],
  ["a bad address", ["a@b..test"], 1, /^sendmail: syntax error in address: a@b\.\.test\n$/],
  ["a bad sender", ["-f", "<a", "a@b.test"], 1, /^sendmail: syntax error in address: <a\n$/],
  ["no recipients", [], 70, /^sendmail: no recipients\n$/],
  ["-q", ["-q"], 70, /^sendmail: -q is not supported\n$/],
];

for (const [name, args, code, stderr] of mistakes) {
  Deno.test(`sendmail exits with ${code} for ${name}`, async () => {
    using scene = new Scene();
    scene.serve(obliging);
    const ended = await scene.run(args, "hi\n");
    assert.match(ended.stderr, stderr);
    assert.equal(ended.code, code);
    assert.deepEqual(scene.kept(), []);
  });
}

Deno.test("sendmail keeps a message while the daemon is down; --offline hands it over with rights to that file alone", async () => {
  using scene = new Scene();
  const kept = await scene.run(["-t", "-f", "ann@x.test", "--json", "erik@x.test"], mail);
  assert.equal(kept.code, 75);
  assert.match(kept.stderr, /^sendmail: smtpd is not running; the message is queued offline and will be sent when /);
  const [file = ""] = scene.kept();
  const { recipients, ...rest } = JSON.parse(kept.stdout);
  assert.deepEqual(rest, { result: "queued offline", file, sender: "ann@x.test" });
  assert.deepEqual(recipients.toSpliced(1, 1), ["erik@x.test", "carl@y.test", "dora@z.test"]);
  const text = Buffer.from(Deno.readFileSync(file)).toString("latin1");
  assert.match(
    text,
    /^-f\|<ann@x\.test>\|--\|erik@x\.test\|bob@[^|]+\|carl@y\.test\|dora@z\.test\nTo: Bob <bob@[^]*\n\n\.\nhello\n$/,
  );
  assert.doesNotMatch(text, /\nBcc:/i);

  const socket = join(scene.state, "submit.sock");
  const flags = [
    "--ignore-env",
    "--no-remote",
    `--allow-read=${file},${socket}`,
    `--allow-write=${file},${socket}`,
    `--allow-net=unix:${socket}`,
  ];
  assert.deepEqual((await scene.run(["--offline", file], "", flags)).code, 75);
  assert.deepEqual(scene.kept(), [file]);

  scene.serve(obliging);
  assert.deepEqual(await scene.run(["--offline", file], "", flags), { code: 0, stdout: "", stderr: "" });
  assert.deepEqual(scene.kept(), []);
  const session = await scene.session();
  assert.match(session, /MAIL FROM:<ann@x\.test> .*\r\nRCPT TO:<erik@x\.test>\r\nRCPT TO:<bob@/);
  assert.match(session, /RCPT TO:<dora@z\.test>\r\nDATA\r\nTo: Bob/);
  assert.match(session, /\r\nSubject: caf\xe9\r\nFrom: <ann@x\.test>\r\n/);
  assert.equal(session.match(/^(From|Date|Message-ID):/gm)?.length, 3);
});

Deno.test("sendmail keeps a message when the daemon goes away before its last answer", async () => {
  using scene = new Scene();
  scene.serve((line) => line === "." ? null : obliging(line));
  assert.equal((await scene.run(["-f", "a@b.test", "c@d.test"], "hi\n")).code, 75);
  assert.equal(scene.kept().length, 1);
});

Deno.test("sendmail --offline keeps a file that the daemon refuses, and takes no orders from one", async () => {
  using scene = new Scene();
  const place = join(scene.state, "offline");
  Deno.mkdirSync(place);
  const file = join(place, "1.abcdefghij");
  scene.serve((line) => line.startsWith("RCPT") ? "550 5.1.1 No" : obliging(line));
  for (
    const [text, stderr] of [
      ["-f|<a@b.test>|--|c@d.test\nhi\n", /command failed: 550 5\.1\.1 No\n$/],
      ["--state|/tmp|c@d.test\nhi\n", /the first line is no submission\n$/],
      ["--offline|/etc/passwd\nhi\n", /the first line is no submission\n$/],
      ["-bp\nhi\n", /the first line is no submission\n$/],
      ["--nonsense\nhi\n", /Unknown option --nonsense\n$/],
      ["no line end", /it has no first line\n$/],
    ] as const
  ) {
    Deno.writeTextFileSync(file, text);
    const ended = await scene.run(["--offline", file], "");
    assert.match(ended.stderr, stderr);
    assert.equal(ended.code, 75);
    assert.equal(Deno.readTextFileSync(file), text);
  }
  assert.deepEqual([...Deno.readDirSync(scene.home)], []);
});

Deno.test("sendmail keeps no message with a bar in an address", async () => {
  using scene = new Scene();
  const { code, stderr } = await scene.run(["a|b@x.test"], "hi\n");
  assert.equal(code, 70);
  assert.match(stderr, /^sendmail: illegal character in an address: \| .*dead\.letter\n$/);
});

Deno.test("sendmail says so when a message can be kept nowhere", async () => {
  using scene = new Scene();
  Deno.writeTextFileSync(join(scene.state, "offline"), "in the way");
  const { code, stderr } = await scene.run(["a@b.test"], "hi\n");
  assert.equal(code, 69);
  assert.match(stderr, /^sendmail: cannot keep the message in .*\/offline: .*; the message is in .*dead\.letter\n$/);
});

Deno.test("sendmail prints its manual and its version", async () => {
  using scene = new Scene();
  const manual = await scene.run(["--help"], "");
  assert.match(manual.stdout, /^NAME\n {2}sendmail - hand in a message\n\nSYNOPSIS\n[^]*\nSTANDARDS\n.*RFC 3461\.\n$/);
  assert.match((await scene.run(["--version"], "")).stdout, /^Postern \d+\.\d+\.\d+\n$/);
});

const standIns: readonly [mode: string, name: string][] = [["-bp", "mailq"], ["-bi", "newaliases"]];

for (const [mode, name] of standIns) {
  Deno.test(`sendmail ${mode} does as ${name} does`, async () => {
    using scene = new Scene();
    const flags = ["--allow-read", `--allow-write=${scene.state}`, "--allow-net", "--allow-env", "--allow-sys"];
    const [ours, theirs] = [await scene.run([mode], "", flags), await scene.run([], "", flags, sourceOf(name))];
    assert.equal(ours.code, theirs.code);
    // What follows the name may hold names of temporary files.
    assert.equal(ours.stderr.split(":")[0], theirs.stderr.split(":")[0]);
    assert.notEqual(ours.stdout + ours.stderr, "");
  });
}
