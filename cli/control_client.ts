/** Talks to a running smtpd over its control socket: one request, its items as they come, its answer. */

import { describeError, Fault } from "../lib/fault.ts";
import type { ControlAnswer, ControlItem, ControlRequest } from "../lib/daemon/control.ts";
import {
  controlAnswerMax,
  ControlLines,
  formatControlHello,
  formatControlRequest,
  parseControlAnswer,
} from "../lib/daemon/control_parse.ts";

/** How a request ends. */
export type ControlEnd = Exclude<ControlAnswer, { readonly kind: "item" }>;

/** Longest silence of the daemon, ms. */
export const controlTimeoutMs = 30_000;

/** The same for a reload, which is answered when every role works under the new configuration, ms. */
export const reloadTimeoutMs = 120_000;

/** Sends one request to the daemon that listens at `path` and calls `onItem` for each item, in order, waiting for each
 * call to end before it reads on. Faults: `unavailable` when no daemon listens there, `denied` when we may not talk to
 * it, `timeout` when it is silent for `timeoutMs`, `closed` when it hangs up, `malformed` when it does not speak this
 * protocol. A daemon of another version answers with an error of code `incompatible`. */
export async function callControl(
  path: string,
  request: ControlRequest,
  onItem: (item: ControlItem) => void | Promise<void> = () => {},
  timeoutMs: number = controlTimeoutMs,
): Promise<ControlEnd> {
  const connection = await connect(path);
  // Closing under a read that waits is what ends it.
  let isLate = false;
  const giveUp = () => {
    isLate = true;
    closeOnce(connection);
  };
  let timer = setTimeout(giveUp, timeoutMs);
  try {
    await writeAll(connection, new TextEncoder().encode(formatControlHello() + formatControlRequest(request)));
    for await (const answer of readAnswers(connection)) {
      if (answer.kind !== "item") return answer;
      clearTimeout(timer);
      await onItem(answer.item);
      timer = setTimeout(giveUp, timeoutMs);
    }
    throw new Fault("closed", "smtpd hung up without an answer");
  } catch (error) {
    if (isLate) throw new Fault("timeout", `smtpd gave no answer for ${timeoutMs / 1000} s`);
    if (error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset) {
      throw new Fault("closed", "smtpd hung up without an answer", { cause: error });
    }
    throw error;
  } finally {
    clearTimeout(timer);
    closeOnce(connection);
  }
}

async function connect(path: string): Promise<Deno.UnixConn> {
  try {
    return await Deno.connect({ transport: "unix", path });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.ConnectionRefused) {
      throw new Fault("unavailable", "smtpd doesn't seem to be running", { cause: error });
    }
    // A path through something that is no directory (ENOTDIR) or is too long for a socket has no daemon either.
    if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
      throw new Fault("denied", `Cannot talk to smtpd at ${path}: permission denied`, { cause: error });
    }
    throw new Fault("unavailable", `Cannot talk to smtpd at ${path}: ${describeError(error)}`, { cause: error });
  }
}

async function* readAnswers(connection: Deno.UnixConn): AsyncGenerator<ControlAnswer> {
  const lines = new ControlLines(controlAnswerMax);
  const buffer = new Uint8Array(64 * 1024);
  for (let count = await connection.read(buffer); count !== null; count = await connection.read(buffer)) {
    const found = lines.push(buffer.subarray(0, count));
    if (found === null) throw new Fault("malformed", "smtpd's answer is too long: is it a postern smtpd?");
    for (const line of found) {
      const answer = parseControlAnswer(line);
      if (answer === null) {
        throw new Fault("malformed", "smtpd's answer makes no sense: incompatible smtpctl and smtpd");
      }
      yield answer;
    }
  }
}

async function writeAll(connection: Deno.UnixConn, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await connection.write(rest));
}

function closeOnce(connection: Deno.UnixConn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}
