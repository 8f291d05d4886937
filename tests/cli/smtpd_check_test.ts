import { deepEqual, ok } from "node:assert/strict";
import { join } from "@std/path";
import { checkConfiguration, checkQuickly, type Loaded, problemEvent } from "../../cli/smtpd_check.ts";
import { loadConfiguration } from "../../cli/smtpd_config.ts";
import { inFolder } from "../support/folder.ts";

async function load(folder: string, text: string): Promise<Loaded> {
  const path = join(folder, "smtpd.conf");
  await Deno.writeTextFile(path, text);
  const loaded = await loadConfiguration(path, new Map());
  ok(loaded.kind === "ok", JSON.stringify(loaded));
  return loaded;
}

Deno.test("checkConfiguration() tells of all in the order of lines, and of table files line by line", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "aliases"), "root: ann\nbad: x@@y\n");
    await Deno.writeTextFile(join(folder, "broken"), "a: b\nc\n");
    const loaded = await load(
      folder,
      `table aliases file:${folder}/aliases
table broken file:${folder}/broken
table none file:${folder}/none
ca "*" cert "${folder}/none.pem"
listen on 127.0.0.1 port 2525
queue compression
action "in" maildir alias <aliases>
match for domain <broken> action "in"
match from any for domain <none> action "in"
match from any for domain <none> reject
bounce warn-interval 1h, 2h, 3h, 4h, 5h
`,
    );
    const problems = await checkConfiguration(loaded, join(folder, "smtpd.conf"), false);
    deepEqual(
      problems.map(({ file, line, severity, message }) =>
        `${file.slice(folder.length + 1)}:${line} ${severity} ${message.replaceAll(folder, "").slice(0, 40)}`
      ),
      [
        "smtpd.conf:3 error cannot read /none: no such file",
        "smtpd.conf:4 warning nothing uses the authorities *",
        "smtpd.conf:4 error cannot read the certificate /none.pem: n",
        "smtpd.conf:6 warning `queue compression` is not active yet: m",
        "smtpd.conf:10 warning this rule can never match, because line ",
        "smtpd.conf:11 warning more than 4 delays: 5h is ignored",
        "aliases:2 warning invalid address `x@@y`: `@y` is not a do",
        "broken:2 error invalid map entry",
      ],
    );
  });
});

Deno.test("checkConfiguration() tells of a file whose entries are of the wrong shape", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "aliases"), "root\n");
    await Deno.writeTextFile(join(folder, "empty"), "# none yet\n");
    const loaded = await load(
      folder,
      `table aliases file:${folder}/aliases\ntable empty file:${folder}/empty\nlisten on 127.0.0.1 port 2525\n` +
        `action "in" maildir alias <aliases>\nmatch from any for domain <empty> action "in"\n`,
    );
    deepEqual(
      (await checkConfiguration(loaded, join(folder, "smtpd.conf"), false)).map(({ line, severity, message }) =>
        `${line} ${severity} ${message}`
      ),
      ['1 error table "<aliases>" may not be used for alias lookups'],
    );
  });
});

Deno.test("checkQuickly() leaves tables to those who use them", async () => {
  await inFolder(async (folder) => {
    const loaded = await load(
      folder,
      `table none file:${folder}/none\nlisten on 127.0.0.1 port 2525\nqueue compression\n` +
        `match for domain <none> reject\nmatch for domain <none> reject\n`,
    );
    deepEqual((await checkQuickly(loaded, false)).map(({ line, severity }) => [line, severity]), [[5, "warning"]]);
  });
});

Deno.test("problemEvent() puts a hint of several lines into one", async () => {
  await inFolder(async (folder) => {
    const loaded = await load(
      folder,
      `listen on 127.0.0.1 port 2525\nlisten on 192.0.2.10\naction "out" relay\nmatch from any for any action "out"\n`,
    );
    const problem = (await checkQuickly(loaded, false)).find(({ message }) => message.includes("open relay"));
    ok(problem !== undefined);
    deepEqual(problemEvent(problem).fields, {
      place: `${folder}/smtpd.conf:4`,
      reason: "anyone may relay to anywhere: this is an open relay",
      hint:
        "for clients that log in: match from any auth for any …; for this machine alone: match from local for any …",
    });
  });
});
