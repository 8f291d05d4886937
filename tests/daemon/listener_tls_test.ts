import { deepEqual, equal } from "node:assert/strict";
import { noMaterial, setupOf, type TlsMaterial, tlsOf, usedMaterial } from "../../lib/daemon/listener_tls.ts";
import { policyOf } from "./rig.ts";

const text = `pki a cert "/a.crt" key "/a.key"
pki b cert "/b.crt" key "/b.key"
pki unused cert "/u.crt" key "/u.key"
ca c cert "/c.crt"
listen on 192.0.2.1 port 25
listen on 192.0.2.1 port 587 tls pki a pki b
listen on 192.0.2.1 port 465 smtps verify pki b ca c protocols tlsv1.3
action "x" relay pki unused
match for any action "x"
`;
const material: TlsMaterial = {
  pki: { a: { chain: "A", key: "KA" }, b: { chain: "B", key: "KB" } },
  ca: { c: "C" },
};

Deno.test("usedMaterial() names what listeners use, not what relays do", () => {
  deepEqual(usedMaterial(policyOf(text)), { pki: ["a", "b"], ca: ["c"] });
});

Deno.test("setupOf() puts a listener's certificates in their order, and asks clients only where there is a ca", () => {
  const { listeners } = policyOf(text);
  deepEqual(listeners.map((one) => tlsOf(one)?.mode ?? null), [null, null, "offered", "implicit"]);
  deepEqual(listeners.map((one) => setupOf(one, material)), [
    null,
    null,
    { certificates: [material.pki["a"], material.pki["b"]], versions: ["TLSv1.2", "TLSv1.3"], authorities: null },
    { certificates: [material.pki["b"]], versions: ["TLSv1.3"], authorities: "C" },
  ]);
});

Deno.test("setupOf() makes nothing of less than all that a listener names", () => {
  const { listeners } = policyOf(text);
  for (const less of [noMaterial, { ...material, ca: {} }, { ...material, pki: { a: material.pki["a"]! } }]) {
    equal(setupOf(listeners[3]!, less), null);
  }
});
