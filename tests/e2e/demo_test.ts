import { deepEqual, equal, match, ok } from "node:assert/strict";
import { runTask } from "../support/command.ts";
import { processesNaming } from "../support/processes.ts";

Deno.test("the demo shows two messages delivered, ends with 0 within 30 s and leaves nothing behind", async () => {
  const tmp = await Deno.makeTempDir({ prefix: "demo-" });
  try {
    const { code, stdout, stderr } = await runTask("demo", [], { env: { TMPDIR: tmp }, limitMs: 30_000 });
    equal(code, 0, stderr);
    for (const subject of ["Hello by sendmail", "Hello by SMTP"]) {
      match(stdout, new RegExp(`\\nReturn-Path: (?:.*\\n)+?Subject: ${subject}\\n`));
    }
    match(stdout, /\|pending\|/);
    deepEqual([...Deno.readDirSync(tmp)].map((entry) => entry.name), []);
    deepEqual(processesNaming(tmp), []);
  } finally {
    await Deno.remove(tmp, { recursive: true });
  }
});

Deno.test("the demo takes another port when 2525 is taken", async () => {
  let listener: Deno.TcpListener | null = null;
  try {
    listener = Deno.listen({ hostname: "127.0.0.1", port: 2525 });
  } catch (error) {
    // Somebody else has it: as good for this test.
    ok(error instanceof Deno.errors.AddrInUse);
  }
  try {
    const { code, stdout, stderr } = await runTask("demo", [], { limitMs: 30_000 });
    equal(code, 0, stderr);
    match(stdout, /listen on 127\.0\.0\.1 port (?!2525\n)\d+\n/);
  } finally {
    listener?.close();
  }
});
