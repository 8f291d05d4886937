/** `pki` and `ca` lines, and the options of listeners and actions that are about TLS. */

import { parseDomain } from "../mail/domain.ts";
import type { CertificateDirective, Word } from "./ast.ts";
import { suiteCount, unwantedSuites } from "./ciphers.ts";
import { placeOf, type Span, suggest } from "./error.ts";
import type { Pki, Place } from "./policy.ts";
import { printWord } from "./print_word.ts";
import { parseProtocols } from "./protocols.ts";
import { fail, failMissing, failTaken, type Scope, warn } from "./scope.ts";

/** A certificate that lines add to. */
export interface DraftPki {
  /** In lower case. */
  readonly name: string;
  /** The name where it stands first. */
  readonly span: Span;
  /** Its first line. */
  readonly place: Place;
  /** Null until a line gives it. */
  cert: string | null;
  /** Null until a line gives it. */
  key: string | null;
  /** `dhe`. */
  dhe: Pki["dhe"];
}

/** Adds what a `pki` or `ca` line says. */
export function resolveCertificate(scope: Scope, directive: CertificateDirective): void {
  const name = directive.name.text.toLowerCase();
  if (name !== "*" && parseDomain(name) === null) {
    fail(scope, directive.name.span, `not a valid domain name: ${directive.name.text}`, 'write a host name, or "*"');
    return;
  }
  if (directive.kind === "ca") {
    checkPath(scope, directive.cert);
    const first = scope.ca.get(name);
    if (first !== undefined) {
      failTaken(scope, directive.name, "ca already declared with that name", first.place);
      return;
    }
    scope.ca.set(name, { name, cert: directive.cert.text, place: placeOf(directive.span) });
    return;
  }
  const place = placeOf(directive.span);
  const draft: DraftPki = scope.pki.get(name) ??
    { name, span: directive.name.span, place, cert: null, key: null, dhe: "none" };
  scope.pki.set(name, draft);
  for (const { kind, word } of directive.parts) {
    if (kind === "dhe") setDhe(scope, draft, word);
    else {
      checkPath(scope, word);
      draft[kind] = word.text;
    }
  }
}

function setDhe(scope: Scope, draft: DraftPki, { text, span }: Word): void {
  const words = ["none", "auto", "legacy"] as const;
  const found = words.find((word) => word === text);
  if (found === undefined) {
    const hint = suggest(text, words, (word) => `\`${word}\``) ?? "write `none`, `auto` or `legacy`";
    fail(scope, span, `invalid DHE keyword: ${text}`, hint);
    return;
  }
  draft.dhe = found;
  if (found !== "none") warn(scope, span, `\`dhe ${found}\` has no effect: the TLS library has no DHE ciphers`);
}

function checkPath(scope: Scope, { text, span }: Word): void {
  if (!text.startsWith("/")) {
    fail(scope, span, `invalid path of a certificate or key: ${text}`, "write an absolute path");
  }
}

/** The certificates, all lines read: each needs its two files. */
export function finishPki(scope: Scope): Readonly<Record<string, Pki>> {
  const whole = new Map<string, Pki>();
  for (const { name, span, place, cert, key, dhe } of scope.pki.values()) {
    if (scope.declared.pki.broken.has(name)) continue;
    if (cert === null) fail(scope, span, `missing certificate file of pki: ${name}`, `add: pki ${name} cert "PATH"`);
    if (key === null) fail(scope, span, `missing key file of pki: ${name}`, `add: pki ${name} key "PATH"`);
    if (cert !== null && key !== null) whole.set(name, { name, cert, key, dhe, place });
  }
  return Object.fromEntries(whole);
}

/** Looks for the certificates and authorities that relays name, all lines read. */
export function checkWanted(scope: Scope): void {
  for (const { kind, name, span } of scope.wanted) {
    if (!scope[kind].has(name)) failMissing(scope, kind, name, span, printWord);
  }
}

/** The name of a certificate or an authority that must stand above. Null when an error has been told. */
export function resolveName(scope: Scope, kind: "pki" | "ca", { text, span }: Word): string | null {
  const name = text.toLowerCase();
  return scope[kind].has(name) ? name : failMissing(scope, kind, name, span, printWord);
}

/** Checks `protocols`; gives what is written. */
export function resolveProtocols(scope: Scope, { text, span }: Word): string {
  const parsed = parseProtocols(text);
  if (parsed.kind === "error") fail(scope, span, parsed.message, parsed.hint);
  else if (parsed.old.length > 0) {
    warn(scope, span, `${parsed.old.join(" and ")} cannot be had: the TLS library begins with TLS 1.2`);
  }
  return text;
}

/** `ciphers` is kept. The library has a list of its own: one that allows all of it is as good as obeyed, any other cannot
 * be. */
export function resolveCiphers(scope: Scope, { text, span }: Word): string {
  const unwanted = unwantedSuites(text);
  if (unwanted.length === 0) return text;
  const which = unwanted.length === suiteCount ? "none of its own is in it" : `it always offers ${unwanted.join(", ")}`;
  fail(
    scope,
    span,
    `ciphers that the TLS library cannot keep to: ${text}`,
    `${which}\nleave \`ciphers\` out: all that it offers has forward secrecy and authenticated encryption`,
  );
  return text;
}
