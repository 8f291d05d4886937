/** `smtpd --lsp`: the language server on standard input and output. */

import { checkPolicy } from "../lib/policy/check.ts";
import { readTextIfPresent } from "../lib/host/state.ts";
import { collectErrors, type ConfigError } from "../lib/policy/error.ts";
import { LanguageServer, type Message } from "./language_server.ts";
import { frameMessage, LspReader } from "./lsp_framing.ts";
import { loadConfiguration } from "./smtpd_config.ts";

/** Serves one editor until it says `exit` or closes our input. Resolves to the exit status, as the protocol has it: 0
 * after `shutdown`, else 1. */
export async function serveEditor(macros: ReadonlyMap<string, string>): Promise<number> {
  const server = new LanguageServer({
    readFile: (path) => {
      try {
        return readTextIfPresent(path);
      } catch {
        return null;
      }
    },
    check: (path, readFile) => check(path, macros, readFile),
    send: write,
  });
  const reader = new LspReader();
  for await (const bytes of Deno.stdin.readable) {
    const { messages, isBroken } = reader.push(bytes);
    for (const message of messages) {
      if (isExit(message)) return server.isShutDown ? 0 : 1;
      // Requests are answered at once; a check that waits for the DNS holds nothing up.
      void server.receive(message);
    }
    if (isBroken) {
      console.error("smtpd --lsp: the input is no language server protocol; this mode is for editors");
      return 1;
    }
  }
  return 1;
}

async function check(
  path: string,
  macros: ReadonlyMap<string, string>,
  readFile: (path: string) => string | null,
): Promise<readonly ConfigError[]> {
  const loaded = await loadConfiguration(path, macros, (file) => {
    const text = readFile(file);
    return text === null ? { kind: "failed", fault: "notFound" } : { kind: "ok", text };
  });
  if (loaded.kind === "errors") return loaded.errors;
  const { policy, config, warnings } = loaded;
  // What lies in other files is left to `smtpd -n`: an editor asks at every key.
  return [...warnings, ...collectErrors(checkPolicy({ policy, config, contents: new Map() }))];
}

function write(message: Message): void {
  let bytes = frameMessage(message);
  while (bytes.length > 0) bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
}

function isExit(message: unknown): boolean {
  return typeof message === "object" && message !== null && "method" in message && message.method === "exit";
}
