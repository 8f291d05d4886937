/** What every table behind a real server must do. */

import { equal, match, ok, rejects } from "node:assert/strict";
import { hostClock } from "../../lib/host/clock.ts";
import { hostDatabases } from "../../lib/host/databases.ts";
import { hostDisk } from "../../lib/host/disk.ts";
import { openSqlReader } from "../../lib/host/sqlite.ts";
import { Fault, type FaultKind } from "../../lib/fault.ts";
import { openTable } from "../../lib/table/open.ts";
import { parseTableSettings } from "../../lib/table/settings.ts";
import type { DatabaseKind, Service, Table } from "../../lib/table/table.ts";
import { testAskedTable, testFailingTable } from "../contract/table.ts";
import type { RealServer } from "./servers.ts";
import { until } from "./wait.ts";

/** A server with the entries that `testServerTable` expects. */
export interface Site {
  readonly server: RealServer;
  /** Ways to reach it: settings without queries, by name. */
  readonly ways: Readonly<Record<string, string>>;
  /** Queries; `query_regex` and the like are given apart. */
  readonly queries: string;
}

/** Opens a table by the text of its settings, as lookup does. */
export async function openServerTable(kind: DatabaseKind, text: string): Promise<Table> {
  const parsed = parseTableSettings(kind, text);
  if (parsed.kind === "error") throw new Error(`${parsed.line}: ${parsed.message}`);
  return await openTable({ kind, name: "t", path: "/t.conf", settings: parsed.settings }, hostDisk, {
    openSql: openSqlReader,
    connectProc: () => {
      throw new Error("no helper here");
    },
    servers: { drivers: hostDatabases, clock: hostClock },
    clock: hostClock,
    subAddressDelimiter: "+",
    report: () => {},
  });
}

/** Keys that would be something else if they became part of a query. Each is in the database, with itself as value. */
export const hostileKeys: readonly string[] = [
  "o'brien@x.test",
  "'; drop table t; --",
  '" or ""="',
  "a\\'b",
  "*",
  "*)(uid=*",
  "a)(|(cn=*))",
  "a\\2a",
  "%s%u%%",
  "get x",
  "a\r\ndel x",
  "$1 ? :a @b",
  "bücher.test",
  "100%",
];

/** Is an error a Fault of this kind, with this text? Throws when it has another. */
export const isFault = (kind: FaultKind, text: RegExp) => (error: unknown): boolean => {
  match(String(error), text);
  return error instanceof Fault && error.kind === kind;
};

/** Declares the tests. `site` is called once; the server is ended after the last. */
export function testServerTable(
  kind: DatabaseKind,
  options: { readonly ignore: boolean; readonly packages: string },
  services: readonly (readonly [service: Service, value: string])[],
  makeSite: () => Promise<Site>,
): void {
  if (options.ignore) {
    Deno.test({ name: `${kind}: tables behind a real server (${options.packages})`, ignore: true, fn() {} });
    return;
  }
  let site: Site;
  let isMade = false;
  Deno.test.beforeAll(async () => {
    site = await makeSite();
    isMade = true;
  });
  Deno.test.afterAll(async () => {
    if (isMade) await site.server[Symbol.asyncDispose]();
  });
  const conf = (way = Object.keys(site.ways)[0]!, more = "") => `${site.ways[way]}\n${site.queries}\n${more}`;
  const using = async (text: string, work: (table: Table) => Promise<void>) => {
    const table = await openServerTable(kind, text);
    try {
      await work(table);
    } finally {
      table.close();
    }
  };
  const test = (name: string, run: () => Promise<void>) => Deno.test(`${kind}: ${name}`, run);
  const uncached = "cache_size 0\n";

  testAskedTable(kind, services, (run) => using(conf(undefined, uncached), run));
  testFailingTable(
    `${kind}, the server killed`,
    "alias",
    (run) =>
      using(conf(undefined, uncached), (table) =>
        run(table, async (whileBroken) => {
          await site.server.kill();
          await whileBroken();
          await site.server.start();
          await until("the table is back", () => table.check("alias", "bob").then(() => true, () => false));
        })),
  );
  test("each way to the server leads there", async () => {
    for (const [way, text] of Object.entries(site.ways)) {
      await using(`${text}\n${site.queries}`, async (table) => {
        equal(await table.check("alias", "bob"), true, way);
        await table.update();
      });
    }
  });
  test("no key is more than a key", () =>
    using(conf(undefined, uncached), async (table) => {
      for (const key of hostileKeys) equal(await table.lookup("string", key), key, key);
      for (const key of hostileKeys) equal(await table.lookup("string", `x${key}`), null, key);
      equal(await table.check("alias", "bob"), true);
    }));
  test("a key in U-labels is found by its A-labels", () =>
    using(conf(undefined, uncached), async (table) => {
      equal(await table.lookup("string", "xn--bcher-kva.test"), "bücher.test");
      equal(await table.lookup("string", "xn--tda.test"), null);
    }));
  test("many look-ups at once share few sessions", () =>
    using(conf(undefined, uncached), async (table) => {
      const found = await Promise.all(
        Array.from({ length: 200 }, (_, i) => table.check("alias", i % 2 ? "bob" : "eve")),
      );
      equal(found.filter((one) => one).length, 100);
    }));
  test("a server that is deaf is a timeout, and of use again when it hears", () =>
    using(conf(undefined, `${uncached}timeout 1\n`), async (table) => {
      equal(await table.check("alias", "bob"), true);
      await site.server.freeze();
      try {
        for (let i = 0; i < 2; i++) {
          await rejects(table.check("alias", "bob"), (error) => error instanceof Fault && error.kind !== "malformed");
        }
      } finally {
        site.server.wake();
      }
      await until("the table is back", () => table.check("alias", "bob").catch(() => false));
      equal(await table.check("alias", "eve"), false);
    }));
  test("sources go round", () =>
    using(conf(), async (table) => {
      const round = [await table.fetch("source"), await table.fetch("source"), await table.fetch("source")];
      equal(new Set(round).size, 2);
      equal(round[2], round[0]);
      ok(round.every((one) => one === "192.0.2.1" || one === "192.0.2.2"));
    }));
  test("a restart between two look-ups is not noticed", () =>
    using(conf(undefined, uncached), async (table) => {
      equal(await table.check("alias", "bob"), true);
      await site.server.kill();
      await site.server.start();
      equal(await table.check("alias", "bob"), true);
    }));
}
