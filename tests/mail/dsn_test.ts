import assert from "node:assert/strict";
import fc, { anyText } from "../support/fast_check.ts";
import type { Domain, Mailbox } from "../../lib/mail/address.ts";
import { formatDate } from "../../lib/mail/date.ts";
import { decodeUtf8 } from "../../lib/mail/utf8.ts";
import { composeDsn, type DsnRecipient, type DsnReport } from "../../lib/mail/dsn.ts";

const arrival = Date.UTC(2026, 2, 3, 9, 4, 5);
const hour = 3_600_000;

function mailbox(localPart: string, domain: string): Mailbox {
  return { localPart, domain: domain as Domain };
}

function recipient(changes: Partial<DsnRecipient> = {}): DsnRecipient {
  return {
    rcpt: mailbox("bob", "example.net"),
    dest: mailbox("bob", "example.net"),
    original: null,
    status: "5.1.1",
    text: "550 5.1.1 <bob@example.net>: no such user here",
    by: "mx1.example.net [192.0.2.25]:25",
    lastTryAt: arrival + 2000,
    ...changes,
  };
}

const content = "Received: from client.example.org\r\n\tby mx.example.org; Tue, 3 Mar 2026 10:04:05 +0100\r\n" +
  "From: Ann <ann@example.org>\r\nSubject: lunch\r\nMessage-ID: <1@example.org>\r\n\r\n" +
  "Hello Bob,\r\n.\r\nlunch?\r\n";

function request(changes: Partial<DsnReport> = {}): DsnReport {
  return {
    action: "failed",
    id: "1a2b3c4d",
    originalId: "0badcafe",
    hostname: "mx.example.org" as Domain,
    sender: mailbox("ann", "example.org"),
    smtpUtf8: false,
    at: arrival + 3000,
    arrivalAt: arrival,
    envId: null,
    recipients: [recipient()],
    delay: null,
    content: bytesOf(content),
    isWhole: false,
    date: (time) => formatDate(time, { offsetMinutes: 60, name: "CET" }),
    ...changes,
  };
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

const golden: readonly (readonly [string, DsnReport])[] = [
  ["failed", request()],
  [
    "failed_two",
    request({
      envId: "QQ314159",
      recipients: [
        recipient({ original: "rfc822;Bob.Builder@example.net", rcpt: mailbox("bob+lists", "example.org") }),
        recipient({
          rcpt: mailbox("carol smith", "example.com"),
          dest: mailbox("carol smith", "example.com"),
          status: "5.4.7",
          text: "Envelope expired: Connection timed out",
          by: "",
          lastTryAt: 0,
        }),
      ],
    }),
  ],
  ["failed_full", request({ isWhole: true })],
  ["failed_full_8bit", request({ isWhole: true, content: bytesOf(content + "Gr\u00fc\u00dfe\r\n") })],
  [
    "failed_hostile",
    request({
      recipients: [recipient({
        text:
          "550 5.7.1 no\r\nFinal-Recipient: rfc822; root@example.net\r\n\r\n--=_1a2b3c4d.0badcafe.0--\u0000\u001b[2J " +
          "w".repeat(1200),
        by: "mx1.example.net\r\nX-Bad: 1 [192.0.2.25]:25",
        original: "rfc822;eve@example.net\r\nAction: delivered",
      })],
      envId: "x\nReporting-MTA: dns; elsewhere",
      content: bytesOf(
        "Subject: --=_1a2b3c4d.0badcafe.0\r\nX-Long: " + "l".repeat(1100) + "\r\nX-Odd: a\u00ff\u0000 \r\n\r\nbody",
      ),
    }),
  ],
  [
    "delayed",
    request({
      action: "delayed",
      at: arrival + 4 * hour,
      delay: { forMs: 4 * hour, retryUntil: arrival + 96 * hour },
      recipients: [recipient({
        status: "4.4.1",
        text: "Connection timed out",
        by: "[192.0.2.25]:25",
        lastTryAt: arrival + 10_000_000,
      })],
    }),
  ],
  [
    "delivered",
    request({
      action: "delivered",
      recipients: [recipient({ status: "2.0.0", text: "Delivered", by: "", rcpt: mailbox("all", "example.org") })],
    }),
  ],
  [
    "failed_utf8",
    request({
      sender: mailbox("jürgen", "xn--bcher-kva.test"),
      smtpUtf8: true,
      content: bytesOf(content.replace("lunch", "Gr\u00c3\u00bc\u00c3\u009fe")),
      recipients: [
        recipient({
          rcpt: mailbox("用户", "example.net"),
          dest: mailbox("用户", "example.net"),
          original: "utf-8;用户@例え.test",
          text: "550 5.1.1 keine Übermittlung an 用户",
        }),
        recipient(),
      ],
    }),
  ],
  [
    "failed_utf8_full",
    request({
      smtpUtf8: true,
      isWhole: true,
      content: bytesOf(content.replace("lunch", "Gr\u00c3\u00bc\u00c3\u009fe")),
      recipients: [recipient({ dest: mailbox("jürgen", "example.net") })],
    }),
  ],
  [
    "failed_utf8_for_ascii",
    request({
      recipients: [recipient({
        dest: mailbox("jürgen", "example.net"),
        original: "utf-8;jürgen@example.net",
        text: "Zustellung an jürgen unmöglich",
        status: "5.6.7",
        by: "",
      })],
    }),
  ],
  [
    "relayed",
    request({ action: "relayed", recipients: [recipient({ status: "2.0.0", text: "250 2.0.0 ok" })] }),
  ],
];

const fixtures = new URL("../../fixtures/dsn/", import.meta.url);

for (const [name, given] of golden) {
  Deno.test(`composeDsn() makes fixtures/dsn/${name}.eml`, () => {
    const want = textOf(Deno.readFileSync(new URL(`${name}.eml`, fixtures)));
    assert.equal(textOf(composeDsn(given)), want);
  });
}

Deno.test("fixtures/dsn holds no report that no test makes", () => {
  const files = [...Deno.readDirSync(fixtures)].map(({ name }) => name).sort();
  assert.deepEqual(files, golden.map(([name]) => `${name}.eml`).sort());
});

/** The parts of a report, by its boundary: a reader of its own, strict about RFC 2046 §5.1.1. */
function partsOf(text: string): { header: string; parts: string[] } {
  const end = text.indexOf("\r\n\r\n");
  const header = text.slice(0, end + 2);
  const boundary = /boundary="([^"]{1,70})"/.exec(header)?.[1];
  assert.ok(boundary !== undefined);
  const [, ...pieces] = text.slice(end + 2).split(`\r\n--${boundary}`);
  assert.equal(pieces.pop(), "--\r\n");
  return { header, parts: pieces.map((piece) => (assert.ok(piece.startsWith("\r\n")), piece.slice(2))) };
}

function fieldsOf(block: string): [string, string][] {
  const lines = block.replace(/\r\n(?=[ \t])/g, "").split("\r\n").filter((line) => line !== "");
  return lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
}

const anything = anyText({ maxLength: 300 });
const octets = fc.oneof(
  fc.uint8Array({ maxLength: 3000 }),
  fc.array(fc.constantFrom("A: b", "\r\n", "\n", "\r", " ", "--=_1a2b3c4d.0badcafe.0", "x".repeat(999), "\u00e9"), {
    maxLength: 30,
  }).map((words) => bytesOf(words.join(""))),
);

Deno.test("composeDsn() is well formed whatever peers said and whatever the message holds", () => {
  const recipients = fc.array(
    fc.record({ text: anything, by: anything, original: fc.option(anything), status: fc.constant("5.0.0") }),
    { minLength: 1, maxLength: 3 },
  );
  fc.assert(
    fc.property(
      recipients,
      fc.option(anything),
      octets,
      fc.boolean(),
      fc.boolean(),
      (list, envId, content, isWhole, smtpUtf8) => {
        const given = request({ recipients: list.map(recipient), envId, content, isWhole, smtpUtf8 });
        const text = textOf(composeDsn(given));
        assert.doesNotMatch(text, /\r(?!\n)|(?<!\r)\n|\0/);
        for (const line of text.split("\r\n")) assert.ok(line.length <= 998);
        const { header, parts } = partsOf(text);
        assert.equal(parts.length, 3);
        const names = fieldsOf(header).map(([name]) => name);
        assert.deepEqual(names.slice(0, 8), [
          "From",
          "To",
          "Subject",
          "Date",
          "Message-ID",
          "Auto-Submitted",
          "MIME-Version",
          "Content-Type",
        ]);
        const [, report] = parts;
        const [, ...blocks] = report?.split("\r\n\r\n") ?? [];
        const groups = blocks.map((block) => fieldsOf(block).map(([name]) => name));
        assert.equal(groups.length, 1 + list.length, "one block for the message and one per recipient");
        assert.deepEqual(groups[0], [
          "Reporting-MTA",
          ...(envId === null ? [] : ["Original-Envelope-Id"]),
          "Arrival-Date",
        ]);
        for (const [index, group] of groups.slice(1).entries()) {
          assert.deepEqual(group, [
            ...(list[index]?.original === null ? [] : ["Original-Recipient"]),
            "Final-Recipient",
            "Action",
            "Status",
            ...(list[index]?.by === "" ? [] : ["Remote-MTA"]),
            "Diagnostic-Code",
            "Last-Attempt-Date",
          ]);
        }
        const own = parts[0] + (report ?? "");
        if (!smtpUtf8) assert.doesNotMatch(own, /[^\r\n -~]/);
        assert.notEqual(decodeUtf8(own), null);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("composeDsn() returns only the header of a message that may not be sent as it is", () => {
  const cases: [string, string][] = [
    ["a long line", "A: b\r\n\r\n" + "x".repeat(999) + "\r\n"],
    ["a bare LF", "A: b\r\n\r\nx\ny\r\n"],
    ["a bare CR", "A: b\r\n\r\nx\ry\r\n"],
    ["NUL", "A: b\r\n\r\nx\0y\r\n"],
    ["no last line end", "A: b\r\n\r\nx"],
    ["no content at all", ""],
  ];
  for (const [what, text] of cases) {
    const { parts } = partsOf(textOf(composeDsn(request({ isWhole: true, content: bytesOf(text) }))));
    assert.match(parts[2] ?? "", /Content-Type: text\/rfc822-headers\r\n\r\n(A: b\r\n)?$/, what);
  }
  const whole = composeDsn(request({ isWhole: true, content: bytesOf("A: b\r\n\r\n" + "x".repeat(998) + "\r\n") }));
  assert.match(textOf(whole), /Content-Type: message\/rfc822\r\n\r\nA: b\r\n\r\nx{998}\r\n/);
});

Deno.test("composeDsn() returns the whole message of a failure only", () => {
  for (const action of ["delayed", "delivered", "relayed"] as const) {
    const delay = action === "delayed" ? { forMs: hour, retryUntil: arrival } : null;
    const text = textOf(composeDsn(request({ action, delay, isWhole: true })));
    assert.doesNotMatch(text, /message\/rfc822|Hello Bob/);
  }
});

Deno.test("composeDsn() cuts a header section at 64 KiB, at the end of a line", () => {
  const line = "X-Line: 0123456789\r\n";
  const { parts } = partsOf(textOf(composeDsn(request({ content: bytesOf(line.repeat(5000)) }))));
  const header = (parts[2] ?? "").split("\r\n\r\n")[1] ?? "";
  assert.ok(header.length < 65_600 && header.length > 65_000, `${header.length}`);
  assert.equal(header.length % line.length, 0);
});
