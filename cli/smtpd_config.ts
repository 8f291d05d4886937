/** smtpd's configuration file and the facts of this machine that it is read with. */

import { parseConfig, type ParsedConfig } from "../lib/policy/parser.ts";
import { type ConfigSource, describeReadFault, hostNames, loadPolicy, type LoadResult } from "../lib/policy/resolve.ts";
import { parseDomain } from "../lib/mail/domain.ts";
import type { Domain } from "../lib/mail/address.ts";
import { interfaceAddresses, readTextIfPresent } from "../lib/host/state.ts";
import { parseHosts } from "../lib/host/resolv_conf.ts";
import { parseServices } from "../lib/host/services.ts";
import type { FaultKind } from "../lib/fault.ts";

/** Where programs that serve tables are looked for, in this order. OpenSMTPD's builds and packages differ in it. */
export const helperDirectories = [
  "/usr/local/libexec/smtpd",
  "/usr/local/libexec/opensmtpd",
  "/usr/libexec/opensmtpd",
  "/usr/libexec/smtpd",
  "/usr/lib/opensmtpd",
  "/usr/lib/x86_64-linux-gnu/opensmtpd",
  "/usr/lib/aarch64-linux-gnu/opensmtpd",
] as const;

/** Loads the configuration in `path`, with `macros` of the command line. */
export async function loadConfiguration(
  path: string,
  macros: ReadonlyMap<string, string>,
  readFile: ConfigSource["readFile"] = readConfig,
): Promise<LoadResult> {
  // Few configurations name a port.
  let ports: ReadonlyMap<string, number> | null = null;
  const source: Omit<ConfigSource, "resolveHost"> = {
    path,
    readFile,
    interfaces: interfaceAddresses(),
    serverName: serverName(),
    tableHelper,
    isProgram,
    servicePort(name) {
      ports ??= parseServices(readTextIfPresent("/etc/services") ?? "");
      return ports.get(name) ?? null;
    },
    macros,
  };
  const hosts = parseHosts(readTextIfPresent("/etc/hosts") ?? "");
  const found = new Map<string, readonly string[]>();
  for (const name of hostNames(source)) found.set(name, hosts.get(name.toLowerCase()) ?? await resolve(name));
  return loadPolicy({ ...source, resolveHost: (name) => found.get(name) ?? [] });
}

/** What stands in `path` and the files that it includes, for commands that need one line of it and none of this machine's
 * facts. Macros are those of the files. */
export function parseConfiguration(path: string): ParsedConfig & { readonly isAbsent: boolean } {
  let isAbsent = false;
  const readFile = (file: string): { readonly text: string } | { readonly failure: string } => {
    const read = readConfig(file);
    if (read.kind === "ok") return read;
    isAbsent ||= file === path && read.fault === "notFound";
    return { failure: describeReadFault(read.fault) };
  };
  const parsed = parseConfig({ path, readFile, macros: new Map() });
  return { ...parsed, isAbsent };
}

/** The program `table-NAME` in the first of `helperDirectories` that has it. `name` holds no slash. */
export function tableHelper(name: string): string | null {
  return helperDirectories.map((directory) => `${directory}/table-${name}`).find(isProgram) ?? null;
}

/** Is a file there that may be executed? One that cannot be looked at is none. */
export function isProgram(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && ((mode ?? 0) & 0o111) !== 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) return false;
    throw error;
  }
}

/** First line of mailname, else the system's name. */
function serverName(): Domain {
  const mailname = readTextIfPresent("/etc/mail/mailname") ?? readTextIfPresent("/etc/mailname");
  const named = parseDomain(mailname?.split("\n")[0]?.trim() ?? "");
  if (named !== null) return named;
  const short = Deno.hostname();
  const full = parseHosts(readTextIfPresent("/etc/hosts") ?? "");
  // The canonical name of a host without a dot is the first dotted name that /etc/hosts has for its address.
  const address = full.get(short.toLowerCase())?.[0];
  const canonical = [...full].find(([name, ips]) => name.startsWith(`${short.toLowerCase()}.`) && ips[0] === address);
  return parseDomain(canonical?.[0] ?? short) ?? ("localhost" as Domain);
}

function readConfig(path: string): ReturnType<ConfigSource["readFile"]> {
  try {
    const bytes = Deno.readFileSync(path);
    return { kind: "ok", text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (error) {
    return { kind: "failed", fault: kindOf(error) };
  }
}

function kindOf(error: unknown): FaultKind {
  if (error instanceof Deno.errors.NotFound) return "notFound";
  if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) return "denied";
  return error instanceof TypeError ? "malformed" : "io";
}

/** Addresses of a name that /etc/hosts does not have. */
async function resolve(name: string): Promise<readonly string[]> {
  if (parseDomain(name) === null) return [];
  const answers = await Promise.all(
    (["A", "AAAA"] as const).map((type) => Deno.resolveDns(name, type).catch(() => [] as string[])),
  );
  return answers.flat();
}
