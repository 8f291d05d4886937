/** The language server: what an editor asks about configurations, and the answers. No input or output of its own; the
 * language itself is known to lib/policy. */

import { fileURLToPath, pathToFileURL } from "node:url";
import type { ConfigError } from "../lib/policy/error.ts";
import { complete, type Completion } from "../lib/policy/complete.ts";
import { declaredNames, findDeclaration, findHelp, findUses, type Target } from "../lib/policy/locate.ts";
import type { ParseInput } from "../lib/policy/parser.ts";

/** What the server needs of the world. */
export interface LanguagePorts {
  /** Text of a file that is not open in the editor; null when it cannot be read. */
  readonly readFile: (path: string) => string | null;
  /** Problems of the configuration whose main file is `path`; files are read with `readFile`. */
  readonly check: (path: string, readFile: (path: string) => string | null) => Promise<readonly ConfigError[]>;
  /** Sends a message to the editor. */
  readonly send: (message: Message) => void;
}

/** A message of JSON-RPC 2.0. */
export type Message = Readonly<Record<string, unknown>>;

/** Most files that an editor may have open. */
export const openFilesMax = 1000;

const parseError = -32700;
const invalidRequest = -32600;
const methodNotFound = -32601;
const invalidParams = -32602;
const notInitialized = -32002;

/** A conversation with one editor. */
export class LanguageServer {
  readonly #ports: LanguagePorts;
  readonly #open = new Map<string, string>();
  /** Files that a main file reads, by its path: they have no problems of their own. */
  readonly #parts = new Map<string, ReadonlySet<string>>();
  /** Files with problems on the editor's screen, by the main file that they came from. */
  readonly #shown = new Map<string, ReadonlySet<string>>();
  #rounds = 0;
  #state: "new" | "running" | "shutDown" = "new";

  /** Says nothing before it is asked. */
  constructor(ports: LanguagePorts) {
    this.#ports = ports;
  }

  /** The editor has said goodbye in the right order. */
  get isShutDown(): boolean {
    return this.#state === "shutDown";
  }

  /** Takes one message. `exit` is the caller's business. */
  async receive(message: unknown): Promise<void> {
    if (message === undefined) return this.#fail(null, parseError, "it is no JSON");
    if (!isObject(message) || typeof message["method"] !== "string") return;
    const { id = null, method, params } = message;
    const given = isObject(params) ? params : {};
    if (id === null) return await this.#notified(method, given);
    if (this.#state === "new" && method !== "initialize") {
      return this.#fail(id, notInitialized, "`initialize` comes first");
    }
    if (this.#state === "shutDown") return this.#fail(id, invalidRequest, "the server is shut down");
    this.#answer(id, method, given);
  }

  #answer(id: unknown, method: string, params: Message): void {
    if (method === "initialize") {
      this.#state = "running";
      return this.#reply(id, { capabilities, serverInfo: { name: "smtpd" } });
    }
    if (method === "shutdown") {
      this.#state = "shutDown";
      return this.#reply(id, null);
    }
    const answer = positional[method];
    if (method === "textDocument/documentSymbol") {
      const path = pathOf(params);
      return path === null ? this.#fail(id, invalidParams, "no such file") : this.#reply(id, this.#symbols(path));
    }
    if (answer === undefined) return this.#fail(id, methodNotFound, `${method} is not known`);
    const path = pathOf(params);
    const { position } = params;
    const text = path === null ? null : this.#text(path);
    if (path === null || text === null || !isPosition(position)) {
      return this.#fail(id, invalidParams, "a file and a position are wanted");
    }
    this.#reply(id, answer(this.#input(path), offsetAt(text, position), text));
  }

  async #notified(method: string, params: Message): Promise<void> {
    const path = pathOf(params);
    if (path === null) return;
    switch (method) {
      case "textDocument/didOpen": {
        const document = params["textDocument"];
        if (!isObject(document) || typeof document["text"] !== "string" || this.#open.size >= openFilesMax) return;
        this.#open.set(path, document["text"]);
        return await this.#check();
      }
      case "textDocument/didChange": {
        const changes = params["contentChanges"];
        const last = Array.isArray(changes) ? changes.at(-1) : null;
        if (!isObject(last) || typeof last["text"] !== "string" || !this.#open.has(path)) return;
        this.#open.set(path, last["text"]);
        return await this.#check();
      }
      case "textDocument/didSave":
        return await this.#check();
      case "textDocument/didClose":
        this.#open.delete(path);
        this.#parts.delete(path);
        this.#show(path, new Map());
        return await this.#check();
    }
  }

  /** Checks every main file among those that are open. What is out of date when it is known is not shown. */
  async #check(): Promise<void> {
    const round = ++this.#rounds;
    for (const path of [...this.#open.keys()]) {
      const read = new Set<string>();
      const problems = await this.#ports.check(path, (file) => {
        if (file !== path) read.add(file);
        return this.#text(file);
      });
      if (round !== this.#rounds) return;
      this.#parts.set(path, read);
      const byFile = Map.groupBy(problems, (one) => one.file);
      if (!byFile.has(path)) byFile.set(path, []);
      this.#show(path, byFile);
    }
    for (const path of this.#open.keys()) {
      if (this.#isPart(path)) this.#show(path, new Map());
    }
  }

  /** Is it a part of another file that is open? */
  #isPart(path: string): boolean {
    return [...this.#parts].some(([main, parts]) => main !== path && this.#open.has(main) && parts.has(path));
  }

  /** Puts problems of a main file on the screen, and takes those away that are gone. */
  #show(main: string, byFile: ReadonlyMap<string, readonly ConfigError[]>): void {
    const isPart = this.#isPart(main);
    for (const file of this.#shown.get(main) ?? []) {
      if (!byFile.has(file) && !(isPart && file === main)) this.#publish(file, []);
    }
    this.#shown.set(main, new Set(byFile.keys()));
    if (isPart) return;
    for (const [file, problems] of byFile) this.#publish(file, problems);
  }

  #publish(file: string, problems: readonly ConfigError[]): void {
    const params = { uri: pathToFileURL(file).href, diagnostics: problems.map(diagnosticOf) };
    this.#ports.send({ jsonrpc: "2.0", method: "textDocument/publishDiagnostics", params });
  }

  #symbols(path: string): unknown {
    return declaredNames(this.#input(path)).map(({ kind, name, span }) => ({
      name,
      detail: kind,
      // SymbolKind: a table is an Array, what does something is a Function, the rest are Constants.
      kind: kind === "table" ? 18 : kind === "action" || kind === "filter" ? 12 : 14,
      range: rangeOf(span),
      selectionRange: rangeOf(span),
    }));
  }

  #text(path: string): string | null {
    return this.#open.get(path) ?? this.#ports.readFile(path);
  }

  #input(path: string): ParseInput {
    return {
      path,
      macros: new Map(),
      readFile: (file) => {
        const text = this.#text(file);
        return text === null ? { failure: "it cannot be read" } : { text };
      },
    };
  }

  #reply(id: unknown, result: unknown): void {
    this.#ports.send({ jsonrpc: "2.0", id, result });
  }

  #fail(id: unknown, code: number, message: string): void {
    this.#ports.send({ jsonrpc: "2.0", id, error: { code, message } });
  }
}

const capabilities = {
  // 1: the whole text with each change.
  textDocumentSync: { openClose: true, change: 1, save: true },
  completionProvider: { triggerCharacters: [" ", "<", "$", '"'] },
  hoverProvider: true,
  definitionProvider: true,
  referencesProvider: true,
  documentSymbolProvider: true,
};

/** What is answered about a place. */
const positional: Readonly<Record<string, (input: ParseInput, offset: number, text: string) => unknown>> = {
  "textDocument/completion": (input, offset, text) => {
    const { items, start, end } = complete(input, offset);
    const range = { start: positionAt(text, start), end: positionAt(text, end) };
    return { isIncomplete: false, items: items.map((one) => itemOf(one, range)) };
  },
  "textDocument/hover": (input, offset) => {
    const help = findHelp(input, offset);
    if (help === null) return null;
    const value = `\`\`\`smtpd\n${help.syntax}\n\`\`\`${
      help.meaning === "" ? "" : `\n${help.meaning.replaceAll("\n", "  \n")}`
    }`;
    return { contents: { kind: "markdown", value } };
  },
  "textDocument/definition": (input, offset) => {
    const found = findDeclaration(input, offset);
    return found === null ? null : locationOf(found);
  },
  "textDocument/references": (input, offset) => findUses(input, offset).map(locationOf),
};

function itemOf({ kind, text, syntax, meaning }: Completion, range: unknown): unknown {
  // CompletionItemKind: Keyword, Variable for macros, Reference for what is declared.
  const number = kind === "keyword" ? 14 : kind === "macro" ? 6 : 18;
  const detail = syntax !== "" ? syntax : kind;
  return { label: text, kind: number, detail, documentation: meaning, textEdit: { range, newText: text } };
}

function diagnosticOf(problem: ConfigError): unknown {
  const { line, column, length, message, hint, severity, notes } = problem;
  const start = { line: line - 1, character: column - 1 };
  return {
    range: { start, end: { line: line - 1, character: column - 1 + Math.max(length, 0) } },
    severity: severity === "error" ? 1 : 2,
    source: "smtpd",
    message: hint === null ? message : `${message}\n${hint}`,
    relatedInformation: notes.flatMap((note) => {
      if (note.place === null) return [];
      const at = { line: note.place.line - 1, character: note.place.column - 1 };
      const location = { uri: pathToFileURL(note.place.file).href, range: { start: at, end: at } };
      return [{ location, message: note.message }];
    }),
  };
}

function locationOf(target: Target): unknown {
  return { uri: pathToFileURL(target.source.path).href, range: rangeOf(target) };
}

function rangeOf({ source, start, end }: Target): unknown {
  return { start: positionAt(source.text, start), end: positionAt(source.text, end) };
}

/** Lines and characters count from 0; characters are UTF-16 units, as the protocol has it when nothing is agreed. */
interface Position {
  readonly line: number;
  readonly character: number;
}

function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const start = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length - 1, character: offset - start };
}

/** A character behind the end of its line means that end. */
function offsetAt(text: string, { line, character }: Position): number {
  let start = 0;
  for (let i = 0; i < line; i++) {
    const next = text.indexOf("\n", start);
    if (next === -1) return text.length;
    start = next + 1;
  }
  const end = text.indexOf("\n", start);
  return Math.min(start + character, end === -1 ? text.length : end);
}

function isPosition(value: unknown): value is Position {
  return isObject(value) && isCount(value["line"]) && isCount(value["character"]);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

function isObject(value: unknown): value is Message {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The file that a message is about; null for what is no file. */
function pathOf(params: Message): string | null {
  const document = params["textDocument"];
  const uri = isObject(document) ? document["uri"] : null;
  if (typeof uri !== "string" || !uri.startsWith("file://")) return null;
  try {
    return fileURLToPath(uri);
  } catch {
    return null;
  }
}
