/**
 * NAME
 *   makemap - build a table for smtpd
 *
 * SYNOPSIS
 *   makemap [-t type] [-d format] [-o map] [--json] file
 *   makemap -U [--json] map
 *   makemap type map < file
 *
 * DESCRIPTION
 *   Reads a text of entries, one a line, and writes them to a map, in which smtpd looks keys up at once however many
 *   there are: a cdb file, or an SQLite database. The map is made beside its final place and put there in one step: a
 *   reader sees the old one or the new one. It gets the permissions and the owner of the text.
 *
 *   A line is `key value` or `key: value`. Blank lines and lines that begin with # are skipped. A key ends at a blank
 *   or colon, or is a [...]. Keys are stored in lower case; one whose domain has letters beyond ASCII is stored in
 *   A-labels (xn--...) as well, by which mail is looked up, and a note says how many there are. Keys that occur twice,
 *   and lines that make no sense, are reported as `file:line: ...`, all of them, and the map stays as it was.
 *
 *   A file `-` is standard input. The form with two operands is sendmail's: the first is the format, it reads standard
 *   input, and writes map.db (or map.sqlite) unless the name has that end already.
 *
 *   A table of such a map reads in smtpd.conf: table aliases db:/etc/mail/aliases.db
 *   or, of format sqlite:                      table aliases sqlite:/etc/mail/aliases.sqlite
 *   cdb files are also read by tinycdb's cdb(1), and, named *.cdb, by Postfix (cdb:); theirs are read by smtpd. An SQLite
 *   map has one table, map(key, value), which sqlite3(1) and other programs can read, and change while smtpd runs.
 *
 * OPTIONS
 *   -t plain    Any key and value. The default.
 *   -t aliases  Values are lists of users, addresses, "|command", /file, :include:/file and error:NNN text.
 *   -t set      Keys alone; the whole line is the key.
 *   -o map      Where to write, instead of file.db or file.sqlite.
 *   -U          Print the entries of a map of either format, key and value divided by a tab, or as a JSON array.
 *   -d format   cdb (the default) or sqlite. hash, btree and dbm are cdb, too, for compatibility.
 *   -O AliasFile=file
 *               The text, and type aliases.
 *   -b i        Do as newaliases does. Other values are ignored.
 *   -C file     Ignored.
 *   --json      Print the result as one JSON object.
 *   --version   Print the version.
 *   -h, --help  Print this page.
 *
 * FILES
 *   file.db     The map made from file. With -d sqlite: file.sqlite.
 *
 * EXIT STATUS
 *   0 on success, 1 when the text has an error or a file cannot be read or written, or the command line is wrong.
 *
 * SEE ALSO
 *   newaliases, smtpd, smtpctl; aliases(5), cdb(5), table(5)
 *
 * STANDARDS
 *   The flags are those of OpenSMTPD's makemap. The formats are D. J. Bernstein's cdb, at most 4 GiB, and SQLite 3.
 */

import manifest from "../deno.json" with { type: "json" };
import { describeError, Fault } from "../lib/fault.ts";
import { hostDisk } from "../lib/host/disk.ts";
import { CdbFile } from "../lib/table/cdb.ts";
import type { MapResult } from "../lib/table/compile.ts";
import { failureText } from "./failure.ts";
import { getopt, type OptionSpec, UsageError } from "./getopt.ts";
import { later } from "./later.ts";
import { makeMap, type MapFormat, type MapRequest, type MapType, printNotes, printProblems } from "./makemap_build.ts";
import { readManual } from "./manual.ts";
import { outputStatus, print, writeOutput } from "./output.ts";
import { absolutePath } from "./path.ts";

type Command =
  | { readonly kind: "make"; readonly request: MapRequest; readonly json: boolean }
  | { readonly kind: "dump"; readonly map: string; readonly json: boolean }
  | { readonly kind: "newaliases"; readonly args: readonly string[] }
  | { readonly kind: "help" }
  | { readonly kind: "version" };

const spec: OptionSpec = {
  flags: "hU",
  valued: "bCdoOt",
  optional: "",
  long: { json: "flag", version: "flag", help: "flag" },
};
const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** What a map's name ends in. */
const mapSuffix: Readonly<Record<MapFormat, string>> = { cdb: ".db", sqlite: ".sqlite" };

const usage = "makemap [-U] [-d format] [-o map] [-t type] [--json] file";

/** Runs the command with the arguments after its name; returns the exit status. */
export async function makemap(args: readonly string[]): Promise<number> {
  try {
    const command = parseArguments(args);
    switch (command.kind) {
      case "help":
        print(await readManual(import.meta.url));
        return 0;
      case "version":
        print(`Postern ${manifest.version}`);
        return 0;
      case "dump":
        return await dumpMap(command.map, command.json);
      case "newaliases": {
        const { newaliases }: typeof import("./newaliases.ts") = await import(
          later("./newaliases.ts", import.meta.url)
        );
        return await newaliases(command.args);
      }
      case "make":
        return reportMap(command.request, await makeMap(command.request), command.json);
    }
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof Fault)) return outputStatus(error, "makemap", console.error);
    const shown = error instanceof UsageError ? usage : null;
    console.error(failureText("makemap", describeError(error), shown, args.includes("--json")));
    return 1;
  }
}

function parseArguments(args: readonly string[]): Command {
  const { options, operands } = getopt(args, spec);
  let type: MapType = "plain";
  let format: MapFormat = "cdb";
  let target: string | null = null;
  let aliasFile: string | null = null;
  const flags = new Set<string>();
  for (const { name, value } of options) {
    if (name === "t") type = mapType(value ?? "");
    else if (name === "o") target = value;
    else if (name === "d") format = mapFormat(value ?? "");
    else if (name === "O" && value?.startsWith("AliasFile=")) aliasFile = value.slice("AliasFile=".length);
    else if (name === "b" && value === "i") flags.add("newaliases");
    else flags.add(name);
  }
  if (flags.has("h") || flags.has("help")) return { kind: "help" };
  if (flags.has("version")) return { kind: "version" };
  const json = flags.has("json");
  if (flags.has("newaliases")) {
    const rest = [...(aliasFile === null ? [] : ["--alias-file", aliasFile]), ...(json ? ["--json"] : [])];
    return { kind: "newaliases", args: [...rest, ...operands] };
  }
  const [first, second, ...others] = aliasFile === null ? operands : [aliasFile, ...operands];
  if (first === undefined) throw new UsageError("No file given");
  if (others.length > 0) throw new UsageError("Too many operands");
  if (flags.has("U")) {
    if (second !== undefined) throw new UsageError("Too many operands");
    return { kind: "dump", map: first, json };
  }
  if (second !== undefined) {
    if (options.length > 0) throw new UsageError("Options and two operands exclude each other");
    format = mapFormat(first);
    const map = second.endsWith(mapSuffix[format]) ? second : second + mapSuffix[format];
    return { kind: "make", request: { source: null, target: absolute(map), type, format }, json };
  }
  const source = first === "-" ? null : first;
  if (source === null && target === null) throw new UsageError("Standard input needs -o");
  const request: MapRequest = { source, target: absolute(target ?? source + mapSuffix[format]), type, format };
  return { kind: "make", request: aliasFile === null ? request : { ...request, type: "aliases" }, json };
}

function mapType(word: string): MapType {
  if (word === "plain" || word === "aliases" || word === "set") return word;
  throw new UsageError(`Unknown type ${word}: it is plain, aliases or set`);
}

function mapFormat(word: string): MapFormat {
  if (word === "sqlite") return word;
  if (["hash", "btree", "dbm", "cdb"].includes(word)) return "cdb";
  throw new UsageError(`Unknown format ${word}: it is cdb or sqlite`);
}

function absolute(path: string): string {
  return absolutePath(path, Deno.cwd());
}

/** Prints what became of a map; returns the exit status. */
function reportMap(request: MapRequest, result: MapResult, json: boolean): number {
  const source = request.source ?? "-";
  if (json) {
    const head = { source, map: request.target, type: request.type };
    print(JSON.stringify(
      result.kind === "made"
        ? { ...head, entries: result.entries, converted: result.converted, errors: [] }
        : { ...head, errorCount: result.count, errors: result.problems },
    ));
  } else if (result.kind === "invalid") printProblems(source, result);
  else printNotes("makemap", request.target, result);
  if (result.kind === "made" && result.entries === 0 && !json) {
    console.error(`makemap: ${request.target}: warning: the map is empty`);
  }
  return result.kind === "made" ? 0 : 1;
}

async function dumpMap(map: string, json: boolean): Promise<number> {
  const opened = await openMap(absolute(map));
  try {
    let parts: Uint8Array[] = [];
    let size = 0;
    for (const part of json ? jsonOf(opened) : linesOf(opened)) {
      parts.push(part);
      size += part.length;
      if (size <= 64 * 1024) continue;
      await writeOutput(joined(parts, size));
      parts = [];
      size = 0;
    }
    await writeOutput(joined(parts, size));
    return 0;
  } finally {
    opened.close();
  }
}

function* linesOf(map: OpenMap): Generator<Uint8Array> {
  const [tab, end] = [encoder.encode("\t"), encoder.encode("\n")];
  for (const { key, value } of map.records()) yield* [key, tab, value, end];
}

function* jsonOf(map: OpenMap): Generator<Uint8Array> {
  let before = "[\n";
  for (const { key, value } of map.records()) {
    const entry = JSON.stringify({ key: decoder.decode(key), value: decoder.decode(value) });
    yield encoder.encode(before + entry);
    before = ",\n";
  }
  yield encoder.encode(before === "[\n" ? "[]\n" : "\n]\n");
}

/** A map to be dumped. */
interface OpenMap {
  records(): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>;
  close(): void;
}

/** Opens a map of the format that it has. */
async function openMap(path: string): Promise<OpenMap> {
  const { sqliteHeader, sqliteMapEntries }: typeof import("../lib/table/sqlite.ts") = await import(
    later("../lib/table/sqlite.ts", import.meta.url)
  );
  if (await startOf(path, sqliteHeader.length) !== sqliteHeader) {
    const cdb = await CdbFile.open(hostDisk, path);
    return {
      *records() {
        for (const { key, value } of cdb.records()) yield { key: withoutNul(key), value: withoutNul(value) };
      },
      close: () => cdb.close(),
    };
  }
  const { openSqlReader }: typeof import("../lib/host/sqlite.ts") = await import(
    later("../lib/host/sqlite.ts", import.meta.url)
  );
  const db = openSqlReader(path);
  return {
    *records() {
      for (const [key, value] of sqliteMapEntries(db)) yield { key: encoder.encode(key), value: encoder.encode(value) };
    },
    close: () => db.close(),
  };
}

async function startOf(path: string, length: number): Promise<string> {
  const file = await hostDisk.open(path, { read: true });
  try {
    const bytes = new Uint8Array(length);
    return new TextDecoder().decode(bytes.subarray(0, file.readAt(0, bytes)));
  } finally {
    file.close();
  }
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function withoutNul(bytes: Uint8Array): Uint8Array {
  return bytes.at(-1) === 0 ? bytes.subarray(0, -1) : bytes;
}

if (import.meta.main) Deno.exit(await makemap(Deno.args));
