/** Where smtpd.conf is. */

import { readTextIfPresent } from "../lib/host/state.ts";

/** Where the configuration is looked for, in this order. OpenSMTPD's builds differ in the directory. */
export const configPaths = ["/etc/mail/smtpd.conf", "/etc/smtpd.conf"] as const;

/** The configuration file to use when none is named: the first that exists, else the first. */
export function defaultConfigPath(): string {
  return configPaths.find((path) => readTextIfPresent(path) !== null) ?? configPaths[0];
}
