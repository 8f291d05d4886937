import assert from "node:assert/strict";
import {
  type ForwardFacts,
  forwardLengthMax,
  type ForwardProblem,
  forwardProblems,
  isForwardProblem,
  judgeForward,
  judgeHome,
} from "../../lib/policy/forward.ts";
import { aliasConf, check, describe, expand, users } from "./expand_rig.ts";

const file: ForwardFacts = { kind: "file", mode: 0o644, uid: 1001, size: 20 };
const home: ForwardFacts = { kind: "directory", mode: 0o755, uid: 1001, size: 4096 };

Deno.test("judgeHome() wants a directory that is not sticky", () => {
  const cases: readonly (readonly [ForwardFacts, ForwardProblem | null])[] = [
    [home, null],
    [{ ...home, kind: "file" }, "homeNotDirectory"],
    [{ ...home, mode: 0o1755 }, "homeSticky"],
    // What others may do to it counts once there is a .forward.
    [{ ...home, mode: 0o777 }, null],
  ];
  for (const [facts, want] of cases) assert.equal(judgeHome(facts), want);
});

Deno.test("judgeForward() believes a file that only its owner, or root, could have written", () => {
  const cases: readonly (readonly [Partial<ForwardFacts>, Partial<ForwardFacts>, ForwardProblem | null])[] = [
    [{}, {}, null],
    [{ mode: 0o600 }, { uid: 0 }, null],
    [{ size: forwardLengthMax - 1 }, {}, null],
    [{ size: 0 }, {}, null],
    [{ size: forwardLengthMax }, {}, "tooLong"],
    [{ kind: "symlink" }, {}, "notRegular"],
    [{ kind: "directory" }, {}, "notRegular"],
    [{ kind: "other" }, {}, "notRegular"],
    [{ uid: 0 }, {}, "wrongOwner"],
    [{ uid: 1002 }, {}, "wrongOwner"],
    [{ mode: 0o664 }, {}, "writableByOthers"],
    [{ mode: 0o646 }, {}, "writableByOthers"],
    [{}, { uid: 1002 }, "directoryOwner"],
    [{}, { mode: 0o775 }, "directoryWritable"],
    [{}, { mode: 0o757 }, "directoryWritable"],
  ];
  for (const [ofFile, ofHome, want] of cases) {
    const verdict = judgeForward(1001, { ...file, ...ofFile }, [{ ...home, ...ofHome }]);
    assert.equal(verdict, want, JSON.stringify([ofFile, ofHome]));
  }
  assert.equal(judgeForward(1001, file, [home, { ...home, mode: 0o777 }]), "directoryWritable");
});

Deno.test("isForwardProblem() knows the names, and no others", () => {
  for (const name of Object.keys(forwardProblems)) assert.equal(isForwardProblem(name), true);
  for (const name of ["", "toString", "absent", 1, null]) assert.equal(isForwardProblem(name), false);
});

Deno.test("expandRecipient() follows a .forward", () =>
  check(aliasConf('team = "ann, bob", self = bob'), {
    "ann@localhost": ["out: relay ann@away.test"],
    "bob+x@localhost": [
      "local: bob+x for bob+x@localhost",
      "local: bob+x command vacation bob (forward) for bob+x@localhost",
    ],
    "carl@localhost": [
      "local: carl file /home/carl/keep (forward) for carl@localhost",
      "local: carl maildir /home/carl/Mail (forward) for carl@localhost",
    ],
    "team@localhost": [
      "out: relay ann@away.test",
      "local: bob for team@localhost",
      "local: bob command vacation bob (forward) for team@localhost",
    ],
    // Addresses of a .forward go through the rules and aliases once more.
    "dora@localhost": ["out: relay ann@away.test"],
    "empty@localhost": ["local: empty for empty@localhost"],
    "incl@localhost": ["local: incl for incl@localhost"],
    "gone@localhost": "550 5.2.1 I left",
  }, {
    users: [...users, "dora", "empty", "incl", "gone"],
    forwards: {
      ann: "# away until May\nann@away.test\n",
      bob: '\\bob\n"|vacation bob"\n',
      carl: "/home/carl/keep, maildir:/home/carl/Mail",
      dora: "ann@a.test",
      empty: "# nothing\n\n",
      incl: ":include:/etc/passwd\n",
      gone: ":error:550 I left",
    },
  }));

Deno.test("expandRecipient() runs a command of two users' .forward once as each", () =>
  check(aliasConf('team = "ann, bob"'), {
    "team@localhost": [
      "local: ann command log (forward) for team@localhost",
      "local: bob command log (forward) for team@localhost",
    ],
  }, { forwards: { ann: "|log", bob: "|log" } }));

Deno.test("expandRecipient() ends a loop of two .forward files, and of one that names its own address", () =>
  check(aliasConf("x = y"), {
    "ann@localhost": "550 5.2.4 Mailing list expansion problem: <ann@localhost>",
    "carl@localhost": "550 5.2.4 Mailing list expansion problem: <carl@localhost>",
  }, { forwards: { ann: "bob", bob: "ann", carl: "carl@localhost" } }));

Deno.test("expandRecipient() delivers as the action says what two users who forward to each other keep", () =>
  check(aliasConf("x = y"), {
    "ann@localhost": ["local: ann for ann@localhost", "local: bob for ann@localhost"],
  }, { forwards: { ann: "ann, bob", bob: "bob, ann" } }));

Deno.test("expandRecipient() refuses what it cannot believe in a .forward, for good or for now", () =>
  check('action "m" maildir\nmatch action "m"\n', {
    "ann@localhost": "550 5.2.4 Mailing list expansion problem: <ann@localhost>",
    "bob@localhost": "451 4.2.4 Mailing list expansion problem: <bob@localhost>",
    "carl@localhost": "451 4.2.4 Mailing list expansion problem: <carl@localhost>",
    "many@localhost": "451 4.2.4 Mailing list expansion problem: <many@localhost>",
  }, {
    users: [...users, "many"],
    forwards: {
      ann: { kind: "refused", problem: "writableByOthers", detail: "/home/ann/.forward" },
      bob: { kind: "refused", problem: "homeSticky", detail: "/home/bob" },
      carl: "first last",
      many: Array.from({ length: 101 }, (_, n) => `u${n}@a.test`).join(","),
    },
  }));

Deno.test("expandRecipient() lets root forward to addresses, and to no file or command", async () => {
  const conf = 'table u { "root" = "0:0:/root" }\naction "m" maildir userbase <u>\naction "out" relay\n' +
    'match action "m"\nmatch for any action "out"\n';
  await check(conf, { "root@localhost": ["out: relay ann@b.test"] }, { forwards: { root: "ann@b.test" } });
  for (const root of ["/var/log/x", "|cat", "maildir:/x"]) {
    await check(conf, { "root@localhost": "451 4.3.0 Temporary failure: <root@localhost>" }, { forwards: { root } });
  }
});

Deno.test("expandRecipient() reads no .forward of a user whose mail another account writes", async () => {
  const conf = 'action "m" maildir user bob\nmatch action "m"\n';
  const forwards = { ann: "x@b.test", bob: "bob, |log" };
  const { result, asked } = await expand(conf, "ann@localhost", { forwards });
  assert.deepEqual(describe(result), ["m: ann for ann@localhost"]);
  assert.equal(asked.some((one) => one.startsWith("forward")), false);
  await check(conf, {
    "bob@localhost": ["m: bob for bob@localhost", "m: bob command log (forward) for bob@localhost"],
  }, { forwards });
});
