import assert from "node:assert/strict";
import { queueKeyLength } from "../../lib/policy/resolve_settings.ts";
import { messagesOfLines, policyOfLines } from "./load_text.ts";

const key = "0123456789abcdef".repeat(2);

Deno.test("resolveQueue() takes a key of 32 characters, or has it typed in", () => {
  assert.equal(key.length, queueKeyLength);
  const cases: readonly (readonly [string, object])[] = [
    [`queue encryption "${key}"`, { kind: "key", key }],
    ["queue encryption", { kind: "ask" }],
    ["queue encryption stdin", { kind: "ask" }],
    ['queue encryption "-"', { kind: "ask" }],
  ];
  for (const [text, want] of cases) assert.deepEqual(policyOfLines(text).queue.encryption, want, text);
  assert.equal(policyOfLines("queue compression").queue.compression, true);
});

Deno.test("resolveSrs() counts whole days, and keeps the last key", () => {
  assert.deepEqual(policyOfLines("srs key a\nsrs key backup b\nsrs key c\nsrs ttl 49h").srs, {
    key: "c",
    backupKey: "b",
    ttlDays: 2,
  });
  assert.deepEqual(policyOfLines("srs key a").srs, { key: "a", backupKey: null, ttlDays: 4 });
  assert.equal(policyOfLines("srs ttl 2d").srs, null);
});

Deno.test("resolveWrapper() and resolveAdmd() keep what is written", () => {
  assert.deepEqual(policyOfLines('mda wrapper w "/bin/x %{mda}"\nmda wrapper v "%{MDA:raw}"').mda.wrappers, {
    w: "/bin/x %{mda}",
    v: "%{MDA:raw}",
  });
  assert.equal(policyOfLines('admd "mail of a.test"').admd, "mail of a.test");
});

Deno.test("lines that set one thing have these errors and warnings", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["queue ttl 4", ["1:11 invalid ttl delay: 4"]],
    ["queue directory q", ["1:17 invalid queue directory: q"]],
    [`queue encryption "${key}x"`, ["1:18 invalid queue key: it has 33 characters, not 32"]],
    [`queue encryption "${key.slice(1)}é"`, ["1:18 invalid queue key: it has characters that are not printable ASCII"]],
    ["bounce warn-interval 0s", ["1:22 invalid bounce delay: 0s"]],
    ["smtp max-message-size 0", ["1:23 invalid size: 0"]],
    ['smtp sub-addr-delim "++"', ["1:21 subaddressing-delimiter must be one character"]],
    ['smtp sub-addr-delim "@"', ["1:21 sub-addr-delim uses invalid character"]],
    ["srs ttl 23h", ['1:9 ttl delay "23h" is too short']],
    ["srs ttl x", ["1:9 invalid ttl delay: x"]],
    ["srs ttl 25h", ['1:9 only whole days of "25h" count']],
    ["srs key backup b", ["1:16 a backup key needs an srs key above it"]],
    ['mda wrapper w ""', ["1:15 the command is empty"]],
    ['mda wrapper w "%{x} %{mda}"', ['1:15 invalid command: unknown token "x"']],
    ['mda wrapper w "/bin/x"', ["1:15 this wrapper never runs the delivery itself"]],
    ['mda wrapper w "%{mda}"\nmda wrapper w "%{mda}"', ["2:13 mda wrapper already declared with that name: w"]],
    ['action a mda "%{mda}"', ['1:14 invalid command: "%{mda}" is for wrappers only']],
    ['admd "a\u00e9"', ["1:6 not a valid admd: a\u00e9"]],
    ['admd ""', ["1:6 not a valid admd: "]],
  ];
  for (const [text, want] of cases) assert.deepEqual(messagesOfLines(text), want, text);
});
