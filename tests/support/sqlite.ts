/** SQLite databases for tests, made as an administrator makes them. */

import { DatabaseSync } from "node:sqlite";

/** Runs SQL on the database in `path`, which is made when it is not there. */
export function runSql(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  try {
    db.exec(sql);
  } finally {
    db.close();
  }
}

/** Holds the database locked while `run` is at work. */
export async function whileLocked(path: string, run: () => Promise<void>): Promise<void> {
  const db = new DatabaseSync(path);
  db.exec("BEGIN EXCLUSIVE");
  try {
    await run();
  } finally {
    db.exec("ROLLBACK");
    db.close();
  }
}

/** A text as SQL has it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
