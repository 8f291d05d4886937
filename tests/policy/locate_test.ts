import { deepEqual, equal } from "node:assert/strict";
import { declaredNames, findDeclaration, findHelp, findUses } from "../../lib/policy/locate.ts";
import { editorBase, withCursor } from "./editor_text.ts";

function lineOf(target: { readonly source: { readonly text: string }; readonly start: number } | null): number | null {
  return target === null ? null : target.source.text.slice(0, target.start).split("\n").length;
}

Deno.test("findDeclaration() leads from a name to the line that declares it", () => {
  const cases: readonly (readonly [string, number | null])[] = [
    ["match for domain <ho|sted> reject", 3],
    ['match for any action "lo|cal"', 4],
    ["match for any action ou|t", 5],
    ["listen on $la|n", 1],
    ["listen on $cl|i", null],
    ["match for an|y reject", null],
    ["match for domain <nowhere|> reject", null],
    ["# match for domain <hosted|>", null],
  ];
  for (const [line, want] of cases) {
    const { input, offset } = withCursor(editorBase + line + "\n");
    equal(lineOf(findDeclaration(input, offset)), want, line);
  }
});

Deno.test("findDeclaration() leads into included files", () => {
  const { input, offset } = withCursor('include "t.conf"\nmatch for domain <there|> reject\n', {
    "/t.conf": 'table there { "x.test" }\n',
  });
  equal(findDeclaration(input, offset)?.source.path, "/t.conf");
});

Deno.test("findUses() finds a name wherever it stands, its declaration first", () => {
  const { input, offset } = withCursor(
    `${editorBase}match for domain <hosted> reject\nmatch !for domain <ho|sted> reject\n`,
  );
  deepEqual(findUses(input, offset).map(lineOf), [3, 6, 7]);
  const nothing = withCursor(`${editorBase}match for a|ny reject\n`);
  deepEqual(findUses(nothing.input, nothing.offset), []);
});

Deno.test("findHelp() explains words, names and macros", () => {
  const cases: readonly (readonly [string, string | null])[] = [
    ["match for dom|ain <hosted> reject", "match … for domain <T>"],
    [
      "match from any fo|r any reject",
      "match … for any\nmatch … for local\nmatch … for domain <T>\nmatch … for rcpt-to <T>",
    ],
    ["match from a|ny reject", "match … from any"],
    ["listen on lo po|rt 25", "listen … port N"],
    ["listen on socket ta|g X", "listen on socket tag NAME"],
    ['match for any action "lo|cal"', 'action "local" maildir alias <aliases>'],
    ["match for domain <host|ed> reject", 'table hosted { "a.test", "b.test" }'],
    ["listen on $la|n", 'lan = "eth0"'],
    ["match for domain <no|pe> reject", null],
    ["queue tt|l 4d", "queue ttl 4d"],
    ['table x "proc:/bin/x" cache-t|tl 5s', 'table NAME "proc:…" cache-ttl 30s'],
    ['table x "proc:/bin/x" cache-negative-t|tl 0', 'table NAME "proc:…" cache-negative-ttl 5s'],
  ];
  for (const [line, want] of cases) {
    const { input, offset } = withCursor(editorBase + line + "\n");
    equal(findHelp(input, offset)?.syntax ?? null, want, line);
  }
});

Deno.test("declaredNames() lists what a file declares", () => {
  const { input } = withCursor(editorBase);
  deepEqual(declaredNames(input).map(({ kind, name }) => `${kind} ${name}`), [
    "table aliases",
    "table hosted",
    "action local",
    "action out",
  ]);
});
