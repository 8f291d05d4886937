import { deepEqual, equal, ok } from "node:assert/strict";
import { meaningOf, meanings } from "../../lib/policy/manual.ts";

Deno.test("meaningOf() finds the entry that fits the line best", () => {
  const cases: readonly (readonly [string, string, string | null])[] = [
    ["", "include", 'include "PATH"'],
    ["match from src for", "domain", "match … for domain <T>"],
    ["match for rcpt-to from", "mail-from", "match … from mail-from <T>"],
    ["match for any", "mail-from", "match … mail-from <T>"],
    ["action maildir alias", "userbase", "maildir … userbase <T>"],
    ["action relay", "host", "relay … host URL or <T>"],
    ["listen on socket", "tag", "listen on socket tag NAME"],
    ["listen on port smtp", "tag", "listen … tag NAME"],
    ["match from src", "regex", "match … regex <T>"],
    ["action mbox", "alias", "maildir … alias <T>"],
    ["action mda", "wrapper", "maildir … wrapper NAME"],
    ["action relay srs", "when-spf-fails", "relay … srs when-spf-fails"],
    ["action relay backup mx", "tls", "relay … tls [no-verify]"],
    ["listen on tls-require pki", "auth", "listen … auth [<T>]"],
    ["filter", "phase", "filter NAME phase PHASE match [!] CONDITION DECISION"],
    ["srs key", "backup", "srs key backup SECRET"],
    ["match", "nonsense", null],
    ["nonsense", "any", null],
  ];
  for (const [keywords, word, want] of cases) {
    const found = meaningOf(keywords === "" ? [] : keywords.split(" "), word);
    equal(found?.[0] ?? null, want, `${keywords} ${word}`);
  }
});

Deno.test("meaningOf() tells of a word that stands for several by what may follow it", () => {
  const found = meaningOf(["match", "from", "any"], "for");
  ok(found !== null);
  deepEqual(found[0].split("\n"), [
    "match … for any",
    "match … for local",
    "match … for domain <T>",
    "match … for rcpt-to <T>",
  ]);
  equal(found[1].split("\n")[0], "match … for any: For whomever.");
  equal(meaningOf(["action", "lmtp"], "rcpt-to"), meaningOf(["action"], "lmtp"));
});

Deno.test("meaningOf() has something to say of every word", () => {
  for (const key of Object.keys(meanings)) {
    const words = key.split(" ");
    const word = words.pop() ?? "";
    ok(meaningOf(words[0] === "line" ? [] : words, word) !== null, key);
  }
});
