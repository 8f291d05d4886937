import assert from "node:assert/strict";
import { checkCommand, quoteForShell, shellCommand, wrappedCommand } from "../../lib/policy/command.ts";
import type { FormatValues } from "../../lib/policy/format.ts";
import { mailbox } from "./tables.ts";

const values: FormatValues = {
  sender: mailbox("carl@b.test"),
  rcpt: mailbox("Ann+T?g@alpha.test"),
  dest: mailbox("ann@a.test"),
  username: "ann",
  directory: "/home/ann",
  subAddressDelimiter: "+",
};

function made(template: string): readonly [string, readonly string[]] | string {
  const result = shellCommand(template, values);
  return result.kind === "error" ? result.message : [result.command.script, result.command.args];
}

Deno.test("shellCommand() refers to values, in double quotes wherever they stand", () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ["cat", "cat", []],
    ["x %{rcpt}", 'mda_1=${1}; shift 1\nx "${mda_1}"', ["Ann+T:g@alpha.test"]],
    ["x '%{dest.user}'", `mda_1=\${1}; shift 1\nx ''"\${mda_1}"''`, ["ann"]],
    ['x "to=%{dest.user}"', `mda_1=\${1}; shift 1\nx "to=""\${mda_1}"""`, ["ann"]],
    ["~/bin/x", 'mda_1=${1}; shift 1\n"${mda_1}"/bin/x', ["/home/ann"]],
    ["x 100%% %{sender.user}%{dest.user}", 'mda_1=${1} mda_2=${2}; shift 2\nx 100% "${mda_1}""${mda_2}"', [
      "carl",
      "ann",
    ]],
    // A dollar or backslash before a value must not bind to the reference.
    ["x $%{dest.user}", 'mda_1=${1}; shift 1\nx \\$"${mda_1}"', ["ann"]],
    ["x \\%{dest.user}", 'mda_1=${1}; shift 1\nx "${mda_1}"', ["ann"]],
    ['x "a\\%{dest.user}"', 'mda_1=${1}; shift 1\nx "a\\\\""${mda_1}"""', ["ann"]],
    ['x "$(y %{dest.user})"', 'mda_1=${1}; shift 1\nx "$(y "${mda_1}")"', ["ann"]],
    ["x # it's\ny '%{dest.user}'", `mda_1=\${1}; shift 1\nx # it's\ny ''"\${mda_1}"''`, ["ann"]],
    ["x a#'%{dest.user}'", `mda_1=\${1}; shift 1\nx a#''"\${mda_1}"''`, ["ann"]],
  ];
  for (const [template, script, args] of cases) assert.deepEqual(made(template), [script, args], template);
});

Deno.test("shellCommand() refuses a specifier where its value would be read as shell text", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["x `y %{rcpt}`", /backquotes/],
    ["x \"`y '%{rcpt}'`\"", /backquotes/],
    ["x $((%{rcpt.user} + 1))", /arithmetic/],
    ["x <<EOF\n%{rcpt}\nEOF", /here-document/],
    ['echo "$(case a in a) echo "%{rcpt.user:raw}";; esac)"', /behind `case` in \$\( \)/],
    ["echo \"$(x '$(y)'; case a in (a) z;; esac)\" %{rcpt}", /behind `case`/],
    ['echo "$\\\n(echo "%{rcpt}")"', /continued line/],
    ["x %{nope}", /unknown token "nope"/],
    ["x %{mda}", /for wrappers only/],
    ["x %{rcpt", /without a closing brace/],
  ];
  for (const [template, want] of cases) {
    assert.match(String(made(template)), want, template);
    assert.match(checkCommand(template) ?? "", want, template);
  }
  assert.equal(checkCommand("x '%{rcpt}' && y \"%{sender[0:3]}\""), null);
  assert.equal(checkCommand('case %{rcpt} in a) x "$(y lowercase %{rcpt})";; esac'), null);
  assert.equal(checkCommand("x `y` %{rcpt}"), null);
  assert.equal(checkCommand("x $((1 + 2)) %{rcpt}"), null);
});

Deno.test("wrappedCommand() puts the command in, as text or as one word", () => {
  const wrapped = (wrapper: string, template: string) => {
    const result = wrappedCommand(wrapper, { kind: "template", template }, values);
    return result.kind === "error" ? result.message : [result.command.script, result.command.args];
  };
  assert.deepEqual(wrapped("filter | %{mda}", 'x "%{dest.user}"'), [
    `mda_1=\${1}; shift 1\nfilter | x """\${mda_1}"""`,
    ["ann"],
  ]);
  assert.deepEqual(wrapped('run -c "%{mda}" %{sender.user}', 'x "%{dest.user}" y'), [
    `mda_1=\${1} mda_2=\${2}; shift 2\nrun -c """\${mda_1}""" "\${mda_2}"`,
    [`/bin/sh -c 'mda_1=\${1}; shift 1\nx """\${mda_1}""" y' 'sh' 'ann'`, "carl"],
  ]);
  assert.match(String(wrapped("x %{mda[0:2]}", "y")), /no range/);
  assert.match(String(wrapped("x %{mda}", "%{nope}")), /unknown token/);
  assert.deepEqual(wrapped("true", "x %{dest.user}"), ["true", []]);
});

Deno.test("quoteForShell() makes one word of any text", () => {
  assert.equal(quoteForShell("it's"), `'it'\\''s'`);
  assert.equal(quoteForShell(""), "''");
});

Deno.test("wrappedCommand() refuses %{mda} in quotes within quotes: it would not stay one word there", () => {
  for (
    const wrapper of [
      `sh -c "sudo sh -c '%{mda}'"`,
      `sh -c 'sudo sh -c "%{mda}"'`,
      `sh -c "sudo sh -c \\"%{mda}\\""`,
      'sh -c "x `y` %{mda}"',
      'sh -c "x $(y) %{mda}"',
    ]
  ) {
    const result = wrappedCommand(wrapper, { kind: "template", template: "x %{dest.user}" }, values);
    assert.match(result.kind === "error" ? result.message : "", /quotes within quotes/, wrapper);
  }
  assert.match(checkCommand(`sh -c "sh -c '%{mda}'"`, "wrapper") ?? "", /quotes within quotes/);
  for (const wrapper of ['sh -c "exec %{mda}"', "sh -c 'exec %{mda}'", `x 'a"b' "%{mda}"`, 'x "$(y "%{mda}")"']) {
    assert.equal(checkCommand(wrapper, "wrapper"), null, wrapper);
  }
});
