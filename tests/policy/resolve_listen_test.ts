import assert from "node:assert/strict";
import { parseDomain } from "../../lib/mail/domain.ts";
import { defaultInetOptions, defaultListenerOptions } from "../../lib/policy/defaults.ts";
import { loadPolicy } from "../../lib/policy/resolve.ts";
import { addressesOf } from "../../lib/policy/resolve_listen.ts";
import { loadText, machine } from "./config_fixture.ts";

const source = { ...machine, path: "", readFile: () => assert.fail(), macros: new Map<string, string>() };

Deno.test("addressesOf() tries interface, address and name", () => {
  const cases: readonly (readonly [string, 4 | 6 | null, readonly string[]])[] = [
    ["lo", null, ["127.0.0.1", "::1"]],
    ["lo", 4, ["127.0.0.1"]],
    ["lo", 6, ["::1"]],
    ["eth0", null, ["192.0.2.10", "2001:db8::10", "fe80::1"]],
    ["192.0.2.99", null, ["192.0.2.99"]],
    ["192.0.2.99", 6, []],
    ["2001:DB8::99", null, ["2001:db8::99"]],
    ["[2001:db8::99]", null, ["2001:db8::99"]],
    ["fe80::2%eth0", null, ["fe80::2%eth0"]],
    ["0.0.0.0", null, ["0.0.0.0"]],
    ["::", null, ["::"]],
    ["mail.example.org", null, ["192.0.2.25", "2001:db8::25"]],
    ["mail.example.org", 4, ["192.0.2.25"]],
    ["localhost", null, ["127.0.0.1", "::1"]],
    ["nosuch", null, []],
    ["300.0.0.1", null, []],
  ];
  for (const [word, family, want] of cases) assert.deepEqual(addressesOf(source, word, family), want, word);
});

Deno.test("addressesOf() knows localhost without interfaces and resolver", () => {
  assert.deepEqual(addressesOf({ ...source, interfaces: [] }, "localhost", null), ["127.0.0.1"]);
  assert.deepEqual(addressesOf({ ...source, resolveHost: () => ["::1", "junk", "::1"] }, "localhost", null), ["::1"]);
});

Deno.test("resolveListen() makes one listener per address, with the options of the line", () => {
  const result = loadText("listen on lo port submission tag t hostname H.test\nmatch reject\n");
  assert.ok(result.kind === "ok");
  const place = { file: "smtpd.conf", line: 1, column: 1 };
  const common = { ...defaultInetOptions(parseDomain("h.test")!), on: "lo", port: 587, tag: "t", place };
  assert.deepEqual(result.policy.listeners, [
    { ...defaultListenerOptions(machine.serverName), kind: "socket", place: null },
    { ...common, address: "127.0.0.1" },
    { ...common, address: "::1" },
  ]);
});

Deno.test("resolveListen() lets LMTP be spoken on its own port, and not on that of SMTP", () => {
  const ports = (text: string) => {
    const result = loadText(`${text}\nmatch reject\n`);
    if (result.kind === "errors") return result.errors.map(({ message }) => message);
    return result.policy.listeners.flatMap((one) => one.kind === "inet" ? [`${one.port} ${one.lmtp}`] : []);
  };
  assert.deepEqual(ports("listen on 127.0.0.1 lmtp"), ["24 true"]);
  assert.deepEqual(ports("listen on 127.0.0.1 lmtp port 2424"), ["2424 true"]);
  assert.deepEqual(ports("listen on 127.0.0.1 port 24"), ["24 false"]);
  assert.deepEqual(ports("listen on 127.0.0.1 port mysmtp"), ["2526 false"]);
  assert.deepEqual(ports("listen on 127.0.0.1 port nosuch"), ["invalid port: nosuch"]);
  assert.deepEqual(ports("listen on 127.0.0.1 port 25 lmtp"), ["LMTP is not spoken on port 25"]);
});

Deno.test("resolveListen() lets one address have two ports, and two addresses one", () => {
  const result = loadText("listen on lo\nlisten on lo port 587\nlisten on eth0\nmatch reject\n");
  assert.equal(result.kind === "ok" && result.policy.listeners.length, 7);
});

Deno.test("resolveListen() leaves link-local addresses of an interface out, and takes none alone", () => {
  const told = (text: string, interfaces = machine.interfaces) => {
    const readFile = () => ({ kind: "ok", text: `${text}\nmatch reject\n` } as const);
    const result = loadPolicy({ ...source, path: "smtpd.conf", interfaces, readFile });
    const problems = result.kind === "ok" ? result.warnings : result.errors;
    const listeners = result.kind === "ok" ? result.policy.listeners : [];
    return [
      listeners.flatMap((one) => one.kind === "inet" ? [one.address] : []),
      problems.map(({ severity, line, column, message }) => `${severity} ${line}:${column} ${message}`),
    ];
  };
  assert.deepEqual(told("listen on eth0"), [
    ["192.0.2.10", "2001:db8::10"],
    [],
  ]);
  assert.deepEqual(told("listen on eth0 inet4"), [["192.0.2.10"], []]);
  assert.deepEqual(told("listen on fe80::1%eth0"), [
    [],
    ["error 1:11 the link-local address fe80::1%eth0 cannot be listened on"],
  ]);
  assert.deepEqual(told("listen on febf::1"), [[], [
    "error 1:11 the link-local address febf::1 cannot be listened on",
  ]]);
  assert.deepEqual(told("listen on fec0::1"), [["fec0::1"], []]);
  const bare = [{ name: "eth0", address: "192.0.2.10" }, { name: "eth0", address: "FE80::1" }, {
    name: "tun0",
    address: "fe80::2",
  }];
  assert.deepEqual(told("listen on eth0", bare), [["192.0.2.10"], []]);
  const refused = (
    line: string,
    ip: string,
  ) => [[], [`error ${line} the link-local address ${ip} cannot be listened on`]];
  assert.deepEqual(told("listen on eth0 inet6", bare), refused("1:11", "fe80::1"));
  assert.deepEqual(told("listen on tun0", bare), refused("1:11", "fe80::2"));
});
