/** Standard output of commands. */

/** Nobody reads standard output any more, as in `smtpctl show queue | head`. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/** Standard output takes no more, as on a full disk. The message is one sentence, without the command's name. */
export class OutputFailed extends Error {
  override readonly name = "OutputFailed";
}

/** Columns of a terminal that does not say how many it has. */
const columnsUnknown = 80;

/** Writes all of it. Throws `OutputClosed` and `OutputFailed`. */
export async function writeOutput(bytes: Uint8Array | string): Promise<void> {
  try {
    let rest = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
    while (rest.length > 0) rest = rest.subarray(await Deno.stdout.write(rest));
  } catch (error) {
    throw outputError(error);
  }
}

/** Writes lines, and a line end behind them. Throws as `writeOutput`. */
export function print(text: string): void {
  try {
    let rest = new TextEncoder().encode(`${text}\n`);
    while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
  } catch (error) {
    throw outputError(error);
  }
}

function outputError(error: unknown): unknown {
  if (error instanceof Deno.errors.BrokenPipe) return new OutputClosed();
  if (!(error instanceof Error) || error instanceof RangeError || error instanceof TypeError) return error;
  return new OutputFailed(`Cannot write to standard output: ${error.message}`);
}

/** The exit status of a command whose output could not be written: 0 where nobody reads it any more, else 1, and
 * `complain` is told why. Throws what is another error. */
export function outputStatus(error: unknown, command: string, complain: (text: string) => void): number {
  if (error instanceof OutputClosed) return 0;
  if (!(error instanceof OutputFailed)) throw error;
  complain(`${command}: ${error.message}`);
  return 1;
}

/** Columns of the terminal that this process has. */
export function terminalColumns(): number {
  try {
    // A terminal that nobody has told its size says 0.
    return Deno.consoleSize().columns || columnsUnknown;
  } catch {
    return columnsUnknown;
  }
}
