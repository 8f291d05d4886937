import { deepEqual, equal } from "node:assert/strict";
import { isTraceSubject, type TraceEvent, traceSubjectOf, traceSubjects } from "../../lib/policy/trace.ts";

Deno.test("traceSubjectOf() puts each event under one subject", () => {
  const place = { file: "c", line: 1, column: 1 };
  for (
    const [event, want] of [
      [{ kind: "rule", node: 0, index: 0, place, text: "match reject", verdict: "no", tests: [] }, "rules"],
      [{ kind: "lookup", node: 0, table: "t", service: "alias", key: "x", answer: { kind: "absent" } }, "lookup"],
      [{ kind: "node", node: 0, parent: null, element: "address", text: "a@b" }, "expand"],
      [{ kind: "forward", node: 0, path: "/x", text: "" }, "expand"],
      [{ kind: "target", node: 0, action: "a", target: "relay", text: "" }, "expand"],
      [{ kind: "dropped", node: 0, reason: "" }, "expand"],
      [{ kind: "refused", node: 0, reply: "550", reason: "" }, "expand"],
      [{ kind: "note", node: 0, text: "" }, "expand"],
    ] as const satisfies readonly (readonly [TraceEvent, string])[]
  ) equal(traceSubjectOf(event), want, event.kind);
});

Deno.test("isTraceSubject() knows them all, and nothing else", () => {
  deepEqual(traceSubjects.filter(isTraceSubject), traceSubjects);
  for (const other of ["mta", "", null, 1, "Rules"]) equal(isTraceSubject(other), false);
});
