import { equal } from "node:assert/strict";
import { configPaths, defaultConfigPath } from "../../cli/config_path.ts";

Deno.test("defaultConfigPath() is one of the usual places", () => {
  equal(configPaths.some((path) => path === defaultConfigPath()), true);
});
