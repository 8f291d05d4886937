/** Where the queue of a daemon that does not run lies: where smtpd.conf says, else in its state directory. */

import { Fault } from "../lib/fault.ts";
import { collectErrors, type Problem } from "../lib/policy/error.ts";
import { defaultConfigPath } from "./config_path.ts";
import { parseConfiguration } from "./smtpd_config.ts";

/** Where a queue is looked for. */
export interface SpoolPlace {
  /** Path of the database. */
  readonly path: string;
  /** Why there: a clause about the configuration. */
  readonly why: string;
  /** The configuration could not be read whole: the queue may be somewhere else. */
  readonly isGuess: boolean;
}

/** Finds the place. `standard` is the directory of the queue where smtpd.conf names none. `config` is the configuration
 * of the daemon; null for the one that smtpd takes by itself, if it is there and can be read. Throws a Fault when the
 * configuration that was named cannot be used. */
export function findSpool(standard: string, config: string | null): SpoolPlace {
  const path = config ?? defaultConfigPath();
  const { directives, problems, isAbsent } = parseConfiguration(path);
  if (isAbsent && config === null) return placeIn(standard, `there is no ${path}`);
  const named = directives.filter((one) => one.kind === "queue-directory").at(-1)?.path.text ?? null;
  if (named !== null && named.startsWith("/")) return placeIn(named, `as ${path} says`);
  const reason = named === null ? firstError(problems) : `invalid queue directory: ${named}`;
  if (reason === null) return placeIn(standard, `${path} names no other place`);
  if (config !== null) throw new Fault("malformed", `Cannot tell from ${path} where the queue is: ${reason}`);
  return { ...placeIn(standard, `what ${path} says is not known: ${reason}`), isGuess: true };
}

function placeIn(directory: string, why: string): SpoolPlace {
  return { path: `${directory}/spool.sqlite`, why, isGuess: false };
}

function firstError(problems: readonly Problem[]): string | null {
  const error = collectErrors(problems).find(({ severity }) => severity === "error");
  if (error === undefined) return null;
  return error.length === 0 ? error.message : `${error.file}:${error.line}: ${error.message}`;
}
