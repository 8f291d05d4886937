/** Reads the limits out of the code: exported constants with their documentation and their values. */

import { join } from "@std/path";
import { defaultFrontLimits } from "../lib/policy/limit.ts";
import { smtpLimitKeys } from "../lib/policy/resolve_limit.ts";
import { table } from "./readme_blocks.ts";

/** A limit. */
interface Limit {
  readonly name: string;
  readonly value: string;
  readonly meaning: string;
  readonly setBy: string;
}

/** Limits that smtpd.conf sets. All others are set in their file. */
const configured: Readonly<Record<string, string>> = {
  "defaultSmtpLimits.maxMessageSize": "`smtp max-message-size`",
  ...Object.fromEntries(
    Object.entries(smtpLimitKeys).flatMap(([key, { member }]) =>
      ["defaultSmtpLimits", "defaultFrontLimits"].map((name) => [`${name}.${member}`, `\`smtp limit ${key}\``])
    ),
  ),
  "defaultSmtpLimits.subAddressDelimiter": "`smtp sub-addr-delim`",
  "defaultQueuePolicy.ttlMs": "`queue ttl`, `action … ttl`",
  "defaultQueuePolicy.warnAfterMs": "`bounce warn-interval`",
  "defaultQueuePolicy.directory": "`queue directory`",
};

/** Where the documentation of a member leans on its neighbours. */
const meanings: Readonly<Record<string, string>> = {
  "defaultSmtpLimits.maxMessageSize": "Length of a message",
  "mdaLimits.sessions": "Local deliveries at once, of all users together",
  "mdaLimits.perUser": "Local deliveries at once, of one user",
  "mtaLimits.spareKeepaliveMs": "How long the other idle connections of a relay wait for more mail",
  "dnsCacheMax": "Answers of the DNS kept",
  "outcomeTextMax": "Longest text of an outcome",
};

const isLimit = (name: string): boolean => /(Max|Ms|Seconds|Limits|QueuePolicy)$/.test(name);

function* sources(root: string, folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(join(root, folder))) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sources(root, path);
    else if (name.endsWith(".ts")) yield path;
  }
}

/** The first sentence of a doc comment, on one line. */
function sentenceOf(comment: string): string {
  const text = comment.replace(/^\s*\* ?/gm, "").replace(/\s+/g, " ").trim();
  return (/^.*?[.](?= [A-Z]|$)/.exec(text)?.[0] ?? text).replace(/\.$/, "");
}

/** The documentation of `pattern`'s place; the comment must stand right before it. */
function docBefore(text: string, pattern: string): string | null {
  const found = new RegExp(String.raw`/\*\*((?:(?!\*/)[\s\S])*)\*/\s*` + pattern).exec(text);
  return found === null ? null : sentenceOf(found[1] ?? "");
}

function span(ms: number): string {
  const units = [["day", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1000]] as const;
  const [unit, length] = units.find(([, one]) => ms >= one && ms % one === 0) ?? ["ms", 1];
  const count = ms / length;
  return `${count.toLocaleString("en-US")} ${unit}${unit === "day" && count !== 1 ? "s" : ""}`;
}

function shown(name: string, value: unknown): string {
  if (typeof value === "number") return /(Ms|Base|Fresh)$/.test(name) ? span(value) : value.toLocaleString("en-US");
  if (Array.isArray(value)) return value.map((one) => shown(name, one)).join(", ");
  if (value === null) return "none";
  if (typeof value === "object") {
    return Object.entries(value).map(([key, one]) => `${key} ${shown(name, one)}`).join(", ");
  }
  return `\`${value}\``;
}

/** The members of an interface, those of its bases among them; null when there is none of that name. */
function facesOf(text: string, type: string): string | null {
  const found = new RegExp(`^export interface ${type}(?: extends (\\w+))? \\{[\\s\\S]*?^\\}`, "m").exec(text);
  if (found === null) return null;
  const base = found[1] === undefined ? null : facesOf(text, found[1]);
  return base === null ? found[0] : `${found[0]}\n${base}`;
}

/** Every limit of lib/ and cli/, in the order of rooms and files. */
export async function readLimits(root: string): Promise<readonly Limit[]> {
  const paths = [...sources(root, "lib"), ...sources(root, "cli")].sort();
  const texts = new Map(paths.map((path) => [path, Deno.readTextFileSync(join(root, path))]));
  const whole = [...texts.values()].join("\n");
  const limits: Limit[] = [];
  for (const [path, text] of texts) {
    const names = [...text.matchAll(/^export const (\w+)/gm)].map((found) => found[1] ?? "").filter(isLimit);
    if (names.length === 0) continue;
    const module: Readonly<Record<string, unknown>> = await import(`../${path}`);
    for (const name of names) {
      const type = new RegExp(`export const ${name}: (\\w+) =`).exec(text)?.[1] ?? "";
      const face = facesOf(whole, type);
      const value = module[name];
      const add = (label: string, last: string, one: unknown, meaning: string): number =>
        limits.push({
          name: label,
          value: shown(last, one),
          meaning: meanings[label] ?? meaning,
          setBy: configured[label] ?? `\`${path}\``,
        });
      if (face === null || typeof value !== "object" || value === null) {
        add(name, name, value, docBefore(text, `export const ${name}\\b`) ?? "");
        continue;
      }
      for (const [key, one] of Object.entries(value)) {
        if (typeof one === "object" && one !== null && !Array.isArray(one)) continue;
        // What it shares with its base is told there.
        if (name === "defaultSmtpLimits" && key in defaultFrontLimits) continue;
        add(`${name}.${key}`, key, one, docBefore(face, `readonly ${key}:`) ?? "");
      }
    }
  }
  return limits;
}

/** The table of limits. */
export async function limitTable(root: string): Promise<string> {
  const rows = (await readLimits(root)).map((
    { name, value, meaning, setBy },
  ) => [`\`${name}\``, value, meaning, setBy]);
  return table(["Name", "Default", "What it limits", "Set by"], rows);
}
