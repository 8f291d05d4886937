/** `listen` lines: which sockets they open. */

import type { Domain } from "../mail/address.ts";
import { parseDomain } from "../mail/domain.ts";
import { formatIp, type Ip, parseIp } from "../mail/ip.ts";
import type { ListenDirective, Word } from "./ast.ts";
import { defaultInetOptions, defaultListenerOptions } from "./defaults.ts";
import { placeOf, suggest } from "./error.ts";
import { type ConfigSource, fail, type Scope } from "./scope.ts";

/** Longest tag, characters. */
export const tagLengthMax = 32;

/** Services that stand for their ports. */
const services: Readonly<Record<string, number>> = {
  smtp: 25,
  smtps: 465,
  submission: 587,
  submissions: 465,
};

/** Adds the listeners of a `listen` line. */
export function resolveListen(scope: Scope, directive: ListenDirective): void {
  const options = readOptions(scope, directive);
  const hostname = options.hostname ?? scope.source.serverName;
  const place = placeOf(directive.span);
  if (directive.on === null) {
    if (scope.listeners.some((one) => one.kind === "socket")) {
      fail(scope, directive.span, "socket listener already configured");
      return;
    }
    scope.listeners.push({ ...defaultListenerOptions(hostname), kind: "socket", tag: options.tag, place });
    return;
  }
  const { on } = directive;
  const addresses = addressesOf(scope.source, on.text, options.family);
  if (addresses.length === 0) {
    const names = scope.source.interfaces.map((one) => one.name);
    fail(
      scope,
      on.span,
      `invalid virtual ip or interface: ${on.text}`,
      suggest(on.text, names, (name) => `\`${name}\``),
    );
  }
  if (options.port === null) return;
  const { port } = options;
  const taken = scope.listeners.find((one) =>
    one.kind === "inet" && one.port === port && addresses.includes(one.address)
  );
  if (taken?.kind === "inet") {
    const what = `address ${taken.address} port ${port}`;
    fail(scope, on.span, `${what} is listened on twice`, `the first time on line ${taken.place.line}`);
    return;
  }
  for (const address of addresses) {
    scope.listeners.push({ ...defaultInetOptions(hostname), on: on.text, address, port, tag: options.tag, place });
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
  if (own.length > 0) return own.map((one) => bindable(one.address, one.name));
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

/** A link-local address can be bound only with its interface. */
function bindable(address: string, name: string): string {
  const ip = parseIp(address);
  if (ip === null) return address;
  return isLinkLocal(ip) ? `${formatIp(ip)}%${name}` : formatIp(ip);
}

function isLinkLocal(ip: Ip): boolean {
  return ip.version === 6 && ip.octets[0] === 0xfe && ((ip.octets[1] ?? 0) & 0xc0) === 0x80;
}

interface ListenOptions {
  /** Null when an error has been told. */
  readonly port: number | null;
  readonly tag: string;
  readonly hostname: Domain | null;
  readonly family: 4 | 6 | null;
}

function readOptions(scope: Scope, directive: ListenDirective): ListenOptions {
  let port: number | null = 25;
  let tag = "";
  let hostname: Domain | null = null;
  let family: 4 | 6 | null = null;
  const seen = new Set<string>();
  for (const option of directive.options) {
    const what = option.kind === "inet4" || option.kind === "inet6" ? "address family" : option.kind;
    if (seen.has(what)) fail(scope, option.span, `${what} already specified`);
    seen.add(what);
    switch (option.kind) {
      case "inet4":
        family = 4;
        break;
      case "inet6":
        family = 6;
        break;
      case "port":
        port = readPort(scope, option.port);
        break;
      case "tag":
        tag = option.tag.text;
        if (tag.length > tagLengthMax) {
          fail(scope, option.tag.span, "tag name too long", `at most ${tagLengthMax} characters`);
        }
        break;
      case "hostname":
        hostname = parseDomain(option.hostname.text);
        if (hostname === null) fail(scope, option.hostname.span, `not a valid domain name: ${option.hostname.text}`);
        break;
    }
  }
  return { port, tag, hostname, family };
}

function readPort(scope: Scope, { text, span }: Word): number | null {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : services[text] ?? 0;
  if (port >= 1 && port <= 65535) return port;
  const hint = suggest(text, Object.keys(services), (name) => `\`${name}\``) ?? "a port is a number from 1 to 65535";
  return fail(scope, span, `invalid port: ${text}`, hint);
}
