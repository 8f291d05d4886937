/** `action NAME relay …`. */

import { parseUnicodeDomain } from "../mail/domain.ts";
import { type Domain, parseMailbox } from "../mail/address.ts";
import type { ActionOption, TableExpr, Word } from "./ast.ts";
import { defaultRelay } from "./defaults.ts";
import type { Span } from "./error.ts";
import type { Place, RelayAction } from "./policy.ts";
import { parseRelayUrl } from "./relay_url.ts";
import { resolveCiphers, resolveProtocols } from "./resolve_certificate.ts";
import { resolveFilterExpr } from "./resolve_filter.ts";
import { resolveTtl } from "./resolve_settings.ts";
import { inlineWords, type Purpose, resolveTable } from "./resolve_table.ts";
import { fail, failTwice, type Scope, warn } from "./scope.ts";

type Draft = { -readonly [Key in keyof RelayAction]: RelayAction[Key] };

/** The relay that the options of a line make. */
export function resolveRelay(
  scope: Scope,
  name: string,
  options: readonly ActionOption[],
  place: Place,
): RelayAction {
  const draft: Draft = { ...defaultRelay, name, place };
  const given = new Set<string>();
  for (const option of options) applyOption(scope, option, draft, given);
  for (const table of [draft.host, draft.domain]) {
    if (table !== null) {
      for (const url of inlineWords(scope, table)) checkRoute(scope, draft, url, given.has("auth mapping"));
    }
  }
  return draft;
}

function applyOption(scope: Scope, option: ActionOption, draft: Draft, given: Set<string>): void {
  switch (option.kind) {
    case "ttl":
      draft.ttlMs = resolveTtl(scope, option.delay);
      return;
    case "host":
    case "domain":
      return applyRoute(scope, { kind: option.kind, span: option.span, table: option.table }, draft, given);
    case "backup":
      return applyRoute(scope, option, draft, given);
    case "src":
      failTwice(scope, given, "source mapping", option.span);
      draft.source = resolveTable(scope, option.table, "source", false);
      return;
    case "helo-src":
      failTwice(scope, given, "helo-source mapping", option.span);
      draft.heloSource = resolveTable(scope, option.table, "helo-source", false);
      return;
    case "auth":
      failTwice(scope, given, "auth mapping", option.span);
      if (!given.has("host") && !given.has("domain")) {
        const hint = "write `host` or `domain` before `auth` on this line: credentials go to servers that you name";
        fail(scope, option.span, "auth may not be specified without host on a dispatcher", hint);
      }
      draft.auth = resolveTable(scope, option.table, "credentials", false);
      return;
    case "tls":
      failTwice(scope, given, "tls", option.span);
      draft.tls = { mode: "required", verify: option.verify };
      return;
    case "srs":
      failTwice(scope, given, "srs", option.span);
      if (!scope.hasSrsKey) {
        const hint = "add a line above this one: srs key SECRET";
        fail(scope, option.span, "an srs key is required for srs to be specified in an action", hint);
      }
      draft.srs = option.whenSpfFails ? "when-spf-fails" : true;
      return;
    case "filter":
      failTwice(scope, given, "filter", option.span);
      draft.filter = resolveFilterExpr(scope, option.filter);
      return;
    default:
      return applyWord(scope, option, draft, given);
  }
}

type RouteOption =
  | Extract<ActionOption, { readonly kind: "backup" }>
  | { readonly kind: "host" | "domain"; readonly span: Span; readonly table: TableExpr };

/** `host`, `domain` and `backup` each say where mail goes: one of them. */
function applyRoute(
  scope: Scope,
  option: RouteOption,
  draft: Draft,
  given: Set<string>,
): void {
  const earlier = ["host", "domain", "backup"].find((one) => given.has(one));
  given.add(option.kind);
  if (earlier !== undefined) {
    const what = earlier === "backup" ? "backup" : `${earlier} mapping`;
    const hint = earlier === option.kind ? null : "a relay has one of `host`, `domain` and `backup`";
    fail(scope, option.span, `${what} already specified for this dispatcher`, hint);
  }
  if (option.kind === "backup") {
    const mx = option.mx === null ? null : parseUnicodeDomain(option.mx.text);
    if (option.mx !== null && mx === null) {
      fail(scope, option.mx.span, `not a valid domain name: ${option.mx.text}`);
    }
    draft.backup = { mx };
    return;
  }
  const purpose: Purpose = option.kind === "host" ? "host" : "relay-domain";
  draft[option.kind] = resolveTable(scope, option.table, purpose, false);
}

function applyWord(
  scope: Scope,
  option: ActionOption,
  draft: Draft,
  given: Set<string>,
): void {
  if (!("word" in option) || option.kind === "wrapper") return;
  failTwice(scope, given, option.kind, option.span);
  const { text, span } = option.word;
  switch (option.kind) {
    case "helo":
      draft.helo = text;
      if (parseUnicodeDomain(text) === null) fail(scope, span, `not a valid domain name: ${text}`);
      return;
    case "mail-from":
      draft.mailFrom = text;
      if (!isMailFrom(text)) {
        fail(scope, span, `not a valid address: ${text}`, "write user@domain, @domain to keep the user, or user");
      }
      return;
    case "pki":
    case "ca":
      draft[option.kind] = text.toLowerCase();
      scope.wanted.push({ kind: option.kind, name: text.toLowerCase(), span });
      return;
    case "ciphers":
      draft.ciphers = resolveCiphers(scope, option.word);
      return;
    case "protocols":
      draft.protocols = resolveProtocols(scope, option.word);
  }
}

/** `user@domain`, `user`, `@domain`. */
function isMailFrom(text: string): boolean {
  if (text.startsWith("@")) return parseUnicodeDomain(text.slice(1)) !== null;
  return parseMailbox(text, "example.org" as Domain) !== null;
}

/** What the options say must fit what each URL can do. OpenSMTPD finds out at delivery, and the mail waits. */
function checkRoute(scope: Scope, { tls }: Draft, { text, span }: Word, hasAuth: boolean): void {
  const parsed = parseRelayUrl(text);
  if (parsed.kind === "error") return;
  const { scheme, label } = parsed.url;
  if (label !== null && !hasAuth) {
    const hint = "add `auth <table>`: it holds the user and the password for this label";
    warn(scope, span, `the label \`${label}\` needs credentials, and the action has no \`auth\``, hint);
  }
  if (label === null && hasAuth) {
    const hint = "credentials are looked up by the label: smtp+tls://LABEL@host";
    warn(scope, span, "`auth` has no effect on this URL: it names no label", hint);
  }
  if (tls.mode === "required" && (scheme === "smtp+notls" || scheme === "lmtp")) {
    warn(scope, span, `the action insists on TLS, and \`${scheme}://\` has none: its mail waits`);
  }
}
