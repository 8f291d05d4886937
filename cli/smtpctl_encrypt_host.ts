/** The machine as `smtpctl encrypt` sees it. */

import { hostRandom } from "../lib/host/clock.ts";
import { hostDigests } from "../lib/host/hash.ts";
import { hostPasswords } from "../lib/host/password.ts";
import { piped } from "./piped.ts";
import type { EncryptHost } from "./smtpctl_encrypt.ts";

/** Standard input, and this machine's libraries. */
export function hostEncrypt(): EncryptHost {
  return {
    functions: hostPasswords,
    digests: hostDigests,
    random: hostRandom,
    lines: () => Deno.stdin.isTerminal() ? typed() : piped(Deno.stdin.readable),
  };
}

/** One line of a terminal, which does not show it. */
async function* typed(): AsyncGenerator<string> {
  await Deno.stderr.write(new TextEncoder().encode("Password: "));
  Deno.stdin.setRaw(true);
  const typed = new TypedLine();
  const buffer = new Uint8Array(256);
  try {
    while (!typed.isComplete) {
      const count = await Deno.stdin.read(buffer);
      if (count === null) break;
      typed.add(buffer.subarray(0, count));
    }
  } finally {
    Deno.stdin.setRaw(false);
    await Deno.stderr.write(new TextEncoder().encode("\n"));
  }
  if (!typed.isCancelled) yield typed.text;
}

/** A line as it is typed, key by key, on a terminal that handles none of them. */
export class TypedLine {
  /** Enter, or the end of input, was typed, or it was given up. */
  isComplete = false;
  /** It was given up with ^C. */
  isCancelled = false;
  readonly #octets: number[] = [];

  /** What was typed. */
  get text(): string {
    return new TextDecoder().decode(new Uint8Array(this.#octets));
  }

  /** Takes keys. */
  add(keys: Uint8Array): void {
    for (const key of keys) {
      if (this.isComplete) return;
      if (key === 0x0d || key === 0x0a || key === 0x04) this.isComplete = true;
      else if (key === 0x03) this.isComplete = this.isCancelled = true;
      else if (key === 0x15) this.#octets.length = 0;
      else if (key === 0x7f || key === 0x08) this.#dropLast();
      else this.#octets.push(key);
    }
  }

  /** A character may have several octets. */
  #dropLast(): void {
    let last = this.#octets.pop();
    while (last !== undefined && (last & 0xc0) === 0x80) last = this.#octets.pop();
  }
}
