/** Postfix's load programs: smtp-source sends to the daemon, smtp-sink takes what it relays. */

import { equal, match } from "node:assert/strict";
import { send, startSink } from "../../bench/load.ts";
import { freePort, Site } from "../e2e/daemon.ts";
import { findPostfix } from "../support/programs.ts";
import { until } from "../support/wait.ts";

const files = findPostfix();
const options = { ignore: files === null };

for (const keep of [true, false]) {
  Deno.test({
    name: `smtp-source delivers 200 messages over 20 sessions, ${keep ? "many" : "one"} in each`,
    ...options,
    fn: async () => {
      if (files === null) return;
      await using site = await Site.local();
      const daemon = await site.start();
      await send(files, site.port, { sessions: 20, keep, length: 6000, to: "bob@example.org" }, 200);
      const mail = await site.delivered(200);
      equal(mail.length, 200);
      match(mail[0] ?? "", /^Return-Path: <ann@client\.test>\n/);
      await site.queueEmpties();
      await daemon.stop();
    },
  });
}

Deno.test({
  name: "smtp-sink gets each of 200 relayed messages once",
  ...options,
  fn: async () => {
    if (files === null) return;
    const port = freePort();
    const sink = await startSink(files, port);
    try {
      await using site = await Site.make((site) => [
        `listen on 127.0.0.1 port ${site.port}`,
        `action "out" relay host "smtp://127.0.0.1:${port}"`,
        `match from any for any action "out"`,
      ]);
      const daemon = await site.start();
      await send(files, site.port, { sessions: 10, keep: true, length: 6000, to: "bob@far.test" }, 200);
      await until("smtp-sink gets all", () => sink.count >= 200);
      await site.queueEmpties();
      equal(sink.count, 200);
      await daemon.stop();
    } finally {
      await sink.stop();
    }
  },
});
