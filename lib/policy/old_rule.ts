/** `accept` and `reject` lines of the old grammar, as `action` and `match` lines; and lines that have words of both. */

import type { OldActions } from "./old_grammar.ts";
import type { OldLine } from "./old_line.ts";

/** What a line says, in today's words. */
interface Draft {
  /** Options of the rule, in the order in which they are written. */
  tag: string;
  from: string;
  isLocal: boolean;
  auth: string;
  sender: string;
  for: string;
  recipient: string;
  /** Options of the action. */
  user: string;
  alias: string;
  userbase: string;
  ttl: string;
  method: string;
  /** What the action is called if no other has the name. */
  name: string;
  /** What today's line says at its end: `action "x"` or `reject`. */
  outcome: string;
  /** It has a word that is not today's. */
  isOld: boolean;
}

function emptyDraft(isOld: boolean): Draft {
  return {
    tag: "",
    from: "",
    isLocal: true,
    auth: "",
    sender: "",
    for: "",
    recipient: "",
    user: "",
    alias: "",
    userbase: "",
    ttl: "",
    method: "",
    name: "local",
    outcome: "",
    isOld,
  };
}

/** Translates the line; `hasLogin` says that clients can authenticate. A line that begins with `match` is one only when
 * it has words of old. */
export function translateAccept(
  line: OldLine,
  first: "accept" | "reject" | "match",
  actions: OldActions,
  hasLogin: boolean,
): readonly string[] | null {
  const draft = emptyDraft(first !== "match");
  while (!line.isDone && !line.isBroken) {
    if (!readOption(line, draft)) return null;
  }
  const isReject = first === "reject" || draft.outcome === "reject";
  const deeds = [first === "reject" ? "reject" : "", draft.method, draft.outcome].filter((one) => one !== "");
  if (!draft.isOld || deeds.length !== 1) return null;
  const match = (from: string, outcome: string): string =>
    words("match", draft.tag, from, draft.auth, draft.sender, draft.for, draft.recipient, outcome);
  if (isReject) return [match(draft.from, "reject")];
  if (draft.outcome !== "") return isCut(draft) ? null : [match(draft.from, draft.outcome)];
  const body = words(draft.method, draft.user, draft.alias, draft.userbase, draft.ttl);
  const known = actions.get(body);
  const name = known ?? newName(draft.name, actions);
  actions.set(body, name);
  const outcome = `action "${name}"`;
  return [
    ...(known === undefined ? [`${outcome} ${body}`] : []),
    match(draft.from, outcome),
    // Whoever had logged in counted as local.
    ...(hasLogin && draft.isLocal && draft.for === "for any" && draft.auth === ""
      ? [words("match", draft.tag, "from any", "auth", draft.sender, draft.for, draft.recipient, outcome)]
      : []),
  ];
}

/** Options of an action stand where another action is named: nobody knows what that was to be. */
function isCut({ user, alias, userbase, ttl }: Draft): boolean {
  return words(user, alias, userbase, ttl) !== "";
}

/** Translates an `action` line with words of old, such as `action "x" deliver to maildir`. */
export function translateAction(line: OldLine): readonly string[] | null {
  const draft = emptyDraft(false);
  const name = line.word();
  while (!line.isDone && !line.isBroken) {
    const word = line.accept("alias", "virtual", "userbase", "deliver", "forward-only", "relay", "expire");
    if (word === null || !readDeed(line, draft, word)) return null;
    if (word === "deliver" || word === "expire") draft.isOld = true;
  }
  const { method, user, alias, userbase, ttl } = draft;
  return draft.isOld && method !== "" ? [words("action", name, method, user, alias, userbase, ttl)] : null;
}

function words(...all: readonly string[]): string {
  return all.filter((one) => one !== "").join(" ");
}

function newName(wanted: string, actions: OldActions): string {
  const taken = new Set(actions.values());
  let name = wanted;
  for (let count = 2; taken.has(name); count++) name = `${wanted}_${count}`;
  return name;
}

const options = [
  "tag",
  "helo",
  "auth",
  "tls",
  "mail-from",
  "rcpt-to",
  "action",
  "reject",
  "tagged",
  "from",
  "authenticated",
  "sender",
  "for",
  "recipient",
  "alias",
  "virtual",
  "userbase",
  "deliver",
  "forward-only",
  "relay",
  "expire",
] as const;

/** Takes one option. False when none stands there. */
function readOption(line: OldLine, draft: Draft): boolean {
  const isNot = line.acceptNot();
  const word = line.accept(...options);
  const not = (): string => (line.acceptNot() || isNot ? "!" : "");
  switch (word) {
    case null:
      return false;
    case "action":
    case "reject":
      draft.outcome = word === "reject" ? word : `action ${line.word()}`;
      return true;
    case "tag":
    case "tagged":
      draft.tag = `${not()}tag ${line.table()}`;
      draft.isOld ||= word === "tagged";
      return true;
    case "helo":
      draft.auth = words(draft.auth, `${not()}helo ${line.table()}`);
      return true;
    case "auth":
    case "tls":
      draft.auth = words(draft.auth, `${not()}${word}`);
      return true;
    case "mail-from":
    case "rcpt-to":
      draft[word === "rcpt-to" ? "recipient" : "sender"] = `${not()}${word} ${line.table()}`;
      return true;
    case "from":
      readFrom(line, draft, not());
      return true;
    case "authenticated":
      draft.auth = words(draft.auth, `${not()}auth`);
      draft.isOld = true;
      return true;
    case "sender":
      draft.sender = `${not()}mail-from ${line.table()}`;
      draft.isOld = true;
      return true;
    case "for":
      readFor(line, draft, not());
      return true;
    case "recipient":
      draft.recipient = `${not()}rcpt-to ${line.table()}`;
      draft.isOld = true;
      return true;
    default:
      draft.isOld = true;
      return readDeed(line, draft, word);
  }
}

/** What is done with the mail. False when it is cut short. */
function readDeed(
  line: OldLine,
  draft: Draft,
  word: "alias" | "virtual" | "userbase" | "deliver" | "forward-only" | "relay" | "expire",
): boolean {
  switch (word) {
    case "alias":
    case "virtual":
      draft.alias = `${word} ${line.table()}`;
      if (word === "virtual") draft.name = "virtual";
      return true;
    case "userbase":
      draft.userbase = `userbase ${line.table()}`;
      return true;
    case "deliver":
      return line.accept("to") !== null && readDelivery(line, draft);
    case "forward-only":
      draft.method = "forward-only";
      draft.name = "forward";
      return true;
    case "relay":
      readRelay(line, draft);
      return true;
    case "expire":
      draft.ttl = `ttl ${line.word()}`;
      return true;
  }
}

function readFrom(line: OldLine, draft: Draft, not: string): void {
  const word = line.accept("any", "local", "source", "src");
  if (word === null) line.isBroken = true;
  draft.isOld ||= word === "source";
  draft.isLocal = word === "local" && not === "";
  draft.from = word === "source" || word === "src" ? `${not}from src ${line.table()}` : `${not}from ${word}`;
}

function readFor(line: OldLine, draft: Draft, not: string): void {
  const word = line.accept("any", "local", "domain");
  if (word === null) line.isBroken = true;
  draft.for = word === "domain" ? `${not}for domain ${line.table()}` : `${not}for ${word}`;
}

function readDelivery(line: OldLine, draft: Draft): boolean {
  const word = line.accept("maildir", "mbox", "mda", "lmtp");
  switch (word) {
    case null:
      return false;
    case "mbox":
      draft.method = "mbox";
      break;
    case "maildir":
      // `as` and `expire` are no reserved words: they would do for a path.
      draft.method = line.isTable && !line.peek("as", "expire") ? `maildir ${line.word()}` : "maildir";
      break;
    case "mda":
      draft.method = `mda ${line.word()}`;
      break;
    case "lmtp":
      draft.method = `lmtp ${line.word()}`;
      if (line.accept("rcpt-to") !== null) draft.method += " rcpt-to";
      break;
  }
  if (line.accept("as") !== null) draft.user = `user ${line.word()}`;
  return true;
}

function readRelay(line: OldLine, draft: Draft): void {
  draft.name = "relay";
  const parts = { host: "", backup: "", tls: "", auth: "", rest: "" };
  let isVerified = false;
  for (;;) {
    const word = line.accept(
      "via",
      "backup",
      "auth",
      "as",
      "source",
      "hostname",
      "hostnames",
      "pki",
      "certificate",
      "ca",
      "tls",
      "verify",
    );
    if (word === null) break;
    switch (word) {
      case "via":
        draft.isOld = true;
        parts.host = `host ${line.table(todaysUrl)}`;
        break;
      case "backup":
        parts.backup = line.isTable && !line.peek("expire", "as", "source", "verify", "certificate", "via")
          ? `backup mx ${line.word()}`
          : "backup";
        draft.name = "backup";
        break;
      case "auth":
        parts.auth = `auth ${line.table()}`;
        break;
      case "tls":
        // Certificates were not looked at unless told so.
        parts.tls = line.accept("verify") === null ? "tls no-verify" : "tls";
        break;
      case "verify":
        draft.isOld = true;
        isVerified = true;
        break;
      default:
        draft.isOld ||= word !== "pki" && word !== "ca";
        parts.rest += ` ${todaysOption[word]} ${
          word === "source" || word === "hostnames" ? line.table() : line.word()
        }`;
    }
  }
  // Then it was possible to look at a certificate only where there was TLS. Today that goes with its being demanded; a
  // host that is never to have TLS would not load with it.
  if (isVerified && !/\b(smtp\+notls|lmtp):/.test(parts.host)) parts.tls = "tls";
  draft.method = words("relay", parts.host, parts.backup, parts.tls, parts.auth, parts.rest.trim());
}

const todaysOption: Readonly<
  Record<"as" | "source" | "hostname" | "hostnames" | "pki" | "certificate" | "ca", string>
> = {
  as: "mail-from",
  source: "src",
  hostname: "helo",
  hostnames: "helo-src",
  pki: "pki",
  certificate: "pki",
  ca: "ca",
};

/** Schemes of relay URLs then, and what says the same today. `smtp+tls` took TLS when it was offered. */
const todaysScheme: Readonly<Record<string, string>> = {
  "smtp": "smtp",
  "smtp+tls": "smtp",
  "smtp+notls": "smtp+notls",
  "tls": "smtp+tls",
  "tls+auth": "smtp+tls",
  "smtp+tls+auth": "smtp+tls",
  "smtps": "smtps",
  "smtps+auth": "smtps",
  "ssl": "smtps",
  "ssl+auth": "smtps",
  "secure": "smtps",
  "secure+auth": "smtps",
  "lmtp": "lmtp",
};

function todaysUrl(url: string): string {
  const mark = url.indexOf("://");
  if (mark === -1) return url;
  const scheme = url.slice(0, mark).toLowerCase();
  return `${Object.hasOwn(todaysScheme, scheme) ? todaysScheme[scheme] : scheme}${url.slice(mark)}`;
}
