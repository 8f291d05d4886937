import assert from "node:assert/strict";
import { Fault } from "../../lib/fault.ts";
import { isStorable, readOffline, storeDeadLetter, storeOffline } from "../../cli/sendmail_offline.ts";

const message = { args: ["-f", "<ann@x.test>", "--", "bob@x.test"], content: "Subject: caf\xe9\n\n.\n" };

function inDirectory(run: (path: string) => void): void {
  const path = Deno.makeTempDirSync();
  try {
    run(path);
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
}

/** Names in a directory. */
function names(path: string): string[] {
  return [...Deno.readDirSync(path)].map((entry) => entry.name);
}

function modeOf(path: string): number {
  return (Deno.lstatSync(path).mode ?? 0) & 0o7777;
}

/** Deno makes links only with the right to write anywhere. */
function makeSymlink(target: string, path: string): void {
  assert.ok(new Deno.Command("ln", { args: ["-s", target, path] }).outputSync().success);
}

Deno.test("storeOffline() puts a message where readOffline() finds it, for its owner's eyes only", () => {
  inDirectory((temporary) => {
    const state = `${temporary}/a/state`;
    const path = storeOffline({ state, isSystem: false }, message);
    assert.match(path.slice(state.length), /^\/offline\/[0-9]{10,}\.[A-Za-z0-9]{10}$/);
    assert.deepEqual(names(`${state}/offline`), [path.split("/").at(-1)]);
    assert.equal(modeOf(path), 0o600);
    assert.equal(modeOf(`${state}/offline`), 0o700);
    assert.deepEqual(readOffline(path, 1000), message);
  });
});

Deno.test("storeOffline() makes the system's directory open to all for adding only, and leaves one that is there", () => {
  inDirectory((temporary) => {
    storeOffline({ state: `${temporary}/system`, isSystem: true }, message);
    assert.equal(modeOf(`${temporary}/system/offline`), 0o1733);
    Deno.mkdirSync(`${temporary}/other/offline`, { recursive: true });
    Deno.chmodSync(`${temporary}/other/offline`, 0o750);
    storeOffline({ state: `${temporary}/other`, isSystem: true }, message);
    assert.equal(modeOf(`${temporary}/other/offline`), 0o750);
  });
});

Deno.test("storeOffline() keeps two messages of one second apart, and leaves nothing behind when it fails", () => {
  inDirectory((temporary) => {
    const place = { state: temporary, isSystem: false };
    assert.notEqual(storeOffline(place, message), storeOffline(place, message));
    Deno.writeTextFileSync(`${temporary}/file`, "");
    assert.throws(() => storeOffline({ state: `${temporary}/file`, isSystem: false }, message));
    assert.equal(names(`${temporary}/offline`).length, 2);
  });
});

Deno.test("readOffline() keeps arguments in UTF-8 and content octet for octet", () => {
  inDirectory((temporary) => {
    const odd = {
      args: ["-F", "J\u00fcrgen \u20ac", "", "x"],
      content: Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join(""),
    };
    assert.deepEqual(readOffline(storeOffline({ state: temporary, isSystem: false }, odd), 1000), odd);
  });
});

Deno.test("readOffline() takes nothing but a whole file of one name", () => {
  inDirectory((temporary) => {
    const file = storeOffline({ state: temporary, isSystem: false }, message);
    makeSymlink(file, `${temporary}/symlink`);
    Deno.writeTextFileSync(`${temporary}/empty`, "");
    for (const path of [temporary, `${temporary}/symlink`, `${temporary}/empty`]) {
      assert.throws(() => readOffline(path, 1000), Fault);
    }
    assert.throws(() => readOffline(`${temporary}/nothing`, 1000), Deno.errors.NotFound);
    assert.throws(() => readOffline(file, 10), Fault);
    Deno.linkSync(file, `${temporary}/link`);
    assert.throws(() => readOffline(`${temporary}/link`, 1000), Fault);
    assert.throws(() => readOffline(file, 1000), Fault);
  });
});

Deno.test("isStorable() refuses what would end an argument or the line", () => {
  assert.ok(isStorable(message.args));
  for (const arg of ["a|b", "a\nb", "a\0b"]) assert.ok(!isStorable(["x", arg]));
});

Deno.test("storeDeadLetter() adds to a mailbox file that its owner alone can read", () => {
  inDirectory((home) => {
    const path = `${home}/dead.letter`;
    assert.equal(storeDeadLetter(home, "Subject: a\n\nFrom here\n>From there\nbye\n"), path);
    assert.equal(storeDeadLetter(home, "Subject: b\xe9\n\n"), path);
    assert.equal(modeOf(path), 0o600);
    const text = new TextDecoder("latin1").decode(Deno.readFileSync(path));
    const fromLine = "From MAILER-DAEMON \\w{3} \\w{3} [ 1-3]\\d \\d\\d:\\d\\d:\\d\\d \\d{4}\n";
    assert.match(
      text,
      new RegExp(`^${fromLine}Subject: a\n\n>From here\n>>From there\nbye\n\n${fromLine}Subject: b\xe9\n\n\n$`),
    );
  });
});

Deno.test("storeDeadLetter() says so when there is no place, and follows no link", () => {
  inDirectory((home) => {
    assert.equal(storeDeadLetter(null, "x"), null);
    assert.equal(storeDeadLetter(`${home}/nobody`, "x"), null);
    makeSymlink(`${home}/elsewhere`, `${home}/dead.letter`);
    assert.equal(storeDeadLetter(home, "x"), null);
    assert.deepEqual(names(home), ["dead.letter"]);
  });
});
