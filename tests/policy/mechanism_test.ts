import { deepEqual } from "node:assert/strict";
import { defaultMechanisms, mechanismsOf } from "../../lib/policy/mechanism.ts";
import { policyOfLines } from "./load_text.ts";

Deno.test("mechanismsOf(): what a listener offers, in the order of its line", () => {
  const offered = (options: string) => {
    const lines = `pki p cert "/c" key "/k"\ntable t { ann = x }\nlisten on eth0 tls pki p ${options}`;
    const listener = policyOfLines(lines).listeners.find((one) => one.kind === "inet");
    return listener === undefined ? null : mechanismsOf(listener);
  };
  deepEqual(offered(""), []);
  deepEqual(offered("auth <t>"), defaultMechanisms);
  deepEqual(offered("auth-optional"), defaultMechanisms);
  deepEqual(offered('auth <t> mechanisms "SCRAM-SHA-256 LOGIN"'), ["SCRAM-SHA-256", "LOGIN"]);
  deepEqual(policyOfLines("listen on socket").listeners.flatMap(mechanismsOf), []);
});
