import { deepEqual, equal, match } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { hostShell, outputGraceMs, shellPath } from "../../lib/host/shell.ts";
import { shellCommand, wrappedCommand } from "../../lib/policy/command.ts";
import type { FormatValues } from "../../lib/policy/format.ts";
import { shellProgram } from "../../lib/daemon/grant_check.ts";
import type { Domain } from "../../lib/mail/address.ts";
import { until, within } from "../support/wait.ts";

interface Ran {
  readonly code: number;
  readonly signal: string | null;
  readonly output: string;
}

async function run(
  script: string,
  { args = [], env = { HOME: "/", PATH: "/usr/bin:/bin" }, input = "" }: {
    readonly args?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly input?: string;
  } = {},
): Promise<Ran> {
  let output = "";
  const decoder = new TextDecoder();
  const one = hostShell.run({
    script,
    args,
    env,
    output: (bytes) => void (output += decoder.decode(bytes, { stream: true })),
    side: null,
  });
  if (input !== "") await one.write(new TextEncoder().encode(input));
  await one.end();
  const { code, signal } = await within("the command ends", one.ended);
  return { code, signal, output };
}

Deno.test("the shell that runs is the one that privilege.ts grants", () => equal(shellPath, shellProgram));

Deno.test("hostShell gives a command its arguments, its input and exactly its environment", async () => {
  const { code, output } = await run('echo "$1|$2|$#"; cat; env | sort', {
    args: ["a b", "$(id)"],
    env: { HOME: "/", PATH: "/usr/bin:/bin", USER: "ann" },
    input: "hello\n",
  });
  equal(code, 0);
  const lines = output.split("\n").filter((line) => !/^(_|PWD|SHLVL)=/.test(line));
  deepEqual(lines, ["a b|$(id)|2", "hello", "HOME=/", "PATH=/usr/bin:/bin", "USER=ann", ""]);
});

Deno.test("hostShell runs in the home, or at the root when that is not to be entered", async () => {
  const home = await Deno.makeTempDir();
  const env = { PATH: "/usr/bin:/bin" };
  equal((await run("pwd", { env: { ...env, HOME: home } })).output.trim(), await Deno.realPath(home));
  equal((await run("pwd", { env: { ...env, HOME: "/nonexistent" } })).output, "/\n");
  await Deno.remove(home);
});

Deno.test("hostShell tells how a command ended, and what it said on both outputs", async () => {
  deepEqual(await run("echo out; echo err >&2; exit 75"), { code: 75, signal: null, output: "out\nerr\n" });
  const killed = await run("kill -TERM $$");
  equal(killed.signal, "SIGTERM");
});

Deno.test("hostShell says that a command reads no more", async () => {
  const one = hostShell.run({ script: "exec 0<&-; sleep 60", args: [], env: {}, output: () => {}, side: null });
  await until("the pipe is closed", async () => !(await one.write(new Uint8Array(70_000))), { everyMs: 10 });
  one.kill();
  equal((await within("it ends", one.ended)).signal, "SIGKILL");
});

Deno.test("hostShell kills a command with its children", async () => {
  let output = "";
  const one = hostShell.run({
    script: "sleep 1000 & echo $!; sleep 1000",
    args: [],
    env: { PATH: "/usr/bin:/bin" },
    output: (bytes) => void (output += new TextDecoder().decode(bytes)),
    side: null,
  });
  await until("it has started", () => /\d+\n/.test(output));
  equal(await isGone(Number(output)), false);
  one.kill();
  equal((await within("it ends", one.ended)).signal, "SIGKILL");
  await until("its child ends", () => isGone(Number(output)));
});

/** A zombie that nobody has reaped counts as gone. */
async function isGone(pid: number): Promise<boolean> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "stat=", "-p", `${pid}`] }).output();
  return /^(Z|$)/.test(new TextDecoder().decode(stdout).trim());
}

Deno.test("hostShell does not wait for children in the background that hold the output", async () => {
  const { code, output } = await run("sleep 1000 & echo $!; exit 3");
  equal(code, 3);
  Deno.kill(Number(output), "SIGKILL");
});

Deno.test("hostShell takes what is written to descriptor 3 apart from the output", async () => {
  let side = "";
  let output = "";
  const one = hostShell.run({
    script: "echo said; echo kept >&3; echo more >&2",
    args: [],
    env: { PATH: "/usr/bin:/bin" },
    output: (bytes) => void (output += new TextDecoder().decode(bytes)),
    side: (bytes) => {
      side += new TextDecoder().decode(bytes);
      return Promise.resolve();
    },
  });
  await one.end();
  equal((await one.ended).code, 0);
  deepEqual([side, output], ["kept\n", "said\nmore\n"]);
});

Deno.test("hostShell takes all of descriptor 3, however slow its taker is", async () => {
  let length = 0;
  // The taker waits until the command has ended and the time for its output is over.
  const disk = Promise.withResolvers<void>();
  const one = hostShell.run({
    script: "head -c 100000 /dev/zero >&3; echo over >&2",
    args: [],
    env: { PATH: "/usr/bin:/bin" },
    output: () => void setTimeout(disk.resolve, 2 * outputGraceMs),
    side: async (bytes) => {
      if (length > 40_000) await disk.promise;
      length += bytes.length;
    },
  });
  await one.end();
  deepEqual(await within("it ends", one.ended), { code: 0, signal: null, isSideWhole: true });
  equal(length, 100_000);
});

Deno.test("hostShell says that descriptor 3 did not come to its end when a child keeps it until the kill", async () => {
  let side = "";
  const [said, left] = [Promise.withResolvers<number>(), Promise.withResolvers<void>()];
  const one = hostShell.run({
    script: "echo half >&3; setsid sh -c 'echo $$ >&2; exec sleep 1000 2>/dev/null' &",
    args: [],
    env: { PATH: "/usr/bin:/bin" },
    output: (bytes) => said.resolve(Number(new TextDecoder().decode(bytes))),
    side: (bytes) => {
      side += new TextDecoder().decode(bytes);
      left.resolve();
      return Promise.resolve();
    },
  });
  await one.end();
  const pid = await within("it speaks", said.promise);
  await within("it gives back something", left.promise);
  one.kill();
  const { isSideWhole } = await within("it ends", one.ended);
  deepEqual([isSideWhole, side], [false, "half\n"]);
  Deno.kill(pid, "SIGKILL");
});

Deno.test("a command holds no descriptor of ours", async () => {
  const { output } = await run('for fd in /proc/self/fd/*; do readlink "$fd"; done');
  equal(output.split("\n").some((line) => line.startsWith("socket:")), false, output);
});

/** Every way in which a specifier may be quoted in a template; `@` is the specifier. */
const places = [
  "printf '%%s\\n' @",
  "printf '%%s\\n' '@'",
  "printf '%%s\\n' \"@\"",
  "printf '%%s\\n' \"\"@''",
  "x=@; printf '%%s\\n' \"$x\"",
  "x='@'; printf '%%s\\n' \"$x\"",
  "printf '%%s\\n' \"$(printf '%%s' '@')\"",
  "printf '%%s\\n' \"$(printf '%%s' @)\" # it's \"@\n",
  "case @ in *) printf '%%s\\n' \"@\";; esac",
  "if true; then { (printf '%%s\\n' @); }; fi",
  "f() { printf '%%s\\n' \"$1\"; }; f @",
];

/** What addresses may hold, and what nobody thinks that they hold. */
const nasty = fc.oneof(
  fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 40 }),
  fc.constantFrom(
    "$(touch /tmp/x)",
    "`id`",
    "; rm -rf /",
    "a' 'b",
    'a" "b',
    "\\",
    "\\'",
    '$x"',
    "*",
    "-n",
    "a  b",
    "\t",
    "&& id",
    "${HOME}",
    "zoë😀",
    "#",
    "%s",
    "!!",
  ),
).filter((text) => !/[\0\n]/.test(text));

Deno.test("whatever a value is and however its place is quoted, the command sees exactly the value", async () => {
  await fc.assert(
    fc.asyncProperty(nasty, fc.constantFrom(...places), async (value, place) => {
      const values: FormatValues = {
        sender: null,
        rcpt: { localPart: value, domain: "a.test" as Domain },
        dest: { localPart: value, domain: "a.test" as Domain },
        username: "ann",
        directory: "/",
        subAddressDelimiter: "+",
      };
      const made = shellCommand(place.replaceAll("@", "%{rcpt.user:raw}"), values);
      if (made.kind === "error") throw new Error(made.message);
      const { output } = await run(made.command.script, { args: made.command.args });
      equal(output, `${value}\n`);
      // The other shell that a wrapper's quoted %{mda} is for sees it as well.
      const wrapped = wrappedCommand(
        `sh -c "%{mda}"`,
        { kind: "template", template: place.replaceAll("@", "%{rcpt.user:raw}") },
        values,
      );
      if (wrapped.kind === "error") throw new Error(wrapped.message);
      const second = await run(wrapped.command.script, { args: wrapped.command.args });
      equal(second.output, `${value}\n`);
    }),
    { numRuns: 60 },
  );
});

Deno.test("no value runs in the shell of a wrapper, even where the quotes of the template are hard to follow", async () => {
  const rcpt = { localPart: "$(echo RUN)", domain: "a.test" as Domain };
  const values = { sender: null, rcpt, dest: rcpt, username: "u", directory: "/", subAddressDelimiter: "+" };
  const hard = ['"${x:-"@"}"', "\"${x#'@'}\"", "\"${x:-'@'}\"", '"${x:-$(printf "%%s" "@")}"'];
  for (const word of hard) {
    const template = `printf '%%s\\n' ${word}`.replaceAll("@", "%{dest.user:raw}");
    for (const wrapper of ['sh -c "%{mda}"', "sh -c '%{mda}'", 'sh -c "exec %{mda}"', "%{mda}"]) {
      const made = wrappedCommand(wrapper, { kind: "template", template }, values);
      if (made.kind === "error") throw new Error(made.message);
      const { output } = await run(made.command.script, { args: made.command.args });
      equal(/^RUN/m.test(output), false, `${wrapper} ${template}: ${output}`);
    }
  }
});

Deno.test("a template's own positional parameters are empty", async () => {
  const values = { sender: null, username: "u", directory: "/", subAddressDelimiter: "+" };
  const rcpt = { localPart: "ann", domain: "a.test" as Domain };
  const made = shellCommand('echo "$#" "$1" "%{rcpt.user}"', { ...values, rcpt, dest: rcpt });
  equal(made.kind, "ok");
  if (made.kind === "ok") match((await run(made.command.script, { args: made.command.args })).output, /^0 {2}ann$/m);
});
