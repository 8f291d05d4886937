/** URLs of smart hosts: `[scheme://][label@]host[:port]`. Pure. */

import type { Domain } from "../mail/address.ts";
import { literalOfAddress, parseUnicodeDomain } from "../mail/domain.ts";
import { parseIp } from "../mail/ip.ts";

/** How to talk to a smart host. `smtp` will take TLS when it is offered, `smtp+tls` insists on it. */
export type RelayScheme = "smtp" | "smtp+tls" | "smtp+notls" | "smtps" | "lmtp";

/** A smart host. */
export interface RelayUrl {
  /** The protocol, and what it does about TLS. */
  readonly scheme: RelayScheme;
  /** Key of the credentials to log in with; null for none. Only with `smtp+tls` and `smtps`. */
  readonly label: string | null;
  /** A name, or an address literal in its brackets. */
  readonly host: Domain;
  /** 1 … 65535. */
  readonly port: number;
}

/** Result of `parseRelayUrl`. */
export type RelayUrlResult =
  | { readonly kind: "ok"; readonly url: RelayUrl }
  | { readonly kind: "error"; readonly message: string };

/** Port of each scheme; lmtp has none of its own. */
const defaultPorts: Readonly<Record<RelayScheme, number | null>> = {
  "smtp": 25,
  "smtp+tls": 25,
  "smtp+notls": 25,
  "smtps": 465,
  "lmtp": null,
};

/** Schemes of OpenSMTPD before 6.4, and what does the same now. */
const formerSchemes: Readonly<Record<string, RelayScheme>> = {
  "tls": "smtp+tls",
  "tls+auth": "smtp+tls",
  "smtp+auth": "smtp+tls",
  "secure": "smtps",
  "secure+auth": "smtps",
  "smtps+auth": "smtps",
};

/** All schemes of smtpd.conf(5). */
export const relaySchemes: readonly RelayScheme[] = ["smtp", "smtp+tls", "smtp+notls", "smtps", "lmtp"];

/** Those that mail can go by: all in clear text. */
const supportedSchemes: readonly RelayScheme[] = ["smtp", "smtp+notls"];

/** Why mail cannot go by a URL yet: a clause for whoever wrote it. Null when it can. */
export function laterRelayUrl({ scheme }: RelayUrl): string | null {
  return supportedSchemes.includes(scheme) ? null : `\`${scheme}://\` is not active yet`;
}

/** Reads a relay URL. Without a scheme it is `smtp`; schemes and names are read in any case. The host is a name, an
 * IPv4 address, or an address literal in brackets. */
export function parseRelayUrl(text: string): RelayUrlResult {
  const mark = text.indexOf("://");
  const word = mark === -1 ? "smtp" : text.slice(0, mark).toLowerCase();
  const scheme = relaySchemes.find((known) => known === word);
  if (scheme === undefined) {
    const now = formerSchemes[word];
    return fail(`unknown scheme \`${word}://\`${now === undefined ? "" : `, which is \`${now}://\` today`}`);
  }
  const rest = mark === -1 ? text : text.slice(mark + 3);
  const at = rest.lastIndexOf("@");
  const label = at === -1 ? null : rest.slice(0, at);
  if (label === "") return fail("nothing stands before the @");
  if (label !== null && scheme !== "smtp+tls" && scheme !== "smtps") {
    return fail(`credentials are sent over TLS only: use \`smtp+tls://\` or \`smtps://\``);
  }
  const target = splitPort(rest.slice(at + 1));
  if (typeof target === "string") return fail(target);
  const host = parseHost(target.host);
  if (host === null) {
    return fail(target.host === "" ? "it names no host" : `\`${target.host}\` is neither a host name nor an address`);
  }
  const port = target.port ?? defaultPorts[scheme];
  if (port === null) return fail("`lmtp://` needs a port");
  return { kind: "ok", url: { scheme, label, host, port } };
}

/** Takes the port off; the message of an error when there is one that is none. */
function splitPort(text: string): { host: string; port: number | null } | string {
  const close = text.startsWith("[") ? text.indexOf("]") : -1;
  const colon = text.indexOf(":", close + 1);
  if (colon === -1) return { host: text, port: null };
  if (text.indexOf(":", colon + 1) !== -1) return "an IPv6 address stands in brackets";
  const digits = text.slice(colon + 1);
  const port = /^[0-9]{1,5}$/.test(digits) ? Number(digits) : 0;
  if (port < 1 || port > 65535) return `invalid port: ${digits}`;
  return { host: text.slice(0, colon), port };
}

function parseHost(text: string): Domain | null {
  if (!text.startsWith("[") && parseIp(text)?.version === 4) return literalOfAddress(text);
  return parseUnicodeDomain(text);
}

function fail(message: string): RelayUrlResult {
  return { kind: "error", message };
}
