import { deepEqual } from "node:assert/strict";
import type { ConfigError } from "../../lib/policy/error.ts";
import { loggedChangesMax, logReload, warningKey } from "../../lib/daemon/reload_log.ts";
import type { Change } from "../../lib/policy/difference.ts";
import { formatEvent } from "../../lib/event_log.ts";
import { KeptLog } from "./rig.ts";

function lines(
  answer: Parameters<typeof logReload>[0],
  known: ReadonlySet<string> = new Set(),
): readonly string[] {
  const kept = new KeptLog();
  logReload(answer, "/etc/smtpd.conf", known, kept.log);
  return kept.events.map((event) => `${event.priority} ${formatEvent(event, "text")}`);
}

const change = (group: Change["group"], what: string): Change => ({ group, kind: "added", what, from: "", to: "" });

Deno.test("logReload() writes one line for each group of changes, and one for the reload", () => {
  const changes = [change("rule", "match a"), change("rule", "match b"), change("privilege", "lookup: read /t")];
  deepEqual(lines({ kind: "ok", inForce: true, version: 3, changes, warnings: ["f:1:1: warning: odd\n  | x"] }), [
    'notice smtpd: reload-change group=rule count=2 changes="+ match a; + match b"',
    'notice smtpd: reload-change group=privilege count=1 changes="+ lookup: read /t"',
    'warning smtpd: reload-warning reason="f:1:1: warning: odd"',
    "notice smtpd: reloaded version=3 file=/etc/smtpd.conf changes=3",
  ]);
});

Deno.test("logReload() names so many changes and counts the rest", () => {
  const changes = Array.from({ length: loggedChangesMax + 2 }, (_, n) => change("table", `t${n}`));
  const [line] = lines({ kind: "ok", inForce: true, version: 2, changes, warnings: [] });
  deepEqual(line?.endsWith('+ t9; and 2 more"'), true);
});

Deno.test("logReload() says why a reload was refused, without the picture of the line", () => {
  deepEqual(lines({ kind: "refused", problems: ["f:1:2: error: no\n   1 | x", "f:2:1: error: nor this"] }), [
    'err smtpd: reload-problem reason="f:1:2: error: no"',
    'err smtpd: reload-problem reason="f:2:1: error: nor this"',
    'err smtpd: reload-failed file=/etc/smtpd.conf problems=2 hint="what was in force still is"',
  ]);
});

Deno.test("logReload() does not repeat warnings that are known, wherever they stand now", () => {
  const warning = (line: number, message: string): ConfigError => ({
    ...{ severity: "warning", file: "f", line, column: 1, length: 1, message, hint: null, excerpt: "x", notes: [] },
  });
  const known = new Set([warningKey(warning(1, "odd")), warningKey("a text")]);
  const warnings = [warning(7, "odd"), warning(1, "new"), "a text"];
  deepEqual(lines({ kind: "ok", inForce: true, version: 2, changes: [], warnings }, known), [
    'warning smtpd: reload-warning reason="f:1:1: warning: new"',
    "notice smtpd: reloaded version=2 file=/etc/smtpd.conf changes=0",
  ]);
});
