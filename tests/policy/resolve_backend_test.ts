import assert from "node:assert/strict";
import { backends } from "../../lib/policy/resolve_backend.ts";
import { loadPolicy } from "../../lib/policy/resolve.ts";
import { loadText, machine } from "./config_fixture.ts";
import { hintOfLines, messagesOfLines } from "./load_text.ts";
import { programSpec } from "../../lib/table/spec.ts";

const files = {
  "/s": "dbpath /var/x.sqlite\nquery_domain SELECT ?\n",
  "/db": "SQLite format 3\0\x01",
  "/bad": "dbpath\n",
};

function tableOf(word: string) {
  const result = loadText(`table t ${word}\nmatch reject\n`, files);
  return result.kind === "ok" ? result.policy.tables["t"] : result.errors[0]?.message;
}

const settings = [["dbpath", "/var/x.sqlite"], ["query_domain", "SELECT ?"]];

Deno.test("resolveBackend() reads every kind of table", () => {
  const cases: readonly (readonly [string, object])[] = [
    ['"/x"', { kind: "file", name: "t", path: "/x" }],
    ["file:/x", { kind: "file", name: "t", path: "/x" }],
    ["static:/x", { kind: "file", name: "t", path: "/x" }],
    ["db:/x", { kind: "cdb", name: "t", path: "/x" }],
    ["cdb:/x:y", { kind: "cdb", name: "t", path: "/x:y" }],
    ["getpwnam", { kind: "getpwnam", name: "t" }],
    ["passwd:/x", { kind: "passwd", name: "t", path: "/x" }],
    ["sqlite:/s", { kind: "sqlite", name: "t", path: "/s", settings }],
    // The database itself, such as makemap makes.
    ["sqlite:/db", { kind: "sqlite", name: "t", path: "/db", settings: [] }],
    ["proc:/bin/x", programSpec("t", "/bin/x", null)],
    ['"proc:/bin/x "', programSpec("t", "/bin/x", null)],
    ['"proc:/bin/x y"', programSpec("t", "/bin/x", "y")],
    // One argument, whatever stands in it: there is no shell.
    ['"proc:/bin/x   -a  $b; c "', programSpec("t", "/bin/x", "-a  $b; c")],
    ["socketmap:/c", programSpec("t", "/usr/local/libexec/smtpd/table-socketmap", "/c")],
    ["socketmap", programSpec("t", "/usr/local/libexec/smtpd/table-socketmap", null)],
  ];
  for (const [word, want] of cases) assert.deepEqual(tableOf(word), want, word);
});

Deno.test("resolveBackend() takes a path for every kind that needs one, and no other", () => {
  for (const backend of backends) {
    const isBare = backend === "getpwnam";
    assert.match(
      String(tableOf(isBare ? "getpwnam:/x" : `"${backend}"`)),
      /^invalid backend parameter for table: t$/,
      backend,
    );
    assert.match(String(tableOf(`${backend}:x`)), /^invalid backend parameter for table: t$/, backend);
  }
});

Deno.test("resolveBackend() wants a program that is there, by its whole path", () => {
  const cases = [
    [
      "proc:/none/x",
      "no such program: /none/x",
      "install it, or correct its path; it must be a file that may be executed",
    ],
    [
      '"proc:/none/my helper /etc/h"',
      "no such program: /none/my",
      "install it, or correct its path; what follows the blank, `helper /etc/h`, is its argument",
    ],
    ...["proc:x", "proc:", '"proc: /bin/x"', '"proc:bin/x y"'].map((word) =>
      [
        word,
        "invalid backend parameter for table: t",
        'write the whole path of a program, such as "proc:/usr/local/bin/table-x ARGUMENT"',
      ] as const
    ),
  ] as const;
  for (const [word, message, hint] of cases) {
    assert.equal(tableOf(word), message, word);
    assert.equal(hintOfLines(`table t ${word}`), hint, word);
  }
});

Deno.test("resolveBackend() says what is wrong with a file of settings, and where", () => {
  const message = (word: string) => messagesOfLines(`table t ${word}`, files);
  assert.deepEqual(message("sqlite:/bad"), [
    "1:9 invalid configuration file /bad for table t: line 1: dbpath has no value",
  ]);
  assert.deepEqual(message("ldap:/none"), ["1:9 invalid configuration file /none for table t: no such file"]);
});

Deno.test("resolveBackend() takes a file that is no text for a SQLite database, but for no other settings", () => {
  const load = (kind: string) =>
    loadPolicy({
      ...machine,
      path: "smtpd.conf",
      readFile: (path) =>
        path === "smtpd.conf"
          ? { kind: "ok", text: `table t ${kind}:/x\nmatch reject\n` }
          : { kind: "failed", fault: "malformed" },
      macros: new Map(),
    });
  const lite = load("sqlite");
  assert.deepEqual(lite.kind === "ok" && lite.policy.tables["t"], {
    kind: "sqlite",
    name: "t",
    path: "/x",
    settings: [],
  });
  assert.equal(load("mysql").kind, "errors");
});

Deno.test("resolveBackend() asks for a program only by a name without slashes, and suggests what was meant", () => {
  assert.equal(tableOf('"../socketmap:/x"'), "no such kind of table: `../socketmap`");
  assert.equal(hintOfLines("table t sqlit:/x"), "did you mean `sqlite:`?");
  assert.equal(
    hintOfLines("table t foobarbaz:/x"),
    "use file: or db: and a path, or install the program table-foobarbaz",
  );
});
