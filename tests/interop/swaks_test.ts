/** swaks, the test client of Debian, talks to the daemon. */

import { equal, match, ok } from "node:assert/strict";
import { Site } from "../e2e/daemon.ts";
import { runProgram } from "../support/command.ts";
import { findProgram } from "../support/programs.ts";

const swaks = findProgram("swaks") ?? "";
const options = { ignore: swaks === "" };

Deno.test({ name: "swaks sends a message with PIPELINING and an attachment", ...options }, async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const common = ["--server", "127.0.0.1", "--port", String(site.port), "--ehlo", "client.test"];
  const { code, stdout } = await runProgram(swaks, [
    ...common,
    ...["--from", "ann@client.test", "--to", "bob@example.org,bob+x@example.org", "--pipeline"],
    ...["--header", "Subject: from swaks", "--body", "line one\n.line two\n..\n", "--attach", "some data"],
  ]);
  equal(code, 0, stdout);
  match(stdout, /<-\s+250[- ]PIPELINING/);
  for (const text of await site.delivered(2)) {
    match(text, /\nSubject: from swaks\n/);
    ok(text.includes("line one\n.line two\n..\n"), text);
  }
  await daemon.stop();
});

Deno.test({ name: "swaks hears 550 5.1.1 for nobody and says so", ...options }, async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const { code, stdout } = await runProgram(swaks, [
    ...[
      "--server",
      "127.0.0.1",
      "--port",
      String(site.port),
      "--from",
      "ann@client.test",
      "--to",
      "nobody@example.org",
    ],
  ]);
  equal(code, 24, stdout);
  match(stdout, /<\*\* 550 5\.1\.1 /);
  await daemon.stop();
});

Deno.test({ name: "swaks hands in a message over the submission socket", ...options }, async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const socket = `${site.state}/submit.sock`;
  const { code, stdout } = await runProgram(swaks, [
    ...["--socket", socket, "--from", "ann@client.test", "--to", "bob@example.org"],
  ]);
  equal(code, 0, stdout);
  await site.delivered(1);
  await daemon.stop();
});
