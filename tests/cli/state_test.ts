import { equal, throws } from "node:assert/strict";
import { UsageError } from "../../cli/getopt.ts";
import { clientState, daemonState } from "../../cli/state.ts";

/** Who calls, and what the machine is like. */
interface Caller {
  readonly uid: number;
  readonly variables: Readonly<Record<string, string>>;
  /** Paths that exist. */
  readonly present: readonly string[];
}

/** Runs as if by this caller: exactly these of the three variables are set. */
function asCaller({ uid, variables, present }: Caller, run: () => void): void {
  const names = ["SMTPD_STATE", "XDG_STATE_HOME", "HOME"];
  const before = names.map((name) => [name, Deno.env.get(name)] as const);
  for (const name of names) Deno.env.delete(name);
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  const restore = [
    replace("uid", () => uid),
    replace("lstatSync", (path: string) => {
      if (!present.includes(path)) throw new Deno.errors.NotFound(path);
    }),
  ];
  try {
    run();
  } finally {
    for (const undo of restore) undo();
    for (const [name, value] of before) value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  }
}

function replace(name: "uid" | "lstatSync", value: unknown): () => void {
  const real = Deno[name];
  const set = (value: unknown) =>
    Object.defineProperty(Deno, name, { value, configurable: true, writable: true, enumerable: true });
  set(value);
  return () => set(real);
}

const home = { HOME: "/home/ann" };
const own = "/home/ann/.local/state/postern";
const system = "/var/spool/smtpd";

/** Cases in which daemons and clients agree whatever exists. */
const table: readonly [
  name: string,
  uid: number,
  flag: string | null,
  variables: Caller["variables"],
  directory: string,
][] = [
  ["root", 0, null, home, system],
  ["root with --state", 0, "/s", home, "/s"],
  ["root with SMTPD_STATE", 0, null, { ...home, SMTPD_STATE: "/e" }, "/e"],
  ["an empty SMTPD_STATE", 0, null, { ...home, SMTPD_STATE: "" }, system],
  ["--state before SMTPD_STATE", 7, "/s//x/./y/", { ...home, SMTPD_STATE: "/e" }, "/s/x/y"],
  ["a relative --state", 7, "./s", home, `${Deno.cwd()}/s`],
  ["a user with SMTPD_STATE", 7, null, { ...home, SMTPD_STATE: "/e" }, "/e"],
];

for (const [name, uid, flag, variables, directory] of table) {
  Deno.test(`daemonState() and clientState() for ${name}`, () => {
    for (const present of [[], [system], [`${own}/submit.sock`, system]]) {
      asCaller({ uid, variables, present }, () => {
        for (const place of [daemonState(flag), clientState(flag)]) {
          equal(place.directory, directory);
          equal(place.isSystem, directory === system);
          equal(place.controlSocket, directory === system ? "/var/run/smtpd.sock" : `${directory}/smtpd.sock`);
          equal(place.submitSocket, `${directory}/submit.sock`);
        }
      });
    }
  });
}

Deno.test("daemonState() of a user is in XDG_STATE_HOME when that is absolute, else in HOME", () => {
  for (
    const [variables, directory] of [
      [home, own],
      [{ ...home, XDG_STATE_HOME: "/x/" }, "/x/postern"],
      [{ ...home, XDG_STATE_HOME: "x" }, own],
      [{ XDG_STATE_HOME: "/x" }, "/x/postern"],
    ] as const
  ) {
    // A system's daemon does not matter to a user's.
    for (const present of [[], [system]]) {
      asCaller({ uid: 7, variables, present }, () => equal(daemonState(null).directory, directory));
    }
  }
});

Deno.test("daemonState() knows root's default from the same directory named: it has sockets of its own", () => {
  asCaller({ uid: 0, variables: home, present: [system] }, () => {
    equal(daemonState(system).isSystem, false);
    equal(daemonState(system).controlSocket, "/var/spool/smtpd/smtpd.sock");
  });
});

Deno.test("clientState() of a user is the system's, unless the user runs a daemon or there is no system's", () => {
  for (
    const [variables, present, directory] of [
      [home, [], own],
      [home, [system], system],
      [home, [own, system], system],
      [home, [own, `${own}/submit.sock`, system], own],
      [home, [own, `${own}/submit.sock`], own],
      [{ XDG_STATE_HOME: "/x" }, ["/x/postern/submit.sock", system], "/x/postern"],
      [{}, [system], system],
    ] as const
  ) {
    asCaller({ uid: 7, variables, present }, () => {
      equal(clientState(null).directory, directory);
      equal(clientState(null).isSystem, directory === system);
    });
  }
});

Deno.test("daemonState() and clientState() say what to do when nothing tells where the state is", () => {
  asCaller({ uid: 7, variables: {}, present: [] }, () => {
    throws(() => daemonState(null), UsageError);
    throws(() => clientState(null), UsageError);
  });
  asCaller({ uid: 7, variables: {}, present: [system] }, () => throws(() => daemonState(null), UsageError));
});
