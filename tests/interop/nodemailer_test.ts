/** nodemailer, the usual client of Node programs, talks to the daemon. */

import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import nodemailer from "nodemailer";
import { Site } from "../e2e/daemon.ts";

/** A client that keeps its one connection. */
function client(port: number) {
  return nodemailer.createTransport({
    ...{ host: "127.0.0.1", port, name: "client.test", secure: false, ignoreTLS: true },
    ...{ pool: true, maxConnections: 1 },
  });
}

Deno.test("nodemailer sends text, attachment and 8-bit letters, several messages on one connection", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const transport = client(site.port);
  try {
    for (const subject of ["Grüße 1", "Grüße 2", "Grüße 3"]) {
      const sent = await transport.sendMail({
        from: "Ann Ä <ann@client.test>",
        to: "bob@example.org",
        subject,
        text: ".one\n..two\n.\nthree\n",
        attachments: [{ filename: "data.bin", content: "some data" }],
      });
      match(String(sent.response), /^250 2\.0\.0 [0-9a-f]{8} Message accepted/);
    }
  } finally {
    transport.close();
  }
  const mails = await site.delivered(3);
  equal(daemon.log.match(/smtp connected address=127\.0\.0\.1/g)?.length, 1);
  for (const text of mails) {
    match(text, /\nSubject: =\?UTF-8\?/);
    ok(text.includes("\n.one\n..two\n.\nthree\n"), text);
    ok(text.includes(btoa("some data")), text);
  }
  await daemon.stop();
});

Deno.test("nodemailer sends from an address in UTF-8", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const transport = client(site.port);
  try {
    const message = { from: "jürgen@bücher.test", to: "bob@example.org", subject: "Grüße", text: "Zeile" };
    match(String((await transport.sendMail(message)).response), /^250 2\.0\.0 /);
  } finally {
    transport.close();
  }
  const [text = ""] = await site.delivered(1);
  match(text, /^Return-Path: <jürgen@xn--bcher-kva\.test>\n/);
  await daemon.stop();
});

Deno.test("nodemailer delivers to those whom we take and names those whom we refuse", async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const transport = client(site.port);
  const message = { from: "ann@client.test", subject: "x", text: "x" };
  try {
    const sent = await transport.sendMail({ ...message, to: ["bob@example.org", "nobody@example.org"] });
    deepEqual([sent.accepted, sent.rejected], [["bob@example.org"], ["nobody@example.org"]]);
    await rejects(transport.sendMail({ ...message, to: "nobody@example.org" }), /550 5\.1\.1 /);
  } finally {
    transport.close();
  }
  equal((await site.delivered(1)).length, 1);
  await daemon.stop();
});
