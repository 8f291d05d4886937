/** Classes of faults that mail servers were broken into with, each over the machine that would have it. */

import { plainHandling } from "../lib/smtp/handling.ts";
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { scrub } from "../lib/event_log.ts";
import { parseForwardPath, parseMailbox, parseReversePath } from "../lib/mail/address.ts";
import { parseDomain } from "../lib/mail/domain.ts";
import { editedFieldLengthMax, HeaderEditor, submissionEdits } from "../lib/mail/header_edit.ts";
import { parseIp } from "../lib/mail/ip.ts";
import { HeaderScanner } from "../lib/mail/message.ts";
import { formatReceived } from "../lib/mail/trace.ts";
import { shellCommand } from "../lib/policy/command.ts";
import type { FormatValues } from "../lib/policy/format.ts";
import { replyLinesMax, ReplyReader } from "../lib/smtp/client_reply.ts";
import { parseMailParameters } from "../lib/smtp/parameter.ts";
import { formatReply, replies, type Reply } from "../lib/smtp/reply.ts";
import { type ContentStage, Transaction } from "../lib/smtp/transaction.ts";
import { ProcMachine } from "../lib/table/proc_machine.ts";

const host = parseDomain("mx.test");
if (host === null) throw new Error("mx.test is a domain");
const home = host;

/** What becomes of content, after DATA and in chunks. */
function verdicts(content: string, stages: () => readonly ContentStage[] = () => []): readonly (Reply | null)[] {
  const limits = { maxMessageSize: 10_000_000, maxHops: 100 };
  const make = () => {
    const parameters = { size: null, handling: plainHandling, ret: null, envId: null } as const;
    const transaction = new Transaction("00000001", null, parameters, limits);
    transaction.begin({ head: "", stages: stages() });
    return transaction;
  };
  const [data, chunks] = [make(), make()];
  data.decode(Buffer.from(`${content}.\r\n`, "latin1"));
  chunks.decodeChunk(Buffer.from(content, "latin1"));
  chunks.finishChunks();
  return [data.refusal, chunks.refusal];
}

const editor = () =>
  new HeaderEditor(
    submissionEdits({
      domain: home,
      sender: null,
      isMasquerade: false,
      isAuthorAdded: true,
      date: "DATE",
      messageId: "<ID>",
    }),
  );

// A parser that took the first line for the rest of a field wrote before the start of its buffer.
const blanks = [" \r\n", "\t\r\n", " a: b\r\n\r\n", "\tx\r\n\r\nhi\r\n", " \r\n\r\nhi\r\n", "  \r\n  \r\n"];

Deno.test("cve: a header section that begins with a blank is refused, whole and octet by octet", () => {
  for (const content of blanks) {
    deepEqual(verdicts(content), [replies.malformedMessage, replies.malformedMessage], JSON.stringify(content));
    deepEqual(verdicts(content, () => [editor()]), [replies.malformedMessage, replies.malformedMessage]);
    const scanner = new HeaderScanner();
    for (const octet of Buffer.from(content)) scanner.push(Buffer.from([octet]));
    equal(scanner.finish().fault, "the first line begins with a blank");
    const one = editor();
    const out = [...Buffer.from(content)].map((octet) => one.push(Buffer.from([octet])));
    ok(Buffer.concat([...out, one.finish()]).toString().startsWith(content.slice(0, content.indexOf("\r\n"))));
  }
});

Deno.test("cve: a folded field without end has a limit, and is never held whole", () => {
  const folded = `To: ann,\r\n${" bob,\r\n".repeat(100_000)} carl\r\n\r\nhi\r\n`;
  deepEqual(verdicts(folded), [replies.headerTooBig, replies.headerTooBig]);
  const line = Buffer.from(` ${"x".repeat(997)}\r\n`);
  const one = editor();
  let held = one.push(Buffer.from("To: ann,\r\n")).length + 10;
  for (let count = 0; count < 1000; count++) {
    held += line.length - one.push(line).length;
    ok(held <= editedFieldLengthMax + 2 * line.length, `${held} octets held`);
  }
});

/** Local parts that a shell would act on. */
const commands = [
  ";id;",
  "$(id)",
  "`id`",
  "|id",
  "'; id; '",
  '\\"; id; \\"',
  "&& id",
  ">/tmp/x",
  "../../etc/passwd",
  "-rf",
  "a b",
  "*",
  "~root",
  "#",
  "$IFS",
];

Deno.test("cve: no local part becomes text of a shell", () => {
  const template = "deliver -f %{sender} -d \"%{dest.user}\" -- '%{rcpt.user:raw}' %{user.username}";
  const bob = parseMailbox("bob@x.test", null);
  ok(bob !== null);
  const values = (localPart: string): FormatValues => ({
    sender: { localPart, domain: home },
    rcpt: { localPart, domain: home },
    dest: { localPart, domain: home },
    username: "bob",
    directory: "/home/bob",
    subAddressDelimiter: "+",
  });
  const plain = shellCommand(template, values("bob"));
  ok(plain.kind !== "error");
  for (const text of commands) {
    const read = parseForwardPath(`<"${text.replace(/(?<!\\)["]/g, "\\$&")}"@mx.test>`, home);
    const localPart = read?.path.localPart ?? text;
    const made = shellCommand(template, values(localPart));
    ok(made.kind !== "error");
    // The script is the administrator's alone; what came from outside is an argument.
    equal(made.command.script, plain.command.script, text);
    equal(made.command.args.length, plain.command.args.length, text);
  }
});

Deno.test("cve: a path that skips the check of its local part for want of a domain is none", () => {
  for (const text of ["<;id;>", "<;id;@>", "<|id@>", "<$(id)>", "<a;b>", '<"a\nb">', "<>x>", "<a@b>c", "<@:x>"]) {
    const read = parseReversePath(text, home);
    // What is left behind the path is no parameter either.
    ok(read === null || !(read.rest === "" || read.rest.startsWith(" ")), text);
  }
});

Deno.test("cve: a reply of many lines has an end, and no line of a peer's text ends one of ours", () => {
  const reader = new ReplyReader();
  reader.push(Buffer.from("250-x\r\n".repeat(replyLinesMax + 1)));
  equal(reader.next().kind, "bad");
  for (const text of ["250-a\r\n550 b\r\n", "250-a\r\nb\r\n", "250-a\r\n250\tb\r\n"]) {
    const strict = new ReplyReader();
    strict.push(Buffer.from(text));
    equal(strict.next().kind, "bad", JSON.stringify(text));
  }
  const wire = formatReply({ code: 550, enhanced: "5.7.1", lines: ["a\r\n250 2.0.0 Ok", "b\nc\rd\0e"] });
  equal(wire, "550-5.7.1 a??250 2.0.0 Ok\r\n550 5.7.1 b?c?d?e\r\n");
  ok(!/[\r\n]/.test(scrub("a\r\nb\u2028c")));
});

Deno.test("cve: a key with a line end asks a table program nothing but itself", () => {
  const keys = ["ann\nlookup|1|x|alias|root", "ann\r\nupdate", "\n", "ann\n", "a\0b", "ann|1|root\n"];
  for (const key of keys) {
    const machine = new ProcMachine("t");
    machine.step({ kind: "started", at: 0 });
    machine.step({ kind: "bytes", at: 0, bytes: Buffer.from("register|alias\nregister|ready\n") });
    const effects = machine.step({ kind: "ask", at: 0, request: 1, ask: { kind: "lookup", service: "alias", key } });
    const written = effects.map((effect) => effect.kind === "write" ? Buffer.from(effect.bytes).toString() : "");
    const lines = written.join("").split("\n").filter((line) => line !== "");
    ok(lines.length <= 1, JSON.stringify(lines));
    if (lines.length === 0) ok(effects.some((effect) => effect.kind === "answer"), JSON.stringify(key));
  }
});

Deno.test("cve: the scope of an IPv6 address is an interface's name, and is in no field and no literal", () => {
  for (const text of ["fe80::1%", "fe80::1%a b", "fe80::1%\r\nX: y", "fe80::1%;id", `fe80::1%${"x".repeat(300)}`]) {
    equal(parseIp(text), null, JSON.stringify(text));
  }
  equal(parseDomain("[IPv6:fe80::1%eth0]"), null);
  const field = formatReceived({
    isMasked: false,
    helo: "a.test",
    hostname: "<unknown>",
    address: "[fe80::1%eth0;\r\nX-Evil: y]",
    by: "mx.test",
    protocol: { base: "ESMTP", isUtf8: false, isTls: false, isAuthenticated: false },
    id: "1a2b3c4d",
    forRcpt: null,
    date: "DATE",
  });
  match(
    field,
    /^Received: from a\.test \(<unknown> \[[^\r\n]*\]\)\r\n\tby mx\.test \(Postern\) with ESMTP id 1a2b3c4d;\r\n\tDATE\r\n$/,
  );
});

Deno.test("cve: what is decoded from a parameter holds no control character", () => {
  for (const value of ["a+0D+0Ab", "+00", "a+0Ab", "+1B[2J", "+7F"]) {
    const offer = {
      dsn: true,
      binaryMime: true,
      requireTls: true,
      submission: "allowed",
      holdMaxMs: 1,
      now: 0,
    } as const;
    equal(parseMailParameters(` ENVID=${value}`, offer).kind, "bad", value);
  }
});
