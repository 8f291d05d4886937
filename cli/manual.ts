/** Manual pages: the first comment of a command's source. */

/** The text of the comment that `source` begins with, without its stars; empty when it begins with none. */
export function manualOf(source: string): string {
  const comment = /^(?:#![^\n]*\n)?\s*\/\*\*([\s\S]*?)\*\//.exec(source)?.[1] ?? "";
  return comment.split("\n").map((line) => line.replace(/^ ?\* ?/, "").trimEnd()).join("\n").trim();
}

/** The manual page of the command in the module at `url`. Needs to read that file. */
export async function readManual(url: string): Promise<string> {
  return manualOf(await Deno.readTextFile(new URL(url)));
}
