import { deepEqual } from "node:assert/strict";
import { readTraceWords } from "../../cli/trace_words.ts";

Deno.test("readTraceWords() knows our words, OpenSMTPD's, and those that are neither", () => {
  deepEqual(readTraceWords([]), { subjects: [], warnings: [], unknown: [] });
  deepEqual(readTraceWords(["rules,lookup", "expand"]).subjects, ["rules", "lookup", "expand"]);
  deepEqual(readTraceWords(["all", "rules"]).subjects, ["rules", "expand", "lookup", "filters"]);
  deepEqual(readTraceWords(["mta,rules,rule"]), {
    subjects: ["rules"],
    warnings: ["trace mta has no effect; rules, expand, lookup, filters and all have"],
    unknown: ["rule"],
  });
  deepEqual(readTraceWords([""]).unknown, [""]);
});
