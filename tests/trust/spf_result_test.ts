import { deepEqual } from "node:assert/strict";
import { mayKeepSender, spfResults } from "../../lib/trust/spf_result.ts";

Deno.test("mayKeepSender() is for results that nobody holds against a sender", () => {
  deepEqual(spfResults.filter(mayKeepSender), ["none", "neutral", "pass"]);
});
