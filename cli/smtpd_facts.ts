/** Finds out what a configuration's checks need to know of files and tables. */

import { Fault, type FaultKind } from "../lib/fault.ts";
import { factOf, keyFactOf } from "../lib/daemon/certificates.ts";
import { hostClock } from "../lib/host/clock.ts";
import { diskFault, hostDisk } from "../lib/host/disk.ts";
import { findAccount, readTextIfPresent } from "../lib/host/state.ts";
import type { TableContent } from "../lib/policy/check.ts";
import type { FileFact, FileFacts } from "../lib/policy/check_files.ts";
import { includedFiles } from "../lib/policy/includes.ts";
import type { Policy, TableName } from "../lib/policy/policy.ts";
import { parseTableText } from "../lib/table/entry.ts";
import { openTable } from "../lib/table/open.ts";
import { isRemembered } from "../lib/table/spec.ts";
import type { Table, TableSpec } from "../lib/table/table.ts";
import { tableBackends } from "./table_backends.ts";

/** How long a table may take until it counts as one that cannot be reached, ms. */
export const probeMs = 5000;

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

/** What is looked at beside certificates and keys. */
export interface FactScope {
  /** With `all` every table is opened. */
  readonly tables: "all" | "none";
  /** Every role keeps the caller's account: nobody asks for those that actions name. */
  readonly sameUser: boolean;
}

/** Looks at certificates, keys and accounts, and opens tables, each for at most `limitMs`. */
export async function gatherFacts(
  policy: Policy,
  { tables, sameUser }: FactScope,
  limitMs = probeMs,
): Promise<FileFacts> {
  // What few configurations need is loaded for these alone.
  const hasFiles = Object.keys(policy.pki).length + Object.keys(policy.ca).length > 0;
  const inspector = hasFiles ? (await import("../lib/host/tls.ts")).pemInspector : null;
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
  const failures = tables === "none" ? [] : await Promise.all(
    Object.values(policy.tables).map(async (spec) => {
      const failure = await probeTable(spec, policy.smtp.subAddressDelimiter, limitMs);
      return failure === null ? [] : [[spec.name, failure] as const];
    }),
  );
  return {
    pki: new Map(pki),
    ca: new Map(ca),
    tables: new Map(failures.flat()),
    includes: unreadableIncludes(policy),
    unknownUsers: sameUser ? new Set() : unknownUsers(policy),
    now: Date.now(),
    uid: Deno.uid() ?? 0,
  };
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
    const { mode, uid } = Deno.statSync(path);
    const fact: FileFact = { kind: "found", mode: (mode ?? 0) & 0o7777, uid: uid ?? 0 };
    return { fact, text: Deno.readTextFileSync(path) };
  } catch (error) {
    return { fact: { kind: "failed", fault: diskFault("read", path, error).kind }, text: null };
  }
}

/** Opens a table and closes it again. Null when that works. */
async function probeTable(
  spec: TableSpec,
  subAddressDelimiter: string,
  limitMs: number,
): Promise<{ readonly fault: FaultKind; readonly message: string } | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Fault("timeout", `Cannot open table ${spec.name}: no answer in ${limitMs / 1000} s`)),
      limitMs,
    );
  });
  let isOver = false;
  let opened: Table | null = null;
  const end = () => {
    isOver = true;
    opened?.close();
  };
  const probed = openTable(spec, hostDisk, {
    ...tableBackends({ [spec.name]: spec }, () => {}),
    subAddressDelimiter,
    clock: hostClock,
    report: () => {},
  }).then(async (table) => {
    // One that opens late is closed when it does.
    if (isOver) return table.close();
    opened = table;
    // What is asked over a connection or of a program is there only when that answers.
    if (isRemembered(spec)) await table.update();
  });
  probed.catch(() => {});
  try {
    await Promise.race([probed, late]);
    return null;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { fault: error.kind, message: error.message };
  } finally {
    clearTimeout(timer);
    // This ends a helper that hangs, too.
    end();
  }
}
