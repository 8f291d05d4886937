import assert from "node:assert/strict";
import { relayBar } from "../../lib/policy/relay_bar.ts";
import { policyOfLines } from "./load_text.ts";

Deno.test("relayBar() lets nothing go with less than it demands", () => {
  const barOf = (options: string, url: string | null): string | null => {
    const action = policyOfLines(`table s file:/s\naction a relay ${options}`).actions["a"];
    return action?.kind === "relay" ? relayBar(action, url) : assert.fail();
  };
  const waits: readonly (readonly [string, string | null])[] = [
    ["tls", null],
    ["tls no-verify", null],
    ["host h auth <s>", "smtp://h"],
    ["host h", "smtps://h"],
    ["host h", "smtp+tls://h"],
    ["host h", "SMTPS://h"],
    ["host h", "lmtp://h:24"],
    ["domain <s>", "smtps://label@h"],
  ];
  for (const [options, url] of waits) {
    assert.match(barOf(options, url) ?? "goes", /not active yet/, `${options} ${url}`);
  }
  const goes: readonly (readonly [string, string | null])[] = [
    ["", null],
    ["host h", "smtp://h"],
    ["host h", "h:26"],
    ["host h", "smtp+notls://h"],
    // Its error is told elsewhere.
    ["host h", "nonsense://h"],
  ];
  for (const [options, url] of goes) assert.equal(barOf(options, url), null, `${options} ${url}`);
});
