import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { join } from "@std/path";
import { Fault } from "../../lib/fault.ts";
import { EntryScanner, parseTableText } from "../../lib/table/entry.ts";

const fixtures = join(import.meta.dirname ?? "", "../../fixtures/table");
const encode = (text: string) => new TextEncoder().encode(text);
const parse = (text: string) => parseTableText("t", encode(text));

Deno.test("parseTableText() reads each form of a line", () => {
  const table: readonly (readonly [
    text: string,
    shape: "list" | "map",
    entries: readonly (readonly [string, string | null])[],
  ])[] = [
    ["", "map", []],
    ["\n \n# comment\n  # indented\n", "map", []],
    ["a b", "map", [["a", "b"]]],
    ["a b\n", "map", [["a", "b"]]],
    ["a: b\r\n", "map", [["a", "b"]]],
    ["a:b", "map", [["a", "b"]]],
    ["a\tb", "map", [["a", "b"]]],
    ["a  \t b c", "map", [["a", "b c"]]],
    ["a : b", "map", [["a", "b"]]],
    ["a \t:\t b", "map", [["a", "b"]]],
    ["a :b", "map", [["a", ":b"]]],
    ["a:: b", "map", [["a", ": b"]]],
    ["a: : b", "map", [["a", ": b"]]],
    ["a :include:/l", "map", [["a", ":include:/l"]]],
    ["Key: Value", "map", [["Key", "Value"]]],
    ["a: b # no comment", "map", [["a", "b # no comment"]]],
    ["a b\\\nc d", "map", [["a", "b\\"], ["c", "d"]]],
    ["[a b]: c", "map", [["[a b]", "c"]]],
    ["[::1] v", "map", [["[::1]", "v"]]],
    ["[::1]", "list", [["[::1]", null]]],
    ["a\nb c\nd: e", "list", [["a", null], ["b c", null], ["d: e", null]]],
    ["# @list\na: b", "list", [["a: b", null]]],
    ["#@list\n:x", "list", [[":x", null]]],
    ["  #\t@list  \na b", "list", [["a b", null]]],
    ["# @lists\na b", "map", [["a", "b"]]],
    ["a b\n# @list\nc d", "map", [["a", "b"], ["c", "d"]]],
    ["\v a b \f", "map", [["a", "b"]]],
    ["büro: grüße", "map", [["büro", "grüße"]]],
  ];
  for (const [text, shape, entries] of table) {
    assert.deepEqual(parse(text), { shape, entries }, JSON.stringify(text));
  }
});

Deno.test("parseTableText() names the line that is malformed", () => {
  const table: readonly (readonly [text: string, line: number])[] = [
    ["a b\n\n# c\nd\n", 4],
    ["a b\nc:\n", 2],
    ["a b\nc: \t\n", 2],
    ["a b\nc :\n", 2],
    ["a b\n: c\n", 2],
    [": c", 1],
    ["[::1 v", 1],
    ["[::1]v", 1],
    ["a b\nc d\0e", 2],
    ["a\n\0", 2],
    ["a".repeat(1024), 1],
    [`# @list\n${"a ".repeat(600)}`, 2],
  ];
  for (const [text, line] of table) {
    assert.throws(
      () => parse(text),
      (error) =>
        error instanceof Fault && error.kind === "malformed" && error.message === `t:${line}: invalid map entry`,
      JSON.stringify(text),
    );
  }
});

Deno.test("parseTableText() reads the fixtures", async () => {
  const read = async (name: string) => parseTableText(name, await Deno.readFile(join(fixtures, name)));
  assert.deepEqual(await read("map.txt"), {
    shape: "map",
    entries: [
      ["root", "ann"],
      ["Postmaster", "root"],
      ["ann", "ann@example.org"],
      ["indented", "value with  blanks"],
      ["spaced", "v"],
      ["list", ":include:/etc/list"],
      ["[2001:db8::1]", "host.example.org"],
      ["quoted", '"|/bin/prog -a, b"'],
    ],
  });
  assert.deepEqual(await read("list.txt"), {
    shape: "list",
    entries: ["10.0.0.0/8", "2001:db8::/32", "smtp://relay.example.org:25", "a line is an element"].map((
      key,
    ) => [key, null]),
  });
  await assert.rejects(read("bad.txt"), /bad\.txt:4: invalid map entry/);
});

Deno.test("EntryScanner counts lines over all that it is fed", () => {
  const text = "a b\n\nbad\n# x\nc d\ne f";
  const steps = (parts: readonly string[]) => {
    const scanner = new EntryScanner("map");
    const seen: string[] = [];
    for (const part of parts) {
      scanner.feed(encode(part));
      for (let step = scanner.next(); step !== "end"; step = scanner.next()) seen.push(`${scanner.line} ${step}`);
    }
    return seen;
  };
  const want = ["1 entry", "3 malformed", "5 entry", "6 entry"];
  assert.deepEqual(steps([text]), want);
  assert.deepEqual(steps(["a b\n\nbad\n", "# x\n", "c d\n", "e f"]), want);
});

Deno.test("EntryScanner of a fixed mode does not let the first entry decide", () => {
  const scanner = new EntryScanner("map");
  scanner.feed(encode("# @list\nalone\nk v\n"));
  assert.deepEqual([scanner.next(), scanner.next(), scanner.next()], ["malformed", "entry", "end"]);
  const list = new EntryScanner("list");
  list.feed(encode("k v\n"));
  assert.equal(list.next(), "entry");
  assert.equal(list.valueStart, -1);
  assert.equal(list.keyEnd, 3);
});

Deno.test("parseTableText() reads back what is written", () => {
  const word = fc.string({ unit: fc.constantFrom(..."abcXYZ019.@-_/é"), minLength: 1, maxLength: 8 })
    .filter((text) => !text.startsWith("#"));
  const value = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join(" "));
  const divider = fc.constantFrom(" ", "\t", ":", ": ", " : ", "  ");
  fc.assert(
    fc.property(fc.array(fc.tuple(word, divider, value), { minLength: 1, maxLength: 10 }), (lines) => {
      const text = lines.map((parts) => parts.join("")).join("\n");
      assert.deepEqual(parse(text), { shape: "map", entries: lines.map(([key, , text]) => [key, text]) });
    }),
    { numRuns: 500 },
  );
});

Deno.test("parseTableText() of any bytes gives entries or a fault", () => {
  const byte = fc.constantFrom(...[..."a:# []\n\r\t\0@list"].map((char) => char.charCodeAt(0)), 0xc3, 0xff);
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 40 }), (bytes) => {
      try {
        parseTableText("t", Uint8Array.from(bytes));
      } catch (error) {
        assert.ok(error instanceof Fault);
      }
    }),
    { numRuns: 1000 },
  );
});
