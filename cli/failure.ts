/** What `--json` makes of a failure. Pure. */

/** A failure as one line of JSON, for standard error. An empty `hint` is none. */
export function failureJson(message: string, hint: string): string {
  return JSON.stringify({ error: message, hint: hint === "" ? null : hint });
}
