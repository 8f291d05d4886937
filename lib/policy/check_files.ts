/** Files that a policy names: certificates, keys and what tables are read from. The facts are found out elsewhere; here is
 * what they mean. */

import type { FaultKind } from "../fault.ts";
import { sqliteDatabase } from "../table/spec.ts";
import type { TableSpec } from "../table/table.ts";
import { parseExpansionValue } from "./alias.ts";
import { judgeInclude } from "./check_table_text.ts";
import { ConfigLines } from "./check_lines.ts";
import type { Problem } from "./error.ts";
import type { ParsedConfig } from "./parser.ts";
import type { Authority, Pki, Policy, TableName } from "./policy.ts";
import { describeReadFault } from "./scope.ts";
import { hideSetting } from "./secret.ts";

/** A file as it was found. */
export type FileFact =
  /** `mode` are its permission bits, `uid` is who owns it. */
  | { readonly kind: "found"; readonly mode: number; readonly uid: number }
  | { readonly kind: "directory" }
  | { readonly kind: "failed"; readonly fault: FaultKind };

/** What a file of certificates holds. Times are ms since the epoch. */
export type CertificateFact =
  | { readonly kind: "read"; readonly notBefore: number; readonly notAfter: number; readonly count: number }
  /** `isKey`: it is a private key, which does not belong there. */
  | { readonly kind: "malformed"; readonly isKey: boolean };

/** What a file with a key holds. `fits`: the first certificate is for it; null when there is none to compare. `unusable`
 * is what the TLS library has against the two. */
export type KeyFact =
  | { readonly kind: "read"; readonly fits: boolean | null }
  | { readonly kind: "encrypted" }
  /** `isCertificate`: it is one, which does not belong there. */
  | { readonly kind: "malformed"; readonly isCertificate: boolean }
  | { readonly kind: "unusable"; readonly reason: string };

/** Facts about the files of a policy. Null stands for what could not be read. */
export interface FileFacts {
  /** Certificates of ours, by name. */
  readonly pki: ReadonlyMap<string, PkiFacts>;
  /** Certificates of authorities, by name. */
  readonly ca: ReadonlyMap<string, CaFacts>;
  /** Tables that could not be opened, with the reason. */
  readonly tables: ReadonlyMap<TableName, { readonly fault: FaultKind; readonly message: string }>;
  /** Files that aliases include and that cannot be read, with the reason. */
  readonly includes: ReadonlyMap<string, FaultKind>;
  /** Tables whose file the account that is to read it cannot reach, and what keeps it away: a directory, or the file. */
  readonly unreachable: ReadonlyMap<TableName, { readonly account: string; readonly barrier: string }>;
  /** Files with the settings of tables, by table. */
  readonly settings: ReadonlyMap<TableName, FileFact>;
  /** Accounts that actions name and that do not exist. */
  readonly unknownUsers: ReadonlySet<string>;
  /** Now, ms since the epoch. */
  readonly now: number;
  /** Whose files the caller's own are, beside root's. */
  readonly uid: number;
}

/** How long before its end a certificate is told of, ms. */
export const expiryNoticeMs = 14 * 86_400_000;

/** Bits that the mode of a certificate may have. */
export const certificateModeBits = 0o755;
/** Bits that the mode of a private key may have. */
export const keyModeBits = 0o740;

/** Tells what is wrong with the files. What smtpd could not run with is an error. Pure. */
export function checkFiles(policy: Policy, config: ParsedConfig, facts: FileFacts): readonly Problem[] {
  const lines = new ConfigLines(policy, config.directives);
  const problems: Problem[] = [];
  for (const [name, found] of facts.pki) {
    const pki = policy.pki[name];
    if (pki === undefined) continue;
    for (const { file, ...problem } of judgePki(pki, found, facts)) {
      problems.push({ ...problem, span: lines.certificate("pki", name, file) });
    }
  }
  for (const [name, found] of facts.ca) {
    const ca = policy.ca[name];
    if (ca === undefined) continue;
    const span = lines.certificate("ca", name, "cert");
    for (const problem of judgeCa(ca, found, facts)) problems.push({ ...problem, span });
  }
  for (const [name, { fault, message }] of facts.tables) {
    problems.push(judgeTable(policy, lines, name, fault, message));
  }
  return [
    ...problems,
    ...judgeReach(policy, lines, facts),
    ...judgeSettings(policy, lines, facts),
    ...judgeUsers(policy, lines, facts),
    ...judgeIncludes(policy, lines, facts),
  ];
}

/** The start would end at these, though the caller may read them. */
function judgeReach(policy: Policy, lines: ConfigLines, { unreachable, tables }: FileFacts): readonly Problem[] {
  return [...unreachable].flatMap(([name, { account, barrier }]): readonly Problem[] => {
    const path = fileOf(policy.tables[name]);
    if (path === null || tables.has(name)) return [];
    const what = barrier === path ? "may not read it" : `may not enter ${barrier}`;
    const hint = barrier === path ? `chgrp ${account} ${path} && chmod g+r ${path}` : `chmod a+x ${barrier}`;
    return [{
      severity: "error",
      span: lines.tableContent(name),
      message: `${account} cannot use ${path}: it ${what}`,
      hint,
    }];
  });
}

/** Settings of databases may hold passwords. */
function judgeSettings(policy: Policy, lines: ConfigLines, { settings, uid }: FileFacts): readonly Problem[] {
  return [...settings].flatMap(([name, fact]): readonly Problem[] => {
    const spec = policy.tables[name];
    if (fact.kind === "failed" || spec === undefined || !("settings" in spec)) return [];
    const isSecret = spec.settings.some(([keyword, value]) => hideSetting(keyword, value) !== value);
    const mostBits = isSecret ? keyModeBits : certificateModeBits;
    return judgeFile("settings file", spec.path, fact, mostBits, { uid, mustRead: false })
      .map((one) => ({ ...one, severity: "warning", span: lines.tableContent(name) }));
  });
}

function judgeUsers(policy: Policy, lines: ConfigLines, { unknownUsers }: FileFacts): readonly Problem[] {
  return Object.values(policy.actions).flatMap((action): readonly Problem[] => {
    if (action.kind !== "local" || action.user === null || !unknownUsers.has(action.user)) return [];
    const message = `no such user: ${action.user}: mail of this action goes back to its senders`;
    const hint = `add the account, as with: useradd -r ${action.user}`;
    return [{ severity: "warning", span: lines.actionUser(action.name), message, hint }];
  });
}

/** Of tables that stand in the configuration; those in files are read line by line. */
function judgeIncludes(policy: Policy, lines: ConfigLines, { includes }: FileFacts): readonly Problem[] {
  const names = Object.values(policy.actions).flatMap((one) => one.kind === "local" ? [one.alias, one.virtual] : []);
  return [...new Set(names)].flatMap((name): readonly Problem[] => {
    const table = name === null ? undefined : policy.tables[name];
    return table?.kind !== "static"
      ? []
      : table.entries.flatMap(([key, value]) =>
        includedBy(value ?? "").flatMap((path): readonly Problem[] => {
          const fault = includes.get(path);
          if (fault === undefined) return [];
          return [{ severity: "warning", span: lines.tableEntry(table.name, key), ...judgeInclude(key, path, fault) }];
        })
      );
  });
}

function includedBy(value: string): readonly string[] {
  const parsed = parseExpansionValue(value);
  return parsed.kind === "error" ? [] : parsed.nodes.flatMap((one) => one.kind === "include" ? [one.path] : []);
}

/** By what files are judged. */
export interface Judgement extends Pick<FileFacts, "now" | "uid"> {
  /** Who asks is to use the files: one that may not be read is an error. Without it, it may be that only the check may not
   * read it. Default false. */
  readonly mustRead?: boolean;
}

/** What is wrong with a file, its line aside. */
export type FileProblem = Omit<Problem, "span">;

/** A certificate of ours and its key, as they were found. */
export interface PkiFacts {
  /** The file of the certificate. */
  readonly cert: FileFact;
  /** What it holds; null when it could not be read. */
  readonly certificate: CertificateFact | null;
  /** The file of the key. */
  readonly key: FileFact;
  /** What it holds; null when it could not be read. */
  readonly privateKey: KeyFact | null;
}

/** Certificates of an authority, as they were found. */
export type CaFacts = Pick<PkiFacts, "cert" | "certificate">;

/** Judges a certificate and its key; `file` says which of them is meant. */
export function judgePki(
  pki: Pick<Pki, "cert" | "key">,
  found: PkiFacts,
  { now, uid, mustRead = false }: Judgement,
): readonly (FileProblem & { readonly file: "cert" | "key" })[] {
  const of = (file: "cert" | "key", problems: readonly FileProblem[]) => problems.map((one) => ({ ...one, file }));
  // The modes of the two are not those that they have to have then: it is told once.
  if (areSwapped(found)) return [{ ...swapped(pki), file: "cert" }];
  return [
    ...of("cert", judgeFile("certificate", pki.cert, found.cert, certificateModeBits, { uid, mustRead })),
    ...of("cert", judgeCertificate(pki.cert, found.certificate, now)),
    ...of("key", judgeFile("key", pki.key, found.key, keyModeBits, { uid, mustRead })),
    ...of("key", judgeKey(pki.key, pki.cert, found.privateKey)),
  ];
}

function areSwapped({ certificate, privateKey }: PkiFacts): boolean {
  return certificate?.kind === "malformed" && certificate.isKey &&
    privateKey?.kind === "malformed" && privateKey.isCertificate;
}

function swapped({ cert, key }: Pick<Pki, "cert" | "key">): FileProblem {
  return {
    severity: "error",
    message: `the certificate and the key are the wrong way round: ${cert} is a key, and ${key} a certificate`,
    hint: `write: cert "${key}" key "${cert}"`,
  };
}

/** Most authorities whose names clients can be told of: OpenSSL's take 16 KiB. */
const authoritiesMax = 100;

const hugeHint = "clients are told the name of each, and do not take so many: make a file of those that sign for them";

/** Judges the certificates of an authority. */
export function judgeCa(
  ca: Pick<Authority, "cert">,
  { cert, certificate }: CaFacts,
  { now, uid, mustRead = false }: Judgement,
): readonly FileProblem[] {
  // Bundles hold many, and some of them are always about to end.
  const isBundle = certificate?.kind === "read" && certificate.count > 1;
  const isHuge = certificate?.kind === "read" && certificate.count > authoritiesMax;
  return [
    ...(isHuge
      ? [{ severity: "warning", message: `${ca.cert} has ${certificate.count} certificates`, hint: hugeHint } as const]
      : []),
    ...judgeFile("certificate", ca.cert, cert, certificateModeBits, { uid, mustRead }),
    ...(isBundle ? [] : judgeCertificate(ca.cert, certificate, now)),
  ];
}

function judgeFile(
  what: "certificate" | "key" | "settings file",
  path: string,
  fact: FileFact,
  modeMax: number,
  { uid, mustRead }: { readonly uid: number; readonly mustRead: boolean },
): readonly FileProblem[] {
  if (fact.kind === "failed") {
    const message = `cannot read the ${what} ${path}: ${describeReadFault(fact.fault)}`;
    // Who may not read it and does not have to cannot say that it is wrong.
    return fact.fault === "denied" && !mustRead
      ? [{ severity: "warning", message, hint: "run this check as root" }]
      : [{ severity: "error", message, hint: null }];
  }
  if (fact.kind === "directory") {
    const name = what === "key" ? "privkey.pem" : "fullchain.pem";
    const hint = `name the file in it, such as ${path.replace(/\/+$/, "")}/${name}`;
    return [{ severity: "error", message: `the ${what} ${path} is a directory: it has to be a file`, hint }];
  }
  const problems: FileProblem[] = [];
  if (fact.uid !== 0 && fact.uid !== uid) {
    problems.push({
      severity: "error",
      message: `the ${what} ${path} belongs to uid ${fact.uid}: it has to be root's`,
      hint: `chown root ${path}`,
    });
  }
  const mode = fact.mode & 0o7777;
  if ((mode & ~modeMax) !== 0) {
    const who = (mode & ~modeMax & 0o22) !== 0 ? "changed" : "read";
    problems.push({
      severity: "error",
      message: `the ${what} ${path} can be ${who} by others: its mode is ${octal(mode)}, and at most ${octal(modeMax)}`,
      hint: `chmod ${octal(mode & modeMax)} ${path}`,
    });
  }
  return problems;
}

function judgeCertificate(path: string, fact: CertificateFact | null, now: number): readonly FileProblem[] {
  if (fact === null) return [];
  if (fact.kind === "malformed") {
    const hint = fact.isKey ? "it is a private key" : "it begins with -----BEGIN CERTIFICATE-----";
    return [{ severity: "error", message: `${path} is no certificate in PEM form`, hint }];
  }
  const tell = (message: string): readonly FileProblem[] => [{ severity: "warning", message, hint: null }];
  if (fact.notAfter <= now) return tell(`the certificate ${path} expired on ${day(fact.notAfter)}`);
  if (fact.notBefore > now) return tell(`the certificate ${path} is valid from ${day(fact.notBefore)} on`);
  if (fact.notAfter - now >= expiryNoticeMs) return [];
  const days = Math.floor((fact.notAfter - now) / 86_400_000);
  const left = days === 0 ? "today" : days === 1 ? "in 1 day" : `in ${days} days`;
  return tell(`the certificate ${path} expires ${left}, on ${day(fact.notAfter)}`);
}

const keyHint = "ECDSA with P-256 or P-384, Ed25519, and RSA with 2,048 bits or more can be used";

function judgeKey(path: string, cert: string, fact: KeyFact | null): readonly FileProblem[] {
  if (fact === null) return [];
  switch (fact.kind) {
    case "malformed":
      return [{
        severity: "error",
        message: `${path} is no private key in PEM form`,
        hint: fact.isCertificate
          ? "it is a certificate"
          : "it begins with -----BEGIN PRIVATE KEY-----, or with RSA or EC in it",
      }];
    case "encrypted":
      return [{
        severity: "error",
        message: `the key ${path} is encrypted, and nobody is there to type its passphrase`,
        hint: `take the passphrase off: openssl pkey -in ${path} -out NEW`,
      }];
    case "unusable":
      return [{ severity: "error", message: `cannot use ${cert} with ${path}: ${fact.reason}`, hint: keyHint }];
    case "read":
      if (fact.fits !== false) return [];
      return [{
        severity: "error",
        message: `the key ${path} does not belong to the certificate ${cert}`,
        hint: "both come from one order: were files of two hosts mixed up?",
      }];
  }
}

function judgeTable(
  policy: Policy,
  lines: ConfigLines,
  name: TableName,
  fault: FaultKind,
  message: string,
): Problem {
  const spec = policy.tables[name];
  const kind = spec?.kind;
  // What is down now may be up when it is asked; a file that is not there is missed at once.
  const isElsewhere = kind === "proc" || kind === "postgres" || kind === "mysql" || kind === "redis" || kind === "ldap";
  const isMaybe = isElsewhere || fault === "denied" || fault === "timeout";
  const path = fault === "notFound" || fault === "denied" ? fileOf(spec) : null;
  return {
    severity: isMaybe ? "warning" : "error",
    span: lines.tableContent(name),
    message: path === null ? message : `cannot read ${path}: ${describeReadFault(fault)}`,
    hint: isElsewhere ? "mail that needs it is answered 451 until it answers" : null,
  };
}

/** The file that a table is read from; null when there is none. */
function fileOf(spec: TableSpec | undefined): string | null {
  if (spec === undefined || !("path" in spec)) return null;
  return spec.kind === "sqlite" ? sqliteDatabase(spec) : spec.path;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
