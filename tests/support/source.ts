/** Facts about one TypeScript source, read from Deno's own syntax tree (Deno.lint.runPlugin, which exists under
 * `deno test` only). tidy_test.ts judges them. */

/** A place in a source: `line` counts from 1. */
export interface Found {
  readonly text: string;
  readonly line: number;
}

/** One import, export-from, dynamic import or import type. */
export interface ImportFact {
  readonly specifier: string;
  readonly line: number;
  /** Gone after type stripping. */
  readonly typeOnly: boolean;
}

/** One function, method or arrow function with its length in lines, first to last. */
export interface FunctionFact {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

/** What tidy_test.ts wants to know of a file. */
export interface SourceFacts {
  readonly imports: readonly ImportFact[];
  readonly functions: readonly FunctionFact[];
  /** Free names: `Deno`, `setTimeout`, and members of free names: `Date.now`. Property names are not among them. */
  readonly names: readonly Found[];
  /** `new Date` with nothing to date from. */
  readonly clocks: readonly Found[];
  /** String literals and the fixed parts of templates. */
  readonly strings: readonly Found[];
  /** Lines with a default export. */
  readonly defaultExports: readonly number[];
  /** The file says more than types and plain constants, so a test is due. */
  readonly hasLogic: boolean;
  /** The file asks whether it was started as a program. */
  readonly isProgram: boolean;
  /** Text of the comment that the file begins with, after a `#!` line; empty for none. */
  readonly firstComment: string;
}

interface Draft {
  imports: ImportFact[];
  functions: FunctionFact[];
  names: Found[];
  clocks: Found[];
  strings: Found[];
  defaultExports: number[];
  hasLogic: boolean;
  isProgram: boolean;
}

type Node = Deno.lint.Node;
type FunctionNode = Deno.lint.FunctionDeclaration | Deno.lint.FunctionExpression | Deno.lint.ArrowFunctionExpression;

/** Reads the facts of `text`. A source that does not parse throws. */
export function readSource(name: string, text: string): SourceFacts {
  const facts: Draft = {
    imports: [],
    functions: [],
    names: [],
    clocks: [],
    strings: [],
    defaultExports: [],
    hasLogic: false,
    isProgram: false,
  };
  Deno.lint.runPlugin(
    {
      name: "facts",
      rules: { all: { create: (context) => visitor(facts, lineFinder(context.sourceCode.text)) } },
    },
    name,
    text,
  );
  return { ...facts, firstComment: firstCommentOf(text) };
}

function visitor(facts: Draft, lineAt: (offset: number) => number): Deno.lint.LintVisitor {
  const line = (node: Node) => lineAt(node.range[0]);
  const addImport = (node: Node, specifier: unknown, typeOnly: boolean) => {
    if (typeof specifier === "string") facts.imports.push({ specifier, typeOnly, line: line(node) });
  };
  const addFunction = (node: FunctionNode) => {
    const first = line(node);
    facts.functions.push({ name: nameOf(node), line: first, lines: lineAt(node.range[1] - 1) - first + 1 });
  };
  return {
    Program: (node) => facts.hasLogic = node.body.some(isLogic),
    ImportDeclaration: (node) => addImport(node, node.source.value, node.importKind === "type"),
    ExportNamedDeclaration: (node) => addImport(node, node.source?.value, node.exportKind === "type"),
    ExportAllDeclaration: (node) => addImport(node, node.source.value, node.exportKind === "type"),
    ImportExpression: (node) => addImport(node, "value" in node.source ? node.source.value : undefined, false),
    TSImportType: (node) => addImport(node, literalOf(node.argument), true),
    ExportDefaultDeclaration: (node) => facts.defaultExports.push(line(node)),
    FunctionDeclaration: addFunction,
    FunctionExpression: addFunction,
    ArrowFunctionExpression: addFunction,
    Identifier: (node) => {
      if (!isFreeName(node)) return;
      facts.names.push({ text: node.name, line: line(node) });
      const parent = node.parent;
      if (parent.type === "MemberExpression" && parent.object === node && parent.property.type === "Identifier") {
        facts.names.push({ text: `${node.name}.${parent.property.name}`, line: line(node) });
      }
    },
    MemberExpression: (node) => {
      const { object, property } = node;
      if (object.type === "MetaProperty" && property.type === "Identifier" && property.name === "main") {
        facts.isProgram = true;
      }
    },
    NewExpression: (node) => {
      const bare = node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length === 0;
      if (bare) facts.clocks.push({ text: "new Date()", line: line(node) });
    },
    Literal: (node) => {
      if (typeof node.value === "string") facts.strings.push({ text: node.value, line: line(node) });
    },
    TemplateElement: (node) => facts.strings.push({ text: node.cooked, line: line(node) }),
  };
}

function literalOf(node: Node): unknown {
  return node.type === "TSLiteralType" && "value" in node.literal ? node.literal.value : undefined;
}

function nameOf(node: FunctionNode): string {
  if (node.type !== "ArrowFunctionExpression" && node.id) return node.id.name;
  const parent: Node = node.parent;
  if ("key" in parent && parent.key && "name" in parent.key) return String(parent.key.name);
  if (parent.type === "VariableDeclarator" && parent.id.type === "Identifier") return parent.id.name;
  return "(anonymous)";
}

/** A name that stands for itself, not one that only labels a member. */
function isFreeName(node: Deno.lint.Identifier): boolean {
  const parent: Node = node.parent;
  if (parent.type === "MemberExpression") return parent.object === node || parent.computed;
  if (parent.type === "TSQualifiedName") return false;
  return !("key" in parent && parent.key === node && !("shorthand" in parent && parent.shorthand));
}

function isLogic(statement: Node): boolean {
  switch (statement.type) {
    case "ImportDeclaration":
    case "ExportAllDeclaration":
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
      return false;
    case "ExportNamedDeclaration":
      return statement.declaration !== null && isLogic(statement.declaration);
    case "VariableDeclaration":
      return statement.declarations.some((one) => one.init !== null && !isPlain(one.init));
    default:
      return true;
  }
}

/** Numbers and texts, names for them, arithmetic on them, and records and lists of them. */
function isPlain(node: Node): boolean {
  switch (node.type) {
    case "Literal":
    case "Identifier":
      return true;
    case "UnaryExpression":
      return isPlain(node.argument);
    case "BinaryExpression":
      return isPlain(node.left) && isPlain(node.right);
    case "TSAsExpression":
      return isPlain(node.expression);
    case "ArrayExpression":
      return node.elements.every(isPlain);
    case "ObjectExpression":
      return node.properties.every((one) => one.type === "Property" && isPlain(one.value));
    default:
      return false;
  }
}

/** Answers the line, counted from 1, of an offset. */
function lineFinder(text: string): (offset: number) => number {
  const starts = [0];
  for (let i = text.indexOf("\n"); i >= 0; i = text.indexOf("\n", i + 1)) starts.push(i + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? Infinity) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

function firstCommentOf(text: string): string {
  const body = text.replace(/^#![^\n]*\n/, "").trimStart();
  if (body.startsWith("/*")) return body.slice(0, body.indexOf("*/") + 2);
  return /^(?:\/\/[^\n]*\n)*/.exec(body)?.[0] ?? "";
}
