import { deepEqual, equal, match } from "node:assert/strict";
import { LanguageServer, type Message } from "../../cli/language_server.ts";
import type { ConfigError } from "../../lib/policy/error.ts";

const uri = "file:///etc/mail/smtpd.conf";

function problem(file: string, message: string): ConfigError {
  return { file, line: 2, column: 3, length: 4, severity: "error", message, hint: "do this", excerpt: "", notes: [] };
}

/** A server with files, and a check that finds each word WRONG in a main file and in what it includes. */
function rig(files: Record<string, string> = {}) {
  const sent: Message[] = [];
  const server = new LanguageServer({
    readFile: (file) => files[file] ?? null,
    send: (message) => sent.push(message),
    check: (main, readFile) => {
      const text = readFile(main) ?? "";
      const parts = [...text.matchAll(/include "([^"]+)"/g)].map((found) => found[1]!);
      return Promise.resolve(
        [main, ...parts].filter((file) => readFile(file)?.includes("WRONG")).map((file) => problem(file, "wrong")),
      );
    },
  });
  const ask = async (method: string, params: unknown): Promise<unknown> => {
    await server.receive({ jsonrpc: "2.0", id: 7, method, params });
    return sent.at(-1);
  };
  const notify = (method: string, params: unknown) => server.receive({ jsonrpc: "2.0", method, params });
  const open = (text: string, at = uri) => notify("textDocument/didOpen", { textDocument: { uri: at, text } });
  const start = () => ask("initialize", {});
  const diagnostics = () =>
    sent.splice(0).filter((one) => one["method"] === "textDocument/publishDiagnostics").map((one) => {
      const params = one["params"] as { uri: string; diagnostics: { message: string }[] };
      return `${params.uri.split("/").at(-1)}: ${params.diagnostics.map((each) => each.message).join(";")}`;
    });
  return { server, sent, ask, notify, open, start, diagnostics };
}

Deno.test("LanguageServer keeps the order of a conversation", async () => {
  const { server, ask, start } = rig();
  match(JSON.stringify(await ask("textDocument/hover", {})), /-32002/);
  match(JSON.stringify(await start()), /"completionProvider"/);
  match(JSON.stringify(await ask("textDocument/dance", {})), /-32601/);
  equal(server.isShutDown, false);
  deepEqual(await ask("shutdown", null), { jsonrpc: "2.0", id: 7, result: null });
  equal(server.isShutDown, true);
  match(JSON.stringify(await ask("textDocument/hover", {})), /-32600/);
});

Deno.test("LanguageServer shows problems while one types, and takes them away", async () => {
  const { open, notify, start, diagnostics } = rig();
  await start();
  await open("fine");
  deepEqual(diagnostics(), ["smtpd.conf: "]);
  await notify("textDocument/didChange", { textDocument: { uri }, contentChanges: [{ text: "WRONG" }] });
  deepEqual(diagnostics(), ["smtpd.conf: wrong\ndo this"]);
  await notify("textDocument/didChange", { textDocument: { uri }, contentChanges: [{ text: "fine" }] });
  deepEqual(diagnostics(), ["smtpd.conf: "]);
  await open("WRONG");
  diagnostics();
  await notify("textDocument/didClose", { textDocument: { uri } });
  deepEqual(diagnostics(), ["smtpd.conf: "]);
});

Deno.test("LanguageServer shows the problems of an included file there, as its main file has it", async () => {
  const { open, start, diagnostics } = rig({ "/etc/mail/part.conf": "WRONG" });
  await start();
  await open('include "/etc/mail/part.conf"');
  deepEqual(diagnostics(), ["part.conf: wrong\ndo this", "smtpd.conf: "]);
  await open("still WRONG", "file:///etc/mail/part.conf");
  const shown = diagnostics();
  deepEqual(shown.findLast((one) => one.startsWith("part.conf")), "part.conf: wrong\ndo this");
  equal(shown.includes("part.conf: "), false);
});

Deno.test("LanguageServer answers about places", async () => {
  const { ask, open, start } = rig();
  await start();
  await open('table here { "a.test" }\nmatch for domain <here> reject\n');
  const at = (line: number, character: number) => ({ textDocument: { uri }, position: { line, character } });
  const range = { start: { line: 0, character: 6 }, end: { line: 0, character: 10 } };
  const result = async (method: string, params: unknown) => ((await ask(method, params)) as { result: unknown }).result;
  deepEqual(await result("textDocument/definition", at(1, 20)), { uri, range });
  equal((await result("textDocument/references", at(0, 7)) as unknown[]).length, 2);
  match(JSON.stringify(await result("textDocument/hover", at(1, 12))), /match … for domain <T>/);
  equal(await result("textDocument/hover", at(0, 15)), null);
  const { items } = await result("textDocument/completion", at(1, 18)) as { items: { label: string }[] };
  deepEqual(items.map((one) => one.label), ["here"]);
  const symbols = await result("textDocument/documentSymbol", { textDocument: { uri } }) as { name: string }[];
  deepEqual(symbols.map((one) => one.name), ["here"]);
});

Deno.test("LanguageServer answers nonsense with an error", async () => {
  const { server, sent, ask, start } = rig();
  await start();
  await server.receive(undefined);
  match(JSON.stringify(sent.at(-1)), /-32700/);
  await server.receive([1]);
  await server.receive({ id: 1 });
  const position = { line: -1, character: 0 };
  for (const params of [{}, { textDocument: { uri: "http://x" } }, { textDocument: { uri }, position }, null]) {
    match(JSON.stringify(await ask("textDocument/hover", params)), /-32602/);
  }
});
