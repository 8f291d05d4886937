/** Finds out what a configuration's checks need to know of files and tables. */

import { Fault, type FaultKind } from "../lib/fault.ts";
import { factOf, keyFactOf } from "../lib/daemon/certificates.ts";
import { diskFault } from "../lib/host/disk.ts";
import { barrierOf } from "../lib/host/reach.ts";
import { findAccount, readTextIfPresent, statIfPresent } from "../lib/host/state.ts";
import type { Account } from "../lib/daemon/privilege.ts";
import type { TableContent } from "../lib/policy/check.ts";
import type { FileFact, FileFacts } from "../lib/policy/check_files.ts";
import { includedFiles } from "../lib/policy/includes.ts";
import type { Policy, TableName } from "../lib/policy/policy.ts";
import { parseTableText } from "../lib/table/entry.ts";
import { sqliteDatabase } from "../lib/table/spec.ts";
import type { TableSpec } from "../lib/table/table.ts";
import { later } from "./later.ts";

/** Largest table file that is read for its own mistakes and for what rules let through, octets. */
export const tableTextMax = 8 * 1024 * 1024;

/** A table file as text. */
export interface TableText {
  /** The table that is read from it. */
  readonly name: TableName;
  /** Its path. */
  readonly path: string;
  /** All of it. */
  readonly text: string;
}

/** The files of tables that can be read and are not too long. */
export function readTableTexts(policy: Policy): readonly TableText[] {
  return Object.values(policy.tables).flatMap((spec): readonly TableText[] => {
    if (spec.kind !== "file") return [];
    try {
      if (Deno.statSync(spec.path).size > tableTextMax) return [];
      return [{ name: spec.name, path: spec.path, text: Deno.readTextFileSync(spec.path) }];
    } catch {
      // Why it cannot be read is told of by `gatherFacts`.
      return [];
    }
  });
}

/** Entries of the tables whose texts can be read. */
export function contentsOf(texts: readonly TableText[]): ReadonlyMap<TableName, TableContent> {
  const contents = new Map<TableName, TableContent>();
  for (const { name, path, text } of texts) {
    try {
      contents.set(name, parseTableText(path, new TextEncoder().encode(text)).entries);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
  }
  return contents;
}

/** Whether they are lists or maps; those without entries are neither. */
export function shapesOf(texts: readonly TableText[]): ReadonlyMap<TableName, "list" | "map"> {
  const shapes = new Map<TableName, "list" | "map">();
  for (const [name, [first]] of contentsOf(texts)) {
    if (first !== undefined) shapes.set(name, first[1] === null ? "list" : "map");
  }
  return shapes;
}

/** How long a table may take until it counts as one that cannot be reached, ms. */
export const probeMs = 5000;

/** What is looked at beside certificates and keys. */
export interface FactScope {
  /** With `all` every table is opened. */
  readonly tables: "all" | "none";
  /** Every role keeps the caller's account: nobody asks for those that actions name. */
  readonly sameUser: boolean;
  /** The account that is to read tables; null for the caller's, and when it does not exist. */
  readonly reader?: Account | null;
}

/** Looks at certificates, keys and accounts, and opens tables, each for at most `limitMs`. */
export async function gatherFacts(
  policy: Policy,
  { tables, sameUser, reader = null }: FactScope,
  limitMs = probeMs,
): Promise<FileFacts> {
  return {
    ...await gatherPems(policy),
    tables: tables === "none" ? new Map() : await gatherFailures(policy, limitMs),
    unreachable: tables === "none" ? new Map() : unreachableTables(policy, reader),
    settings: tables === "none" ? new Map() : settingsFacts(policy),
    includes: unreadableIncludes(policy),
    unknownUsers: sameUser ? new Set() : unknownUsers(policy),
    now: Date.now(),
    uid: Deno.uid() ?? 0,
  };
}

/** Most configurations have no certificates: what reads them is loaded for those that have. */
async function gatherPems(policy: Policy): Promise<Pick<FileFacts, "pki" | "ca">> {
  if (Object.keys(policy.pki).length + Object.keys(policy.ca).length === 0) return { pki: new Map(), ca: new Map() };
  const { pemInspector: inspector }: typeof import("../lib/host/tls.ts") = await import(
    later("../lib/host/tls.ts", import.meta.url)
  );
  const pki = Object.values(policy.pki).map((one) => {
    const cert = readPem(one.cert);
    const key = readPem(one.key);
    return [one.name, {
      cert: cert.fact,
      certificate: factOf(inspector, cert.text),
      key: key.fact,
      privateKey: keyFactOf(inspector, key.text, cert.text),
    }] as const;
  });
  const ca = Object.values(policy.ca).map((one) => {
    const { fact, text } = readPem(one.cert);
    return [one.name, { cert: fact, certificate: factOf(inspector, text) }] as const;
  });
  return { pki: new Map(pki), ca: new Map(ca) };
}

/** Opens every table: what comes of those that cannot be. */
async function gatherFailures(policy: Policy, limitMs: number): Promise<FileFacts["tables"]> {
  const { probeTable }: typeof import("./smtpd_probe.ts") = await import(later("./smtpd_probe.ts", import.meta.url));
  const failures = await Promise.all(
    Object.values(policy.tables).map(async (spec) => {
      const failure = await probeTable(spec, policy.smtp.subAddressDelimiter, limitMs);
      return failure === null ? [] : [[spec.name, failure] as const];
    }),
  );
  return new Map(failures.flat());
}

/** Tables in files that an account could not read, by the permissions of the way to them. */
function unreachableTables(policy: Policy, reader: Account | null): FileFacts["unreachable"] {
  if (reader === null) return new Map();
  return new Map(
    Object.values(policy.tables).flatMap((spec) => {
      const path = lookupFile(spec);
      const barrier = path === null ? null : barrierOf(path, reader, 4, statIfPresent);
      return barrier === null ? [] : [[spec.name, { account: reader.name, barrier }] as const];
    }),
  );
}

/** The file that lookup itself reads; null when a table has none, or none that can be told. */
function lookupFile(spec: TableSpec): string | null {
  if (spec.kind === "file" || spec.kind === "cdb" || spec.kind === "passwd") return spec.path;
  if (spec.kind !== "sqlite") return null;
  try {
    return sqliteDatabase(spec);
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}

function settingsFacts(policy: Policy): FileFacts["settings"] {
  return new Map(
    Object.values(policy.tables).flatMap((spec) => {
      const stat = "settings" in spec && spec.settings.length > 0 ? statIfPresent(spec.path) : null;
      if (stat === null) return [];
      return [[spec.name, { kind: "found", mode: stat.mode & 0o7777, uid: stat.uid }] as const];
    }),
  );
}

/** Why a file cannot be read; null when it can. */
export function readFault(path: string): FaultKind | null {
  try {
    Deno.openSync(path).close();
    return null;
  } catch (error) {
    return diskFault("read", path, error).kind;
  }
}

function unreadableIncludes(policy: Policy): ReadonlyMap<string, FaultKind> {
  return new Map(
    includedFiles(policy, () => null).flatMap((path) => {
      const fault = readFault(path);
      return fault === null ? [] : [[path, fault] as const];
    }),
  );
}

function unknownUsers(policy: Policy): ReadonlySet<string> {
  const named = Object.values(policy.actions).flatMap((one) => one.kind === "local" ? one.user ?? [] : []);
  const passwd = named.length === 0 ? null : readTextIfPresent("/etc/passwd");
  return new Set(passwd === null ? [] : named.filter((name) => findAccount(passwd, name) === null));
}

function readPem(path: string): { readonly fact: FileFact; readonly text: string | null } {
  try {
    const { mode, uid, isDirectory } = Deno.statSync(path);
    if (isDirectory) return { fact: { kind: "directory" }, text: null };
    const fact: FileFact = { kind: "found", mode: (mode ?? 0) & 0o7777, uid: uid ?? 0 };
    return { fact, text: Deno.readTextFileSync(path) };
  } catch (error) {
    return { fact: { kind: "failed", fault: diskFault("read", path, error).kind }, text: null };
  }
}
