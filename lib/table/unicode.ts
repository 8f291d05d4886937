/** Keys that somebody wrote in U-labels, found by the A-labels that mail has. */

import { toUnicodeKey } from "../mail/idna.ts";
import type { Service, Table, TableShape } from "./table.ts";

/** Services whose keys are, or end in, domains. The key of `auth` ends in a password. */
const services: ReadonlySet<Service> = new Set<Service>([
  "alias",
  "credentials",
  "domain",
  "mailaddr",
  "mailaddrmap",
  "relayhost",
  "string",
  "userinfo",
]);

/** A table of a backend that does not know of U-labels. A key is asked for as it is, with A-labels; when that is not found
 * and the domain has any, once more with U-labels. So what nobody has is asked for twice, and no other key. Tables of
 * entries in memory know both (static.ts). */
export class UnicodeTable implements Table {
  readonly #table: Table;

  /** Asks `table`. */
  constructor(table: Table) {
    this.#table = table;
  }

  /** As the configuration calls it. */
  get name(): string {
    return this.#table.name;
  }

  /** That of the table which is asked. */
  get shape(): TableShape {
    return this.#table.shape;
  }

  async check(service: Service, key: string): Promise<boolean> {
    if (await this.#table.check(service, key)) return true;
    const other = otherForm(service, key);
    return other !== null && await this.#table.check(service, other);
  }

  async lookup(service: Service, key: string): Promise<string | null> {
    const value = await this.#table.lookup(service, key);
    if (value !== null) return value;
    const other = otherForm(service, key);
    return other === null ? null : await this.#table.lookup(service, other);
  }

  fetch(service: Service): Promise<string | null> {
    return this.#table.fetch(service);
  }

  update(): Promise<void> {
    return this.#table.update();
  }

  /** Ends the use of the table. */
  close(): void {
    this.#table.close();
  }
}

function otherForm(service: Service, key: string): string | null {
  return services.has(service) ? toUnicodeKey(key) : null;
}
