/** What is counted is told once, and to each who is new. */

import { deepEqual, equal } from "node:assert/strict";
import { loginCounter, Tally } from "../../lib/daemon/tally.ts";

Deno.test("what has changed is told whole, and nothing is told twice", () => {
  const tally = new Tally();
  deepEqual(tally.news({ open: 0 }), { gauges: { open: 0 }, counters: {} });
  equal(tally.news({ open: 0 }), null);
  tally.count("refused");
  tally.count("refused");
  deepEqual(tally.news({ open: 0 }), { gauges: { open: 0 }, counters: { refused: 2 } });
  deepEqual(tally.news({ open: 1 }), { gauges: { open: 1 }, counters: { refused: 2 } });
  equal(tally.news({ open: 1 }), null);
  tally.restart();
  deepEqual(tally.news({ open: 1 }), { gauges: { open: 1 }, counters: { refused: 2 } });
});

Deno.test("loginCounter() counts logins that have ended", () => {
  equal(loginCounter({ kind: "challenge", text: "" }), null);
  equal(loginCounter({ kind: "accepted", username: "ann", data: null }), "smtp.auth.ok");
  for (const kind of ["refused", "malformed"] as const) {
    equal(loginCounter({ kind, username: "" }), "smtp.auth.permfail");
  }
  for (const kind of ["failed", "limited"] as const) equal(loginCounter({ kind, username: "" }), "smtp.auth.tempfail");
});
