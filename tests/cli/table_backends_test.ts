import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { join } from "@std/path";
import { tableBackends } from "../../cli/table_backends.ts";
import type { LogEvent } from "../../lib/event_log.ts";
import type { ProcLink } from "../../lib/table/proc.ts";
import { inFolder } from "../support/folder.ts";
import { helperScript } from "../support/table_program.ts";
import { anyAlive } from "../support/processes.ts";
import { until } from "../support/wait.ts";
import { programSpec } from "../../lib/table/spec.ts";

interface Helper {
  readonly link: ProcLink;
  readonly log: LogEvent[];
  /** Process id of the one that runs; 0 when none was ever started. */
  readonly pid: () => number;
}

/** Lets `run` ask a helper that is run by `script`. */
async function withHelper(script: string, run: (helper: Helper) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const command = join(folder, "helper");
    await Deno.writeTextFile(command, script, { mode: 0o755 });
    const log: LogEvent[] = [];
    const tables = { t: programSpec("t", command, "ann, bob") };
    const link = tableBackends(tables, (event) => void log.push(event)).connectProc("t");
    const pid = () => {
      try {
        return Number(Deno.readTextFileSync(`${command}.pid`));
      } catch {
        return 0;
      }
    };
    try {
      await run({ link, log, pid });
    } finally {
      link.close();
      await until("the helper has ended", () => pid() === 0 || !anyAlive([pid()]));
    }
  });
}

const lookup = (key: string) => ({ kind: "lookup", service: "alias", key }) as const;

Deno.test("tableBackends() runs a helper when its table is first asked, with its argument, until it is closed", async () => {
  await withHelper(helperScript, async ({ link, pid, log }) => {
    equal(pid(), 0);
    deepEqual(await Promise.all([link.ask(lookup("root")), link.ask(lookup("eve")), link.ask({ kind: "update" })]), [
      { kind: "found", value: "ann, bob" },
      { kind: "absent" },
      { kind: "found", value: "" },
    ]);
    const first = pid();
    ok(anyAlive([first]));
    deepEqual(await link.ask(lookup("root")), { kind: "found", value: "ann, bob" });
    equal(pid(), first);
    ok(log.some(({ what, fields }) => what === "helper-says" && fields["text"] === "I start"));
    link.close();
    await until("the helper has ended", () => !anyAlive([first]));
  });
});

Deno.test("tableBackends() says how a helper died, and runs it again", async () => {
  await withHelper(helperScript, async ({ link, pid, log }) => {
    deepEqual(await link.ask(lookup("die")), { kind: "failed", reason: "it ended with code 7" });
    const first = pid();
    deepEqual(await link.ask(lookup("root")), {
      kind: "failed",
      reason: "the helper does not run, and is started again",
    });
    await until("it is back", async () => (await link.ask(lookup("root"))).kind === "found");
    ok(pid() !== first);
    equal(log.filter(({ what }) => what === "helper-failed").length, 1);
  });
});

Deno.test("tableBackends() says that a helper dies at once, or cannot be started", async () => {
  await withHelper("#!/bin/sh\nexit 3\n", async ({ link }) => {
    const answer = await link.ask({ kind: "update" });
    match(answer.kind === "failed" ? answer.reason : "", /^it ended with code 3 before it was ready/);
  });
  await withHelper("#!/none/such\n", async ({ link, log }) => {
    equal((await link.ask({ kind: "update" })).kind, "failed");
    match(String(log.find(({ what }) => what === "helper-failed")?.fields["reason"]), /^Cannot start /);
  });
});

Deno.test("closing gives up a helper that hangs, and answers what was asked", async () => {
  await withHelper(helperScript, async ({ link, pid, log }) => {
    const asked = link.ask(lookup("hang"));
    const behind = link.ask(lookup("root"));
    await until("it hangs", () => log.some(({ fields }) => fields["text"] === "I hang"));
    const hanging = pid();
    ok(anyAlive([hanging]));
    link.close();
    const closed = { kind: "failed", reason: "the table is closed" };
    deepEqual(await Promise.all([asked, behind, link.ask(lookup("root"))]), [closed, closed, closed]);
    await until("the helper has ended", () => !anyAlive([hanging]));
    equal(pid(), hanging);
  });
});

Deno.test("a table that was never asked starts no helper, even when it is asked after its end", async () => {
  await withHelper(helperScript, async ({ link, pid }) => {
    link.close();
    deepEqual(await link.ask(lookup("root")), { kind: "failed", reason: "the table is closed" });
    equal(pid(), 0);
  });
});

Deno.test("tableBackends() knows no helper of a table that has none", () => {
  const backends = tableBackends({ t: { kind: "getpwnam", name: "t" } }, () => {});
  throws(() => backends.connectProc("t"), /table t has no helper/);
  throws(() => backends.connectProc("u"), /table u has no helper/);
});
