/** `action` lines. */

import { type Action, builtinTable, type LocalAction, type RelayAction, type TableName } from "./policy.ts";
import { printFilterUse } from "./print_filter.ts";
import { printTable, type Shown } from "./print_table.ts";
import { printDelay, printQuoted, printWord } from "./print_word.ts";

/** Writes the line of an action. */
export function printAction(shown: Shown, action: Action): string {
  const words = ["action", printQuoted(action.name)];
  words.push(...(action.kind === "local" ? localWords(shown, action) : relayWords(shown, action)));
  // It has to stand last.
  if (action.ttlMs !== null) words.push("ttl", printDelay(action.ttlMs));
  return words.join(" ");
}

function localWords(shown: Shown, action: LocalAction): readonly string[] {
  const table = (keyword: string, name: TableName | null): readonly string[] =>
    name === null ? [] : [keyword, printTable(shown, name)];
  return [
    ...methodWords(action),
    ...word("user", action.user),
    ...table("alias", action.alias),
    ...table("virtual", action.virtual),
    ...table("userbase", action.userbase === builtinTable.getpwnam ? null : action.userbase),
    ...word("wrapper", action.wrapper),
  ];
}

function methodWords({ method }: LocalAction): readonly string[] {
  switch (method.kind) {
    case "maildir":
      return [
        "maildir",
        ...(method.path === null ? [] : [printQuoted(method.path)]),
        ...(method.junk ? ["junk"] : []),
      ];
    case "mda":
      return ["mda", printQuoted(method.command)];
    case "lmtp":
      return ["lmtp", printWord(method.destination), ...(method.rcptTo ? ["rcpt-to"] : [])];
    case "mbox":
    case "forward-only":
    case "expand-only":
      return [method.kind];
  }
}

function relayWords(shown: Shown, action: RelayAction): readonly string[] {
  const table = (keyword: string, name: TableName | null): readonly string[] =>
    name === null ? [] : [keyword, printTable(shown, name)];
  const { backup, tls } = action;
  return [
    "relay",
    ...table("host", action.host),
    ...table("domain", action.domain),
    ...(backup === null ? [] : ["backup", ...word("mx", backup.mx)]),
    ...(tls.mode === "opportunistic" ? [] : ["tls", ...(tls.verify ? [] : ["no-verify"])]),
    // It has to stand behind `host` and `domain`.
    ...table("auth", action.auth),
    ...table("src", action.source),
    ...word("helo", action.helo),
    ...table("helo-src", action.heloSource),
    ...word("mail-from", action.mailFrom),
    ...word("pki", action.pki),
    ...word("ca", action.ca),
    ...word("ciphers", action.ciphers),
    ...word("protocols", action.protocols),
    ...(action.filter === null ? [] : ["filter", printFilterUse(shown.policy, action.filter)]),
    ...(action.srs === false ? [] : action.srs === true ? ["srs"] : ["srs", action.srs]),
  ];
}

function word(keyword: string, text: string | null): readonly string[] {
  return text === null ? [] : [keyword, printWord(text)];
}
