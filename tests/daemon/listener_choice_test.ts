import { equal } from "node:assert/strict";
import { covers, listenerFor } from "../../lib/daemon/listener_choice.ts";
import { policyOf } from "./rig.ts";

Deno.test("covers() tells which sockets keep others off their port", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["::", "0.0.0.0", true],
    ["::", "192.0.2.1", true],
    ["::", "2001:db8::1", true],
    ["0.0.0.0", "192.0.2.1", true],
    ["0.0.0.0", "::", false],
    ["0.0.0.0", "::1", false],
    ["192.0.2.1", "192.0.2.2", false],
    ["::1", "127.0.0.1", false],
  ];
  for (const [wide, narrow, want] of cases) equal(covers(wide, narrow), want, `${wide} ${narrow}`);
});

Deno.test("listenerFor() goes by where the client came to: the address itself, its family, or nobody", () => {
  const cases: readonly (readonly [readonly string[], number, string, number | null])[] = [
    // One socket for both families.
    [["0.0.0.0 port 25", "::"], 2, "192.0.2.1", 1],
    [["0.0.0.0 port 25", "::"], 1, "2001:db8::1", 2],
    // IPv6 alone.
    [["::"], 1, "2001:db8::1", 1],
    [["::"], 1, "192.0.2.1", null],
    // One address in particular, on its own port.
    [["0.0.0.0", "127.0.0.1", "127.0.0.2 port 587"], 1, "127.0.0.1", 2],
    [["0.0.0.0", "127.0.0.1", "127.0.0.2 port 587"], 1, "127.0.0.2", 1],
    [["::", "2001:DB8::1"], 1, "2001:db8::1", 2],
    // The wide line has gone by a reload, and its socket stays for this one.
    [["127.0.0.1"], 1, "127.0.0.1", 1],
    [["127.0.0.1"], 1, "192.0.2.1", null],
  ];
  for (const [places, index, ip, want] of cases) {
    const { listeners } = policyOf(
      places.map((place) => `listen on ${place}\n`).join("") + 'action "a" relay\nmatch for any action "a"\n',
    );
    equal(listenerFor(listeners, index, { kind: "inet", ip, port: 25 }), want, `${places} ${ip}`);
  }
  equal(listenerFor(policyOf().listeners, 0, { kind: "unix", path: "" }), 0, "the submission socket");
});
