import { equal, match } from "node:assert/strict";
import { hostRandom } from "../../lib/host/clock.ts";
import { hostDigests } from "../../lib/host/hash.ts";
import { hostPasswords } from "../../lib/host/password.ts";
import { isPassword } from "../../lib/trust/credentials.ts";
import { parseStored } from "../../lib/trust/stored_password.ts";
import { encrypt } from "../../cli/smtpctl_encrypt.ts";
import { runTask } from "../support/command.ts";

async function run(password: string | null, { json = false, lines = [] as readonly string[] } = {}) {
  let [printed, complained] = ["", ""];
  const printer = {
    screen: null,
    now: () => 0,
    write: (text: string | Uint8Array) => Promise.resolve(void (printed += String(text))),
    complain: (text: string) => void (complained += text),
  };
  const host = {
    functions: hostPasswords,
    digests: hostDigests,
    random: hostRandom,
    async *lines() {
      for (const line of lines) yield await Promise.resolve(line);
    },
  };
  const status = await encrypt({ method: "scram", password, json }, host, printer);
  return { status, printed, complained };
}

const isStored = (text: string, password: string) => {
  const stored = parseStored(text);
  return stored.kind === "problem" ? stored.message : isPassword(stored, password, hostPasswords, hostDigests);
};

Deno.test("encrypt() prints what a table stores, for one password or for each line", async () => {
  const one = await run("secret");
  equal(await isStored(one.printed.trimEnd(), "secret"), true);
  const many = await run(null, { lines: ["first", "second"] });
  const [first = "", second = "", ...others] = many.printed.split("\n");
  equal(await isStored(first, "first"), true);
  equal(await isStored(second, "second"), true);
  equal(others.join(), "");
});

Deno.test("encrypt() prints JSON", async () => {
  const [made] = JSON.parse((await run("secret", { json: true })).printed);
  equal(made.method, "scram");
  equal(await isStored(made.stored, "secret"), true);
});

Deno.test("encrypt() refuses what can be nobody's password", async () => {
  for (const password of ["", "a\nb", "x".repeat(1024)]) {
    const { status, printed, complained } = await run(password);
    equal(status, 1);
    equal(printed, "");
    match(complained, /1 to 1023 octets/);
  }
});

Deno.test("smtpctl encrypt reads standard input", async () => {
  const { code, stdout } = await runTask("smtpctl", ["encrypt", "--method", "sha256"], { stdin: "secret\n" });
  equal(code, 0);
  equal(await isStored(stdout.trimEnd(), "secret"), true);
});
