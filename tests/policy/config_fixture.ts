/** The machine that fixtures/conf is written for, and its files. */

import type { Domain } from "../../lib/mail/address.ts";
import { defaultInetOptions, defaultRelay, defaultSmtpLimits, emptyPolicy } from "../../lib/policy/defaults.ts";
import { inactiveNotices, noticeError } from "../../lib/policy/inactive.ts";
import type { Policy } from "../../lib/policy/policy.ts";
import { type ConfigError, printError } from "../../lib/policy/error.ts";
import { type ConfigSource, loadPolicy, type LoadResult } from "../../lib/policy/resolve.ts";

const root = new URL("../../fixtures/conf/", import.meta.url);

/** A machine with a loopback and one interface, and one program that serves tables. */
export const machine: Omit<ConfigSource, "path" | "readFile" | "macros"> = {
  interfaces: [
    { name: "lo", address: "127.0.0.1" },
    { name: "lo", address: "::1" },
    { name: "eth0", address: "192.0.2.10" },
    { name: "eth0", address: "2001:db8::10" },
    { name: "eth0", address: "fe80::1" },
  ],
  resolveHost: (name) => (name === "mail.example.org" ? ["192.0.2.25", "2001:db8::25"] : []),
  serverName: "mx.example.org" as Domain,
  servicePort: (name) => (name === "mysmtp" ? 2526 : null),
  isProgram: (path) => !path.startsWith("/none/"),
  tableHelper: (name) => (name === "socketmap" ? "/usr/local/libexec/smtpd/table-socketmap" : null),
};

/** Loads a text as smtpd.conf; `files` are what it can include. */
export function loadText(text: string, files: Readonly<Record<string, string>> = {}): LoadResult {
  const all: Readonly<Record<string, string>> = { ...files, "smtpd.conf": text };
  return loadPolicy({
    ...machine,
    path: "smtpd.conf",
    readFile: (path) => {
      const found = Object.hasOwn(all, path) ? all[path] : undefined;
      return found === undefined ? { kind: "failed", fault: "notFound" } : { kind: "ok", text: found };
    },
    macros: new Map(),
  });
}

/** Loads `fixtures/conf/FOLDER/NAME`. A first line `# -D name=value …` gives macros of the command line. */
export function loadFixture(folder: "good" | "bad", name: string): LoadResult {
  const read = (path: string) => Deno.readTextFileSync(new URL(`${folder}/${path}`, root));
  const macros = new Map<string, string>();
  for (const [, macro = "", value = ""] of read(name).split("\n")[0]!.matchAll(/-D (\w+)=(\S+)/g)) {
    macros.set(macro, value);
  }
  return loadPolicy({
    ...machine,
    path: name,
    readFile: (path) => {
      try {
        return { kind: "ok", text: read(path) };
      } catch {
        return { kind: "failed", fault: "notFound" };
      }
    },
    macros,
  });
}

/** Names of the configurations in a folder, sorted. */
export function fixtureNames(folder: "good" | "bad"): readonly string[] {
  return [...Deno.readDirSync(new URL(folder, root))].map((entry) => entry.name)
    .filter((name) => name.endsWith(".conf")).sort();
}

/** Path of a file beside a fixture. */
export function fixtureUrl(folder: "good" | "bad", name: string): URL {
  return new URL(`${folder}/${name}`, root);
}

/** Names of the files that stand beside a fixture and say what comes of it, sorted. */
export function answersBeside(folder: "good" | "bad", name: string): readonly string[] {
  const base = name.slice(0, -".conf".length);
  const answers = [".error", ".policy.json", ".warning"].map((ending) => base + ending);
  const files = new Set([...Deno.readDirSync(new URL(folder, root))].map((entry) => entry.name));
  return answers.filter((file) => files.has(file));
}

/** The errors as a terminal of 100 columns shows them. */
export function printAll(errors: readonly ConfigError[]): string {
  return errors.map((error) => printError(error, { colour: false, width: 100 }) + "\n").join("");
}

/** A policy without what holds when nothing is said: members of its own, of limits, of listeners, of relays and of
 * rules. */
function shortPolicy(policy: Policy): unknown {
  const { serverName, listeners, actions, rules } = policy;
  const short = without(policy, emptyPolicy(serverName));
  const rule = { tag: null, helo: null, auth: null, tls: null, mailFrom: null, rcptTo: null };
  return {
    serverName,
    ...short,
    ...("smtp" in short ? { smtp: without(policy.smtp, defaultSmtpLimits) } : {}),
    listeners: listeners.map((one) => ({ kind: one.kind, ...without(one, defaultInetOptions(serverName)) })),
    actions: Object.values(actions).map((one) =>
      one.kind === "relay" ? { kind: one.kind, ...without(one, defaultRelay) } : one
    ),
    rules: rules.map((one) => without(one, rule)),
  };
}

function without(value: object, defaults: object): object {
  const known = new Map(Object.entries(defaults).map(([key, one]) => [key, JSON.stringify(one)]));
  return Object.fromEntries(Object.entries(value).filter(([key, one]) => known.get(key) !== JSON.stringify(one)));
}

/** What is not active, as `smtpd -n` shows it. */
function noticesOf(policy: Policy, file: string): readonly ConfigError[] {
  return inactiveNotices(policy).map((notice) => noticeError(notice, file));
}

/** What stands beside a fixture: file names with their exact content. Null when it is in the wrong folder. */
export function expectedFiles(folder: "good" | "bad", name: string): Readonly<Record<string, string>> | null {
  const base = name.slice(0, -".conf".length);
  const result = loadFixture(folder, name);
  if (result.kind === "errors") return folder === "bad" ? { [`${base}.error`]: printAll(result.errors) } : null;
  if (folder === "bad") return null;
  // Entries of tables stand on one line each.
  const text = JSON.stringify(shortPolicy(result.policy), null, 2)
    .replace(/\[\s+("(?:[^"\\]|\\.)*"),\s+(null|"(?:[^"\\]|\\.)*")\s+\]/g, "[$1, $2]");
  const files: Record<string, string> = { [`${base}.policy.json`]: `${text}\n` };
  const told = printAll([...result.warnings, ...noticesOf(result.policy, name)]);
  if (told !== "") files[`${base}.warning`] = told;
  return files;
}
