import { deepEqual, equal, match } from "node:assert/strict";
import { readWalkLine, spfWalksMax, walkLines } from "../../cli/smtpctl_walk.ts";
import { formatNet } from "../../lib/mail/ip.ts";
import type { DnsAnswer, DnsType } from "../../lib/port.ts";
import { rcode, response, startDnsServer } from "../host/dns_server.ts";
import { runTask } from "../support/command.ts";
import { PaperPrinter } from "../support/printer.ts";
import { answerOf, type Zone } from "../trust/spf_zone.ts";

const zone: Zone = {
  "a.test": ["TXT v=spf1 ip4:192.0.2.0/24 include:b.test include:%{i}.a.test -all"],
  "b.test": ["TXT v=spf1 ip6:2001:db8::/32 ip4:198.51.100.7 -all"],
  "bad.test": ["TXT v=spf1 ip4:1.2.3.4\u001b[31m -all"],
};

/** Feeds lines; `delay` holds answers back for so many turns. */
async function run(
  lines: readonly string[],
  { json = false, four = true, six = true, delay = (_: string): number => 0 } = {},
) {
  const printer = new PaperPrinter();
  let [active, most] = [0, 0];
  const dns = {
    async query(name: string, type: DnsType): Promise<DnsAnswer> {
      most = Math.max(most, ++active);
      for (let turn = 0; turn <= delay(name); turn++) await Promise.resolve();
      active--;
      return answerOf(zone, { name, type });
    },
  };
  const host = {
    dns,
    async *lines() {
      for (const line of lines) yield await Promise.resolve(line);
    },
  };
  const status = await walkLines({ four, six, json }, host, printer);
  return { status, printed: printer.text, told: printer.errors, most };
}

Deno.test("readWalkLine() takes domains, addresses and networks", () => {
  const table: readonly (readonly [string, string])[] = [
    ["", "none"],
    ["  \t", "none"],
    ["# a.test", "none"],
    ["  #", "none"],
    ["a.test", "domain a.test"],
    [" A.Test.\r", "domain a.test"],
    ["a.test # ours", "domain a.test"],
    ["_spf.a.test", "domain _spf.a.test"],
    ["b\u00fccher.test", "domain xn--bcher-kva.test"],
    ["192.0.2.1", "network 192.0.2.1"],
    ["192.0.2.1/24 # net", "network 192.0.2.0/24"],
    ["2001:DB8::1", "network 2001:db8::1"],
    ["2001:db8::/32", "network 2001:db8::/32"],
    ["::ffff:192.0.2.1", "network ::ffff:192.0.2.1"],
    ["test", "wrong"],
    ["10", "wrong"],
    ["10.0.0", "wrong"],
    ["a.test b.test", "wrong"],
    ["a..test", "wrong"],
    [".test", "wrong"],
    ["ann@a.test", "wrong"],
    ["a.test#x", "wrong"],
    ["a.test/24", "wrong"],
    ["[192.0.2.1]", "wrong"],
    ["192.0.2.300", "wrong"],
    ["192.0.2.1/33", "wrong"],
    ["2001:db8::/129", "wrong"],
    ["1:2:3", "wrong"],
    [`${"x".repeat(64)}.test`, "wrong"],
    [`${"x.".repeat(130)}test`, "wrong"],
    ["\ufffd.test", "wrong"],
  ];
  const shown = table.map(([line]) => {
    const read = readWalkLine(line);
    if (read.kind === "domain") return `domain ${read.domain}`;
    return read.kind === "network" ? `network ${formatNet(read.net)}` : read.kind;
  });
  deepEqual(shown, table.map(([, want]) => want));
});

Deno.test("walkLines() prints each network once, and tells what is wrong with which line", async () => {
  const lines = ["# list", "a.test", "", "192.0.2.0/24", "nope.test", "x y", "b.test", "bad.test", "203.0.113.1"];
  const { status, printed, told } = await run(lines);
  equal(status, 1);
  equal(printed, "192.0.2.0/24\n2001:db8::/32\n198.51.100.7\n203.0.113.1\n");
  deepEqual(told.split("\n"), [
    "smtpctl: line 2: warning: include of a.test: %{i}.a.test has macros, which only a message can fill in: left out",
    "smtpctl: line 5: there is no domain nope.test",
    "smtpctl: line 6: x y is no domain: example.org is one; so may be an address or a network",
    "smtpctl: line 8: the SPF record of bad.test has an error, so that nothing of it holds: ip4:1.2.3.4?[31m",
    "",
  ]);
});

Deno.test("walkLines() succeeds with warnings, and with nothing to do", async () => {
  deepEqual((await run(["a.test"])).status, 0);
  deepEqual(await run([]), { status: 0, printed: "", told: "", most: 0 });
});

Deno.test("walkLines() prints one family alone", async () => {
  const lines = ["b.test", "192.0.2.1", "::1"];
  equal((await run(lines, { six: false })).printed, "198.51.100.7\n192.0.2.1\n");
  equal((await run(lines, { four: false })).printed, "2001:db8::/32\n::1\n");
});

Deno.test("walkLines() prints in the order of the lines, and walks through some at once", async () => {
  const delay = (name: string) => name === "a.test" ? 2_000 : 300;
  const others = Array.from({ length: 50 }, (_, n) => `n${n}.test`);
  const { printed, told, most } = await run(["a.test", ...others, "203.0.113.1"], { delay });
  equal(printed, "192.0.2.0/24\n2001:db8::/32\n198.51.100.7\n203.0.113.1\n");
  deepEqual(told.match(/n\d+(?=\.test)/g), others.map((name) => name.slice(0, -5)));
  equal(most, spfWalksMax);
});

Deno.test("walkLines() prints JSON: an object for each line, with all that it has come to", async () => {
  const { status, printed, told } = await run(["a.test", "", "b.test", "Nope.test", "10.0.0.1/8", "x y"], {
    json: true,
  });
  deepEqual([status, told], [1, ""]);
  const error = (text: string) => [{ severity: "error", text }];
  deepEqual(JSON.parse(printed), [
    {
      line: 1,
      input: "a.test",
      networks: ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"],
      problems: [{
        severity: "warning",
        text: "include of a.test: %{i}.a.test has macros, which only a message can fill in: left out",
      }],
    },
    { line: 3, input: "b.test", networks: ["2001:db8::/32", "198.51.100.7"], problems: [] },
    { line: 4, input: "nope.test", networks: [], problems: error("there is no domain nope.test") },
    { line: 5, input: "10.0.0.0/8", networks: ["10.0.0.0/8"], problems: [] },
    {
      line: 6,
      input: "x y",
      networks: [],
      problems: error("x y is no domain: example.org is one; so may be an address or a network"),
    },
  ]);
  deepEqual(JSON.parse((await run([], { json: true })).printed), []);
});

Deno.test("smtpctl spf walk asks the DNS server that --server names, without a daemon", async () => {
  const server = await startDnsServer(({ name, type }) => {
    if (name !== "a.test") return [response({ rcode: rcode.nxDomain })];
    const data = ["v=spf1 ip4:192.0.2.1 mx include:gone.test -all"];
    return [response(type === "TXT" ? { answers: [{ name, type, ttl: 60, data }] } : {})];
  });
  try {
    const { ip, port } = server.server;
    const stdin = "a.test\n\n192.0.2.1\n2001:db8::/32";
    const { code, stdout, stderr } = await runTask("smtpctl", ["spf", "w", "--server", `${ip}:${port}`], { stdin });
    deepEqual([code, stdout], [1, "192.0.2.1\n2001:db8::/32\n"]);
    match(stderr, /^smtpctl: line 1: warning: mx of a\.test: [^\n]*\nsmtpctl: line 1: [^\n]*no domain gone\.test\n$/);
  } finally {
    await server.close();
  }
});
