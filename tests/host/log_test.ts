import { equal } from "node:assert/strict";

const module = new URL("../../lib/host/log.ts", import.meta.url).href;

/** What a program that logs prints on standard error. */
async function logged(program: string): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, `import { flushLog, stderrSink } from ${JSON.stringify(module)};\n${program}`);
  const output = await new Deno.Command(Deno.execPath(), { args: ["run", "--no-prompt", "--no-config", file] })
    .output();
  return new TextDecoder().decode(output.stderr);
}

Deno.test("stderrSink() writes lines in order, and drops what is less urgent than asked", async () => {
  const text = await logged(`
    const sink = stderrSink("info");
    sink.write("info", "one");
    sink.write("debug", "dropped");
    sink.write("err", "two");
    sink.write("notice", "three");
  `);
  equal(text, "one\ntwo\nthree\n");
});

Deno.test("flushLog() writes what still waits before a process ends", async () => {
  equal(await logged(`stderrSink("info").write("info", "last words"); flushLog(); Deno.exit(0);`), "last words\n");
});
