/** Lines of a policy as smtpd.conf would have them, for showing what has changed. They are for people: long lists are
 * cut, and values of maps and settings of databases, which may be secrets, are left out. Pure. */

import type { TableSpec } from "../table/table.ts";
import { formatSpan } from "../event_log.ts";
import type { Action, Listener, LocalMethod, Policy, TableName } from "./policy.ts";
import { maildirDefault } from "./policy.ts";
import { sendersText } from "./print_listen.ts";
import { printProgram } from "./print_table.ts";
import { printWord } from "./print_word.ts";
import { shortTables } from "./rule_text.ts";

/** Where lines find what has no name. */
export type Tables = Pick<Policy, "tables" | "filters">;

/** What a `listen` line says behind the place that it listens on; empty for nothing. */
export function listenerText(listener: Listener, policy: Tables): string {
  const { tag, hostname, filter, maskSource, dsn } = listener;
  const words = listener.kind === "inet" ? inetWords(listener, policy) : [];
  if (listener.kind === "lmtp") {
    const { mode, user, group } = listener.access;
    words.push("lmtp", `mode ${mode.toString(8).padStart(4, "0")}`);
    if (user !== null) words.push(`user ${user}`);
    if (group !== null) words.push(`group ${group}`);
  }
  if (tag !== "") words.push(`tag ${tag}`);
  words.push(`hostname ${hostname}`);
  if (filter !== null) words.push(`filter ${filterWord(filter, policy)}`);
  if (maskSource) words.push("mask-src");
  if (!dsn) words.push("no-dsn");
  return words.join(" ");
}

function inetWords(listener: Extract<Listener, { kind: "inet" }>, policy: Tables): string[] {
  const { tls, auth, hostnames, senders, receivedAuth, proxy, lmtp } = listener;
  const words: string[] = [];
  const mode = { none: "", offered: "tls", required: "tls-require", implicit: "smtps" }[tls.mode];
  if (mode !== "") words.push(mode);
  if (tls.verify) words.push("verify");
  for (const name of tls.pki) words.push(`pki ${name}`);
  if (tls.ca !== null) words.push(`ca ${tls.ca}`);
  if (tls.ciphers !== null) words.push(`ciphers "${tls.ciphers}"`);
  if (tls.protocols !== null) words.push(`protocols "${tls.protocols}"`);
  if (auth.mode !== "none") {
    const word = auth.mode === "optional" ? "auth-optional" : "auth";
    words.push(auth.table === null ? word : `${word} ${tableWord(auth.table, policy)}`);
    if (auth.external !== null) words.push(`auth-external ${tableWord(auth.external, policy)}`);
    if (auth.mechanisms !== null) words.push(`mechanisms "${auth.mechanisms.join(" ")}"`);
  }
  if (hostnames !== null) words.push(`hostnames ${tableWord(hostnames, policy)}`);
  if (senders !== null) {
    words.push(`senders ${tableWord(senders.table, policy)}${sendersText(senders)}`);
  }
  if (receivedAuth) words.push("received-auth");
  if (proxy !== null) {
    const word = proxy.versions === "any" ? "proxy" : "proxy-v2";
    words.push(proxy.from === null ? word : `${word} from ${tableWord(proxy.from.table, policy)}`);
  }
  if (lmtp) words.push("lmtp");
  return words;
}

/** What an `action` line says behind the name. */
export function actionText(action: Action, policy: Tables): string {
  const words = action.kind === "local" ? localWords(action, policy) : relayWords(action, policy);
  if (action.ttlMs !== null) words.push(`ttl ${formatSpan(action.ttlMs)}`);
  return words.join(" ");
}

function localWords(action: Extract<Action, { kind: "local" }>, policy: Tables): string[] {
  const words = [methodText(action.method)];
  if (action.wrapper !== null) words.push(`wrapper "${action.wrapper}"`);
  if (action.user !== null) words.push(`user ${action.user}`);
  if (action.alias !== null) words.push(`alias ${tableWord(action.alias, policy)}`);
  if (action.virtual !== null) words.push(`virtual ${tableWord(action.virtual, policy)}`);
  if (action.userbase !== "<getpwnam>") words.push(`userbase ${tableWord(action.userbase, policy)}`);
  return words;
}

function methodText(method: LocalMethod): string {
  switch (method.kind) {
    case "maildir":
      return `maildir "${method.path ?? maildirDefault}"${method.junk ? " junk" : ""}`;
    case "mda":
      return `mda "${method.command}"`;
    case "lmtp":
      return `lmtp "${method.destination}"${method.rcptTo ? " rcpt-to" : ""}`;
    default:
      return method.kind;
  }
}

function relayWords(action: Extract<Action, { kind: "relay" }>, policy: Tables): string[] {
  const words = ["relay"];
  const table = (word: string, name: TableName | null) => {
    if (name !== null) words.push(`${word} ${tableWord(name, policy)}`);
  };
  const text = (word: string, value: string | null) => {
    if (value !== null) words.push(`${word} "${value}"`);
  };
  table("host", action.host);
  table("domain", action.domain);
  if (action.backup !== null) words.push(action.backup.mx === null ? "backup" : `backup mx "${action.backup.mx}"`);
  if (action.tls.mode === "required") words.push(action.tls.verify ? "tls" : "tls no-verify");
  text("helo", action.helo);
  table("helo-src", action.heloSource);
  table("src", action.source);
  text("mail-from", action.mailFrom);
  table("auth", action.auth);
  text("pki", action.pki);
  text("ca", action.ca);
  text("ciphers", action.ciphers);
  text("protocols", action.protocols);
  if (action.filter !== null) words.push(`filter ${filterWord(action.filter, policy)}`);
  if (action.srs !== false) words.push(action.srs === true ? "srs" : `srs ${action.srs}`);
  return words;
}

/** What a `table` line says behind the name. Entries are counted: they may be secrets. */
export function tableText(table: TableSpec): string {
  switch (table.kind) {
    case "static":
      return `of ${table.entries.length} ${table.entries.length === 1 ? "entry" : "entries"}`;
    case "getpwnam":
      return "getpwnam";
    case "proc":
      return printProgram(table);
    default:
      return printWord(`${table.kind}:${table.path}`);
  }
}

function tableWord(name: TableName, policy: Tables): string {
  return shortTables(policy)(name);
}

function filterWord(name: string, policy: Tables): string {
  const filter = policy.filters[name];
  if (!name.startsWith("<") || filter?.kind !== "chain") return `"${name}"`;
  return `{ ${filter.members.join(", ")} }`;
}
