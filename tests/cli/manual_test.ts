import { equal, match } from "node:assert/strict";
import { manualOf, readManual } from "../../cli/manual.ts";

Deno.test("manualOf() takes the stars off the first comment, and nothing else", () => {
  const source = "/**\n * NAME\n *   x - y\n *\n *   * a\n */\n\n/** other */\n";
  equal(manualOf(source), "NAME\n  x - y\n\n  * a");
  equal(manualOf("#!/usr/bin/env deno\n" + source), "NAME\n  x - y\n\n  * a");
  equal(manualOf("const x = 1;\n" + source), "");
});

Deno.test("readManual() reads it from a module", async () => {
  match(await readManual(import.meta.resolve("../../cli/smtpctl.ts")), /^NAME\n {2}smtpctl - /);
});
