/** `listen` lines. Listeners of one line become one line again. */

import { parseIp } from "../mail/ip.ts";
import type { InetListener } from "./uses.ts";
import { type ListenerProxy, lmtpPort, type SendersWords, socketMode } from "./listener.ts";
import type { Listener, ListenerAuth, ListenerTls } from "./policy.ts";
import { printFilterUse } from "./print_filter.ts";
import { printTable, type Shown } from "./print_table.ts";
import { printWord } from "./print_word.ts";

/** Writes the lines of all listeners, in their order. The submission socket has a line only if it had one. */
export function printListeners(shown: Shown): readonly string[] {
  const lines: string[] = [];
  let group: InetListener[] = [];
  const flush = (): void => {
    if (group.length > 0) lines.push(printInet(shown, group));
    group = [];
  };
  for (const listener of shown.policy.listeners) {
    if (listener.kind === "inet" && group[0] !== undefined && isOneLine(group[0], listener)) {
      group.push(listener);
      continue;
    }
    flush();
    if (listener.kind === "inet") group.push(listener);
    else if (listener.kind === "lmtp") lines.push(printLmtpSocket(shown, listener));
    else if (listener.place !== null) {
      lines.push(["listen on socket", ...commonOptions(shown, listener)].join(" "));
    }
  }
  flush();
  return lines;
}

function isOneLine(a: InetListener, b: InetListener): boolean {
  return a.on === b.on && a.port === b.port && a.place.file === b.place.file && a.place.line === b.place.line &&
    a.place.column === b.place.column;
}

function printInet(shown: Shown, group: readonly InetListener[]): string {
  const one = group[0]!;
  const { policy } = shown;
  const port = one.lmtp ? lmtpPort : one.tls.mode === "implicit" ? 465 : 25;
  return [
    `listen on ${printWord(one.on)}`,
    ...family(group),
    ...(one.lmtp ? ["lmtp"] : []),
    ...(one.port === port ? [] : [`port ${one.port}`]),
    ...tlsOptions(one.tls),
    ...authOption(shown, one.auth),
    ...(one.hostname === policy.serverName ? [] : [`hostname ${printWord(one.hostname)}`]),
    ...(one.hostnames === null ? [] : [`hostnames ${printTable(shown, one.hostnames)}`]),
    ...commonOptions(shown, one),
    ...(one.receivedAuth ? ["received-auth"] : []),
    ...proxyOption(shown, one.proxy),
    ...(one.senders === null ? [] : [`senders ${printTable(shown, one.senders.table)}${sendersText(one.senders)}`]),
  ].join(" ");
}

/** The words behind `senders <T>`, each with a blank before it. */
export function sendersText({ masquerade, headerFrom }: SendersWords): string {
  return `${masquerade ? " masquerade" : ""}${headerFrom ? " header-from" : ""}`;
}

function printLmtpSocket(shown: Shown, one: Extract<Listener, { readonly kind: "lmtp" }>): string {
  const { mode, user, group } = one.access;
  return [
    `listen on socket "${one.path}" lmtp`,
    ...(mode === socketMode ? [] : [`mode ${mode.toString(8).padStart(4, "0")}`]),
    ...(user === null ? [] : [`user ${printWord(user)}`]),
    ...(group === null ? [] : [`group ${printWord(group)}`]),
    ...(one.hostname === shown.policy.serverName ? [] : [`hostname ${printWord(one.hostname)}`]),
    ...commonOptions(shown, one),
  ].join(" ");
}

function proxyOption(shown: Shown, proxy: ListenerProxy | null): readonly string[] {
  if (proxy === null) return [];
  const word = proxy.versions === "any" ? "proxy" : "proxy-v2";
  return [proxy.from === null ? word : `${word} from ${printTable(shown, proxy.from.table)}`];
}

function commonOptions(shown: Shown, one: Listener): readonly string[] {
  return [
    ...(one.tag === "" ? [] : [`tag ${printWord(one.tag)}`]),
    ...(one.filter === null ? [] : [`filter ${printFilterUse(shown.policy, one.filter)}`]),
    ...(one.maskSource ? ["mask-src"] : []),
    ...(one.dsn ? [] : ["no-dsn"]),
  ];
}

/** An interface or a name of which one family was wanted. */
function family(group: readonly InetListener[]): readonly string[] {
  if (parseIp(group[0]!.on) !== null) return [];
  const versions = new Set(group.map((one) => parseIp(one.address)?.version ?? 4));
  return versions.size === 1 ? [`inet${[...versions][0]}`] : [];
}

function tlsOptions(tls: ListenerTls): readonly string[] {
  const verify = tls.verify ? " verify" : "";
  const mode = { none: [], offered: ["tls"], required: [`tls-require${verify}`], implicit: [`smtps${verify}`] };
  return [
    ...mode[tls.mode],
    ...tls.pki.map((name) => `pki ${printWord(name)}`),
    ...(tls.ca === null ? [] : [`ca ${printWord(tls.ca)}`]),
    ...(tls.ciphers === null ? [] : [`ciphers ${printWord(tls.ciphers)}`]),
    ...(tls.protocols === null ? [] : [`protocols ${printWord(tls.protocols)}`]),
  ];
}

function authOption(shown: Shown, auth: ListenerAuth): readonly string[] {
  if (auth.mode === "none") return [];
  const keyword = auth.mode === "required" ? "auth" : "auth-optional";
  return [
    auth.table === null ? keyword : `${keyword} ${printTable(shown, auth.table)}`,
    ...(auth.external === null ? [] : [`auth-external ${printTable(shown, auth.external)}`]),
    ...(auth.mechanisms === null ? [] : [`mechanisms "${auth.mechanisms.join(" ")}"`]),
  ];
}
