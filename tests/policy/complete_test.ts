import { deepEqual, equal, match } from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { complete } from "../../lib/policy/complete.ts";
import { editorBase, withCursor } from "./editor_text.ts";

function completed(line: string) {
  const { input, offset } = withCursor(editorBase + line);
  return complete(input, offset);
}
const texts = (line: string): readonly string[] => completed(line).items.map((one) => one.text);

Deno.test("complete() offers what the parser would take", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["match from |", ["any", "auth", "local", "mail-from", "rdns", "socket", "src"]],
    ["match for dom|ain", ["any", "domain", "local", "rcpt-to"]],
    ["match for domain <|", ["aliases", "hosted"]],
    ["match for domain <a|>", ["aliases", "hosted"]],
    ["match for domain |", ["<aliases>", "<hosted>"]],
    ["match for any action |", ['"local"', '"out"']],
    ['match for any action "|', ["local", "out"]],
    ['match for any action "|"', ["local", "out"]],
    ["listen on $|", ["cli", "lan"]],
    ["# listen |", []],
    ['action "x" maildir # |', []],
    ['table t "proc:/bin/x" |', ["cache-negative-ttl", "cache-ttl"]],
    ['table t "proc:/bin/x" cache-ttl 5s cache-ne|', ["cache-negative-ttl", "cache-ttl"]],
    ["queue |", ["compression", "directory", "encryption", "ttl"]],
  ];
  for (const [line, want] of cases) deepEqual(texts(line), want, line);
});

Deno.test("complete() knows directives at the start of a line, and options behind others", () => {
  for (const word of ["action", "include", "listen", "match", "table"]) equal(texts("|").includes(word), true, word);
  for (const line of ["match from any |", 'match from src { "192.0.2.1" } |', "match !from local |"]) {
    for (const word of ["for", "mail-from", "action", "reject"]) equal(texts(line).includes(word), true, line + word);
  }
  equal(texts('action "x" relay srs |').includes("when-spf-fails"), true);
  equal(texts('action "x" relay |').includes("when-spf-fails"), false);
  for (const line of ["listen on eth0 |", "listen on eth0 port 25 |"]) {
    for (const word of ["port", "tag", "hostname"]) equal(texts(line).includes(word), true, line + word);
  }
});

Deno.test("complete() replaces the word that the cursor is in", () => {
  const { start, end } = completed("match for dom|ain <hosted>");
  equal(end - start, "domain".length);
  equal(start, (editorBase + "match for ").length);
});

Deno.test("complete() says what words are for", () => {
  const domain = completed("match for |").items.find((one) => one.text === "domain");
  equal(domain?.syntax, "match … for domain <T>");
  match(domain?.meaning ?? "", /domains/);
});

Deno.test("complete() gives something to replace whatever is written", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(..."match action listen { } < > \" ' # $ \\ \n for any x 1 = , !".split(" "))),
      fc.nat(200),
      (words, at) => {
        const text = words.join(" ");
        const offset = Math.min(at, text.length);
        const readFile = () => ({ text });
        const { start, end } = complete({ path: "/c", macros: new Map(), readFile }, offset);
        return 0 <= start && start <= offset && offset <= end && end <= text.length;
      },
    ),
  );
});
