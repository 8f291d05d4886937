import assert from "node:assert/strict";
import { OldLine } from "../../lib/policy/old_line.ts";
import { translateSetting } from "../../lib/policy/old_setting.ts";
import { settingTranslations, translate } from "./old_lines.ts";

Deno.test("translateSetting() says in today's words what the other lines say", () => {
  assert.ok(settingTranslations.length >= 12);
  for (const [old, ...today] of settingTranslations) assert.deepEqual(translate(old), today, old);
});

Deno.test("translateSetting() leaves lines alone that are no older than today's", () => {
  for (const word of ["table", "match", "action", "include", "srs", "admd"]) {
    assert.equal(translateSetting(new OldLine([]), word), null, word);
  }
});
