/** smtpctl's terminal and daemon, for real. */

import { callControl, controlTimeoutMs, reloadTimeoutMs } from "./control_client.ts";
import { later } from "./later.ts";
import { terminalColumns, writeOutput } from "./output.ts";
import type { Printer } from "./smtpctl_answer.ts";
import type { Daemon } from "./smtpctl_run.ts";
import { clientState, environment } from "./state.ts";
import type { Screen } from "./terminal_table.ts";

/** Prints to this process's standard output and error. Needs the environment variable TERM. */
export function hostPrinter(): Printer {
  return {
    screen: Deno.stdout.isTerminal() ? hostScreen() : null,
    now: () => Date.now(),
    write: writeOutput,
    complain: (text) => console.error(text),
  };
}

/** The daemon of a state directory; `flag` is the value of `--state`, `config` that of `-f`, null when they were not
 * given. Throws `UsageError` when there is no telling where it is. */
export function hostDaemon(flag: string | null, config: string | null): Daemon {
  const { directory: state, spool: standard, controlSocket: socket, isSystem } = clientState(flag);
  return {
    state,
    socket,
    start: isSystem ? "smtpd" : `smtpd --state ${state}`,
    call: (request, onItem) =>
      callControl(socket, request, onItem, request.kind === "reload" ? reloadTimeoutMs : controlTimeoutMs),
    async openSpool() {
      // Seldom needed, and the database costs time to load.
      const { findSpool }: typeof import("./smtpctl_spool.ts") = await import(
        later("./smtpctl_spool.ts", import.meta.url)
      );
      const { openOfflineSpool }: typeof import("./smtpctl_offline.ts") = await import(
        later("./smtpctl_offline.ts", import.meta.url)
      );
      const place = findSpool(standard, config);
      return { place, spool: await openOfflineSpool(place.path) };
    },
  };
}

function hostScreen(): Screen {
  const color = !Deno.noColor && environment("TERM") !== "dumb";
  return { width: Math.max(20, terminalColumns()), color };
}
