import { equal, match, ok, throws } from "node:assert/strict";
import { OutputClosed, OutputFailed, outputStatus, terminalColumns } from "../../cli/output.ts";
import { root } from "../support/command.ts";

Deno.test("outputStatus() is quiet where nobody reads, and says in one line why nothing can be written", () => {
  const said: string[] = [];
  const complain = (text: string) => void said.push(text);
  equal(outputStatus(new OutputClosed(), "mailq", complain), 0);
  equal(outputStatus(new OutputFailed("Cannot write to standard output: full"), "mailq", complain), 1);
  equal(said.join(), "mailq: Cannot write to standard output: full");
  throws(() => outputStatus(new RangeError("x"), "mailq", complain), RangeError);
});

Deno.test("terminalColumns() is some number, terminal or not", () => ok(terminalColumns() > 0));

Deno.test("a command whose standard output takes nothing says so in one line", async () => {
  const line = (module: string) =>
    `'${Deno.execPath()}' run --no-prompt --cached-only --allow-read --allow-env --allow-sys '${root}/cli/${module}.ts' --version >/dev/full`;
  for (const module of ["makemap", "smtpctl"]) {
    const { code, stderr } = await new Deno.Command("/bin/sh", { args: ["-c", line(module)] }).output();
    equal(code, 1);
    match(new TextDecoder().decode(stderr), new RegExp(`^${module}: Cannot write to standard output: .*\\n$`));
  }
});
