import { deepEqual, equal, ok } from "node:assert/strict";
import { launchAhead, smtpIns } from "../../cli/smtpd_launch.ts";
import { smtpInGrant } from "../../lib/daemon/grant_flags.ts";
import { namesOf } from "../../lib/daemon/launcher.ts";
import type { Child } from "../../lib/port.ts";

const [first = ""] = namesOf("smtp-in", 1, smtpIns);

Deno.test("launchAhead() has every smtp-in begun, without any right, and nobody else", async () => {
  const begun: string[] = [];
  const { launcher, machine } = launchAhead({ sameUser: true }, ({ args, account, flags }) => {
    equal(account, null);
    deepEqual(flags.filter((flag) => flag.startsWith("--allow")), []);
    begun.push(...args);
    const child: Child = { pid: begun.length, send() {}, onMessage() {}, onExit() {}, kill() {} };
    return child;
  });
  deepEqual(begun, namesOf("smtp-in", 1, smtpIns));
  equal(launcher.launch(first, smtpInGrant(null)).pid, 1);
  await machine;
});

Deno.test("what launchAhead() begins is a process that waits, and ends when its parent lets it go", async () => {
  const { launcher, machine } = launchAhead({ sameUser: true });
  const child = launcher.launch(first, smtpInGrant(null));
  launcher.discard();
  ok(child.pid > 0);
  ok((await machine).descriptors !== 0);
  const ended = new Promise((resolve) => child.onExit(resolve));
  child.kill("SIGKILL");
  deepEqual(await ended, { code: null, signal: "SIGKILL" });
});
