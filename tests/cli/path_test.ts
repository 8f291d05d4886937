import { equal } from "node:assert/strict";
import { basename, dirname, join } from "node:path/posix";
import { absolutePath, directoryOf, fileNameOf } from "../../cli/path.ts";
import fc from "../support/fast_check.ts";

/** Relative paths with every kind of step. */
const relative = fc.array(fc.constantFrom("a", "..", ".", "", "b.db", "é"), { minLength: 1, maxLength: 6 })
  .map((steps) => steps.join("/")).filter((path) => path !== "" && !path.startsWith("/"));
const directory = fc.constantFrom("/", "/srv", "/srv/a b/c");

Deno.test("absolutePath() is what node:path makes of the two", () => {
  fc.assert(fc.property(relative, directory, (path, from) => {
    const want = join(from, path);
    // A step up to the directory itself: the slash behind it means nothing.
    equal(absolutePath(path, from).replace(/(.)\/$/, "$1"), want.replace(/(.)\/$/, "$1"));
  }));
  equal(absolutePath("aliases/", "/etc"), "/etc/aliases/");
});

Deno.test("absolutePath() leaves absolute paths alone", () => {
  equal(absolutePath("/etc/../a//b", "/srv"), "/etc/../a//b");
});

Deno.test("directoryOf() and fileNameOf() take a file's path apart as node:path does", () => {
  for (const path of ["/a", "/a/b.db", "/a b//c", "/srv/é/.x"]) {
    equal(directoryOf(path), dirname(path), path);
    equal(fileNameOf(path), basename(path), path);
  }
});
