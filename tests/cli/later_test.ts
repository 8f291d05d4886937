import { equal } from "node:assert/strict";
import { later } from "../../cli/later.ts";

Deno.test("later() says where a module is, and import() finds it there", async () => {
  const url = later("../../cli/later.ts", import.meta.url);
  const module: typeof import("../../cli/later.ts") = await import(url);
  equal(module.later, later);
});
