import assert from "node:assert/strict";
import { UsageError } from "../../cli/getopt.ts";
import { controlSocketPath, isSystemState, stateDirectory, submitSocketPath } from "../../cli/state.ts";

/** Runs with exactly these of the three variables set. */
function withEnvironment(variables: Readonly<Record<string, string>>, run: () => void): void {
  const names = ["SMTPD_STATE", "XDG_STATE_HOME", "HOME"];
  const before = names.map((name) => [name, Deno.env.get(name)] as const);
  for (const name of names) Deno.env.delete(name);
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  try {
    run();
  } finally {
    for (const [name, value] of before) value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  }
}

/** Runs as if by this user. */
function asUser(uid: number, run: () => void): void {
  const real = Deno.uid;
  Object.defineProperty(Deno, "uid", { value: () => uid, configurable: true, writable: true });
  try {
    run();
  } finally {
    Object.defineProperty(Deno, "uid", { value: real, configurable: true, writable: true });
  }
}

const home = { HOME: "/home/ann" };
const table: readonly [
  name: string,
  uid: number,
  flag: string | null,
  variables: Readonly<Record<string, string>>,
  state: string,
  control: string,
][] = [
  ["root", 0, null, home, "/var/spool/smtpd", "/var/run/smtpd.sock"],
  ["root with --state", 0, "/s", home, "/s", "/s/smtpd.sock"],
  ["root with SMTPD_STATE", 0, null, { ...home, SMTPD_STATE: "/e" }, "/e", "/e/smtpd.sock"],
  ["root with the default named", 0, "/var/spool/smtpd", home, "/var/spool/smtpd", "/var/spool/smtpd/smtpd.sock"],
  ["--state before SMTPD_STATE", 7, "/s//x/./y/", { ...home, SMTPD_STATE: "/e" }, "/s/x/y", "/s/x/y/smtpd.sock"],
  ["a user", 7, null, home, "/home/ann/.local/state/postern", "/home/ann/.local/state/postern/smtpd.sock"],
  ["a user with XDG_STATE_HOME", 7, null, { ...home, XDG_STATE_HOME: "/x/" }, "/x/postern", "/x/postern/smtpd.sock"],
  [
    "a user with a relative XDG_STATE_HOME",
    7,
    null,
    { ...home, XDG_STATE_HOME: "x" },
    "/home/ann/.local/state/postern",
    "/home/ann/.local/state/postern/smtpd.sock",
  ],
  ["an empty SMTPD_STATE", 0, null, { ...home, SMTPD_STATE: "" }, "/var/spool/smtpd", "/var/run/smtpd.sock"],
  ["a relative --state", 7, "./s", home, `${Deno.cwd()}/s`, `${Deno.cwd()}/s/smtpd.sock`],
];

for (const [name, uid, flag, variables, state, control] of table) {
  Deno.test(`stateDirectory() and the sockets for ${name}`, () => {
    withEnvironment(variables, () =>
      asUser(uid, () => {
        assert.equal(stateDirectory(flag), state);
        assert.equal(controlSocketPath(flag), control);
        assert.equal(submitSocketPath(flag), `${state}/submit.sock`);
        assert.equal(isSystemState(flag), control === "/var/run/smtpd.sock");
      }));
  });
}

Deno.test("stateDirectory() says what to do when nothing tells where it is", () => {
  withEnvironment({}, () => asUser(7, () => assert.throws(() => stateDirectory(null), UsageError)));
});
