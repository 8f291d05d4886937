/** Where log lines go: standard error, which a service manager keeps. */

import type { LogPriority, LogSink } from "../port.ts";

const ranks: Record<LogPriority, number> = { crit: 2, err: 3, warning: 4, notice: 5, info: 6, debug: 7 };

/** How long lines are gathered, ms: a write for each line costs a busy smtp-in an eighth of its time. */
const gatherMs = 20;

/** Lines to standard error, gathered for a moment; urgent ones (warnings and above) are written at once.
 * Lines less urgent than `least` are dropped. */
export function stderrSink(least: LogPriority): LogSink {
  let waiting = "";
  const flush = () => {
    const text = waiting;
    waiting = "";
    if (text !== "") writeAll(text);
  };
  flushers.add(flush);
  // A process's last words are said within the moment that lines are gathered.
  globalThis.addEventListener("unload", flush);
  return {
    write(priority, line) {
      if (ranks[priority] > ranks[least]) return;
      if (waiting === "") setTimeout(flush, gatherMs);
      waiting += `${line}\n`;
      if (waiting.length > 65_536 || ranks[priority] <= 4) flush();
    },
  };
}

const flushers = new Set<() => void>();

/** Writes the lines that still wait. For a process that is about to end. */
export function flushLog(): void {
  for (const flush of flushers) flush();
}

const encoder = new TextEncoder();

function writeAll(text: string): void {
  const bytes = encoder.encode(text);
  let at = 0;
  try {
    while (at < bytes.length) at += Deno.stderr.writeSync(bytes.subarray(at));
  } catch {
    // Nobody reads standard error any more, or it is full: mail goes on without a log.
  }
}
