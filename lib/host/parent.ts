/** A role's side of its start and its end: what it sees of the process that started it. */

import process from "node:process";
import { flushLog } from "./log.ts";

/** What a role sees of its parent. */
export interface Parent {
  /** Sends a JSON value. What cannot be sent is dropped: `onLost` follows. */
  send(message: unknown): void;
  /** `handle` is a socket when one came along. */
  onMessage(take: (message: unknown, handle: unknown) => void): void;
  /** The supervisor is gone: nobody is left to serve. */
  onLost(run: () => void): void;
}

/** The parent at the other end of our IPC channel; null when there is none. */
export function parentProcess(): Parent | null {
  if (process.send === undefined) return null;
  return {
    send: (message) => void process.send?.(message),
    onMessage: (take) => void process.on("message", take),
    onLost: (run) => void process.on("disconnect", run),
  };
}

/** Ends this process, with its last lines in the log. */
export function endProcess(status: number): never {
  flushLog();
  Deno.exit(status);
}

/** Leaves the signals of a terminal and of a service manager to the supervisor, which gets them too and tells us. */
export function ignoreSignals(): void {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGPIPE"] as const) Deno.addSignalListener(signal, () => {});
}
