import { deepEqual } from "node:assert/strict";
import { parseDomain } from "../../lib/mail/domain.ts";
import { defaultListenerOptions } from "../../lib/policy/defaults.ts";
import { socketPathLengthMax } from "../../lib/policy/listener.ts";
import { machine } from "./config_fixture.ts";
import { messagesOfLines, policyOfLines } from "./load_text.ts";

Deno.test("resolveSocket() makes a listener of LMTP, beside the submission socket", () => {
  const { listeners } = policyOfLines(
    'listen on socket "/s" lmtp mode 600 user u group g hostname h.test tag T no-dsn',
  );
  const access = { mode: 0o600, user: "u", group: "g" };
  const common = { ...defaultListenerOptions(parseDomain("h.test")!), tag: "T", dsn: false };
  const place = { file: "smtpd.conf", line: 1, column: 1 };
  deepEqual(listeners, [
    { ...defaultListenerOptions(machine.serverName), kind: "socket", place: null },
    { ...common, kind: "lmtp", path: "/s", access, place },
  ]);
});

Deno.test("resolveSocket() gives a socket to its owner and its group where nothing is said", () => {
  const [, listener] = policyOfLines('listen on socket "/s" lmtp').listeners;
  deepEqual(listener?.kind === "lmtp" && listener.access, { mode: 0o660, user: null, group: null });
});

Deno.test("resolveSocket() refuses sockets that cannot be", () => {
  const long = `/${"x".repeat(socketPathLengthMax)}`;
  const cases: readonly (readonly [string, string])[] = [
    ['"s" lmtp', "1:18 invalid path of a socket: s"],
    ['"/s"', "1:18 a socket with a path speaks LMTP only"],
    ['"/a,b" lmtp', "1:18 the path of a socket must not hold a comma"],
    [`"${long}" lmtp`, "1:18 the path of the socket is too long"],
    ['"/s" lmtp mode 1777', "1:33 invalid permissions: 1777"],
    ['"/s" lmtp mode 08', "1:33 invalid permissions: 08"],
    ["lmtp", "1:18 `lmtp` has no meaning with the submission socket"],
    ["tag x hostname h.test", "1:24 `hostname` has no meaning with the submission socket"],
  ];
  for (const [text, want] of cases) deepEqual(messagesOfLines(`listen on socket ${text}`), [want], text);
  const twice = 'listen on socket "/s" lmtp\nlisten on socket "/s" lmtp';
  deepEqual(messagesOfLines(twice), ["2:18 the socket /s is listened on twice"]);
  deepEqual(messagesOfLines("listen on socket\nlisten on socket tag x"), ["2:1 socket listener already configured"]);
});
