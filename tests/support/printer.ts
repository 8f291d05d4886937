/** A printer that remembers, for tests of smtpctl's output. */

import type { Printer } from "../../cli/smtpctl_answer.ts";
import type { Screen } from "../../cli/terminal_table.ts";

/** Takes all that is printed. Time stands still. */
export class PaperPrinter implements Printer {
  readonly screen: Screen | null;
  readonly #now: number;
  readonly #pieces: Uint8Array[] = [];
  /** Standard error, a line end after each complaint. */
  errors = "";
  /** How often `write` was called. */
  writes = 0;

  /** `screen` is null for a pipe; `now` is in ms since the epoch. */
  constructor(screen: Screen | null = null, now = 1_780_000_400_000) {
    this.screen = screen;
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  write(bytes: string | Uint8Array): Promise<void> {
    this.writes++;
    this.#pieces.push(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes.slice());
    return Promise.resolve();
  }

  complain(text: string): void {
    this.errors += text + "\n";
  }

  /** Standard output, one character per octet. */
  get octets(): string {
    return this.#pieces.map((piece) => Array.from(piece, (octet) => String.fromCharCode(octet)).join("")).join("");
  }

  /** Standard output. */
  get text(): string {
    const decoder = new TextDecoder();
    return this.#pieces.map((piece) => decoder.decode(piece, { stream: true })).join("") + decoder.decode();
  }
}
