import { deepEqual, equal, rejects } from "node:assert/strict";
import { join } from "@std/path";
import { takeOffline } from "../../cli/smtpd_offline.ts";
import type { Start } from "../../cli/smtpd_premises.ts";
import type { LogEvent } from "../../lib/event_log.ts";
import { runProgram } from "../support/command.ts";
import { inFolder } from "../support/folder.ts";

/** Takes mail on a unix socket: every line is fine, unless it has `refuse` in it. Gives what came as content. */
async function serveMail(listener: Deno.Listener, refuse: string, taken: string[]): Promise<void> {
  const serving: Promise<void>[] = [];
  for await (const connection of listener) {
    serving.push((async () => {
      const reader = connection.readable.pipeThrough(new TextDecoderStream()).getReader();
      const writer = connection.writable.getWriter();
      const say = (line: string) => writer.write(new TextEncoder().encode(`${line}\r\n`));
      await say("220 mx.test ESMTP");
      let text = "";
      let content: string | null = null;
      for (let got = await reader.read(); !got.done; got = await reader.read()) {
        text += got.value;
        for (let end = text.indexOf("\r\n"); end >= 0; end = text.indexOf("\r\n")) {
          const line = text.slice(0, end);
          text = text.slice(end + 2);
          if (content !== null && line !== ".") content += `${line}\n`;
          else if (content !== null) {
            taken.push(content);
            content = null;
            await say("250 2.0.0 taken");
          } else if (line === "DATA") {
            content = "";
            await say("354 go on");
          } else await say(line.includes(refuse) ? "451 4.3.0 not now" : line === "QUIT" ? "221 bye" : "250 fine");
        }
      }
      await writer.close().catch(() => {});
    })());
  }
  await Promise.all(serving);
}

function startIn(folder: string): Start {
  return {
    premises: { state: folder, spool: join(folder, "spool"), accounts: null, includes: [], resolvers: [] },
    controlSocket: join(folder, "smtpd.sock"),
    isSystem: false,
    submitSocket: join(folder, "submit.sock"),
    resolver: { servers: [], timeoutMs: 1000, attempts: 1, hosts: [] },
  };
}

Deno.test("takeOffline() hands in what is there, keeps what is refused, and leaves alone what is not for it", async () => {
  await inFolder(async (folder) => {
    const offline = join(folder, "offline");
    await Deno.mkdir(offline);
    const put = (name: string, to: string) =>
      Deno.writeTextFile(join(offline, name), `-f<ann@a.test>|--|${to}\nSubject: ${name}\n\nbody\n`);
    await put("1.good", "bob@b.test");
    await put("2.refused", "nobody@b.test");
    await put(".3.unfinished", "bob@b.test");
    await put("4.two_names", "bob@b.test");
    await Deno.link(join(offline, "4.two_names"), join(folder, "other"));
    // Deno makes links under unscoped rights only.
    await runProgram("ln", ["-s", join(offline, "1.good"), join(offline, "5.link")]);
    await Deno.writeTextFile(join(offline, "6.garbage"), "-q|x\n\n");
    const taken: string[] = [];
    const listener = Deno.listen({ transport: "unix", path: join(folder, "submit.sock") });
    const serving = serveMail(listener, "nobody@", taken);
    const events: LogEvent[] = [];
    await takeOffline(startIn(folder), (event) => void events.push(event));
    listener.close();
    await serving;
    deepEqual(
      events.map(({ what, fields, priority }) => [what, String(fields["file"]).replace(/^.*\//, ""), priority]).sort(),
      [
        ["offline-kept", "2.refused", "warning"],
        ["offline-kept", "6.garbage", "warning"],
        ["offline-submitted", "1.good", "info"],
      ],
    );
    equal(taken.length, 1);
    equal(taken[0]?.includes("Subject: 1.good\n"), true);
    deepEqual([...Deno.readDirSync(offline)].map((entry) => entry.name).sort(), [
      ".3.unfinished",
      "2.refused",
      "4.two_names",
      "5.link",
      "6.garbage",
    ]);
  });
});

Deno.test("takeOffline() deletes a file in which nothing was ever written", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(join(folder, "offline"));
    await Deno.writeTextFile(join(folder, "offline", "1.empty"), "");
    const events: LogEvent[] = [];
    await takeOffline(startIn(folder), (event) => void events.push(event));
    deepEqual([events, [...Deno.readDirSync(join(folder, "offline"))]], [[], []]);
  });
});

Deno.test("takeOffline() needs an offline directory", async () => {
  await inFolder(async (folder) => {
    await rejects(takeOffline(startIn(folder), () => {}), Deno.errors.NotFound);
  });
});
