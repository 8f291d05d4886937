/** `listen` lines: which sockets they open. */

import { parseUnicodeDomain } from "../mail/domain.ts";
import { canonicalIp, formatIp, isLinkLocal, isLoopback, parseIp } from "../mail/ip.ts";
import type { ListenDirective, ListenOption, Word } from "./ast.ts";
import { defaultInetOptions } from "./defaults.ts";
import { placeOf, type Span, suggest } from "./error.ts";
import { lmtpPort } from "./listener.ts";
import { resolveCiphers, resolveName, resolveProtocols } from "./resolve_certificate.ts";
import { resolveFilterExpr } from "./resolve_filter.ts";
import { resolveMechanisms } from "./resolve_mechanisms.ts";
import { resolveNetworks } from "./resolve_networks.ts";
import { resolveSocket } from "./resolve_socket.ts";
import { resolveTable } from "./resolve_table.ts";
import { type ConfigSource, fail, type Scope, warn } from "./scope.ts";

/** Longest tag, characters. */
export const tagLengthMax = 32;

/** Most certificates of a `listen` line. */
export const pkiMax = 32;

/** Services that stand for their ports, whatever the system says; it may know more. */
const services: Readonly<Record<string, number>> = {
  smtp: 25,
  smtps: 465,
  submission: 587,
  submissions: 465,
  lmtp: lmtpPort,
};

/** Adds the listeners of a `listen` line. */
export function resolveListen(scope: Scope, directive: ListenDirective): void {
  const { options, port, family } = readOptions(scope, directive);
  const place = placeOf(directive.span);
  const { on } = directive;
  if (on === null) {
    const { tag, hostname, filter, maskSource, dsn } = options;
    return resolveSocket(scope, directive, { tag, hostname, filter, maskSource, dsn });
  }
  checkProtection(scope, directive, options);
  const found = addressesOf(scope.source, on.text, family);
  const addresses = found.filter((address) => !isLinkLocal(parseIp(address)));
  // Each interface with IPv6 has one, and who sends mail goes by others: only a line that is left without any is told of.
  if (found.length > 0 && addresses.length === 0) {
    const hint = "Deno binds no address that is good on one interface alone: listen on another one of this machine";
    fail(scope, on.span, `the link-local address ${found[0]} cannot be listened on`, hint);
  }
  if (found.length === 0) {
    const names = scope.source.interfaces.map((one) => one.name);
    fail(
      scope,
      on.span,
      `invalid virtual ip or interface: ${on.text}`,
      on.text === "egress" || on.text === "all"
        ? "there are no groups of interfaces here: name one, or write 0.0.0.0 and :: on two lines"
        : suggest(on.text, names, (name) => `\`${name}\``),
    );
  }
  if (port === null) return;
  if (options.lmtp && port === 25) {
    const span = directive.options.find((option) => option.kind === "port")?.span ?? directive.span;
    fail(scope, span, "LMTP is not spoken on port 25", `that is the port of SMTP: leave \`port\` out for ${lmtpPort}`);
    return;
  }
  const taken = scope.listeners.find((one) =>
    one.kind === "inet" && one.port === port && addresses.includes(one.address)
  );
  if (taken?.kind === "inet") {
    const what = `address ${taken.address} port ${port}`;
    fail(scope, on.span, `${what} is listened on twice`, `the first time on line ${taken.place.line}`);
    return;
  }
  warnOpenProxy(scope, directive, options, addresses);
  for (const address of addresses) scope.listeners.push({ ...options, on: on.text, address, port, place });
}

/** Who may send a header may say that it is anybody: a client of this machine, say, who may relay. */
function warnOpenProxy(scope: Scope, directive: ListenDirective, { proxy }: InetOptions, addresses: readonly string[]) {
  if (proxy === null || proxy.from !== null || addresses.every((one) => isLoopback(parseIp(one)))) return;
  const option = directive.options.find(({ kind }) => kind === "proxy" || kind === "proxy-v2");
  if (option === undefined) return;
  const hint = `say who the proxies are: \`${option.kind} from { 192.0.2.7 }\``;
  warn(scope, option.span, "anybody who connects here may pretend to be any client", hint);
}

/** OpenSMTPD ends at these when all of the file is read; the words are its own. */
function checkProtection(scope: Scope, directive: ListenDirective, { tls, auth }: InetOptions): void {
  const span = (kinds: readonly ListenOption["kind"][]): Span =>
    directive.options.find((option) => kinds.includes(option.kind))?.span ?? directive.span;
  const isPlain = tls.mode === "none";
  if (isPlain && auth.mode !== "none") {
    const hint = "passwords are not sent in clear: add `tls` or `smtps`, and a `pki`";
    fail(scope, span(["auth", "auth-optional"]), "invalid listen option: auth requires tls/smtps", hint);
  }
  const hasPki = directive.options.some((option) => option.kind === "pki");
  if (isPlain && hasPki) {
    fail(scope, span(["pki"]), "invalid listen option: pki requires tls/smtps", "add `tls`, `tls-require` or `smtps`");
  }
  if (tls.verify && tls.ca === null && !directive.options.some((option) => option.kind === "ca")) {
    const hint = 'name whose certificates are good: ca NAME, after a line such as ca NAME cert "PATH"\n' +
      "the TLS library tells clients each name, and the system's authorities are more than they take";
    fail(scope, span(["tls-require", "smtps"]), "invalid listen option: verify requires ca", hint);
  }
  if (!isPlain && !hasPki) {
    const hint = 'name a certificate: pki NAME, after lines such as pki NAME cert "PATH" and pki NAME key "PATH"';
    fail(scope, span(["tls", "tls-require", "smtps"]), "invalid listen option: pki required for tls/smtps", hint);
  }
}

/** The interfaces' addresses, the address itself, or the addresses of the name; each once. */
export function addressesOf(source: ConfigSource, word: string, family: 4 | 6 | null): readonly string[] {
  const found = findAddresses(source, word);
  const fits = (address: string): boolean => {
    const ip = parseIp(address);
    return ip !== null && (family === null || ip.version === family);
  };
  return [...new Set(found.filter(fits))];
}

function findAddresses(source: ConfigSource, word: string): readonly string[] {
  const own = source.interfaces.filter((one) => one.name === word);
  if (own.length > 0) return own.map((one) => canonicalIp(one.address));
  const ip = parseIp(word);
  if (ip !== null) return [word.includes("%") ? word.replace(/^\[|\]$/g, "") : formatIp(ip)];
  const resolved = source.resolveHost(word).flatMap((address) => {
    const one = parseIp(address);
    return one === null ? [] : [formatIp(one)];
  });
  if (resolved.length > 0 || word !== "localhost") return resolved;
  // RFC 6761 §6.3: this name means the loopback addresses whatever a resolver says.
  const loopback = ["127.0.0.1", "::1"].filter((one) => source.interfaces.some(({ address }) => address === one));
  return loopback.length > 0 ? loopback : ["127.0.0.1"];
}

type InetOptions = ReturnType<typeof defaultInetOptions>;

interface ListenOptions {
  readonly options: InetOptions;
  /** Null when an error has been told. */
  readonly port: number | null;
  readonly family: 4 | 6 | null;
}

type Draft = { -readonly [Key in keyof InetOptions]: InetOptions[Key] };

/** What must not stand twice on a line, by option; `pki` may. */
function partOf(option: ListenOption): string | null {
  switch (option.kind) {
    case "inet4":
    case "inet6":
      return "address family";
    case "tls":
    case "tls-require":
    case "smtps":
      return "TLS mode";
    case "auth-optional":
      return "auth";
    case "proxy":
      return "proxy-v2";
    case "pki":
      return null;
    default:
      return option.kind;
  }
}

function readOptions(scope: Scope, directive: ListenDirective): ListenOptions {
  const draft: Draft = { ...defaultInetOptions(scope.source.serverName) };
  let port: number | null = null;
  let family: 4 | 6 | null = null;
  const seen = new Set<string>();
  for (const option of directive.options) {
    const part = partOf(option);
    if (part !== null && seen.has(part)) fail(scope, option.span, `${part} already specified`);
    if (part !== null) seen.add(part);
    if (option.kind === "inet4" || option.kind === "inet6") family = option.kind === "inet4" ? 4 : 6;
    else if (option.kind === "port") port = readPort(scope, option.port);
    else applyOption(scope, option, draft);
  }
  draft.auth = resolveMechanisms(scope, directive.options, draft.auth);
  const usual = draft.lmtp ? lmtpPort : draft.tls.mode === "implicit" ? services["smtps"] : services["smtp"];
  return { options: draft, port: seen.has("port") ? port : usual ?? null, family };
}

function applyOption(scope: Scope, option: ListenOption, draft: Draft): void {
  switch (option.kind) {
    case "tag":
      draft.tag = option.tag.text;
      if (draft.tag.length > tagLengthMax) {
        fail(scope, option.tag.span, "tag name too long", `at most ${tagLengthMax} characters`);
      }
      return;
    case "hostname": {
      const hostname = parseUnicodeDomain(option.hostname.text);
      if (hostname === null) fail(scope, option.hostname.span, `not a valid domain name: ${option.hostname.text}`);
      else draft.hostname = hostname;
      return;
    }
    case "hostnames":
      draft.hostnames = resolveTable(scope, option.table, "hostnames", false);
      return;
    case "filter":
      draft.filter = resolveFilterExpr(scope, option.filter);
      return;
    case "mask-src":
      draft.maskSource = true;
      return;
    case "received-auth":
      draft.receivedAuth = true;
      return;
    case "no-dsn":
      draft.dsn = false;
      return;
    case "proxy":
    case "proxy-v2": {
      const from = option.from === null ? null : resolveNetworks(scope, option.from, `\`${option.kind} from\``);
      draft.proxy = { versions: option.kind === "proxy" ? "any" : "v2", from };
      return;
    }
    case "lmtp":
      draft.lmtp = true;
      return;
    case "senders": {
      const table = resolveTable(scope, option.table, "senders", false);
      if (table !== null) draft.senders = { table, masquerade: option.masquerade, headerFrom: option.headerFrom };
      return;
    }
    case "auth":
    case "auth-optional": {
      const table = option.table === null ? null : resolveTable(scope, option.table, "credentials", false);
      draft.auth = { mode: option.kind === "auth" ? "required" : "optional", table, mechanisms: null, external: null };
      return;
    }
    case "mechanisms":
    case "auth-external":
      return;
    default:
      return applyTls(scope, option, draft);
  }
}

function applyTls(scope: Scope, option: ListenOption, draft: Draft): void {
  const { tls } = draft;
  switch (option.kind) {
    case "tls":
      draft.tls = { ...tls, mode: "offered" };
      return;
    case "tls-require":
      draft.tls = { ...tls, mode: "required", verify: option.verify };
      return;
    case "smtps":
      draft.tls = { ...tls, mode: "implicit", verify: option.verify };
      return;
    case "ciphers":
      draft.tls = { ...tls, ciphers: resolveCiphers(scope, option.word) };
      return;
    case "protocols":
      draft.tls = { ...tls, protocols: resolveProtocols(scope, option.word) };
      return;
    case "ca":
      draft.tls = { ...tls, ca: resolveName(scope, "ca", option.word) };
      return;
    case "pki": {
      const name = resolveName(scope, "pki", option.word);
      if (name === null) return;
      if (tls.pki.length >= pkiMax) fail(scope, option.span, "too many pki specified", `at most ${pkiMax}`);
      else if (tls.pki.includes(name)) warn(scope, option.word.span, `pki ${name} is named twice`);
      else draft.tls = { ...tls, pki: [...tls.pki, name] };
      return;
    }
    default:
  }
}

function readPort(scope: Scope, { text, span }: Word): number | null {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : services[text] ?? scope.source.servicePort(text) ?? 0;
  if (port >= 1 && port <= 65535) return port;
  const hint = suggest(text, Object.keys(services), (name) => `\`${name}\``) ?? "a port is a number from 1 to 65535";
  return fail(scope, span, `invalid port: ${text}`, hint);
}
