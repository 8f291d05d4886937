/** Where delivery may connect to. */

import { deepEqual, equal } from "node:assert/strict";
import { denoFlags } from "../../lib/daemon/grant_flags.ts";
import type { Premises } from "../../lib/daemon/privilege.ts";
import { processWith, relayTo, rowOf } from "./privilege_rig.ts";

/** May delivery connect to `ip`, with this configuration? */
function mayReach(ip: string, text: string, change: Partial<Premises> = {}): boolean {
  const host = ip.includes(":") ? `[${ip}]:25` : `${ip}:25`;
  return processWith(denoFlags(rowOf("delivery", text, change)))({ name: "net", host });
}

Deno.test("delivery reaches strangers and nobody inside", () => {
  for (
    const [ip, want] of [
      ["192.0.2.1", true],
      ["2001:db8::1", true],
      ["127.0.0.1", false],
      ["127.255.255.254", false],
      ["::1", false],
      ["10.1.2.3", false],
      ["172.16.0.1", false],
      ["172.31.255.255", false],
      ["172.32.0.1", true],
      ["192.168.1.1", false],
      ["169.254.169.254", false],
    ] as const
  ) equal(mayReach(ip, relayTo("192.0.2.5")), want, ip);
});

Deno.test("a relay inside, given by its address, opens that address alone", () => {
  for (
    const [host, open, closed] of [
      ["10.0.0.25", ["10.0.0.25"], ["10.0.0.24", "10.0.0.26", "10.255.0.1", "127.0.0.1", "192.168.0.1"]],
      ["smtp://192.168.1.5:2525", ["192.168.1.5"], ["192.168.1.4", "192.168.1.7", "10.0.0.25"]],
      ["127.0.0.1", ["127.0.0.1"], ["127.0.0.2", "127.0.1.1", "::1"]],
      ["[::1]", ["::1"], ["127.0.0.1"]],
      ["localhost", ["127.0.0.1", "::1"], ["127.0.0.2", "10.0.0.1"]],
      ["LocalHost", ["127.0.0.1", "::1"], ["127.0.0.2"]],
    ] as const
  ) {
    for (const ip of open) equal(mayReach(ip, relayTo(host)), true, `${host}: ${ip}`);
    for (const ip of closed) equal(mayReach(ip, relayTo(host)), false, `${host}: ${ip}`);
  }
});

Deno.test("a relay given by name, or from a file, may be on a private network, and not on this machine", () => {
  const fromFile = 'table hosts file:/etc/mail/hosts\naction "out" relay host <hosts>\nmatch for any action "out"\n';
  for (const text of [relayTo("relay.example.org"), fromFile]) {
    for (const ip of ["10.0.0.1", "172.16.3.4", "192.168.0.9"]) equal(mayReach(ip, text), true, ip);
    for (const ip of ["127.0.0.1", "::1", "169.254.1.1"]) equal(mayReach(ip, text), false, ip);
  }
});

Deno.test("all relays of a table count, and none that no action uses", () => {
  const text = `
table used { "10.0.0.1", "smtp://10.0.0.2" }
table unused { "10.0.0.3" }
action "out" relay host <used>
match for domain <unused> action "out"
`;
  deepEqual(["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((ip) => mayReach(ip, text)), [true, true, false]);
});

Deno.test("the resolvers in use are reached, wherever they are", () => {
  const resolvers = ["127.0.0.53", "192.168.1.1", "192.0.2.53", "::1"];
  for (const ip of resolvers) equal(mayReach(ip, relayTo("192.0.2.5"), { resolvers }), true, ip);
  for (const ip of ["127.0.0.1", "192.168.1.2"]) equal(mayReach(ip, relayTo("192.0.2.5"), { resolvers }), false, ip);
});

Deno.test("denied ranges keep their exceptions apart, for people", () => {
  const { net } = rowOf("delivery", relayTo("10.0.0.25"), { resolvers: ["10.0.0.53", "127.0.0.53"] });
  deepEqual(net.kind === "out" && net.deny.filter(({ except }) => except.length > 0), [
    { range: "127.0.0.0/8", except: ["127.0.0.53"] },
    { range: "10.0.0.0/8", except: ["10.0.0.25", "10.0.0.53"] },
  ]);
});
