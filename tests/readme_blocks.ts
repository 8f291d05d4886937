/** The parts of README.md that are made from the code, between `<!-- made: NAME -->` and `<!-- end: NAME -->`.
 * `tests/readme_update.ts` writes them, `tests/readme_test.ts` holds README.md to them. */

import { join } from "@std/path";
import { manualOf } from "../cli/manual.ts";
import { printGrants } from "../cli/smtpd_grants.ts";
import type { Premises } from "../lib/daemon/privilege.ts";
import type { Policy } from "../lib/policy/policy.ts";
import { checkPolicy } from "../lib/policy/check.ts";
import { collectErrors } from "../lib/policy/error.ts";
import { loadText, printAll } from "./policy/config_fixture.ts";
import { keywordTable, laterTable } from "./readme_keywords.ts";
import { limitTable } from "./readme_limits.ts";
import { messageKinds } from "./readme_messages.ts";

/** The checkout. */
export const root: string = join(import.meta.dirname ?? "", "..");

/** Text of a file of the tree. */
export function textOf(path: string): string {
  return Deno.readTextFileSync(join(root, path));
}

/** The code blocks of a language in a Markdown text, in order. */
export function fences(text: string, language: string): readonly string[] {
  return [...text.matchAll(new RegExp("^```" + language + "\\n([\\s\\S]*?)^```$", "gm"))].map((found) =>
    found[1] ?? ""
  );
}

/** The machine that the privilege table is printed for. */
const premises: Premises = {
  state: "/var/spool/smtpd",
  spool: "/var/spool/smtpd/spool",
  accounts: { smtpd: { name: "_smtpd", uid: 101, gid: 101 }, smtpq: { name: "_smtpq", uid: 102, gid: 102 } },
  includes: [],
  resolvers: ["192.168.1.1"],
};

/** The policy of README's example configuration: its first `conf` block. */
export function examplePolicy(readme: string): Policy {
  const loaded = loadText(fences(readme, "conf")[0] ?? "");
  if (loaded.kind === "errors") throw new Error(loaded.errors.map((one) => one.message).join("\n"));
  return loaded.policy;
}

/** Makes a Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** The rooms as tests/tidy_test.ts enforces them, on one line. */
function layers(): string {
  const rooms = /^const rooms = \[(.*)\];$/m.exec(textOf("tests/tidy_test.ts"))?.[1] ?? "";
  const names = [...rooms.matchAll(/"([a-z]+)"/g)].map((found) => found[1] ?? "");
  return ["```text", ["port, fault, event_log", ...names.slice(1)].join(" <- "), "host -> port, fault", "```"].join(
    "\n",
  );
}

function tasks(): string {
  const manifest: { tasks: Record<string, { description: string }> } = JSON.parse(textOf("deno.json"));
  const rows = Object.entries(manifest.tasks).map(([name, { description }]) => [`\`${name}\``, description]);
  return table(["Task", "What it does"], rows);
}

/** Commands by the first comment of their source. */
function commands(): string {
  const pages = [...Deno.readDirSync(join(root, "cli"))].map(({ name }) => `cli/${name}`).sort()
    .filter((path) => textOf(path).includes("import.meta.main")).map((path) => manualOf(textOf(path)));
  const section = (page: string, heading: string): string[] =>
    (new RegExp(`^${heading}\\n((?:[ \\t].*\\n|\\n)+)`, "m").exec(page)?.[1] ?? "").trim().split("\n")
      .map((line) => line.trim());
  const lines = pages.flatMap((page) => {
    const [_name = "", what = ""] = (section(page, "NAME")[0] ?? "").split(" - ");
    return [`# ${what}`, ...section(page, "SYNOPSIS").map((line) => line.startsWith("[") ? `    ${line}` : line), ""];
  });
  return ["```text", ...lines.slice(0, -1), "```"].join("\n");
}

function messages(): string {
  const rows = messageKinds(textOf("lib/daemon/imsg.ts")).map(({ from, to, kinds }) => [
    from,
    to,
    kinds.map((kind) => `\`${kind}\``).join(" "),
  ]);
  return table(["From", "To", "Messages (lib/daemon/imsg.ts)"], rows);
}

/** A configuration with mistakes that load, and what `smtpd -n` says of it. */
function checks(): string {
  const text = `table hosted { "example.net", "example.com" }
listen on eth0
action "local" maildir
action "out" relay
match from any for local action "local"
match for domain <hosted> action "local"
match from any mail-from "@example.net" for any action "out"
match for any action "out"
match from socket for domain "*" action "out"
`;
  const loaded = loadText(text);
  if (loaded.kind === "errors") throw new Error(printAll(loaded.errors));
  const { policy, config } = loaded;
  const told = printAll(collectErrors(checkPolicy({ policy, config, contents: new Map() })));
  return ["```text", `$ cat smtpd.conf\n${text}$ smtpd -n -f smtpd.conf\n${told.trimEnd()}`, "```"].join("\n");
}

/** Every block by its name. */
export const blocks: Readonly<Record<string, (readme: string) => string | Promise<string>>> = {
  tasks,
  commands,
  checks,
  keywords: keywordTable,
  later: laterTable,
  layers,
  messages,
  privileges: (readme) => ["```text", printGrants(examplePolicy(readme), premises, false), "```"].join("\n"),
  limits: () => limitTable(root),
};

/** README's text with every block made anew. Throws when a block is missing. */
export async function fillBlocks(readme: string): Promise<string> {
  let text = readme;
  for (const [name, make] of Object.entries(blocks)) {
    const [begin, end] = [`<!-- made: ${name} -->\n`, `\n<!-- end: ${name} -->`];
    const start = text.indexOf(begin);
    const stop = text.indexOf(end, start);
    if (start < 0 || stop < 0) throw new Error(`README.md has no block ${name}`);
    text = text.slice(0, start + begin.length) + await make(readme) + text.slice(stop);
  }
  return text;
}
