import { deepEqual, equal } from "node:assert/strict";
import { isSubsystem, subsystems } from "../../lib/daemon/control.ts";

Deno.test("isSubsystem() knows local delivery, relaying and the taking of mail by their names", () => {
  deepEqual([...subsystems], ["mda", "mta", "smtp"]);
  for (const what of subsystems) equal(isSubsystem(what), true);
  for (const other of ["", "MDA", "all", "queue", null, 0, ["mda"]]) equal(isSubsystem(other), false);
});
