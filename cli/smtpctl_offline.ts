/** Answers to smtpctl while no daemon runs, read from its spool. The spool is opened anew for each piece, so that a
 * daemon that starts meanwhile waits for a moment only. */

import { Fault } from "../lib/fault.ts";
import { openSqlDatabase } from "../lib/host/sqlite.ts";
import type { Envelope } from "../lib/spool/envelope.ts";
import type { EvpId, MsgId } from "../lib/spool/id.ts";
import { SqliteStore } from "../lib/spool/sqlite.ts";
import type { SpoolFilter } from "../lib/spool/store.ts";

/** A spool that nobody works on. */
export interface OfflineSpool {
  /** All envelopes that the filter lets through, in order of id. */
  envelopes(filter: SpoolFilter): AsyncIterable<Envelope>;
  /** The content of a message in pieces; null when there is no such message. */
  content(message: MsgId): Promise<AsyncIterable<Uint8Array> | null>;
}

/** The spool in the file at `path`; null when there is none. Its methods throw Faults: `denied`, `unavailable` when a
 * daemon has it open after all, `malformed`. */
export async function openOfflineSpool(path: string, pageLength = 2000): Promise<OfflineSpool | null> {
  try {
    if (!(await Deno.stat(path)).isFile) return null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new Fault("denied", `Cannot read ${path}: permission denied`, { cause: error });
  }
  return {
    envelopes: (filter) => readEnvelopes(path, filter, pageLength),
    content: async (message) => {
      const stored = await withSpool(path, (store) => store.message(message));
      return stored === null ? null : readContent(path, message, stored.chunks);
    },
  };
}

async function* readEnvelopes(path: string, filter: SpoolFilter, pageLength: number): AsyncGenerator<Envelope> {
  let after: EvpId | null = null;
  for (;;) {
    const mark: EvpId | null = after;
    const page: readonly Envelope[] = await withSpool(path, (store) => store.list(filter, mark, pageLength));
    yield* page;
    after = page.at(-1)?.id ?? null;
    if (after === null || page.length < pageLength) return;
  }
}

async function* readContent(path: string, message: MsgId, chunks: number): AsyncGenerator<Uint8Array> {
  for (let seq = 0; seq < chunks; seq++) {
    const piece = await withSpool(path, (store) => store.chunk(message, seq));
    if (piece === null) throw new Fault("malformed", `Cannot read message ${message}: a piece is missing`);
    yield piece;
  }
}

async function withSpool<T>(path: string, work: (store: SqliteStore) => Promise<T>): Promise<T> {
  const store = new SqliteStore(openSqlDatabase(path));
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
