/** verifier: the role that holds passwords against what is stored. Hashing takes its time by intent, so it is done where
 * nobody else waits, by libraries that may do nothing at all. For the system's users it may read /etc/shadow, and that is
 * all that it may. One check at a time. */

import { Buffer } from "node:buffer";
import type { Channel, Clock, Digests, PasswordFunctions } from "../port.ts";
import { describeError } from "../fault.ts";
import { isPassword } from "../trust/credentials.ts";
import { shadowEntry, shadowHashes } from "../trust/shadow.ts";
import { parseStored, type StoredPassword } from "../trust/stored_password.ts";
import type { LookupToVerifier, VerifierToLookup } from "./imsg.ts";

/** What the role is given. */
export interface VerifierPorts {
  /** For accounts that have an end. */
  readonly clock: Pick<Clock, "now">;
  /** bcrypt and others. */
  readonly functions: PasswordFunctions;
  /** SHA-256. */
  readonly digests: Digests;
  /** Reads /etc/shadow; null where this verifier has no right to. */
  readonly readShadow: (() => Promise<string>) | null;
}

/** What a password is held against when there is nothing else: bcrypt of cost 10, of a password that nobody knows. An
 * unknown user is to cost as much as a known one. */
export const decoyStored = "$2b$10$abcdefghijklmnopqrstuu7nFISH/8YdwlXD3lw69A4iBUf6fvWAW";

/** What to do about a password of the system's that cannot be checked. */
const systemHint = "have passwd(1) store it as SHA-512, or name a table of users in smtpd.conf";

/** Verifier's side of the channel to lookup. */
export type LookupChannel = Channel<VerifierToLookup, LookupToVerifier>;

/** The role. */
export class Verifier {
  readonly #ports: VerifierPorts;
  #last: Promise<void> = Promise.resolve();

  /** Checks nothing before it has a channel. */
  constructor(ports: VerifierPorts) {
    this.#ports = ports;
  }

  /** Takes a channel to a lookup. */
  setLookup(channel: LookupChannel): void {
    channel.onMessage((message) => {
      this.#last = this.#last.then(async () => void channel.send(await this.#answer(message)));
    });
  }

  async #answer(message: LookupToVerifier): Promise<VerifierToLookup> {
    const { request } = message;
    try {
      switch (message.kind) {
        case "check": {
          const { isRight, problem } = await this.#check(message.stored, message.password, null);
          return { kind: "checked", request, result: isRight && !message.isDecoy ? "right" : "wrong", problem };
        }
        case "system":
          return { kind: "checked", request, ...await this.#system(message.username, message.password) };
        case "salt": {
          const salt = Buffer.from(message.salt, "base64");
          const { functions } = this.#ports;
          const octets = await functions.pbkdf2(Buffer.from(message.password), salt, message.iterations);
          return { kind: "salted", request, octets: Buffer.from(octets).toString("base64") };
        }
      }
    } catch (error) {
      return { kind: "checked", request, result: "failed", problem: describeError(error) };
    }
  }

  /** A password that cannot be checked is wrong, and takes as long as that of the first of `others` that can. */
  async #check(
    stored: string,
    password: string,
    hint: string | null,
    others: readonly string[] = [],
  ): Promise<{ isRight: boolean; problem: string | null }> {
    const read = parseStored(stored);
    if (read.kind !== "problem") return { isRight: await this.#holds(read, password), problem: null };
    await this.#pretend(others, password);
    return { isRight: false, problem: `${read.message}; ${hint ?? read.hint}` };
  }

  async #system(username: string, password: string): Promise<Pick<Checked, "result" | "problem">> {
    const { readShadow, clock } = this.#ports;
    if (readShadow === null) return { result: "failed", problem: "the system's passwords cannot be read" };
    const text = await readShadow();
    const entry = shadowEntry(text, username, clock.now());
    if (entry.kind === "found") {
      const { isRight, problem } = await this.#check(entry.stored, password, systemHint, shadowHashes(text));
      return { result: isRight ? "right" : "wrong", problem };
    }
    await this.#pretend(shadowHashes(text), password);
    return { result: "wrong", problem: entry.kind === "expired" ? "the account has expired" : null };
  }

  /** Takes as long as a check would, of the first of these that can be checked. */
  async #pretend(hashes: readonly string[], password: string): Promise<void> {
    for (const text of [...hashes, decoyStored]) {
      const read = parseStored(text);
      if (read.kind === "problem") continue;
      await this.#holds(read, password);
      return;
    }
  }

  #holds(stored: StoredPassword, password: string): Promise<boolean> {
    return isPassword(stored, password, this.#ports.functions, this.#ports.digests);
  }
}

type Checked = Extract<VerifierToLookup, { readonly kind: "checked" }>;
