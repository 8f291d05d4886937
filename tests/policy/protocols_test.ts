import assert from "node:assert/strict";
import { parseProtocols } from "../../lib/policy/protocols.ts";

Deno.test("parseProtocols() gives the versions that are left of a list", () => {
  const both = ["TLSv1.2", "TLSv1.3"];
  const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ["tlsv1.2", ["TLSv1.2"], []],
    ["TLSv1.3", ["TLSv1.3"], []],
    ["tlsv1.2,tlsv1.3", both, []],
    ["tlsv1.2:tlsv1.3", both, []],
    ["tlsv1.2, tlsv1.3", both, []],
    ["secure", both, []],
    ["default", both, []],
    ["all", both, []],
    ["legacy", both, []],
    ["tlsv1", both, []],
    ["all,!tlsv1.2", ["TLSv1.3"], []],
    ["!tlsv1.3", ["TLSv1.2"], []],
    ["tlsv1.0,tlsv1.1,tlsv1.2", ["TLSv1.2"], ["tlsv1.0", "tlsv1.1"]],
    ["all,!tlsv1.1", both, []],
  ];
  for (const [text, versions, old] of cases) {
    assert.deepEqual(parseProtocols(text), { kind: "ok", versions, old }, text);
  }
});

Deno.test("parseProtocols() refuses words that it does not know, and lists that leave nothing", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["tls-1.2", "did you mean `tlsv1.2`?"],
    ["TLS1.3", "did you mean `tlsv1.3`?"],
    ["secur", "did you mean `secure`?"],
    ["sslv3", "write tlsv1.2, tlsv1.3 or both"],
    ["tlsv1.4", "write tlsv1.2, tlsv1.3 or both"],
    ["", "write tlsv1.2, tlsv1.3 or both"],
    ["tlsv1.2,", "write tlsv1.2, tlsv1.3 or both"],
    ["tlsv1.1", "write tlsv1.2, tlsv1.3 or both"],
    ["all,!tlsv1", "write tlsv1.2, tlsv1.3 or both"],
  ];
  for (const [text, hint] of cases) {
    const result = parseProtocols(text);
    assert.equal(result.kind === "error" && result.hint, hint, text);
  }
});
