import { equal, ok } from "node:assert/strict";

const program = `
  import { url } from "node:inspector";
  import { keepInspectorShut } from ${JSON.stringify(new URL("../../lib/host/inspector.ts", import.meta.url).href)};
  keepInspectorShut();
  // Deno takes the signal half a second after its start.
  setTimeout(() => console.log("up"), 700);
  setTimeout(() => console.log(url() ?? "shut"), 1300);
  setTimeout(() => Deno.exit(0), 1350);
`;

Deno.test("keepInspectorShut() has nobody listen after SIGUSR1", async () => {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, program);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--cached-only", "--no-check", "--allow-sys", file],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let said = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (text.includes("up")) child.kill("SIGUSR1");
  }
  ok((await child.status).success);
  equal(said, "up\nshut\n");
});
