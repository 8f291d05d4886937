/** A shell that runs nothing: a test says how each command ends. */

import type { Shell, ShellCommandLine, ShellEnd, ShellRun } from "../../lib/port.ts";

/** One command under way. */
export class FakeRun implements ShellRun {
  readonly ended: Promise<ShellEnd>;
  /** What was written to it. */
  input = "";
  /** False: it reads no more. */
  reads = true;
  isInputEnded = false;
  kills = 0;
  #end: (end: ShellEnd) => void = () => {};

  constructor(readonly command: ShellCommandLine, readonly onInputEnd: (run: FakeRun) => void) {
    this.ended = new Promise((resolve) => this.#end = resolve);
  }

  write(bytes: Uint8Array): Promise<boolean> {
    if (this.reads) this.input += new TextDecoder().decode(bytes);
    return Promise.resolve(this.reads);
  }

  end(): Promise<void> {
    this.isInputEnded = true;
    this.onInputEnd(this);
    return Promise.resolve();
  }

  /** It prints something. */
  print(text: string): void {
    this.command.output(new TextEncoder().encode(text));
  }

  /** It writes to descriptor 3. */
  async side(text: string): Promise<void> {
    await this.command.side?.(new TextEncoder().encode(text));
  }

  /** It ends. */
  exit(code: number, signal: string | null = null, isSideWhole = true): void {
    this.#end({ code, signal, isSideWhole });
  }

  kill(): void {
    this.kills++;
    this.exit(137, "SIGKILL");
  }
}

/** The fake. By default each command succeeds when its input has ended. */
export class FakeShell implements Shell {
  readonly runs: FakeRun[] = [];
  onInputEnd: (run: FakeRun) => void = (run) => run.exit(0);

  run(command: ShellCommandLine): ShellRun {
    const run = new FakeRun(command, (one) => this.onInputEnd(one));
    this.runs.push(run);
    return run;
  }
}
