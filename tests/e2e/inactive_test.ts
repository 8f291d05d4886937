/** What a configuration demands and the daemon cannot give is not done, and said at its start. */

import { match } from "node:assert/strict";
import { Client } from "./client.ts";
import { freePort, Site } from "./daemon.ts";

Deno.test("a listener whose filter is a program takes no mail, and the log says so", async () => {
  const filtered = freePort();
  await using site = await Site.make((site) => [
    ...site.localLines(),
    'filter "f" proc-exec "/bin/true"',
    `listen on 127.0.0.1 port ${filtered} filter "f"`,
    'action "sealed" relay tls',
    ...site.matchLocal(),
    'match from local for any action "sealed"',
  ]);
  const daemon = await site.start();
  await daemon.logs(/not-active.*place="?[^ ]*:[0-9]+"?.*reason="a filter of this listener is a program, which is not/);
  await daemon.logs(
    /not-active.*reason="TLS required for relaying, and it is not active yet: mail of this action waits/,
  );
  const turnedAway = await Deno.connect({ hostname: "127.0.0.1", port: filtered });
  const said = new Uint8Array(512);
  match(new TextDecoder().decode(said.subarray(0, await turnedAway.read(said) ?? 0)), /^421 /);
  turnedAway.close();
  const client = await Client.open(site.port);
  await client.send("ann@client.test", ["bob@example.org"], "Subject: x\r\n\r\nHello\r\n");
  await client.quit();
  await site.delivered(1);
  await daemon.stop();
});
