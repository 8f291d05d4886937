/** Where the daemon keeps its state, and the sockets by which commands reach it. `--state DIR` says it, else the
 * variable SMTPD_STATE. Without them root's is the system's, and a user's is their own. A user's commands go to the
 * system's daemon all the same, unless the user runs one. */

import { UsageError } from "./getopt.ts";

/** The state directory of the system's daemon. */
export const systemStateDirectory = "/var/spool/smtpd";

/** Where one daemon is found. All paths are absolute. */
export interface StatePlace {
  /** The state directory. */
  readonly directory: string;
  /** Where the queue is, unless smtpd.conf says otherwise. */
  readonly spool: string;
  /** Is it the default of the whole system, which all users share? */
  readonly isSystem: boolean;
  /** Where the daemon takes smtpctl's commands: in the state directory, but in /var/run for the system's daemon, where
   * other programs expect it. */
  readonly controlSocket: string;
  /** Where the daemon takes mail from sendmail: SMTP over a unix stream. */
  readonly submitSocket: string;
}

/** The place of a daemon that this process is to be. `flag` is the value of `--state`, null when it was not given.
 * Throws `UsageError` when nothing says where it is. Needs `--allow-sys=uid` and the environment variables
 * SMTPD_STATE, XDG_STATE_HOME and HOME. */
export function daemonState(flag: string | null): StatePlace {
  const given = flag ?? environment("SMTPD_STATE");
  if (given !== null) return placeAt(absolute(given));
  if (Deno.uid() === 0) return systemPlace;
  const own = ownDirectory();
  if (own !== null) return placeAt(own);
  throw new UsageError("Cannot tell where the state directory is: use --state DIR, or set SMTPD_STATE or HOME");
}

/** The place of the daemon that this process talks to: as `daemonState` has it, but for a user who runs no daemon it
 * is the system's, where there is one. Needs to read both state directories' places as well. */
export function clientState(flag: string | null): StatePlace {
  if (flag !== null || environment("SMTPD_STATE") !== null || Deno.uid() === 0) return daemonState(flag);
  const own = ownDirectory();
  if (own !== null && exists(placeAt(own).submitSocket)) return placeAt(own);
  return exists(systemStateDirectory) ? systemPlace : daemonState(flag);
}

/** A variable's value; null when it is unset or empty. */
export function environment(name: string): string | null {
  const value = Deno.env.get(name);
  return value === undefined || value === "" ? null : value;
}

const systemPlace: StatePlace = {
  directory: systemStateDirectory,
  spool: `${systemStateDirectory}/spool`,
  isSystem: true,
  controlSocket: "/var/run/smtpd.sock",
  submitSocket: `${systemStateDirectory}/submit.sock`,
};

function placeAt(directory: string): StatePlace {
  return {
    directory,
    spool: `${directory}/spool`,
    isSystem: false,
    controlSocket: `${directory}/smtpd.sock`,
    submitSocket: `${directory}/submit.sock`,
  };
}

/** The user's own state directory; null when nothing says where it is. */
function ownDirectory(): string | null {
  // XDG Base Directory Specification: a relative path is to be ignored.
  const xdg = environment("XDG_STATE_HOME");
  if (xdg !== null && xdg.startsWith("/")) return `${absolute(xdg)}/postern`;
  const home = environment("HOME");
  return home !== null && home.startsWith("/") ? `${absolute(home)}/.local/state/postern` : null;
}

/** What cannot be looked at counts as not there. */
function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function absolute(path: string): string {
  const whole = path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
  return `/${whole.split("/").filter((part) => part !== "" && part !== ".").join("/")}`;
}
