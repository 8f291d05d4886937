/** Tables behind a program of the administrator's (smtpd-tables(7)). The program runs elsewhere: under a role of its own,
 * which may do nothing else. */

import { Fault } from "../fault.ts";
import { lowerAscii, normalizeKey } from "./service.ts";
import { databaseServices } from "./settings.ts";
import type { Service, Table } from "./table.ts";

/** What helpers can be asked for, as the protocol names it. */
export const procServices: readonly Service[] = [...databaseServices, "auth"];

/** A question to a helper. */
export type ProcAsk =
  | { readonly kind: "update" }
  | { readonly kind: "check" | "lookup"; readonly service: Service; readonly key: string }
  | { readonly kind: "fetch"; readonly service: Service };

/** Its answer. `value` is empty where none was asked for. `reason` is for people, and scrubbed. */
export type ProcAnswer =
  | { readonly kind: "found"; readonly value: string }
  | { readonly kind: "absent" }
  /** The helper has not registered the service. */
  | { readonly kind: "noService" }
  | { readonly kind: "failed"; readonly reason: string };

/** The way to a helper. */
export interface ProcLink {
  /** Asks one question. Never rejects: no answer is an answer of kind `failed`. */
  ask(ask: ProcAsk): Promise<ProcAnswer>;
  /** No more questions come. */
  close(): void;
}

/** A table behind a helper. All matching is the helper's; keys reach it in lower case, but for the password of service
 * `auth`, which OpenSMTPD puts in lower case, too. What it has no service for rejects with a Fault of kind `unsupported`. */
export class ProcTable implements Table {
  /** Its entries are whatever the helper says. */
  readonly shape = "dynamic";
  /** As the configuration calls it. */
  readonly name: string;
  readonly #link: ProcLink;

  /** `link` leads to the helper of this table. */
  constructor(name: string, link: ProcLink) {
    this.name = name;
    this.#link = link;
  }

  async check(service: Service, key: string): Promise<boolean> {
    return await this.#ask({ kind: "check", service, key: this.#keyOf(service, key) }) !== null;
  }

  async lookup(service: Service, key: string): Promise<string | null> {
    return await this.#ask({ kind: "lookup", service, key: this.#keyOf(service, key) });
  }

  fetch(service: Service): Promise<string | null> {
    return this.#ask({ kind: "fetch", service });
  }

  async update(): Promise<void> {
    await this.#ask({ kind: "update" });
  }

  /** The helper is not asked any more. */
  close(): void {
    this.#link.close();
  }

  #keyOf(service: Service, key: string): string {
    const normal = normalizeKey(this.name, key);
    const colon = key.indexOf(":");
    return service === "auth" && colon >= 0 ? lowerAscii(key.slice(0, colon)) + key.slice(colon) : normal;
  }

  async #ask(ask: ProcAsk): Promise<string | null> {
    const answer = await this.#link.ask(ask);
    if (answer.kind === "found") return answer.value;
    if (answer.kind === "absent") return null;
    const what = ask.kind === "update"
      ? `update table ${this.name}`
      : `${ask.kind} ${ask.service} in table ${this.name}`;
    if (answer.kind === "noService") throw new Fault("unsupported", `Cannot ${what}: the helper has no such service`);
    throw new Fault("unavailable", `Cannot ${what}: ${answer.reason}`);
  }
}
