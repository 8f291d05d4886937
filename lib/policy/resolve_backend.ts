/** `BACKEND:PATH` of a `table` line: where the entries are. */

import { parseTableSettings } from "../table/settings.ts";
import { programSpec } from "../table/spec.ts";
import type { DatabaseKind, TableSpec } from "../table/table.ts";
import type { Word } from "./ast.ts";
import { suggest } from "./error.ts";
import { type ConfigSource, describeReadFault, fail, type Scope } from "./scope.ts";

/** Kinds of tables that need no program beside us, by the words that name them. */
export const backends: readonly string[] = [
  "file",
  "static",
  "db",
  "cdb",
  "getpwnam",
  "passwd",
  "sqlite",
  "postgres",
  "postgresql",
  "mysql",
  "redis",
  "ldap",
  "proc",
];

/** Begins a SQLite database: such a file is the table itself, and holds no settings. */
const sqliteHeader = "SQLite format 3\0";

/** Reads `backend:path`, or a path alone. Null when an error has been told. */
export function resolveBackend(scope: Scope, name: string, word: Word): TableSpec | null {
  const { text, span } = word;
  if (text.startsWith("/")) return { kind: "file", name, path: text };
  const colon = text.indexOf(":");
  const backend = colon === -1 ? text : text.slice(0, colon);
  const path = colon === -1 ? "" : text.slice(colon + 1);
  const failPath = (hint: string): null => fail(scope, span, `invalid backend parameter for table: ${name}`, hint);
  const needsPath = `write an absolute path, such as ${backend}:/etc/mail/${name}`;
  switch (backend) {
    case "file":
    case "static":
      return path.startsWith("/") ? { kind: "file", name, path } : failPath(needsPath);
    case "db":
    case "cdb":
      return path.startsWith("/") ? { kind: "cdb", name, path } : failPath(needsPath);
    case "passwd":
      return path.startsWith("/") ? { kind: "passwd", name, path } : failPath(needsPath);
    case "getpwnam":
      return path === "" ? { kind: "getpwnam", name } : failPath("the system's users are in no file: write `getpwnam`");
    case "proc":
      return readProgram(scope, name, word, path);
    case "sqlite":
    case "postgres":
    case "postgresql":
    case "mysql":
    case "redis":
    case "ldap":
      if (!path.startsWith("/")) {
        return failPath(`write the path of its settings, such as ${backend}:/etc/mail/${name}`);
      }
      return readDatabase(scope, backend === "postgresql" ? "postgres" : backend, name, path, word);
    default:
      return readHelper(scope, name, word, { backend, path, failPath });
  }
}

/** The file that says how to reach the database is read now: what it names decides rights. */
function readDatabase(scope: Scope, kind: DatabaseKind, name: string, path: string, { span }: Word): TableSpec | null {
  const file = scope.source.readFile(path);
  const isDatabase = file.kind === "ok" ? file.text.startsWith(sqliteHeader) : file.fault === "malformed";
  if (kind === "sqlite" && isDatabase) return { kind, name, path, settings: [] };
  const message = `invalid configuration file ${path} for table ${name}`;
  if (file.kind === "failed") return fail(scope, span, `${message}: ${describeReadFault(file.fault)}`);
  const parsed = parseTableSettings(kind, file.text);
  if (parsed.kind === "ok") return { kind, name, path, settings: parsed.settings };
  const place = parsed.line > 0 ? `line ${parsed.line}: ` : "";
  return fail(scope, span, `${message}: ${place}${parsed.message}`, parsed.hint);
}

/** `proc:PROGRAM ARGUMENT`. No shell reads it: the argument is all that follows the program's path. */
function readProgram(scope: Scope, name: string, { span }: Word, text: string): TableSpec | null {
  const [, command = "", config = ""] = /^(\S*)\s*([^]*?)\s*$/.exec(text) ?? [];
  if (!command.startsWith("/")) {
    const hint = 'write the whole path of a program, such as "proc:/usr/local/bin/table-x ARGUMENT"';
    return fail(scope, span, `invalid backend parameter for table: ${name}`, hint);
  }
  // What a role may run is a list with commas between (daemon/privilege.ts).
  if (command.includes(",")) {
    return fail(scope, span, `the path of a program may have no comma: ${command}`, "rename it, or link to it");
  }
  if (!scope.source.isProgram(command)) {
    const hint = config === ""
      ? "install it, or correct its path; it must be a file that may be executed"
      : `install it, or correct its path; what follows the blank, \`${config}\`, is its argument`;
    return fail(scope, span, `no such program: ${command}`, hint);
  }
  return programSpec(name, command, config === "" ? null : config);
}

/** Any other kind is served by a program of that name. */
function readHelper(
  scope: Scope,
  name: string,
  { span }: Word,
  { backend, path, failPath }: {
    readonly backend: string;
    readonly path: string;
    readonly failPath: (hint: string) => null;
  },
): TableSpec | null {
  const command = helperOf(scope.source, backend);
  if (command === null) {
    const near = suggest(backend, backends, (one) => `\`${one}:\``);
    const isName = /^[\w.-]+$/.test(backend);
    const hint = near ?? `use file: or db: and a path${isName ? `, or install the program table-${backend}` : ""}`;
    return fail(scope, span, `no such kind of table: \`${backend}\``, hint);
  }
  if (path !== "" && !path.startsWith("/")) {
    return failPath(`write an absolute path, such as ${backend}:/etc/mail/${name}`);
  }
  return programSpec(name, command, path === "" ? null : path);
}

/** A word with a slash in it would lead out of the directories of helpers. */
function helperOf(source: ConfigSource, backend: string): string | null {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(backend) ? source.tableHelper(backend) : null;
}
