import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { type ExpansionNode, parseExpansionLines, parseExpansionValue } from "../../lib/policy/alias.ts";

const user = (name: string): ExpansionNode => ({ kind: "username", name });
const address = (localPart: string, domain: string): ExpansionNode => ({ kind: "address", localPart, domain });
const command = (text: string): ExpansionNode => ({ kind: "command", command: text });
const file = (path: string): ExpansionNode => ({ kind: "file", path });
const include = (path: string): ExpansionNode => ({ kind: "include", path });
const error = (code: number, text: string): ExpansionNode => ({ kind: "error", code, text });

const accepted: readonly (readonly [string, readonly ExpansionNode[]])[] = [
  ["", []],
  [" , ,", []],
  ["bob", [user("bob")]],
  ["  Bob\t", [user("Bob")]],
  ["\\bob", [user("bob")]],
  ["a_b.c-d+e", [user("a_b.c-d+e")]],
  ["12", [user("12")]],
  ["x".repeat(255), [user("x".repeat(255))]],
  ["bob@x.test", [address("bob", "x.test")]],
  [" bob@x.test ", [address("bob", "x.test")]],
  ["Bob@X.Test", [address("Bob", "X.Test")]],
  ["b@x", [address("b", "x")]],
  ["jé@x.test", [address("jé", "x.test")]],
  ["bob@Bücher.test", [address("bob", "xn--bcher-kva.test")]],
  ["a..b@x", [address("a..b", "x")]],
  ["!#$%*?^{}`~&+-=_.@x.test", [address("!#$%*?^{}`~&+-=_.", "x.test")]],
  ["a/b@x.test", [address("a/b", "x.test")]],
  ["a|b@x.test", [address("a|b", "x.test")]],
  ["o\\'brien@x.test", [address("o'brien", "x.test")]],
  ["/var/mail/x", [file("/var/mail/x")]],
  ["/var/mail/a b", [file("/var/mail/a b")]],
  ["/x@y.test", [file("/x@y.test")]],
  ["|/bin/prog a", [command("/bin/prog a")]],
  ["| /bin/prog", [command("/bin/prog")]],
  [`"|/bin/prog -a 'x, y'"`, [command("/bin/prog -a 'x, y'")]],
  [`"|/bin/prog \\"q\\""`, [command('/bin/prog "q"')]],
  ["|/bin/prog a,b", [command("/bin/prog a"), user("b")]],
  ["maildir:/var/mail/ann", [{ kind: "maildir", path: "/var/mail/ann" }]],
  ["Maildir:/var/mail/a b, ann", [{ kind: "maildir", path: "/var/mail/a b" }, user("ann")]],
  [":include:/etc/list", [include("/etc/list")]],
  ["include:/etc/list", [include("/etc/list")]],
  ["INCLUDE:/etc/list", [include("/etc/list")]],
  ["error:550 gone away", [error(550, "gone away")]],
  [":error:450 later", [error(450, "later")]],
  ["ERROR:599 X", [error(599, "X")]],
  ["error:550 5.1.1 gone", [error(550, "5.1.1 gone")]],
  ["a, b@x.test , |c,/d", [user("a"), address("b", "x.test"), command("c"), file("/d")]],
  ["a,,b,", [user("a"), user("b")]],
];

const refused: readonly (readonly [string, string, number])[] = [
  ["first last", "invalid user name `first last`: it has a space", 1],
  ["ok, first last", "invalid user name `first last`: it has a space", 5],
  ["bob@exa_mple.org", "invalid address `bob@exa_mple.org`: `exa_mple.org` is not a domain", 1],
  ["bob@", "invalid address `bob@`: `` is not a domain", 1],
  ["bob@.", "invalid address `bob@.`: `.` is not a domain", 1],
  ["bob@x..y", "invalid address `bob@x..y`: `x..y` is not a domain", 1],
  ["bob@x.", "invalid address `bob@x.`: `x.` is not a domain", 1],
  ["bob@-x", "invalid address `bob@-x`: `-x` is not a domain", 1],
  ["bob@x-", "invalid address `bob@x-`: `x-` is not a domain", 1],
  ["a@b@c", "invalid address `a@b@c`: `b@c` is not a domain", 1],
  ["@x.test", "invalid address `@x.test`: nothing stands before the @", 1],
  ["a b@x.test", "invalid address `a b@x.test`: it has a space", 1],
  ["jé\u0085@x.test", "invalid address `jé\u0085@x.test`: it has a character that no address has", 1],
  ["j@é..test", "invalid address `j@é..test`: `é..test` is not a domain", 1],
  ["bob!", "invalid user name `bob!`: `!` is not allowed", 1],
  ["é", "invalid user name `é`: `é` is not allowed", 1],
  ["error:200 x", "`error:` wants a code from 400 to 599: `error:550 No such user`", 1],
  ["error:55 x", "`error:` wants a code from 400 to 599: `error:550 No such user`", 1],
  ["error:550", "`error:` wants a blank and a text behind its code: `error:550 No such user`", 1],
  ["error:550 -", "`error:` wants a blank and a text behind its code: `error:550 No such user`", 1],
  ["maildir:Mail", "`maildir:` wants the absolute path of a Maildir: `maildir:/srv/mail/ann`", 1],
  ["maildir:/", "`maildir:` wants the absolute path of a Maildir: `maildir:/srv/mail/ann`", 1],
  ["include:etc/list", "`:include:` wants the absolute path of a file: `:include:/etc/mail/list`", 1],
  ["|", "no command follows `|`", 1],
  [`"|"`, "no command follows `|`", 1],
  [`"|a" b`, "text follows the quoted command", 1],
  [`"bob"`, '`"bob"` is in quotes: only a command is, as in "|COMMAND"; users and addresses stand bare', 1],
  ["error:5500 x", "`error:` wants a code from 400 to 599: `error:550 No such user`", 1],
  ["'ann'", "`'ann'` is in quotes: only a command is, as in \"|COMMAND\"; users and addresses stand bare", 1],
  [`a, "|x`, "the quote is not closed", 4],
  ["o'brien@x.test", "the quote is not closed", 2],
  ["\\\t", "invalid user name `\t`: `\t` is not allowed", 1],
  ["a,bob\\ ", "invalid user name `bob `: it has a space", 3],
  ["bob\\", "nothing follows the backslash", 4],
  ["x".repeat(256), "the user name is longer than 255 characters", 1],
  ["x".repeat(256) + "@x", "the part before the @ is longer than 255 characters", 1],
  ["|" + "x".repeat(1024), "the command is longer than 1023 characters", 1],
  ["/" + "x".repeat(2047), "longer than 2047 characters", 1],
];

Deno.test("parseExpansionValue() classifies each element by the first form that fits", () => {
  for (const [text, nodes] of accepted) assert.deepEqual(parseExpansionValue(text), { kind: "ok", nodes }, text);
});

Deno.test("parseExpansionValue() refuses the whole value for one bad element, and says where", () => {
  for (const [text, message, column] of refused) {
    assert.deepEqual(parseExpansionValue(text), { kind: "error", message, column }, text);
  }
});

Deno.test("parseExpansionValue() accepts the longest command, user and label", () => {
  assert.equal(parseExpansionValue("|" + "x".repeat(1023)).kind, "ok");
  assert.equal(parseExpansionValue("a@" + "x".repeat(63)).kind, "ok");
  assert.equal(parseExpansionValue("a@" + "x".repeat(64)).kind, "error");
});

Deno.test("parseExpansionValue() gives the same answer with blanks around and as part of a list", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."ab@.|/:,\\\"' é-_") }), (text) => {
      const alone = parseExpansionValue(text);
      const padded = parseExpansionValue(` ${text} `);
      const listed = parseExpansionValue(`z,${text}`);
      if (alone.kind === "ok") {
        assert.deepEqual(listed, { kind: "ok", nodes: [user("z"), ...alone.nodes] });
        assert.deepEqual(padded, alone);
      } else {
        assert.equal(listed.kind, "error");
        assert.ok(alone.column >= 1 && alone.column <= text.length + 1);
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("parseExpansionValue() takes no control characters: roles refuse each other's messages that hold one", () => {
  for (const text of ["|cat\0x", "/var/x\0y", "ann\x7f", "a@b.test, |x\x1b", "error:550 a\nb"]) {
    assert.equal(parseExpansionValue(text).kind, "error", JSON.stringify(text));
  }
  assert.equal(parseExpansionValue("ann,\tbob").kind, "ok");
  assert.equal(parseExpansionLines("ann\n|cat\0x\n").kind, "error");
});
