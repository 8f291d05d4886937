import { deepEqual, equal } from "node:assert/strict";
import type { Packet } from "dns-packet";
import { StubResolver } from "../../lib/host/dns.ts";
import { parseHosts } from "../../lib/host/resolv_conf.ts";
import type { DnsAnswer } from "../../lib/port.ts";
import { SeededRandom } from "../sim/random.ts";
import {
  type Answering,
  type Asked,
  type FakeDnsServer,
  flagTc,
  rcode,
  response,
  startDnsServer,
} from "./dns_server.ts";

interface World {
  readonly dns: StubResolver;
  readonly servers: readonly FakeDnsServer[];
  /** Moves the clock of the cache, ms. */
  readonly pass: (ms: number) => void;
  readonly asked: () => string[];
}

/** Runs `play` against a resolver with one server for each of `answers`. */
async function withServers(
  answers: readonly Answering[],
  play: (world: World) => Promise<void>,
): Promise<void> {
  // Only where a server is silent does a test wait for the end of the time.
  const timeoutMs = answers.includes(silent) ? 150 : 5_000;
  const servers = await Promise.all(answers.map((answer) => startDnsServer(answer)));
  let now = 0;
  const dns = new StubResolver({
    config: { servers: servers.map(({ server }) => server), timeoutMs, attempts: 2 },
    clock: { monotonic: () => now },
    random: new SeededRandom(1),
    hosts: parseHosts("192.0.2.9 relay.test\n2001:db8::9 relay.test six.test\n"),
  });
  try {
    await play({
      dns,
      servers,
      pass: (ms) => now += ms,
      asked: () =>
        servers.flatMap(({ asked }, i) => asked.map(({ name, type, over }) => `${i} ${over} ${type} ${name}`)),
    });
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
}

const address = (name: string, ttl = 60): Packet =>
  response({ answers: [{ type: "A", name, ttl, data: "192.0.2.1" }] });
const found = (ttlMs = 60_000): DnsAnswer => ({
  kind: "records",
  records: [{ type: "A", address: "192.0.2.1", ttlMs }],
  secure: false,
});
const failing: Answering = () => [response({ rcode: rcode.servFail })];
const silent: Answering = () => [];
const working: Answering = ({ name }) => [address(name)];

/** The kind of an answer, and the reason of a failure. */
function brief(answer: DnsAnswer): string {
  return answer.kind === "failed" ? `failed: ${answer.reason}` : answer.kind;
}

const verdicts: readonly (readonly [string, readonly Answering[], string])[] = [
  ["an address", [working], "records"],
  ["NXDOMAIN", [() => [response({ rcode: rcode.nxDomain })]], "noName"],
  ["NODATA", [() => [response({})]], "noData"],
  ["SERVFAIL", [failing], "failed: servfail"],
  ["REFUSED", [() => [response({ rcode: rcode.refused })]], "failed: refused"],
  ["no answer", [silent], "failed: timeout"],
  ["a broken answer", [({ id }) => [broken(id)]], "failed: malformed"],
  ["SERVFAIL, then an address", [failing, working], "records"],
  ["no answer, then an address", [silent, working], "records"],
  ["SERVFAIL and no answer", [failing, silent], "failed: servfail"],
  ["no answer and SERVFAIL", [silent, failing], "failed: servfail"],
  ["NXDOMAIN, which is final", [() => [response({ rcode: rcode.nxDomain })], working], "noName"],
  [
    "an alias that leads to itself",
    [({ name }) => [response({ answers: [alias(name, "x.test")] })]],
    "failed: malformed",
  ],
];

function alias(name: string, data: string) {
  return { type: "CNAME", name, ttl: 60, data } as const;
}

/** A response that says it holds an answer, and ends. */
function broken(id: number): Uint8Array {
  return new Uint8Array([
    id >> 8,
    id & 255,
    0x81,
    0x80,
    0,
    1,
    0,
    1,
    0,
    0,
    0,
    0,
    1,
    97,
    4,
    116,
    101,
    115,
    116,
    0,
    0,
    1,
    0,
    1,
  ]);
}

for (const [name, answers, want] of verdicts) {
  Deno.test(`StubResolver tells ${name}`, async () => {
    await withServers(answers, async ({ dns }) => equal(brief(await dns.query("a.test", "A")), want));
  });
}

Deno.test("StubResolver asks every server twice before it calls them silent", async () => {
  await withServers([silent, silent], async ({ dns, asked }) => {
    await dns.query("a.test", "A");
    deepEqual(asked(), ["0 udp A a.test", "0 udp A a.test", "1 udp A a.test", "1 udp A a.test"]);
  });
});

Deno.test("StubResolver asks once each server that fails", async () => {
  await withServers([failing, failing], async ({ dns, asked }) => {
    await dns.query("a.test", "A");
    deepEqual(asked(), ["0 udp A a.test", "1 udp A a.test"]);
  });
});

Deno.test("StubResolver begins with the server that answered last", async () => {
  await withServers([silent, working], async ({ dns, asked }) => {
    await dns.query("a.test", "A");
    await dns.query("b.test", "A");
    deepEqual(asked(), ["0 udp A a.test", "1 udp A a.test", "1 udp A b.test"]);
  });
});

Deno.test("StubResolver asks over TCP when the answer is truncated", async () => {
  const answer: Answering = ({ name, over }) => [over === "udp" ? response({ flags: flagTc }) : address(name)];
  await withServers([answer], async ({ dns, asked }) => {
    deepEqual(await dns.query("a.test", "A"), found());
    deepEqual(asked(), ["0 udp A a.test", "0 tcp A a.test"]);
  });
});

Deno.test("StubResolver does without EDNS where a server does not know it", async () => {
  const answer: Answering = (
    { name, edns },
  ) => [edns ? response({ rcode: rcode.formErr, questions: [] }) : address(name)];
  await withServers([answer], async ({ dns, servers }) => {
    equal((await dns.query("a.test", "A")).kind, "records");
    equal((await dns.query("b.test", "A")).kind, "records");
    deepEqual(servers[0]?.asked.map(({ edns }) => edns), [true, false, false]);
  });
});

Deno.test("StubResolver drops answers with another id or question and waits for its own", async () => {
  const answer: Answering = ({ name, id }) => [
    { ...response({ rcode: rcode.nxDomain }), id: id ^ 1 },
    { ...response({ rcode: rcode.nxDomain }), questions: [{ type: "A", name: "other.test" }] },
    { ...response({ rcode: rcode.nxDomain }), questions: [{ type: "MX", name }] },
    address(name),
  ];
  await withServers([answer], async ({ dns }) => deepEqual(await dns.query("a.test", "A"), found()));
});

Deno.test("StubResolver follows aliases that the server leaves to it", async () => {
  const answer: Answering = ({ name }: Asked) => [
    name === "a.test" ? response({ answers: [alias("a.test", "b.test")] }) : address(name, 90),
  ];
  await withServers([answer], async ({ dns, asked }) => {
    deepEqual(await dns.query("a.test", "A"), found(60_000));
    deepEqual(asked(), ["0 udp A a.test", "0 udp A b.test"]);
  });
});

Deno.test("StubResolver keeps answers for their time", async () => {
  await withServers([working], async ({ dns, pass, asked }) => {
    await dns.query("A.Test.", "A");
    pass(59_999);
    deepEqual(await dns.query("a.test", "A"), found());
    equal(asked().length, 1);
    pass(1);
    await dns.query("a.test", "A");
    equal(asked().length, 2);
  });
});

Deno.test("StubResolver keeps failures for five seconds", async () => {
  await withServers([failing], async ({ dns, pass, asked }) => {
    await dns.query("a.test", "A");
    pass(4_999);
    await dns.query("a.test", "A");
    equal(asked().length, 1);
    pass(1);
    await dns.query("a.test", "A");
    equal(asked().length, 2);
  });
});

Deno.test("StubResolver asks once for all who want to know at the same time", async () => {
  await withServers([working], async ({ dns, asked }) => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => dns.query("a.test", "A")));
    deepEqual(new Set(answers.map(brief)), new Set(["records"]));
    equal(asked().length, 1);
  });
});

Deno.test("StubResolver lets many questions wait for their turn", async () => {
  await withServers([working], async ({ dns }) => {
    const answers = await Promise.all(Array.from({ length: 450 }, (_, i) => dns.query(`n${i}.test`, "A")));
    deepEqual(new Set(answers.map(brief)), new Set(["records"]));
  });
});

const local: readonly (readonly [string, "A" | "AAAA", DnsAnswer])[] = [
  ["localhost", "A", { kind: "records", records: [{ type: "A", address: "127.0.0.1", ttlMs: 0 }], secure: false }],
  ["x.localhost", "AAAA", { kind: "records", records: [{ type: "AAAA", address: "::1", ttlMs: 0 }], secure: false }],
  ["relay.test", "A", { kind: "records", records: [{ type: "A", address: "192.0.2.9", ttlMs: 0 }], secure: false }],
  ["six.test", "A", { kind: "noData", ttlMs: 0, secure: false }],
];

for (const [name, type, want] of local) {
  Deno.test(`StubResolver knows ${type} of ${name} without asking`, async () => {
    await withServers([failing], async ({ dns, asked }) => {
      deepEqual(await dns.query(name, type), want);
      deepEqual(asked(), []);
    });
  });
}

Deno.test("StubResolver asks for the MX of a name in the hosts file", async () => {
  await withServers([working], async ({ dns, asked }) => {
    await dns.query("relay.test", "MX");
    deepEqual(asked(), ["0 udp MX relay.test"]);
  });
});

Deno.test("StubResolver answers for names that cannot be asked for", async () => {
  await withServers([working], async ({ dns, asked }) => {
    for (const name of ["", "a..test", "x".repeat(300)]) {
      equal(brief(await dns.query(name, "A")), "failed: malformed", name);
    }
    deepEqual(asked(), []);
  });
});
