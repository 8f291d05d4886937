import { deepEqual, match } from "node:assert/strict";
import type { Domain } from "../../lib/mail/address.ts";
import { findHop, type HopTables, type OwnText } from "../../lib/delivery/hop.ts";
import { defaultRelay } from "../../lib/policy/defaults.ts";
import type { RelayAction } from "../../lib/policy/policy.ts";

const domain = "far.test" as Domain;
const us = "mx.us.test" as Domain;
const base: RelayAction = { ...defaultRelay, kind: "relay", name: "out", place: { file: "c", line: 1, column: 1 } };

type RelayAnswer = Awaited<ReturnType<HopTables["relay"]>>;

async function hopOf(
  change: Partial<RelayAction>,
  { relay = { kind: "failed" }, source = { kind: "failed" }, helo = { kind: "failed" } }: {
    relay?: RelayAnswer;
    source?: OwnText;
    helo?: OwnText;
  } = {},
) {
  const asked: string[] = [];
  const answer = <T>(text: string, value: T): Promise<T> => {
    asked.push(text);
    return Promise.resolve(value);
  };
  const hop = await findHop({ ...base, ...change }, domain, us, {
    relay: (table, to) => answer(`${table} ${to}`, relay),
    source: (table) => answer(table, source),
    helo: (table, address) => answer(`${table} ${address}`, helo),
  });
  return { hop, asked };
}

const text = (value: string): OwnText => ({ kind: "found", text: value });
const plain = { helo: null, source: null, backupFor: null };
const toDomain = { kind: "domain", domain } as const;
const toHost = { kind: "host", host: "smart.test", port: 2525, protocol: "smtp" } as const;
const url = { kind: "found", url: "smtp://smart.test:2525" } as const;

Deno.test("findHop() asks the tables of the action, and no others", async () => {
  for (
    const [change, answers, manner, relay, asked] of [
      [{}, {}, plain, toDomain, []],
      [{ host: "hosts" }, { relay: url }, plain, toHost, ["hosts far.test"]],
      [{ domain: "map" }, { relay: url }, plain, toHost, ["map far.test"]],
      [{ helo: "we.test" }, {}, { ...plain, helo: "we.test" }, toDomain, []],
      [{ backup: { mx: null } }, {}, { ...plain, backupFor: us }, toDomain, []],
      [{ backup: { mx: "b.us.test" } }, {}, { ...plain, backupFor: "b.us.test" }, toDomain, []],
      [{ source: "src" }, { source: text("192.0.2.7") }, { ...plain, source: "192.0.2.7" }, toDomain, ["src"]],
      [{ source: "src" }, { source: text("[IPv6:2001:DB8::7]") }, { ...plain, source: "2001:db8::7" }, toDomain, [
        "src",
      ]],
      [
        { source: "src", heloSource: "names" },
        { source: text("2001:db8::7"), helo: text("six.test") },
        { ...plain, source: "2001:db8::7", helo: "six.test" },
        toDomain,
        ["src", "names [2001:db8::7]"],
      ],
    ] as const
  ) deepEqual(await hopOf(change, answers), { hop: { relay, manner }, asked: [...asked] }, JSON.stringify(change));
});

Deno.test("findHop() says what the mail is to be told when a table does not give what it should", async () => {
  for (
    const [change, answers, want] of [
      [{ host: "hosts" }, {}, /^delayed .* Cannot retrieve smarthost$/],
      [{ domain: "map" }, { relay: { kind: "absent" } }, /^delayed .* Cannot retrieve smarthost$/],
      [{ host: "hosts" }, { relay: { kind: "found", url: "ftp://x" } }, /^delayed .*Cannot parse smarthost: /],
      [{ source: "src" }, {}, /^delayed .* Could not retrieve source address$/],
      [{ source: "src" }, { source: text("nonsense") }, /^delayed .* Could not retrieve source address$/],
      [
        { source: "src", heloSource: "names" },
        { source: text("192.0.2.7") },
        /^delayed .* helo name for 192\.0\.2\.7$/,
      ],
    ] as const
  ) {
    const { hop } = await hopOf(change, answers);
    match("enhanced" in hop ? `${hop.kind} ${hop.enhanced} ${hop.text}` : "a hop", want);
  }
});
