import { deepEqual, equal } from "node:assert/strict";
import { checkShapes, judgeShape, shapeUses } from "../../lib/policy/check_shape.ts";
import { collectErrors } from "../../lib/policy/error.ts";
import { loadText } from "./config_fixture.ts";

const config = `table t file:/t
table other { ann = "1:1:/home/ann" }
pki mx.test cert "/c" key "/k"
ca our cert "/a"
`;
const box = 'action "box" maildir userbase <other>\n';

function loaded(text: string) {
  const found = loadText(`${config}${text}${text.includes("\nmatch ") ? "" : "match reject\n"}`);
  if (found.kind === "errors") throw new Error(found.errors[0]?.message);
  return found;
}

/** `label` of the lookups that a use of a table in a file is for, the shape that it needs, and the lines. */
for (
  const [label, wanted, text] of [
    ["alias", "map", 'action "a" maildir alias <t>\n'],
    ["virtual", "map", 'action "a" maildir virtual <t>\n'],
    ["userbase", "map", 'action "a" maildir userbase <t>\n'],
    ["host", "list", 'action "a" relay host <t>\n'],
    ["host", "map", 'action "a" relay domain <t>\n'],
    ["helo-source", "map", 'action "a" relay helo-src <t>\n'],
    ["auth", "map", 'action "a" relay host smtp+tls://x@relay.test auth <t>\n'],
    ["hostnames", "map", "listen on 192.0.2.10 hostnames <t>\n"],
    ["senders", "map", "listen on 192.0.2.10 tls pki mx.test auth senders <t>\n"],
    ["auth", "map", "listen on 192.0.2.10 tls pki mx.test auth <t>\n"],
    ["auth-external", "map", "listen on 192.0.2.10 tls pki mx.test auth ca our auth-external <t>\n"],
    ["domain", "list", `${box}match for domain <t> action "box"\n`],
    ["helo", "list", `${box}match helo <t> action "box"\n`],
    ["rdns", "list", `${box}match from rdns <t> action "box"\n`],
    ["tag", "list", `${box}match tag <t> action "box"\n`],
    ["rdns", "list", 'filter f phase connect match rdns <t> disconnect "550 no"\n'],
    ["helo", "list", 'filter f phase helo match helo <t> disconnect "550 no"\n'],
  ] as const
) {
  Deno.test(`checkShapes() wants a ${wanted} in the file of ${text.trim().split("\n").at(-1)}`, () => {
    const { policy, config } = loaded(text);
    for (const shape of ["list", "map"] as const) {
      const told = collectErrors(checkShapes(policy, config, new Map([["t", shape]])));
      const message = `table "<t>" may not be used for ${label} lookups`;
      deepEqual(
        told.map(({ severity, line, message }) => [severity, line, message]),
        shape === wanted ? [] : [["error", 1, message]],
      );
      equal(judgeShape(shapeUses(policy), "t", shape), shape === wanted ? null : message);
      equal(judgeShape(shapeUses(policy), "t", null), null, "one without entries may become either");
    }
  });
}

Deno.test("checkShapes() takes lists and maps where both are of use", () => {
  const { policy, config } = loaded(
    `${box}match from src <t> mail-from <t> rcpt-to <t> auth <t> for any action "box"\n`,
  );
  for (const shape of ["list", "map"] as const) deepEqual(checkShapes(policy, config, new Map([["t", shape]])), []);
});
