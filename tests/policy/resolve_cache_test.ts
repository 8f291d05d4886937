import { deepEqual, equal } from "node:assert/strict";
import { loadText } from "./config_fixture.ts";
import { hintOfLines, messagesOfLines, policyOfLines } from "./load_text.ts";

const times = (options: string): unknown => {
  const table = policyOfLines(`table t "proc:/bin/x y" ${options}`).tables["t"];
  return table?.kind === "proc" && [table.command, table.config, table.cacheTtlMs, table.cacheNegativeTtlMs];
};

const cases: readonly (readonly [options: string, ttlMs: number | null, negativeTtlMs: number | null])[] = [
  ["", null, null],
  ["cache-ttl 60s", 60_000, null],
  ["cache-negative-ttl 5m", null, 300_000],
  ["cache-ttl 1h cache-negative-ttl 1d", 3_600_000, 86_400_000],
  ["cache-negative-ttl 0 cache-ttl 0s", 0, 0],
  ["cache-ttl 90", 90_000, null],
  ["cache-ttl 366d", 366 * 86_400_000, null],
];

for (const [options, ...want] of cases) {
  Deno.test(`a table behind a program takes \`${options}\``, () => deepEqual(times(options), ["/bin/x", "y", ...want]));
}

Deno.test("OpenSMTPD's way to name a program takes the same words", () => {
  const table = policyOfLines("table t socketmap:/c cache-ttl 2m").tables["t"];
  equal(table?.kind === "proc" && table.cacheTtlMs, 120_000);
});

Deno.test("the words of a `table` line can still be names", () => {
  const policy = policyOfLines("table cache-ttl { cache-negative-ttl }");
  deepEqual(policy.tables["cache-ttl"]?.kind, "static");
});

Deno.test("a time that is none is told of at its place", () => {
  for (const time of ["soon", "1w", "-1", "1.5h", "367d", '""', "1000000000"]) {
    const text = time.replaceAll('"', "");
    deepEqual(messagesOfLines(`table t proc:/bin/x cache-ttl ${time}`), [`1:31 cache-ttl is no time: ${text}`], time);
  }
  equal(
    hintOfLines("table t proc:/bin/x cache-negative-ttl 1w"),
    "write seconds, or a number with s, m, h or d, up to 366d",
  );
});

Deno.test("each word stands once", () => {
  deepEqual(messagesOfLines("table t proc:/bin/x cache-ttl 1m cache-negative-ttl 0 cache-ttl 1m"), [
    "1:55 cache-ttl already specified for this table",
  ]);
});

Deno.test("other kinds of tables take none of it, and each says why", () => {
  const files = {
    "/pg": "conninfo user=m dbname=m\nquery_alias SELECT $1\n",
    "/my": "username m\nquery_alias SELECT ?\n",
    "/re": "database 1\n",
    "/ld": "url ldap://l\nbasedn dc=t\nalias_filter (mail=%u)\nalias_attributes uid\n",
    "/sq": "dbpath /x\nquery_alias SELECT ?\n",
  };
  const kinds: readonly (readonly [place: string, message: string, hint: RegExp])[] = [
    ["postgres:/pg", "`cache-ttl` of a postgres table stands in its settings, /pg", /^write it there: cache_ttl 9s$/],
    ["mysql:/my", "`cache-ttl` of a mysql table stands in its settings, /my", /^write it there: cache_ttl 9s$/],
    ["redis:/re", "`cache-ttl` of a redis table stands in its settings, /re", /^write it there: cache_ttl 9s$/],
    ["ldap:/ld", "`cache-ttl` of a ldap table stands in its settings, /ld", /^write it there: cache_ttl 9s$/],
    [
      "sqlite:/sq",
      "`cache-ttl` has no meaning for a sqlite table: each look-up asks the database file itself",
      /proc:/,
    ],
    ["db:/x", "`cache-ttl` has no meaning for a cdb table: each look-up reads the file itself", /proc:/],
    ["{ a }", "`cache-ttl` has no meaning for a table in braces: its entries are in memory", /proc:/],
    ...["file", "passwd", "getpwnam"].map((kind) =>
      [
        kind === "getpwnam" ? kind : `${kind}:/x`,
        `\`cache-ttl\` has no meaning for a ${kind} table: it is in memory, and a change is used within seconds`,
        /proc:/,
      ] as const
    ),
  ];
  for (const [place, message, hint] of kinds) {
    const result = loadText(`table t ${place} cache-ttl 9s\nmatch reject\n`, files);
    const errors = result.kind === "errors" ? result.errors : [];
    deepEqual(errors.map(({ column, message }) => `${column} ${message}`), [`${10 + place.length} ${message}`]);
    equal(hint.test(errors[0]?.hint ?? ""), true, place);
  }
});

Deno.test("a table that cannot be used is told of alone", () => {
  deepEqual(messagesOfLines("table t proc:/none/x cache-ttl soon"), ["1:9 no such program: /none/x"]);
});
