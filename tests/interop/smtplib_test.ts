/** Python's smtplib talks to the daemon. */

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { Site } from "../e2e/daemon.ts";
import { Sink } from "../e2e/sink.ts";
import { runProgram } from "../support/command.ts";
import { findProgram } from "../support/programs.ts";

const python = findProgram("python3") ?? "";
const options = { ignore: python === "" };

const script = `
import json, smtplib, sys
from email.message import EmailMessage
seen = {}
with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), local_hostname="client.test", timeout=20) as smtp:
    smtp.ehlo()
    seen["features"] = sorted(smtp.esmtp_features)
    message = EmailMessage()
    message["From"] = "Ann <ann@client.test>"
    message["To"] = "bob@example.org"
    message["Subject"] = "Grüße"
    message.set_content("Zeile eins\\n.Zeile zwei\\n\\n.\\n", cte="8bit")
    message.add_attachment(bytes(range(256)) * 400, maintype="application", subtype="octet-stream", filename="all.bin")
    seen["refused"] = list(smtp.send_message(message, to_addrs=["bob@example.org", "nobody@example.org"]).values())
    seen["verify"] = smtp.verify("bob")[0]
    seen["noop"] = smtp.noop()[0]
    seen["rset"] = smtp.rset()[0]
    seen["size"] = smtp.docmd("MAIL FROM:<ann@client.test> SIZE=999999999999")[0]
    try:
        smtp.sendmail("ann@client.test", ["nobody@example.org"], b"x")
    except smtplib.SMTPRecipientsRefused as error:
        seen["nobody"] = [code for code, _ in error.recipients.values()]
print(json.dumps(seen, default=lambda one: one.decode()))
`;

Deno.test({ name: "smtplib sends 8-bit text and an attachment and hears each refusal", ...options }, async () => {
  await using site = await Site.local();
  const daemon = await site.start();
  const { code, stdout, stderr } = await runProgram(python, ["-c", script, String(site.port)]);
  equal(code, 0, stderr);
  const seen = JSON.parse(stdout);
  for (const feature of ["8bitmime", "enhancedstatuscodes", "pipelining", "size"]) {
    ok(seen.features.includes(feature), stdout);
  }
  equal(seen.refused.length, 1);
  equal(seen.refused[0][0], 550);
  match(seen.refused[0][1], /^5\.1\.1 /);
  deepEqual([seen.verify, seen.noop, seen.rset, seen.size], [252, 250, 250, 552]);
  deepEqual(seen.nobody, [550]);
  const [text = ""] = await site.delivered(1);
  ok(text.includes("Zeile eins\n.Zeile zwei\n\n.\n"), text.slice(0, 2000));
  match(text, /\nSubject: =\?utf-8\?/);
  await daemon.stop();
});

const international = `
import json, smtplib, sys
from email.message import EmailMessage
from email.policy import SMTPUTF8
seen = {}
with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), local_hostname="client.test", timeout=20) as smtp:
    smtp.ehlo()
    seen["features"] = {name: smtp.esmtp_features[name] for name in ("smtputf8", "dsn", "limits")}
    message = EmailMessage(policy=SMTPUTF8)
    message["From"] = "Jürgen <jürgen@bücher.test>"
    message["To"] = "用户@far.test"
    message["Subject"] = "Grüße"
    message.set_content("Zeile eins\\n", cte="8bit")
    to = ["jürgen@bücher.test", "用户@far.test"]
    seen["refused"] = smtp.send_message(message, to_addrs=to)
    try:
        smtp.sendmail("ann@client.test", ["nobody@xn--bcher-kva.test"], b"x")
    except smtplib.SMTPRecipientsRefused as error:
        seen["nobody"] = [code for code, _ in error.recipients.values()]
print(json.dumps(seen))
`;

Deno.test({
  name: "smtplib sends with SMTPUTF8 to a mailbox here, and hears in UTF-8 of a server without it",
  ...options,
}, async () => {
  using sink = new Sink();
  await using site = await Site.make((site) => [
    ...site.localLines(),
    `action "books" maildir userbase <users> virtual { "jürgen@bücher.test" = bob }`,
    `action "out" relay host "smtp://127.0.0.1:${sink.port}"`,
    `match from any for domain "bücher.test" action "books"`,
    `match from any for domain "far.test" action "out"`,
  ]);
  const daemon = await site.start();
  const { code, stdout, stderr } = await runProgram(python, ["-c", international, String(site.port)]);
  equal(code, 0, stderr);
  const seen = JSON.parse(stdout);
  deepEqual(seen.features, { smtputf8: "", dsn: "", limits: "MAILMAX=100 RCPTMAX=1000" });
  deepEqual([seen.refused, seen.nobody], [{}, [550]]);
  const mails = await site.delivered(2);
  const text = mails.find((mail) => mail.includes("Zeile eins")) ?? "";
  match(text, /^Return-Path: <jürgen@xn--bcher-kva\.test>\nDelivered-To: /);
  ok(text.includes("\nSubject: Grüße\n"), text);
  const report = mails.find((mail) => mail.includes("multipart/report")) ?? "";
  match(report, /\nTo: <jürgen@xn--bcher-kva\.test>\n/);
  match(report, /\nContent-Type: message\/global-delivery-status\n/);
  match(report, /\nFinal-Recipient: utf-8; 用户@far\.test\nAction: failed\nStatus: 5\.6\.7\n/);
  match(report, /\nContent-Type: message\/global-headers\n/);
  await daemon.stop();
});

const parse = `
import email, email.policy, json, sys
message = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
parts = [part.get_content_type() for part in message.walk()]
status = [part for part in message.walk() if part.get_content_type() == "message/delivery-status"][0]
print(json.dumps({"type": message.get_content_type(), "parts": parts, "to": message["To"], "from": message["From"],
    "auto": message["Auto-Submitted"], "fields": [dict(block.items()) for block in status.get_payload()],
    "defects": [str(one) for one in message.defects]}))
`;

Deno.test({ name: "Python's email parser reads our failure report as RFC 3464 has it", ...options }, async () => {
  await using site = await Site.make((site) => [
    ...site.localLines(),
    `action "out" relay host "smtp://127.0.0.1:${site.deadPort}"`,
    ...site.matchLocal(),
    `match from any for domain "far.test" action "out"`,
    `queue ttl 1s`,
  ]);
  const daemon = await site.start();
  const { code, stderr } = await site.run(
    "sendmail",
    ["-f", "bob@example.org", "x@far.test"],
    "Subject: lost\n\nHello\n",
  );
  equal(code, 0, stderr);
  const [report = ""] = await site.delivered(1);
  const seen = JSON.parse((await runProgram(python, ["-c", parse], { stdin: report })).stdout);
  equal(seen.type, "multipart/report");
  deepEqual(seen.parts.slice(0, 3), ["multipart/report", "text/plain", "message/delivery-status"]);
  equal(seen.to, "bob@example.org");
  equal(seen.auto, "auto-replied");
  equal(seen.fields[1]["Action"], "failed");
  match(seen.fields[1]["Final-Recipient"], /^rfc822; ?x@far\.test$/);
  match(seen.fields[1]["Status"], /^[45]\.\d\.\d+$/);
  deepEqual(seen.defects, []);
  await daemon.stop();
});
