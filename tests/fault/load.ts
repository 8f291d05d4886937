/** Senders that go on whatever happens to the server, and remember what was promised to them. */

import { Client } from "../e2e/client.ts";

/** Sends numbered messages over some connections at once, until told to stop. */
export class Load {
  /** Answered 250: these must be delivered. */
  readonly promised = new Set<string>();
  /** The connection was lost after the dot: these may be delivered. */
  readonly unsure = new Set<string>();
  readonly #port: number;
  readonly #name: string;
  readonly #senders: Promise<void>[];
  #next = 0;
  #isStopping = false;

  constructor(port: number, name: string, sessions: number) {
    this.#port = port;
    this.#name = name;
    this.#senders = Array.from({ length: sessions }, () => this.#send());
  }

  /** Ends the load; resolves when all senders have. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#senders);
  }

  async #send(): Promise<void> {
    while (!this.#isStopping) {
      try {
        using client = await Client.open(this.#port);
        while (!this.#isStopping) await this.#sendOne(client);
      } catch {
        // Lost, refused or told to come later: that is what the test brings about. A breath, then again.
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  async #sendOne(client: Client): Promise<void> {
    const id = `${this.#name}-${this.#next++}`;
    await client.command("MAIL FROM:<ann@client.test>", 250);
    await client.command("RCPT TO:<bob@example.org>", 250);
    await client.command("DATA", 354);
    await client.write(`Subject: load\r\nX-Load: ${id}\r\n\r\n${"All work and no play.\r\n".repeat(50)}.\r\n`);
    this.unsure.add(id);
    const { code } = await client.answer();
    this.unsure.delete(id);
    if (code === 250) this.promised.add(id);
  }
}

/** How often each message of a load is in a Maildir. */
export function countCopies(mail: readonly string[]): Map<string, number> {
  const copies = new Map<string, number>();
  for (const text of mail) {
    const id = /^X-Load: (.+)$/m.exec(text)?.[1] ?? "?";
    copies.set(id, (copies.get(id) ?? 0) + 1);
  }
  return copies;
}
