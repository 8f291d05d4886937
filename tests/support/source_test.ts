import { deepEqual, equal } from "node:assert/strict";
import { readSource } from "./source.ts";

const read = (text: string) => readSource("x.ts", text);

Deno.test("readSource() finds every form of import and tells types apart", () => {
  const facts = read(`import type { A } from "./a.ts";
import { b } from "b";
export { c } from "./c.ts";
export type { D } from "./d.ts";
export * from "./e.ts";
const f = await import("./f.ts");
let g: import("./g.ts").G;
// import { no } from "./comment.ts";
const text = 'import { no } from "./string.ts"';
`);
  deepEqual(facts.imports.map((one) => [one.specifier, one.typeOnly, one.line]), [
    ["./a.ts", true, 1],
    ["b", false, 2],
    ["./c.ts", false, 3],
    ["./d.ts", true, 4],
    ["./e.ts", false, 5],
    ["./f.ts", false, 6],
    ["./g.ts", true, 7],
  ]);
});

Deno.test("readSource() measures functions, methods and arrows behind text that looks like braces", () => {
  const facts = read(`const quote = "§ {";
function one(a: { x: number }): { y: string } {
  // }
  return { y: \`\${a.x} { \${((b: string) => {
    return b + "}";
  })("é")}\` };
}
class C {
  #m(): RegExp {
    return /[}]{2}/;
  }
}
`);
  deepEqual(facts.functions.map((one) => [one.name, one.line, one.lines]), [
    ["one", 2, 6],
    ["(anonymous)", 4, 3],
    ["m", 9, 3],
  ]);
});

Deno.test("readSource() names what is free and leaves out what only labels a member", () => {
  const facts = read(`const o = { Deno: 1, setTimeout() {} };
o.Deno;
interface P { performance: number }
Date.now();
const run = setTimeout;
type T = typeof Deno.args;
`);
  const names = facts.names.map((one) => one.text);
  for (const want of ["Date.now", "setTimeout", "Date"]) equal(names.includes(want), true, want);
  equal(names.filter((name) => name === "setTimeout").length, 1);
  equal(names.includes("performance"), false);
  equal(names.includes("Deno"), false);
});

Deno.test("readSource() sees a clock in new Date() and none in new Date(0)", () => {
  deepEqual(read("new Date(0);\nnew Date();\n").clocks, [{ text: "new Date()", line: 2 }]);
});

Deno.test("readSource() reads strings and templates, not comments", () => {
  const facts = read('// "no"\nconst a = "yes";\nconst b = `t${a}u`;\n');
  deepEqual(facts.strings.map((one) => one.text), ["yes", "t", "u"]);
});

for (
  const [name, text, want] of [
    ["types only", "export interface A { b: 1 }\nexport type C = A;\nimport type { D } from './d.ts';", false],
    ["plain constants", "export const a = 256 * 1024;\nexport const b = 'x';", false],
    ["a plain record", "const n = -1;\nexport const a = { b: 'x', c: [1, 2 * n] } as const;", false],
    ["a re-export", "export { a } from './a.ts';", false],
    ["a function", "export function a() {}", true],
    ["a computed constant", "export const a = f();", true],
    ["a statement", "run();", true],
  ] as const
) {
  Deno.test(`readSource() judges whether ${name} is logic`, () => equal(read(text).hasLogic, want));
}

Deno.test("readSource() gives the comment that a file begins with", () => {
  equal(read("#!/usr/bin/env x\n/** NAME */\nf();").firstComment, "/** NAME */");
  equal(read("// NAME\n// more\nf();").firstComment, "// NAME\n// more\n");
  equal(read("f();\n// later").firstComment, "");
});

Deno.test("readSource() knows a program by import.meta.main", () => {
  equal(read("if (import.meta.main) run();").isProgram, true);
  equal(read("run(import.meta.url); const o = { main: 1 }; o.main;").isProgram, false);
});

Deno.test("readSource() lists default exports", () => {
  deepEqual(read("\nexport default 1;").defaultExports, [2]);
});
