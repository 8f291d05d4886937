import { deepEqual, equal } from "node:assert/strict";
import { type Command, parseCommand } from "../../lib/smtp/command.ts";
import { verbRules } from "../../lib/smtp/phase.ts";

const cases: readonly (readonly [string, Command])[] = [
  ["EHLO a.test", { verb: "EHLO", argument: "a.test" }],
  ["ehlo a.test", { verb: "EHLO", argument: "a.test" }],
  ["eHlO", { verb: "EHLO", argument: "" }],
  ["EHLO ", { verb: "EHLO", argument: "" }],
  ["EHLO   a.test  \t ", { verb: "EHLO", argument: "a.test" }],
  ["MAIL FROM:<a b@c>", { verb: "MAIL", argument: "FROM:<a b@c>" }],
  ["MAIL\tFROM:<a>", { verb: "UNKNOWN", argument: "" }],
  ["MAILFROM:<a>", { verb: "UNKNOWN", argument: "" }],
  [" EHLO", { verb: "UNKNOWN", argument: "EHLO" }],
  ["", { verb: "UNKNOWN", argument: "" }],
  ["   ", { verb: "UNKNOWN", argument: "" }],
  ["UNKNOWN", { verb: "UNKNOWN", argument: "" }],
  ["FOREIGN", { verb: "UNKNOWN", argument: "" }],
  ["constructor", { verb: "UNKNOWN", argument: "" }],
  ["\xff\xfe", { verb: "UNKNOWN", argument: "" }],
  ["GET / HTTP/1.1", { verb: "FOREIGN", argument: "/ HTTP/1.1" }],
  ["BDAT 10 LAST", { verb: "BDAT", argument: "10 LAST" }],
];

for (const [line, want] of cases) {
  Deno.test(`parseCommand() reads ${JSON.stringify(line)}`, () => deepEqual(parseCommand(line), want));
}

Deno.test("parseCommand() knows every verb of the table by its name", () => {
  for (const verb of Object.keys(verbRules)) {
    if (verb === "FOREIGN" || verb === "UNKNOWN") continue;
    equal(parseCommand(verb).verb, verb);
    equal(parseCommand(`${verb.toLowerCase()} x`).verb, verb);
  }
});
