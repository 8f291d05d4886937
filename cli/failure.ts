/** How commands tell of a failure. Pure. */

/** A failure as one line of JSON, for standard error. An empty `hint` is none. */
export function failureJson(message: string, hint: string): string {
  return JSON.stringify({ error: message, hint: hint === "" ? null : hint });
}

/** A failure of `command`, for standard error, in the form that is asked for. `usage` is how its command line looks, where
 * that was wrong; null where it was not. */
export function failureText(command: string, message: string, usage: string | null, json: boolean): string {
  if (json) return failureJson(message, usage === null ? "" : `see ${command} --help`);
  return `${command}: ${message}${usage === null ? "" : `\nusage: ${usage}`}`;
}
