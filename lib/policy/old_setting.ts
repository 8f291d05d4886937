/** All lines of the old grammar but `accept` and `reject`. */

import type { OldLine } from "./old_line.ts";

/** Translates a line that begins with `first`; null when it is none of the old grammar. */
export function translateSetting(line: OldLine, first: string): readonly string[] | null {
  switch (first) {
    case "expire":
      return whole(line, `queue ttl ${line.word()}`);
    case "bounce-warn":
      return translateBounce(line);
    case "max-message-size":
      return whole(line, `smtp max-message-size ${line.word()}`);
    case "subaddressing-delimiter":
      return whole(line, `smtp sub-addr-delim ${line.word()}`);
    case "ciphers":
      return whole(line, `smtp ciphers ${line.word()}`);
    case "limit":
      return translateLimit(line);
    case "queue":
      if (line.accept("encryption") === null || line.accept("key") === null) return null;
      return whole(line, `queue encryption ${line.word()}`);
    case "pki":
      return translatePki(line);
    case "ca": {
      const name = line.word();
      return line.accept("certificate") === null ? null : whole(line, `ca ${name} cert ${line.word()}`);
    }
    case "listen":
      return translateListen(line);
    case "filter": {
      const name = line.word();
      if (line.accept("chain") === null || line.isList || line.isDone) return null;
      return whole(line, `filter ${name} chain { ${line.words().join(", ")} }`);
    }
    default:
      return null;
  }
}

/** The line, when nothing is left of the old one. */
function whole(line: OldLine, ...lines: readonly string[]): readonly string[] | null {
  return line.isDone ? lines : null;
}

function translateBounce(line: OldLine): readonly string[] | null {
  const delays = [line.word()];
  while (line.acceptComma()) delays.push(line.word());
  return whole(line, `bounce warn-interval ${delays.join(", ")}`);
}

function translateLimit(line: OldLine): readonly string[] | null {
  const of = line.accept("session", "smtp", "mta", "mda", "scheduler");
  if (of === null) return null;
  const head = [of === "session" ? "smtp" : of, "limit"];
  if (line.accept("for") !== null) {
    if (line.accept("domain") === null) return null;
    head.push(`for domain ${line.word()}`);
  }
  for (let one = line.accept("inet4", "inet6"); one !== null; one = line.accept("inet4", "inet6")) head.push(one);
  return whole(line, [...head, ...line.words()].join(" "));
}

function translatePki(line: OldLine): readonly string[] | null {
  const name = line.word();
  const lines: string[] = [];
  let isOld = false;
  while (!line.isDone && !line.isBroken) {
    const part = line.accept("certificate", "cert", "key", "ca", "dhparams", "params", "dhe");
    if (part === null) return null;
    isOld ||= part !== "cert" && part !== "key" && part !== "dhe";
    const word = line.word();
    if (part === "ca") lines.push(`ca ${name} cert ${word}`);
    // The files of those parameters are of no use any more.
    else if (part === "dhparams" || part === "params") lines.push(`pki ${name} dhe auto`);
    else lines.push(`pki ${name} ${part === "certificate" ? "cert" : part} ${word}`);
  }
  return isOld ? lines : null;
}

function translateListen(line: OldLine): readonly string[] | null {
  if (line.accept("on") === null) return null;
  const on = line.accept("socket") ?? line.word();
  const options: string[] = [];
  let isOld = false;
  let isSecure = false;
  let hasPort = false;
  while (!line.isDone && !line.isBroken) {
    const old = line.accept("secure", "certificate", "mask-source");
    if (old !== null) isOld = true;
    if (old === "secure") isSecure = true;
    else if (old === "certificate") options.push(`pki ${line.word()}`);
    else if (old === "mask-source") options.push("mask-src");
    else {
      const word = line.accept(
        "port",
        "tls",
        "tls-require",
        "smtps",
        "verify",
        "pki",
        "ca",
        "auth",
        "auth-optional",
        "tag",
        "hostname",
        "hostnames",
        "no-dsn",
        "mask-src",
        "senders",
        "masquerade",
        "received-auth",
        "filter",
        "inet4",
        "inet6",
      );
      if (word === null) return null;
      hasPort ||= word === "port";
      options.push(words(word, line));
    }
  }
  if (!isOld) return null;
  const write = (tls: string): string => ["listen on", on, tls, ...options].filter((one) => one !== "").join(" ");
  if (!isSecure) return [write("")];
  // It was both at once: STARTTLS on port 25 and TLS from the start on 465.
  return hasPort ? [write("tls")] : [write("tls"), write("smtps")];
}

/** An option and what belongs to it. */
function words(word: string, line: OldLine): string {
  switch (word) {
    case "port": {
      const service = line.accept("smtp", "smtps");
      return `port ${service ?? line.word()}`;
    }
    case "pki":
    case "ca":
    case "tag":
    case "hostname":
    case "filter":
      return `${word} ${line.word()}`;
    case "hostnames":
    case "senders":
      return `${word} ${line.table()}`;
    case "auth":
    case "auth-optional":
      return line.isTableName ? `${word} ${line.table()}` : word;
    default:
      return word;
  }
}
