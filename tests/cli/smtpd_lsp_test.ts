import { equal, match } from "node:assert/strict";
import { join } from "@std/path";
import { frameMessage, LspReader } from "../../cli/lsp_framing.ts";
import { runTask, taskArgs } from "../support/command.ts";

Deno.test("smtpd --lsp serves an editor from its first word to its last", async () => {
  const folder = await Deno.makeTempDir();
  const uri = `file://${join(folder, "smtpd.conf")}`;
  const child = new Deno.Command(Deno.execPath(), {
    args: [...taskArgs("smtpd"), "--lsp"],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  const say = (message: unknown) => writer.write(frameMessage(message));
  const reader = new LspReader();
  const output = child.stdout.getReader();
  const heard: unknown[] = [];
  /** The next message that holds a text. */
  const hear = async (text: string): Promise<string> => {
    for (;;) {
      const found = heard.map((one) => JSON.stringify(one)).find((one) => one.includes(text));
      if (found !== undefined) return found;
      const { value, done } = await output.read();
      if (done) throw new Error(`the server ended without ${text}`);
      heard.push(...reader.push(value).messages);
    }
  };
  await say({ jsonrpc: "2.0", id: 1, method: "initialize", params: { capabilities: {} } });
  await hear("definitionProvider");
  await say({ jsonrpc: "2.0", method: "initialized", params: {} });
  const text = "match for any acton x\n";
  await say({ jsonrpc: "2.0", method: "textDocument/didOpen", params: { textDocument: { uri, text } } });
  const shown = await hear("publishDiagnostics");
  match(shown, /"start":\{"line":0,"character":14\}/);
  match(shown, /did you mean `action`/);
  const position = { line: 0, character: 11 };
  await say({ jsonrpc: "2.0", id: 2, method: "textDocument/hover", params: { textDocument: { uri }, position } });
  await hear('"id":2');
  await say({ jsonrpc: "2.0", id: 3, method: "shutdown" });
  await hear('"id":3');
  await say({ jsonrpc: "2.0", method: "exit" });
  equal((await child.status).code, 0);
  await writer.close().catch(() => {});
  await output.cancel();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("smtpd --lsp tells a person that it is for editors", async () => {
  const { code, stderr } = await runTask("smtpd", ["--lsp"], { stdin: `hello\r\n\r\n` });
  equal(code, 1);
  match(stderr, /for editors/);
});
