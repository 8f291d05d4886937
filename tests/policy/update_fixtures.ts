/** Writes anew what stands beside fixtures/conf: `deno run --allow-read=fixtures --allow-write=fixtures
 * tests/policy/update_fixtures.ts`. For review of a change, never in CI. */

import { answersBeside, expectedFiles, fixtureNames, fixtureUrl, loadFixture, printAll } from "./config_fixture.ts";

for (const folder of ["good", "bad"] as const) {
  for (const name of fixtureNames(folder)) {
    const files = expectedFiles(folder, name);
    if (files === null) {
      const result = loadFixture(folder, name);
      console.error(`${name} is not ${folder}`);
      if (result.kind === "errors") console.error(printAll(result.errors));
      continue;
    }
    for (const [file, text] of Object.entries(files)) Deno.writeTextFileSync(fixtureUrl(folder, file), text);
    for (const file of answersBeside(folder, name)) {
      if (!Object.hasOwn(files, file)) Deno.removeSync(fixtureUrl(folder, file));
    }
  }
}
