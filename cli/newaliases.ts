/**
 * NAME
 *   newaliases - build the alias table
 *
 * SYNOPSIS
 *   newaliases [-f smtpd.conf] [--state dir] [--json]
 *
 * DESCRIPTION
 *   Finds the table `aliases` in smtpd's configuration and builds its map from its text: for
 *   `table aliases db:/etc/mail/aliases.db` and `table aliases sqlite:/etc/mail/aliases.sqlite` the text is
 *   /etc/mail/aliases. It prints the number of entries, and tells a running smtpd to read the table anew. When the text
 *   has an error, the map stays as it was.
 *
 *   A configuration without that table, and no configuration at all, stand for the file aliases in the directory
 *   where the configuration is or would be. Where neither is there, it is /etc/aliases.
 *
 * OPTIONS
 *   -f file            The configuration. Default: /etc/mail/smtpd.conf, else /etc/smtpd.conf.
 *   --alias-file file  The text to build from, whatever the configuration says.
 *   --state dir        The state directory of smtpd. Default: the variable SMTPD_STATE, else that of smtpctl.
 *   --json             Print the result as one JSON object.
 *   --version          Print the version.
 *   -h, --help         Print this page.
 *
 * FILES
 *   aliases.db         The map made from aliases, a cdb file.
 *   aliases.sqlite     The same for a table of kind sqlite.
 *   smtpd.sock         In the state directory (/var/run for root's default): where smtpd takes commands.
 *
 * EXIT STATUS
 *   0 on success, 1 when the table cannot be found or built, or smtpd runs and cannot read it.
 *
 * SEE ALSO
 *   makemap, smtpd, smtpctl; aliases(5)
 *
 * STANDARDS
 *   None. OpenSMTPD's newaliases wants root; this one wants rights to the files.
 */

import { dirname, join } from "@std/path";
import manifest from "../deno.json" with { type: "json" };
import { describeError, Fault } from "../lib/fault.ts";
import { collectErrors, printError } from "../lib/policy/error.ts";
import { callControl } from "./control_client.ts";
import { failureText } from "./failure.ts";
import { getopt, type OptionSpec, UsageError } from "./getopt.ts";
import { makeMap, type MapRequest, printNotes, printProblems } from "./makemap_build.ts";
import { readManual } from "./manual.ts";
import { outputStatus, print } from "./output.ts";
import { defaultConfigPath } from "./config_path.ts";
import { parseConfiguration } from "./smtpd_config.ts";
import { clientState } from "./state.ts";

/** The table that is built, and that smtpd is told of. */
const tableName = "aliases";

const spec: OptionSpec = {
  flags: "h",
  valued: "f",
  optional: "",
  long: { "alias-file": "valued", state: "valued", json: "flag", version: "flag", help: "flag" },
};

/** What came of telling smtpd. */
type Notice =
  | { readonly kind: "updated" }
  | { readonly kind: "not running" }
  /** Its configuration has no table of that name. */
  | { readonly kind: "no such table" }
  /** We have no right to talk to it. It looks at its tables by itself, but not at once. */
  | { readonly kind: "not told" }
  | { readonly kind: "failed"; readonly message: string };

/** Runs the command with the arguments after its name; returns the exit status. */
export async function newaliases(args: readonly string[]): Promise<number> {
  try {
    const { options, operands } = getopt(args, spec);
    const valueOf = (name: string): string | null => options.findLast((one) => one.name === name)?.value ?? null;
    const has = (name: string): boolean => options.some((one) => one.name === name);
    if (has("h") || has("help")) {
      print(await readManual(import.meta.url));
      return 0;
    }
    if (has("version")) {
      print(`Postern ${manifest.version}`);
      return 0;
    }
    if (operands.length > 0) throw new UsageError(`Unexpected operand ${operands[0]}`);
    const file = valueOf("alias-file");
    const request = file === null ? findAliases(valueOf("f"), has("json")) : ofText(absolute(file));
    return request === null ? 1 : await build(request, valueOf("state"), has("json"));
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof Fault)) {
      return outputStatus(error, "newaliases", console.error);
    }
    const shown = error instanceof UsageError ? "newaliases [-f smtpd.conf] [--state dir] [--json]" : null;
    console.error(failureText("newaliases", describeError(error), shown, args.includes("--json")));
    return 1;
  }
}

/** A map to make, of the text beside it. */
type AliasRequest = MapRequest & { readonly source: string };

/** The map of the alias table that a configuration names; a null path stands for the default configuration. Null
 * when an error was printed. */
function findAliases(config: string | null, json: boolean): AliasRequest | null {
  const path = config ?? defaultConfigPath();
  const fallback = join(dirname(path), tableName);
  const parsed = parseConfiguration(path);
  if (config === null && parsed.isAbsent) return ofText(exists(fallback) ? fallback : "/etc/aliases");
  const errors = collectErrors(parsed.problems).filter((error) => error.severity === "error");
  if (errors.length > 0 && json) {
    console.error(JSON.stringify(errors));
    return null;
  }
  const colour = Deno.stderr.isTerminal() && !Deno.noColor;
  for (const error of errors) console.error(printError(error, { colour, width: 120 }));
  if (errors.length > 0) return null;
  const table = parsed.directives.find((one) => one.kind === "table" && one.name.text === tableName);
  if (table?.kind !== "table") return ofText(absolute(fallback));
  if (table.content.kind === "config") {
    const request = ofConfig(table.content.word.text);
    if (request !== null) return request;
    throw new Fault("malformed", `${path}: table ${tableName} is no map: its entries are kept by another program`);
  }
  throw new Fault("malformed", `${path}: the entries of table ${tableName} are in the configuration: there is no map`);
}

/** The map of a text, when nothing says otherwise. */
function ofText(source: string): AliasRequest {
  return { source, target: `${source}.db`, type: "aliases", format: "cdb" };
}

/** From `db:/etc/mail/aliases.db`, `file:/etc/mail/aliases` or `sqlite:/etc/mail/aliases.sqlite` to the map and its text.
 * Null for a table of another kind, and for a database that no text belongs to. */
function ofConfig(config: string): AliasRequest | null {
  const colon = config.startsWith("/") ? -1 : config.indexOf(":");
  const [kind, path] = [config.slice(0, Math.max(0, colon)), config.slice(colon + 1)];
  if (kind === "sqlite") {
    const suffix = [".sqlite", ".db"].find((one) => path.endsWith(one));
    const source = suffix === undefined ? null : path.slice(0, -suffix.length);
    return source === null ? null : { source, target: path, type: "aliases", format: "sqlite" };
  }
  if (!["", "file", "static", "db", "cdb"].includes(kind)) return null;
  return ofText(path.endsWith(".db") ? path.slice(0, -".db".length) : path);
}

async function build(request: AliasRequest, state: string | null, json: boolean): Promise<number> {
  const { source, target } = request;
  const result = await makeMap(request);
  if (result.kind === "invalid") {
    if (json) print(JSON.stringify({ source, map: target, errorCount: result.count, errors: result.problems }));
    else printProblems(source, result);
    return 1;
  }
  const notice = await tellDaemon(state);
  const { entries, converted } = result;
  if (json) print(JSON.stringify({ source, map: target, aliases: entries, converted, smtpd: notice }));
  else {
    print(`${source}: ${entries} aliases`);
    printNotes("newaliases", target, result);
  }
  if (notice.kind !== "failed") return 0;
  // JSON has it already.
  if (json) return 1;
  console.error(`newaliases: smtpd did not take the new table: ${notice.message}`);
  return 1;
}

/** A daemon that is down, or has no such table, has nothing to read. */
async function tellDaemon(state: string | null): Promise<Notice> {
  try {
    const answer = await callControl(clientState(state).controlSocket, { kind: "updateTable", table: tableName });
    if (answer.kind === "done") return { kind: "updated" };
    if (answer.code === "notFound") return { kind: "no such table" };
    return { kind: "failed", message: answer.message };
  } catch (error) {
    if (error instanceof Fault) {
      return error.kind === "unavailable" ? { kind: "not running" } : { kind: "failed", message: error.message };
    }
    if (error instanceof Deno.errors.NotCapable) return { kind: "not told" };
    // Nothing says where its socket would be.
    if (error instanceof UsageError) return { kind: "not running" };
    throw error;
  }
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : join(Deno.cwd(), path);
}

if (import.meta.main) Deno.exit(await newaliases(Deno.args));
