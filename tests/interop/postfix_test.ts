/** Postfix relays to the daemon, and the daemon to Postfix. Postfix's master runs as root only. */

import { equal, match, ok } from "node:assert/strict";
import { countMaildir, greets } from "../../bench/load.ts";
import { postfix } from "../../bench/postfix.ts";
import { Client } from "../e2e/client.ts";
import { freePort, Site } from "../e2e/daemon.ts";
import { findPostfix } from "../support/programs.ts";
import { until } from "../support/wait.ts";

const files = findPostfix();
const options = { ignore: files === null || Deno.uid() !== 0 };
const message = "From: <ann@client.test>\r\nSubject: passed on\r\n\r\n.leading dot\r\n\r\n..two\r\n";

/** Starts a Postfix that relays mail for relay.test to `port`, and ends it afterwards. */
async function withPostfix(
  port: number,
  use: (server: { readonly port: number; readonly maildir: string }) => Promise<void>,
): Promise<void> {
  if (files === null) return;
  const scratch = await Deno.makeTempDir({ prefix: "pf-" });
  try {
    const server = await postfix(files).start(scratch, port);
    try {
      await until("Postfix answers", () => greets(server.port), { everyMs: 50 });
      await use(server);
    } finally {
      await server.stop();
    }
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

Deno.test({
  name: "Postfix relays to us: what it took arrives unchanged",
  ...options,
  fn: async () => {
    await using site = await Site.make((site) => [
      ...site.localLines(),
      `match from any for domain "relay.test" action "local"`,
    ]);
    const daemon = await site.start();
    await withPostfix(site.port, async (server) => {
      const client = await Client.open(server.port);
      await client.send("ann@client.test", ["bob@relay.test"], message);
      await client.quit();
      const [text = ""] = await site.delivered(1);
      match(text, /\nReceived: from .*\n\tby .*\(Postern\) with ESMTP id /);
      match(text, /\nReceived: from client\.test .*\n\tby mx\.bench\.test \(Postfix\) with ESMTP id /);
      ok(text.endsWith("\n.leading dot\n\n..two\n"), text);
    });
    await daemon.stop();
  },
});

Deno.test({
  name: "we relay to Postfix: what we took arrives unchanged, many over one connection",
  ...options,
  fn: async () => {
    await withPostfix(freePort(), async (server) => {
      await using site = await Site.make((site) => [
        `listen on 127.0.0.1 port ${site.port}`,
        `action "out" relay host "smtp://127.0.0.1:${server.port}"`,
        `match from any for any action "out"`,
      ]);
      const daemon = await site.start();
      const client = await Client.open(site.port);
      for (let i = 0; i < 20; i++) await client.send("ann@client.test", ["bob@maildir.test"], message);
      await client.quit();
      await until("Postfix delivers", async () => await countMaildir(server.maildir) >= 20);
      await site.queueEmpties();
      equal(await countMaildir(server.maildir), 20);
      const [entry] = [...Deno.readDirSync(`${server.maildir}/new`)];
      const text = await Deno.readTextFile(`${server.maildir}/new/${entry?.name}`);
      ok(text.endsWith("\n.leading dot\n\n..two\n"), text);
      await daemon.stop();
    });
  },
});
