import { deepEqual } from "node:assert/strict";
import { parseDnsServer, parseHosts, parseResolvConf, type ResolverConfig } from "../../lib/host/resolv_conf.ts";

const here = [{ ip: "127.0.0.1", port: 53 }];
const plain = { timeoutMs: 5_000, attempts: 2 };

const files: readonly (readonly [string, string, ResolverConfig])[] = [
  ["nothing", "", { servers: here, ...plain }],
  ["one server", "nameserver 192.0.2.53\n", { servers: [{ ip: "192.0.2.53", port: 53 }], ...plain }],
  ["IPv6", "nameserver 2001:DB8:0::53", { servers: [{ ip: "2001:db8::53", port: 53 }], ...plain }],
  [
    "more than three",
    ["1", "2", "3", "4"].map((n) => `nameserver 192.0.2.${n}`).join("\n"),
    { servers: ["1", "2", "3"].map((n) => ({ ip: `192.0.2.${n}`, port: 53 })), ...plain },
  ],
  ["comments", "# nameserver 192.0.2.1\n; nameserver 192.0.2.2\n  nameserver\t192.0.2.3 # three\n", {
    servers: [{ ip: "192.0.2.3", port: 53 }],
    ...plain,
  }],
  ["what is no address", "nameserver localhost\nnameserver\nserver 192.0.2.1\n", { servers: here, ...plain }],
  ["options", "options rotate timeout:2 attempts:3 edns0\n", { servers: here, timeoutMs: 2_000, attempts: 3 }],
  ["options out of bounds", "options timeout:0 attempts:99\n", { servers: here, timeoutMs: 1_000, attempts: 5 }],
  ["options that make no sense", "options timeout: attempts:x timeout:99999\n", { servers: here, ...plain }],
  ["search domains", "search example.org\ndomain example.org\n", { servers: here, ...plain }],
];

for (const [name, text, want] of files) {
  Deno.test(`parseResolvConf() reads ${name}`, () => deepEqual(parseResolvConf(text), want));
}

const servers: readonly (readonly [string, ReturnType<typeof parseDnsServer>])[] = [
  ["127.0.0.1", { ip: "127.0.0.1", port: 53 }],
  ["127.0.0.1:5353", { ip: "127.0.0.1", port: 5353 }],
  ["::1", { ip: "::1", port: 53 }],
  ["[::1]:5353", { ip: "::1", port: 5353 }],
  ["2001:DB8::0:53", { ip: "2001:db8::53", port: 53 }],
  ["fe80::1%eth0", { ip: "fe80::1%eth0", port: 53 }],
  ["[::1]", null],
  ["127.0.0.1:", null],
  ["127.0.0.1:0", null],
  ["127.0.0.1:65536", null],
  ["[127.0.0.1]:53", null],
  ["::1:x", null],
  ["resolver.test:53", null],
  ["", null],
];

for (const [text, want] of servers) {
  Deno.test(`parseDnsServer() reads "${text}"`, () => deepEqual(parseDnsServer(text), want));
}

Deno.test("parseHosts() gives the addresses of each name in order", () => {
  const hosts = parseHosts(
    "127.0.0.1 localhost\n::1\tlocalhost ip6-localhost # us\n192.0.2.1 Mail.Test mail\n#192.0.2.2 gone\nx mail\n192.0.2.1 mail\n192.0.2.3 mail.\n",
  );
  deepEqual([...hosts], [
    ["localhost", ["127.0.0.1", "::1"]],
    ["ip6-localhost", ["::1"]],
    ["mail.test", ["192.0.2.1"]],
    ["mail", ["192.0.2.1", "192.0.2.3"]],
  ]);
});
