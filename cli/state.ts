/** Where the daemon keeps its state, and the sockets by which commands reach it. One rule for all commands:
 * `--state DIR`, else SMTPD_STATE, else the system's place for root, else a place of the user's own. */

import { UsageError } from "./getopt.ts";

/** The state directory of the system's daemon. */
export const systemStateDirectory = "/var/spool/smtpd";

const systemControlSocket = "/var/run/smtpd.sock";

/** Absolute path of the state directory. `flag` is the value of `--state`, null when it was not given.
 * Throws `UsageError` when nothing says where it is. Needs `--allow-sys=uid` and the environment variables
 * SMTPD_STATE, XDG_STATE_HOME and HOME. */
export function stateDirectory(flag: string | null): string {
  const given = flag ?? environment("SMTPD_STATE");
  if (given !== null) return absolute(given);
  if (Deno.uid() === 0) return systemStateDirectory;
  // XDG Base Directory Specification: a relative path is to be ignored.
  const xdg = environment("XDG_STATE_HOME");
  if (xdg !== null && xdg.startsWith("/")) return `${absolute(xdg)}/postern`;
  const home = environment("HOME");
  if (home !== null && home.startsWith("/")) return `${absolute(home)}/.local/state/postern`;
  throw new UsageError("Cannot tell where the state directory is: use --state DIR, or set SMTPD_STATE or HOME");
}

/** The socket on which the daemon takes smtpctl's commands. It stands in the state directory, but in /var/run for
 * the system's daemon, where other programs expect it. */
export function controlSocketPath(flag: string | null): string {
  return isSystemState(flag) ? systemControlSocket : `${stateDirectory(flag)}/smtpd.sock`;
}

/** The socket on which the daemon takes mail from sendmail: SMTP over a unix stream. */
export function submitSocketPath(flag: string | null): string {
  return `${stateDirectory(flag)}/submit.sock`;
}

/** Is it root's default: neither `--state` nor SMTPD_STATE say otherwise? */
export function isSystemState(flag: string | null): boolean {
  return flag === null && environment("SMTPD_STATE") === null && Deno.uid() === 0;
}

/** A variable's value; null when it is unset or empty. */
export function environment(name: string): string | null {
  const value = Deno.env.get(name);
  return value === undefined || value === "" ? null : value;
}

function absolute(path: string): string {
  const whole = path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
  return `/${whole.split("/").filter((part) => part !== "" && part !== ".").join("/")}`;
}
