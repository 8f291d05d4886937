/** Makes a map from a text and puts it in its place: what makemap and newaliases share. */

import { Fault } from "../lib/fault.ts";
import { hostDisk } from "../lib/host/disk.ts";
import { openSource, ownerOf, removeOnSignal, setOwner } from "../lib/host/source_file.ts";
import { checkAliasValue } from "../lib/policy/alias_check.ts";
import { compileMap, type MapResult, type MapWriter } from "../lib/table/compile.ts";
import { later } from "./later.ts";
import { absolutePath, directoryOf, fileNameOf } from "./path.ts";

/** What the entries of a map are. */
export type MapType = "plain" | "aliases" | "set";

/** What a map is written as. */
export type MapFormat = "cdb" | "sqlite";

/** A map to make. `source` is null for standard input. */
export interface MapRequest {
  readonly source: string | null;
  readonly target: string;
  readonly type: MapType;
  readonly format: MapFormat;
}

const problemsMax = 100;
/** Work shorter than this shows no progress, ms. */
const progressAfter = 500;
const encoder = new TextEncoder();

/** Makes a map and puts it in its place. The text is locked against others that lock it. On an invalid result and on
 * a failure the target is as before and nothing is left beside it. Throws Faults with messages for people. */
export async function makeMap(request: MapRequest): Promise<MapResult> {
  const source = await openSource(request.source);
  const temporary = absolutePath(
    `.${fileNameOf(request.target)}.${crypto.randomUUID().slice(0, 8)}`,
    directoryOf(request.target),
  );
  const forget = removeOnSignal(temporary);
  const progress = new Progress(request.target, source.size);
  try {
    const owner = source.owner ?? await ownerOf(request.target);
    const writer = await createWriter(request.format, temporary, owner === null ? 0o644 : 0o600);
    const result = await compileMap(source, writer, {
      shape: request.type === "set" ? "list" : "map",
      check: request.type === "aliases" ? checkAliasValue : () => null,
      problemsMax,
      prepare: () => owner === null ? Promise.resolve() : setOwner(temporary, owner),
      progress: (line, octets) => progress.show(line, octets),
    });
    if (result.kind === "made") {
      await hostDisk.rename(temporary, request.target);
      await hostDisk.syncDir(directoryOf(request.target));
    } else await hostDisk.remove(temporary);
    return result;
  } catch (error) {
    await removeIfThere(temporary);
    throw error;
  } finally {
    progress.end();
    source.close();
    forget();
  }
}

/** The code of the other format is not loaded. */
async function createWriter(format: MapFormat, path: string, mode: number): Promise<MapWriter> {
  const load = (specifier: string) => import(later(specifier, import.meta.url));
  if (format === "cdb") {
    const { CdbWriter }: typeof import("../lib/table/cdb_write.ts") = await load("../lib/table/cdb_write.ts");
    return await CdbWriter.create(hostDisk, path, mode);
  }
  const { createSqlDatabase }: typeof import("../lib/host/sqlite.ts") = await load("../lib/host/sqlite.ts");
  const { SqliteWriter }: typeof import("../lib/table/sqlite_write.ts") = await load("../lib/table/sqlite_write.ts");
  return new SqliteWriter(createSqlDatabase(path, mode), hostDisk, path);
}

/** Prints what is wrong with a text, `file:line: message`, and how many more there are. */
export function printProblems(source: string, result: Extract<MapResult, { kind: "invalid" }>): void {
  const lines = result.problems.map(({ line, message }) => `${source}:${line}: ${message}`);
  const others = result.count - result.problems.length;
  if (others > 0) lines.push(`${source}: ${others} more errors`);
  console.error(lines.join("\n"));
}

/** Says of a map what its text did not say. `program` is who says it. */
export function printNotes(program: string, target: string, result: Extract<MapResult, { kind: "made" }>): void {
  const { converted } = result;
  if (converted === 0) return;
  const keys = converted === 1 ? "1 key is" : `${converted} keys are`;
  console.error(`${program}: ${target}: note: ${keys} stored in A-labels (xn--...) as well, which mail has`);
}

/** A line on the terminal about work that takes its time. */
class Progress {
  readonly #name: string;
  readonly #size: number | null;
  readonly #isShown = Deno.stderr.isTerminal();
  readonly #startedAt = performance.now();
  #shownAt = 0;

  constructor(name: string, size: number | null) {
    this.#name = name;
    this.#size = size;
  }

  show(line: number, octets: number): void {
    const now = performance.now();
    if (!this.#isShown || now - this.#startedAt < progressAfter || now - this.#shownAt < 100) return;
    this.#shownAt = now;
    const part = this.#size === null ? "" : ` (${Math.floor(octets * 100 / Math.max(this.#size, 1))} %)`;
    Deno.stderr.writeSync(encoder.encode(`\r${this.#name}: ${line} lines${part}\x1b[K`));
  }

  end(): void {
    if (this.#shownAt > 0) Deno.stderr.writeSync(encoder.encode("\r\x1b[K"));
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await hostDisk.remove(path);
  } catch (error) {
    if (!(error instanceof Fault && error.kind === "notFound")) throw error;
  }
}
