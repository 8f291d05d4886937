/** Machine time of one message in the server session: MAIL, RCPT, DATA, a 5 kB body in four reads, commit.
 * Run: deno bench --no-prompt bench/smtp_session_bench.ts */

import { Buffer } from "node:buffer";
import { parseDomain } from "../lib/mail/domain.ts";
import { replies } from "../lib/smtp/reply.ts";
import { ServerSession, type SessionAnswer, type SessionEvent } from "../lib/smtp/session.ts";

const parsed = parseDomain("mx.test");
if (parsed === null) throw new Error("mx.test is a domain");
const hostname = parsed;

const line = "The quick brown fox jumps over the lazy dog, and then it does so again.\r\n";
const header = "Received: from a.test by b.test;\r\n\tTue, 3 Mar 2026 10:04:05 +0100\r\nFrom: <x@a.test>\r\n" +
  "To: <y@b.test>\r\nSubject: bench\r\nDate: Tue, 3 Mar 2026 10:04:05 +0100\r\n\r\n";

function open(isSubmission = false): ServerSession {
  const session = new ServerSession({
    session: "0011223344556677",
    hostname,
    local: false,
    submission: isSubmission,
    maskSource: false,
    zone: () => ({ offsetMinutes: 60, name: "CET" }),
    limits: {
      maxMessageSize: 36_700_160,
      maxRecipients: 1000,
      maxMails: Number.MAX_SAFE_INTEGER,
      maxHops: 100,
      idleTimeoutMs: 300_000,
    },
  });
  session.step({ kind: "connected", at: 0, address: "192.0.2.7", hostname: "<unknown>" });
  session.step(bytes("EHLO client.test\r\n"));
  return session;
}

function bytes(text: string): SessionEvent {
  return { kind: "bytes", at: 1_772_000_000_000, bytes: Buffer.from(text, "latin1") };
}

function answer(answer: SessionAnswer): SessionEvent {
  return { kind: "answer", at: 1_772_000_000_000, answer };
}

function message(bodyLength: number, readLength: number): readonly SessionEvent[] {
  const content = header + line.repeat(Math.ceil(bodyLength / line.length)) + ".\r\n";
  return transaction([bytes("DATA\r\n"), ...reads(content, readLength)]);
}

/** The same in chunks. */
function chunks(bodyLength: number, chunkLength: number, parameters = ""): readonly SessionEvent[] {
  const content = header + line.repeat(Math.ceil(bodyLength / line.length));
  const said: SessionEvent[] = [];
  for (let at = 0; at < content.length; at += chunkLength) {
    const chunk = content.slice(at, at + chunkLength);
    const last = at + chunkLength < content.length ? "" : " LAST";
    said.push(...reads(`BDAT ${chunk.length}${last}\r\n${chunk}`, 65_536));
  }
  return transaction(said, parameters);
}

function reads(content: string, readLength: number): readonly SessionEvent[] {
  const events: SessionEvent[] = [];
  for (let at = 0; at < content.length; at += readLength) events.push(bytes(content.slice(at, at + readLength)));
  return events;
}

function transaction(content: readonly SessionEvent[], parameters = ""): readonly SessionEvent[] {
  return [
    bytes(`MAIL FROM:<sender@a.test>${parameters}\r\n`),
    answer({ kind: "message", id: "1a2b3c4d" }),
    bytes("RCPT TO:<recipient@b.test>\r\n"),
    answer({ kind: "recipient", reply: replies.recipientOk }),
    ...content,
    answer({ kind: "commit", result: "committed" }),
  ];
}

function bench(name: string, events: readonly SessionEvent[], isSubmission = false): void {
  const session = open(isSubmission);
  Deno.bench(name, () => {
    for (const event of events) session.step(event);
  });
}

bench("5 kB in reads of 1,460", message(5000, 1460));
bench("5 kB in one read", message(5000, 100_000));
bench("50 kB in reads of 16 KiB", message(50_000, 16_384));
bench("1 MB in reads of 64 KiB", message(1_000_000, 65_536));
bench(
  "50 kB, a dot on each line",
  message(50_000, 16_384).map((event) =>
    event.kind === "bytes" && event.bytes.length > 4000
      ? bytes(Buffer.from(event.bytes).toString("latin1").replaceAll("\r\nThe", "\r\n..he"))
      : event
  ),
);
bench("submission, 5 kB in one read", message(5000, 100_000), true);
bench("submission, 1 MB in reads of 64 KiB", message(1_000_000, 65_536), true);
bench("BDAT, 5 kB in one chunk", chunks(5000, 100_000));
bench("BDAT, 1 MB in chunks of 64 KiB", chunks(1_000_000, 65_536));
bench("BDAT, 1 MB of BINARYMIME in chunks of 64 KiB", chunks(1_000_000, 65_536, " BODY=BINARYMIME"));
