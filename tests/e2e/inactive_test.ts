/** What a configuration demands and the daemon cannot give is not done, and said at its start. */

import { equal, match } from "node:assert/strict";
import { Client } from "./client.ts";
import { freePort, Site } from "./daemon.ts";

Deno.test("a listener that demands protection is not opened, and the log says so", async () => {
  const closed = freePort();
  await using site = await Site.make((site) => [
    ...site.localLines(),
    `listen on 127.0.0.1 port ${closed} proxy-v2`,
    'action "sealed" relay tls',
    ...site.matchLocal(),
    'match from local for any action "sealed"',
  ]);
  const daemon = await site.start();
  match(daemon.log, /not-active.*place="?[^ ]*:[0-9]+"?.*reason="`proxy-v2` is not active yet/);
  match(
    daemon.log,
    /not-active.*reason="TLS required for relaying, and it is not active yet: mail of this action waits/,
  );
  const refused = await Deno.connect({ hostname: "127.0.0.1", port: closed }).then(
    (connection) => {
      connection.close();
      return "open";
    },
    () => "refused",
  );
  equal(refused, "refused");
  const client = await Client.open(site.port);
  await client.send("ann@client.test", ["bob@example.org"], "Subject: x\r\n\r\nHello\r\n");
  await client.quit();
  await site.delivered(1);
  await daemon.stop();
});
