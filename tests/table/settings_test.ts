import assert from "node:assert/strict";
import { parseTableSettings } from "../../lib/table/settings.ts";

Deno.test("parseTableSettings() reads keywords and values, or says which line has none", () => {
  assert.deepEqual(parseTableSettings("sqlite", "# a\n\n dbpath /x \nquery_alias SELECT 1\n"), {
    kind: "ok",
    settings: [["dbpath", "/x"], ["query_alias", "SELECT 1"]],
  });
  const wrong = parseTableSettings("sqlite", "dbpath /x\nquery_alias\n");
  assert.deepEqual([wrong.kind, wrong.kind === "error" && wrong.line], ["error", 2]);
});
